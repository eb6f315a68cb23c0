"""`restore generate`: one file or a folder, labels as rows, and nothing lost."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore.draw import GAP
from restore.generating import APART
from restore.sampler import Sampler

DIGITS = tuple("01234567")


@pytest.fixture
def faces(make_sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An unconditional RGB sampler of 8 × 8 pixels; the test runs in its own folder."""
    monkeypatch.chdir(tmp_path)
    return make_sampler("faces")


@pytest.fixture
def digits(make_sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A gray sampler of eight classes; the picture of class 3 is white in column 3."""
    monkeypatch.chdir(tmp_path)
    return make_sampler("digits", DIGITS, channels=1)


def read(path: Path | str) -> np.ndarray:
    return np.array(Image.open(path))


def listing(folder: Path | str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*.*"))


def cells(path: Path | str) -> np.ndarray:
    """Return the pictures (rows, columns, 8, 8, 3) of a grid without words in it."""
    paper = read(path)
    step, left = 8 + GAP, 2 * GAP
    rows, columns = (paper.shape[0] - GAP) // step, (paper.shape[1] - left) // step
    return np.array(
        [
            [paper[GAP + r * step :, left + c * step :][:8, :8] for c in range(columns)]
            for r in range(rows)
        ]
    )


def drawn(model: Path, *arguments: object, **options: object) -> np.ndarray:
    return Sampler.load(model, device="cpu").draw(*arguments, **options)


def near(one: np.ndarray, other: np.ndarray) -> bool:
    return np.abs(one.astype(int) - other).max() <= 1


def test_by_default_sixteen_samples_make_a_square_named_after_the_model(run, faces: Path) -> None:
    ran = run("generate", faces)
    assert ran.code == 0, ran.err
    assert ran.out == "faces -> faces.png (16 pictures)\n"
    assert near(cells("faces.png").reshape(16, 8, 8, 3), drawn(faces, 16))


def test_a_folder_gets_one_file_for_each_sample_and_nothing_else(run, faces: Path) -> None:
    assert run("generate", faces, "--count", 5, "--seed", 3, "--out", "deep/er/samples").code == 0
    assert listing("deep") == [f"er/samples/{n:03d}.png" for n in range(5)]
    files = np.array([read(f"deep/er/samples/{n:03d}.png") for n in range(5)])
    assert near(files, drawn(faces, 5, seed=3))


def test_the_same_sample_in_any_count(run, faces: Path) -> None:
    run("generate", faces, "--count", 3, "--out", "few")
    run("generate", faces, "--count", 100, "--out", "many")
    assert all(near(read(f"few/{n:03d}.png"), read(f"many/{n:03d}.png")) for n in range(3))


def test_gray_samples_are_gray_files_and_one_is_no_grid(run, digits: Path) -> None:
    assert run("generate", digits, "--count", 1, "--label", 7, "--out", "seven.png").code == 0
    with Image.open("seven.png") as picture:
        assert (picture.mode, picture.size) == ("L", (8, 8))
    assert (read("seven.png")[:, 7] == 255).all()


def test_each_label_gives_a_row(run, digits: Path) -> None:
    ran = run("generate", digits, "--label", 7, "--label", "2,0", "--count", 4, "--json")
    record = json.loads(ran.out)
    assert (record["pictures"], record["labels"], record["seeds"]) == (12, ["7", "2", "0"], [0])
    assert record["out"] == "digits.png" and record["model"] == "digits"
    paper = read("digits.png")
    assert paper.shape[0] == GAP + 3 * (8 + GAP)
    left = paper.shape[1] - 4 * (8 + GAP)
    for row, label in enumerate((7, 2, 0)):
        top = GAP + row * (8 + GAP)
        assert (paper[top : top + 8, left + label] == 255).all()


def test_labels_have_folders_of_their_own(run, digits: Path) -> None:
    assert run("generate", digits, "--per-label", 2, "--out", "set").code == 0
    assert listing("set") == [f"{label}/{n:03d}.png" for label in DIGITS for n in range(2)]
    assert (read("set/5/001.png")[:, 5] == 255).all()
    run("generate", digits, "--per-label", 1, "--label", 3, "--label", 4, "--out", "two")
    assert listing("two") == ["3/000.png", "4/000.png"]
    own = Sampler.load(digits, device="cpu").draw(1, label=4, first=4 * APART)
    assert near(read("two/4/000.png"), own[0]), "each from noise of its own"
    assert np.array_equal(read("two/4/000.png"), read("set/4/000.png")), "whatever else there is"


def test_a_label_that_is_no_name_of_a_folder_leads_nowhere(run, make_sampler, tmp_path) -> None:
    model = make_sampler("strange", ("../../out", "b"))
    assert run("generate", model, "--per-label", 1, "--out", tmp_path / "in" / "set").code == 0
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")} == {
        "in/set/-.-..-out/000.png",
        "in/set/b/000.png",
    }


def test_odd_labels_have_folders_as_like_them_as_can_be(run, make_sampler, tmp_path) -> None:
    model = make_sampler("clothes", ("T-shirt/top", "Bag", "bag", "Ankle boot"))
    assert run("generate", model, "--per-label", 1, "--out", tmp_path / "set").code == 0
    folders = ["Ankle boot", "Bag-1", "T-shirt-top", "bag-2"]
    assert listing(tmp_path / "set") == [f"{folder}/000.png" for folder in folders]


def test_an_interpolation_is_a_strip_or_an_animation(run, faces: Path) -> None:
    words = ["generate", faces, "--interpolate", 6, "--seed", "1,5", "--out"]
    assert run(*words, "way.png").code == run(*words, "way.gif").code == 0
    strip = cells("way.png")
    assert strip.shape[:2] == (1, 6)
    assert near(strip[0, [0, 5]], np.concatenate([drawn(faces, 1, seed=s) for s in (1, 5)]))
    with Image.open("way.gif") as animation:
        assert (animation.n_frames, animation.size, animation.info["loop"]) == (6, (8, 8), 0)


def test_rows_of_an_animation_stand_below_each_other(run, digits: Path) -> None:
    run("generate", digits, "--label", "1,2", "--count", 3, "--out", "both.gif")
    with Image.open("both.gif") as animation:
        assert (animation.n_frames, animation.size) == (3, (8, 16))


def test_a_traversal_is_a_strip(run, faces: Path) -> None:
    assert run("generate", faces, "--traverse", 2, "--count", 5, "--out", "along.png").code == 0
    expected = Sampler.load(faces, device="cpu").traverse(2, 5)
    assert near(cells("along.png")[0], expected)


def test_a_picture_is_drawn_again(run, make_sampler, write_picture, tmp_path) -> None:
    model = make_sampler("vae", kind="tiny-vae")
    given = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    photo, out = write_picture("given.png", given), tmp_path / "again.png"
    assert run("generate", model, "--reconstruct", photo, "--out", out).code == 0
    assert near(read(out), Sampler.load(model, device="cpu").reconstruct(given))
    large = write_picture("large.png")
    assert run("generate", model, "--reconstruct", large, "--out", out, "--overwrite").code == 0
    shown = read(out)
    clear = write_picture("clear.png", np.zeros((8, 8, 4), np.uint8))
    assert run("generate", model, "--reconstruct", clear, "--out", out, "--overwrite").code == 0
    white = np.full((8, 8, 3), 255, np.uint8)
    assert near(read(out), Sampler.load(model, device="cpu").reconstruct(white))
    assert not near(read(out), shown)
    assert read(out).shape == (8, 8, 3)
    ran = run("generate", model, "--reconstruct", photo, "--out", photo, "--overwrite")
    assert ran.code == 2 and "holds the picture itself" in ran.sentence
    samples = photo.parent / "samples"
    assert run("generate", model, "--count", 2, "--out", samples).code == 0
    words = ["--reconstruct", samples / "001.png", "--out", samples, "--overwrite"]
    assert "holds the picture itself" in run("generate", model, *words).sentence
    assert (samples / "001.png").exists()
    assert (read(photo) == given).all()


def test_json_has_a_line_for_each_file(run, digits: Path) -> None:
    ran = run("generate", digits, "--count", 3, "--out", "three", "--json")
    records = [json.loads(line) for line in ran.out.splitlines()]
    assert [record["labels"] for record in records] == [["0"], ["1"], ["2"]]
    assert [record["out"] for record in records] == [f"three/{n:03d}.png" for n in range(3)]


def test_nothing_is_replaced_unasked(run, faces: Path) -> None:
    for out in ("a.png", "a.gif", "folder"):
        words = ["generate", faces, "--count", 2, "--out", out]
        assert run(*words).code == 0
        ran = run(*words, "--seed", 1)
        assert ran.code == 2 and out in ran.sentence and "--overwrite" in ran.sentence
        assert run(*words, "--overwrite").code == 0


def test_overwriting_leaves_no_sample_of_before(run, digits: Path) -> None:
    run("generate", digits, "--per-label", 4, "--out", "set")
    Path("set/.restore-0123456789ab.part").mkdir()
    assert run("generate", digits, "--count", 2, "--out", "set", "--overwrite").code == 0
    assert sorted(path.name for path in Path("set").iterdir()) == ["000.png", "001.png"]


def test_overwriting_takes_samples_only(run, faces: Path, write_picture) -> None:
    kept = write_picture("mine/holiday.png").read_bytes()
    ran = run("generate", faces, "--out", "mine", "--overwrite")
    assert ran.code == 2 and "holiday.png" in ran.sentence
    assert listing("mine") == ["holiday.png"] and Path("mine/holiday.png").read_bytes() == kept


@pytest.mark.parametrize("name", ["mine/0001.png", "mine/holiday/0001.png"])
def test_overwriting_leaves_frames_that_are_named_like_samples(
    run, faces: Path, write_picture, name: str
) -> None:
    kept = write_picture(name).read_bytes()
    ran = run("generate", faces, "--count", 1, "--out", "mine", "--overwrite")
    assert ran.code == 2 and "more than samples" in ran.sentence
    assert Path(name).read_bytes() == kept and len(listing("mine")) == 1


def test_overwriting_leaves_an_empty_folder(run, faces: Path) -> None:
    Path("mine/empty").mkdir(parents=True)
    assert run("generate", faces, "--count", 1, "--out", "mine", "--overwrite").code == 2
    assert Path("mine/empty").is_dir()


def test_what_comes_while_pictures_are_drawn_is_not_replaced(run, faces: Path, monkeypatch) -> None:
    import restore.generating

    def come(name: str, path: str) -> None:
        original = getattr(restore.generating, name)

        def encode(*arguments: object) -> bytes:
            Path(path).write_text("mine")
            return original(*arguments)

        monkeypatch.setattr(restore.generating, name, encode)

    Path("set").mkdir()
    come("encode_png", "grid.png")
    come("_encode_sample", "set/001.png")
    for out, path in (("grid.png", "grid.png"), ("set", "set/001.png")):
        ran = run("generate", faces, "--count", 3, "--out", out)
        assert ran.code == 2 and "exists" in ran.sentence
        assert Path(path).read_text() == "mine"


def test_of_a_failure_nothing_is_left(run, faces: Path, monkeypatch) -> None:
    import restore.generating

    def fail(path: Path, *_: object, **__: object) -> None:
        if path.name == "002.png":
            raise OSError(28, "No space left on device", str(path))
        path.write_bytes(b"")

    monkeypatch.setattr(restore.generating, "write_bytes", fail)
    ran = run("generate", faces, "--count", 5, "--out", "new/folder")
    assert ran.code == 1 and "No space left" in ran.sentence
    assert not Path("new").exists()
    Path("empty").mkdir()
    run("generate", faces, "--count", 5, "--out", "empty")
    assert list(Path("empty").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--count", "0"], "0 is not in the range"),
        (["--seed", "-1"], "-1 is not in the range"),
        (["--seed", "x"], "'x' is not a valid"),
        (["--truncation", "2"], "2.0 is not in the range"),
        (["--label", "smilng"], "no label 'smilng'; known: smiling, grim. Did you mean 'smiling'?"),
        (["--label", "2"], "no label '2'"),
        (["--seed", "1,2"], "Several seeds are for --interpolate"),
        (["--interpolate", "4"], "as in --seed 1,5"),
        (["--interpolate", "4", "--seed", "1,5", "--count", "3"], "leave out --count"),
        (["--interpolate", "4", "--seed", "1,5", "--traverse", "1"], "give one of them"),
        (["--traverse", "5"], "5 dimensions, 0 to 4"),
        (["--per-label", "3"], "name it with --out FOLDER"),
        (["--per-label", "3", "--out", "x.png"], "name it with --out FOLDER"),
        (["--reconstruct", "p.png"], "can't find the noise"),
        (["--reconstruct", "p.png", "--label", "0,1", "--label", "0"], "takes one --label"),
        (["--reconstruct", "p.png", "--seed", "3"], "leave out --seed and --truncation"),
        (["--reconstruct", "p.png", "--truncation", "0.5"], "leave out --seed and --truncation"),
        (["--out", "p.png"], "p.png exists"),
        (["--out", "p.jpg"], "p.jpg is the name of a file; grids are .png"),
        (["--out", "p.png/"], "p.png is a file where a folder should go"),
        (["--out", "folder.png"], "folder.png is a folder"),
        (["--count", "9999999"], "write them into a folder"),
        (["--traverse", "1", "--count", "90000"], "990,000 pixels a side"),
        (["--out", "-"], "Pictures are written to files"),
        (["--interpolate", "2", "--seed", "1,5,9"], "ask for 3 or more"),
    ],
)
def test_wrong_usage_is_told_in_one_sentence(
    words: list[str], sentence: str, run, make_sampler, write_picture, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = make_sampler("moods", ("smiling", "grim"))
    write_picture("p.png")
    Path("folder.png").mkdir()
    ran = run("generate", model, *words)
    assert ran.code == 2
    assert sentence in ran.sentence
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.png", "models", "p.png"]


def test_a_place_that_can_not_be_written_to_is_a_failure(run, faces: Path) -> None:
    ran = run("generate", faces, "--out", "nowhere/x.png")
    assert ran.code == 1 and "no folder nowhere" in ran.sentence
    Path("file").write_text("")
    ran = run("generate", faces, "--out", "file/below")
    assert ran.code != 0 and "file" in ran.sentence


def test_what_takes_no_label_says_so(run, faces: Path) -> None:
    ran = run("generate", faces, "--label", "smiling")
    assert ran.code == 2 and "faces knows no classes" in ran.sentence
    ran = run("generate", faces, "--per-label", 3, "--out", "set")
    assert ran.code == 2 and "faces knows no classes" in ran.sentence
    assert not Path("set").exists()


def test_restorers_and_samplers_are_told_apart(
    run, faces: Path, tiny_checkpoint: Path, write_picture, mask_file
) -> None:
    ran = run("generate", tiny_checkpoint)
    assert ran.code == 2 and "used by restore fix" in ran.sentence
    ran = run("fix", write_picture("p.png"), "--mask", mask_file, "--model", faces)
    assert ran.code == 2 and "used by restore generate" in ran.sentence
    ran = run("generate", "facess")
    assert ran.code == 2 and "There is no checkpoint 'facess'" in ran.sentence


def test_models_lists_labels(run, make_sampler: Callable[..., Path], monkeypatch) -> None:
    folder = make_sampler("moods", ("smiling", "grim")).parent
    make_sampler("many", tuple(map(str, range(100))))
    monkeypatch.setattr("restore.assets.checkpoints_folder", lambda: folder)
    told = run("models").out
    assert "\n    labels: smiling, grim\n" in told
    assert "22, 23 … (100)" in " ".join(told.split())
