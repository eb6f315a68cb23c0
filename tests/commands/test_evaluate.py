"""`restore evaluate`: the table, its JSON, the sheet, and what is told when a thing is missing."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from restore.assets import classifier_path
from restore.cases import read_cases
from restore.commands.scores import NO_LPIPS
from restore.sampler import Sampler


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(3):
        picture = Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8))
        picture.resize((72, 64), Image.Resampling.BICUBIC).save(folder / f"{index}.png")
    return folder


def test_the_table_has_a_line_for_each_method_and_band(
    run, tiny_checkpoint: Path, photos: Path
) -> None:
    ran = run("evaluate", str(tiny_checkpoint), str(photos), "--mask", "wide", "--limit", "2")
    assert ran.code == 0
    heading, *lines = ran.out.splitlines()
    assert heading.split()[:3] == ["hole", "photos", "method"]
    assert {line.split("%")[1].split()[1] for line in lines} == {"telea", "ns", "ours"}
    assert all(heading.index("PSNR") == line.index(line.split("%")[1].split()[2]) for line in lines)


def test_json_and_a_sheet(run, tiny_checkpoint: Path, photos: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    ran = run(
        "evaluate", str(tiny_checkpoint), str(photos), "--mask", "boxes", "--json", "--sheet", sheet
    )
    means = json.loads(ran.out)["means"]
    assert {row["method"] for row in means} == {"telea", "ns", "ours"}
    assert all(row["values"]["psnr"] > 0 for row in means)
    with Image.open(sheet) as picture:
        assert picture.width > 5 * 64 and picture.height > 3 * 64


def test_other_programs_get_the_same_cases_and_stand_in_the_same_table(
    run, tiny_checkpoint: Path, photos: Path, tmp_path: Path
) -> None:
    (photos / "sub").mkdir()
    (photos / "2.png").rename(photos / "sub/2.png")
    words = ["evaluate", tiny_checkpoint, photos, "--mask", "boxes", "--json"]
    cases, theirs = tmp_path / "cases", tmp_path / "theirs"
    assert run(*words, "--cases", cases).code == 0
    for name in ("0.png", "1.png", "sub/2.png"):
        photo, mask = (np.array(Image.open(cases / k / name)) for k in ("photos", "masks"))
        assert (photo[mask == 255] == 127).all() and {*np.unique(mask)} == {0, 255}
        clean = np.array(Image.open(photos / name))
        assert np.array_equal(photo[mask == 0], clean[mask == 0])
        (theirs / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(clean).save((theirs / name).with_suffix(".bmp"))
    ran = run(*words, "--also", f"best={theirs}", "--sheet", tmp_path / "sheet.png")
    rows = [row for row in json.loads(ran.out)["means"] if row["method"] == "best"]
    assert sum(row["count"] for row in rows) == 3
    assert all(row["values"]["l1"] == 0 and row["seconds"] is None for row in rows)
    table = run(*words[:-1], "--also", f"best={theirs}").out
    assert all(line.split()[-1] == "-" for line in table.splitlines() if " best " in line)
    assert run(*words, "--cases", cases).code == 0, "they are the same"
    assert run(*words, "--cases", cases, "--seed", 5).code == 2
    assert run(*words, "--cases", cases, "--seed", 5, "--overwrite").code == 0
    ran = run(*words, "--also", f"best={photos / 'sub'}")
    assert ran.code == 2 and "lies among the photos" in ran.sentence
    ran = run(*words, "--also", f"best={theirs}", "--also", f"best={theirs}")
    assert ran.code == 2 and "names best twice" in ran.sentence
    (theirs / "1.bmp").unlink()
    ran = run(*words, "--also", f"best={theirs}")
    assert ran.code == 0 and f"Left out: {theirs} has no result for 1.png." in ran.err
    assert sum(row["count"] for row in json.loads(ran.out)["means"]) == 2 * 4
    ran = run(*words, "--also", f"best={tmp_path / 'misspelt'}")
    assert (ran.code, "There is no folder" in ran.sentence) == (1, True)


@pytest.mark.parametrize("cases", [".", "photos/cases", "photos/..", "deep"])
def test_cases_never_go_where_photos_or_masks_are_read(
    run, tiny_checkpoint: Path, photos: Path, tmp_path: Path, monkeypatch, cases: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("deep/masks").mkdir(parents=True)
    Image.new("L", (64, 64)).save("deep/masks/0.png")
    words = ["evaluate", tiny_checkpoint, photos, "--mask", "deep/masks", "--overwrite"]
    ran = run(*words, "--cases", cases)
    assert ran.code == 2 and "is read; name another --cases" in ran.sentence


def test_of_two_photos_of_one_name_the_second_is_no_case_for_other_programs(
    run, tiny_checkpoint: Path, photos: Path, tmp_path: Path
) -> None:
    with Image.open(photos / "1.png") as photo:
        photo.save(photos / "0.bmp")
    words = ["evaluate", tiny_checkpoint, photos, "--mask", "boxes", "--json"]
    ran = run(*words, "--cases", tmp_path / "cases")
    assert ran.code == 0 and "Left out: 0.png, as another photo has its name" in ran.err
    assert sum(row["count"] for row in json.loads(run(*words).out)["means"]) == 4 * 3


def test_a_file_of_the_name_of_a_preset_hides_no_preset(
    run, tiny_checkpoint: Path, photos: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", tiny_checkpoint, photos, "--mask", "wide"]
    Path("wide").write_text("notes")
    assert run(*words).code == 0
    Path("wide").unlink()
    assert [run(*words, "--cases", "wide").code for _ in range(2)] == [0, 0]


def test_what_is_invisible_in_a_photo_is_scored_as_white(tmp_path: Path) -> None:
    pixels = np.full((64, 64, 4), 90, np.uint8)
    pixels[:32, :, 3], pixels[32:, :, 3] = 0, 255
    Image.fromarray(pixels).save(tmp_path / "cut-out.png")
    (case,) = read_cases(tmp_path, "boxes")
    assert (case.clean[:32] == 255).all() and (case.clean[32:] == 90).all()


@pytest.mark.parametrize("also", ["lama", "=out", "ours=out"])
def test_what_is_no_other_program_is_refused(
    run, tiny_checkpoint: Path, photos: Path, tmp_path: Path, monkeypatch, also: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    ran = run("evaluate", tiny_checkpoint, photos, "--mask", "boxes", "--also", also)
    assert ran.code == 2 and not ran.out


def test_a_sheet_that_would_do_harm_is_refused_at_once(
    run, tiny_checkpoint: Path, photos: Path, tmp_path: Path
) -> None:
    photo = next(iter(sorted(photos.iterdir())))
    before = photo.read_bytes()
    words = ["evaluate", tiny_checkpoint, photos, "--mask", "boxes", "--sheet"]
    (tmp_path / "kept.png").write_bytes(b"mine")
    for sheet, sentence in (
        (photo, "among the pictures"),
        (tmp_path / "no/a.png", "no folder"),
        (tmp_path / "kept.png", "--overwrite"),
        (tmp_path / "sheet.jpg", "call it sheet.png"),
        (tmp_path / ".png", "call it sheet.png"),
        ("", "call it sheet.png"),
        ("..", "call it sheet.png"),
    ):
        ran = run(*words, sheet)
        assert ran.code and sentence in ran.err and not ran.out
    assert photo.read_bytes() == before and (tmp_path / "kept.png").read_bytes() == b"mine"


def test_photos_too_small_to_score_are_left_out(
    run, tiny_checkpoint: Path, write_picture, tmp_path: Path
) -> None:
    write_picture("few/tiny.png", np.zeros((9, 8, 3), np.uint8))
    words = ["evaluate", tiny_checkpoint, tmp_path / "few", "--mask", "boxes"]
    ran = run(*words)
    assert ran.code == 1 and "tiny.png is 8 × 9 pixels" in ran.err
    assert "None of the photos could be scored" in ran.err and not ran.out
    write_picture("few/whole.png", np.zeros((40, 40, 3), np.uint8))
    ran = run(*words, "--json")
    assert ran.code == 0 and "Left out" in ran.err
    assert all(row["count"] == 1 for row in json.loads(ran.out)["means"])


def test_a_sheet_goes_into_the_folder_that_one_is_in(
    run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", "mend", photos, "--degrade", "noisy", "--limit", 1, "--sheet", "sheet.png"]
    assert run(*words).code == 0
    assert (tmp_path / "sheet.png").is_file()


def test_a_mender_is_scored_beside_the_damaged_photos(run, photos: Path, tmp_path: Path) -> None:
    words = ["evaluate", "mend", photos, "--degrade", "noisy"]
    ran = run(*words, "--sheet", tmp_path / "sheet.png")
    assert ran.code == 0
    heading, *lines = ran.out.splitlines()
    assert heading.split()[:4] == ["damage", "photos", "method", "PSNR"]
    assert "texture" not in heading and "diversity" not in heading
    assert [line.split()[:3] for line in lines] == [
        ["noisy", "3", "damaged"],
        ["noisy", "3", "ours"],
    ]
    assert (tmp_path / "sheet.png").is_file()
    first, again = (json.loads(run(*words, "--json").out)["means"] for _ in range(2))
    assert first[0]["values"] == again[0]["values"]
    other = json.loads(run(*words, "--json", "--seed", 1).out)["means"]
    assert first[0]["values"] != other[0]["values"]
    assert first[0]["values"]["psnr"] < 100  # of equal photos


def test_a_mender_is_scored_on_photos_that_were_damaged(run, photos: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "old"
    damaged.mkdir()
    for path in photos.glob("*.png"):
        pixels = np.asarray(Image.open(path).convert("RGB"))
        Image.fromarray(pixels // 2).save(damaged / path.name)
    ran = run("evaluate", "mend", photos, "--damaged", damaged, "--json")
    means = json.loads(ran.out)["means"]
    assert {line["group"] for line in means} == {"old"}
    assert [line["method"] for line in means] == ["damaged", "ours"]
    assert means[0]["count"] == len(list(damaged.iterdir())) > 0
    words = ["--damaged", damaged, "--degrade", "noisy"]
    ran = run("evaluate", "mend", photos, *words[:2], "--sheet", damaged / "sheet.png")
    assert ran.code == 2 and "sheet" in ran.sentence
    assert "--damaged FOLDER" in run("evaluate", "mend", photos, *words).sentence
    assert "leave out" in run("evaluate", "inpaint", photos, *words[:2]).sentence


def test_what_a_mender_needs_is_told(run, photos: Path) -> None:
    ran = run("evaluate", "mend", photos)
    assert ran.code == 2 and "--degrade PRESET" in ran.sentence
    ran = run("evaluate", "mend", photos, "--mask", "wide", "--biharmonic")
    assert ran.code == 2 and ran.sentence.endswith("leave out --mask and --biharmonic.")
    ran = run("evaluate", "mend", photos, "--degrade", "nosy")
    assert ran.code == 2 and "Did you mean 'noisy'" in ran.sentence


def test_a_detector_is_scored_on_damaged_photos(run, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, photo in (("astronaut", data.astronaut()), ("chelsea", data.chelsea())):
        Image.fromarray(photo[:300, :320]).save(photos / f"{name}.png")
    words = ["evaluate", "scratches", photos, "--degrade", "scratched", "--limit", 2]
    ran = run(*words, "--sheet", tmp_path / "sheet.png")
    assert ran.code == 0
    heading, *rows, last = ran.out.splitlines()
    assert heading.split()[:4] == ["threshold", "precision", "recall", "F1"]
    assert "0.50" in [row.split()[0] for row in rows] and last.startswith("2 photos")
    assert (tmp_path / "sheet.png").is_file()
    found = json.loads(run(*words, "--json").out)
    assert found["photos"] == 2
    for row, line in zip(found["thresholds"], rows, strict=True):
        precision, recall = row["precision"], row["recall"]
        assert row["f1"] == pytest.approx(2 * precision * recall / (precision + recall))
        assert row["f1"] <= row["f1_near"] <= 1 and 0 <= row["found_on_clean"] < 0.5
        assert line.split()[:2] == [f"{row['threshold']:.2f}", f"{precision:.3f}"]
    recalls = [row["recall"] for row in found["thresholds"]]
    assert recalls == sorted(recalls, reverse=True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "--degrade scratched"),
        (["--mask", "wide"], "leave out --mask"),
        (["--degrade", "scratched", "--fid"], "leave out --fid"),
        (["--degrade", "scratched", "--count", "9"], "leave out --count"),
        (["--degrade", "noisy"], "nowhere in particular"),
    ],
)
def test_what_a_detector_needs_is_told(run, photos: Path, words: list[str], sentence: str) -> None:
    ran = run("evaluate", "scratches", photos, *words)
    assert ran.code == 2 and sentence in ran.sentence


def test_fid_without_its_package_is_one_sentence(
    run, tiny_checkpoint: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restore.fidelity.find_spec", lambda name: None)
    ran = run("evaluate", str(tiny_checkpoint), str(photos), "--mask", "wide", "--fid")
    assert ran.code == 1
    assert "restore-gan[fidelity]" in ran.sentence


def test_wrong_names_are_told(run, tiny_checkpoint: Path, photos: Path, tmp_path: Path) -> None:
    model = str(tiny_checkpoint)
    ran = run("evaluate", model, str(photos), "--mask", "wid")
    assert ran.code == 2 and "Did you mean 'wide'" in ran.sentence
    ran = run("evaluate", model, str(tmp_path / "absent"), "--mask", "wide")
    assert ran.code == 1 and "absent" in ran.sentence
    ran = run("evaluate", model, str(photos), "--mask", next(photos.iterdir()))
    assert ran.code == 2 and "name a folder of masks" in ran.sentence
    ran = run("evaluate", classifier_path("mnist"), str(photos))
    assert ran.code == 2 and "--features" in ran.sentence
    ran = run("evaluate", "digits", str(photos), "--features", "squeez")
    assert ran.code == 2 and "Did you mean 'squeeze'?" in ran.sentence


@pytest.fixture
def moods(make_sampler, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sampler of two classes; LPIPS is left out, since all pairs take seconds."""
    monkeypatch.setattr("restore.resemblance.load_lpips", lambda: None)
    return make_sampler("moods", ("0", "1"), channels=1)


@pytest.fixture
def real(tmp_path: Path, moods: Path) -> Path:
    """A folder for each class, of what the sampler draws itself."""
    sampler = Sampler.load(moods, device="cpu")
    for label in sampler.labels:
        folder = tmp_path / "real" / label
        folder.mkdir(parents=True)
        for number, pixels in enumerate(sampler.draw(6, label, seed=9)):
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "real"


def test_a_sampler_is_scored_beside_real_pictures(run, moods: Path, real: Path) -> None:
    ran = run("evaluate", moods, real, "--count", 8, "--features", "mnist")
    assert ran.code == 0
    assert ran.err == f"restore: {NO_LPIPS}\n"
    heading, pictures, *lines = ran.out.splitlines()
    assert heading.split() == ["by", "mnist", "moods", "real"]
    assert pictures.split() == ["pictures", "8", "12"]
    assert {line.split("  ")[0] for line in lines} >= {
        *("Fréchet distance", "kernel distance", "precision", "recall", "label read right"),
        *("classes among them", "distance in a label", "label", "0", "1"),
    }


def test_the_scores_of_a_sampler_as_json_and_a_sheet(
    run, moods: Path, real: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.png"
    words = ["--features", "mnist", "--count", 8, "--last", 9, "--json", "--sheet", sheet]
    found = json.loads(run("evaluate", moods, real, *words).out)
    assert found["pictures"] == 8 and found["real_pictures"] == 9 and found["features"] == "mnist"
    assert found["values"]["frechet"] >= 0 and set(found["labels"]) == {"0", "1"}
    with Image.open(sheet) as picture:
        assert picture.height > 4 * 8


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--mask", "wide"], "leave out --mask"),
        (["--degrade", "noisy"], "leave out --degrade"),
        (["--biharmonic"], "leave out --biharmonic"),
        (["--features", "minst"], "Did you mean 'mnist'"),
        (["--features", "mnist", "--count", "3"], "Scores need 5 pictures"),
    ],
)
def test_what_makes_no_sense_for_a_sampler(
    run, moods: Path, real: Path, words: list[str], sentence: str
) -> None:
    ran = run("evaluate", moods, real, *words)
    assert ran.code == 2 and sentence in ran.sentence


def test_what_makes_no_sense_for_a_restorer(run, tiny_checkpoint: Path, photos: Path) -> None:
    ran = run("evaluate", tiny_checkpoint, photos)
    assert ran.code == 2 and "--mask PRESET" in ran.sentence
    ran = run("evaluate", tiny_checkpoint, photos, "--degrade", "noisy")
    assert ran.code == 2 and "leave out --degrade" in ran.sentence
    ran = run("evaluate", tiny_checkpoint, photos, "--mask", "wide", "--count", 9)
    assert ran.code == 2 and "leave out --count" in ran.sentence


def test_the_last_photos_alone(run, tiny_checkpoint: Path, photos: Path) -> None:
    words = ["--mask", "wide", "--last", 2, "--limit", 1, "--json"]
    means = json.loads(run("evaluate", tiny_checkpoint, photos, *words).out)["means"]
    assert {row["count"] for row in means} == {1}
