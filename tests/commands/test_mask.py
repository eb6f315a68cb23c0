"""`restore mask`: one of a preset, boxes and a colour, for a photo or a size."""

import numpy as np
import pytest
from PIL import Image


def test_boxes_are_marked_beside_the_photo(run, write_picture, tmp_path, read) -> None:
    photo = write_picture("p.jpg")
    ran = run("mask", photo, "--box", "5,10,20,8", "--box", "50,30,100,100")
    expected = np.zeros((40, 60), np.uint8)
    expected[10:18, 5:25] = expected[30:, 50:] = 255
    assert ran.code == 0
    assert (read(tmp_path / "p-mask.png") == expected).all()
    assert ran.out == f"{tmp_path / 'p-mask.png'} (10.8% hole)\n"


def test_what_begins_with_a_digit_is_no_extension(run, tmp_path) -> None:
    ran = run("mask", "--box", "1,1,5,5", "--size", "9x9", "--out", tmp_path / "mask.1")
    assert ran.code == 0
    with Image.open(tmp_path / "mask.1") as mask:
        assert mask.format == "PNG"


def test_a_colour_is_marked(run, write_picture, tmp_path, read) -> None:
    pixels = np.full((40, 60, 3), 128, np.uint8)
    pixels[:10] = (255, 20, 20)
    pixels[10:20] = (255, 20, 40)
    photo = write_picture("p.png", pixels)
    run("mask", photo, "--color", "#ff0000", "--tolerance", 30)
    assert (read(tmp_path / "p-mask.png")[:10] == 255).all()
    assert (read(tmp_path / "p-mask.png")[10:] == 0).all()


def test_a_preset_needs_no_photo_and_the_seed_decides(run, tmp_path, read) -> None:
    words = ["mask", "--preset", "wide", "--size", "70x50", "--out"]
    for name, seed in (("a.png", 3), ("b.png", 3), ("c.png", 4)):
        assert run(*words, tmp_path / name, "--seed", seed).code == 0
    first, second, third = (read(tmp_path / name) for name in ("a.png", "b.png", "c.png"))
    assert first.shape == (50, 70)
    assert set(np.unique(first)) == {0, 255}
    assert (first == second).all()
    assert (first != third).any()


def test_a_preset_takes_the_size_of_the_photo(run, write_picture, tmp_path, read) -> None:
    assert run("mask", write_picture("p.png"), "--preset", "boxes").code == 0
    assert read(tmp_path / "p-mask.png").shape == (40, 60)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "one of --preset, --box, --color and --find"),
        (["--preset", "wide", "--box", "1,2,3,4"], "one of --preset, --box, --color and --find"),
        (["--preset", "wide"], "name it with --out"),
        (["--preset", "wide", "--out", "m.png"], "or else its --size"),
        (["--preset", "wide", "--size", "9x9", "--out", "m/"], "name a file in m/"),
        (["p.png", "--box", "1,1,5,5", "--out", "old.png/"], "old.png is a file"),
        (["p.png", "--preset", "wide", "--size", "9x9"], "photo says how large the mask is"),
        (["--color", "red", "--size", "9x9", "--out", "m.png"], "name the photo"),
        (["--preset", "wide", "--size", "99999x99999", "--out", "m.png"], "at most 179 megapixels"),
        (
            ["p.png", "--find", "a", "--box", "1,1,5,5"],
            "one of --preset, --box, --color and --find",
        ),
        (["--find", "scratches", "--out", "m.png"], "name the photo"),
        (["p.png", "--color", "red", "--size", "9x9"], "leave out --size"),
        (["p.png", "--find", "scratches", "--size", "9x9"], "leave out --size"),
        (["p.png", "--find", "scratch"], "no checkpoint 'scratch'"),
        (["p.png", "--find", "inpaint"], "restore fix"),
        (["p.png", "--box", "1,1,5,5", "--threshold", "0.3"], "add --find"),
        (["p.png", "--box", "1,1,5,5", "--tolerance", "30"], "add --color"),
        (["p.png", "--box", "1,1,5,5", "--preview", "p.png"], "can't replace p.png"),
        (["p.png", "--box", "1,1,5,5", "--preview", "old.png"], "old.png exists"),
        (["p.png", "--box", "1,1,5,5", "--preview", "p-mask.png"], "name two files"),
        (["p.png", "--box", "1,1,5,5", "--preview", "look.gif"], "look.gif"),
        (["p.png", "--find", "inpaint", "--preview", "look.gif"], "look.gif"),
        (["p.png", "--find", "inpaint", "--out", "m.gif"], "m.gif"),
        (["p.png", "--find", "inpaint", "--threshold", "nan"], "'nan' is not a finite number"),
        (["--box", "1,1,5,5", "--size", "9x9", "--out", "m.png", "--preview", "q.png"], "name the"),
        (["p.png", "--preset", "wode"], "Did you mean 'wide'?"),
        (["p.png", "--color", "rde"], "'rde' is no colour"),
        (["p.png", "--box", "60,0,5,5"], "no pixels in a photo of 60 x 40"),
        (["p.png", "--box", "1,1,5,5", "--out", "p.png", "--overwrite"], "can't replace p.png"),
        (["p.png", "--box", "1,1,5,5", "--out", "old.png"], "old.png exists"),
        (["p.png", "--box", "1,1,5,5", "--out", "m.gif"], "m.gif"),
    ],
)
def test_wrong_usage_is_told_in_one_sentence(
    words: list[str], sentence: str, run, write_picture, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = write_picture("p.png").read_bytes()
    write_picture("old.png")
    ran = run("mask", *words)
    assert ran.code == 2
    assert sentence in ran.sentence
    assert (tmp_path / "p.png").read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.png", "p.png"]


def test_a_missing_photo_is_a_failure(run, tmp_path) -> None:
    ran = run("mask", tmp_path / "p.png", "--box", "1,1,5,5", "--out", f"{tmp_path}/new/")
    assert ran.code == 1
    assert "no file" in ran.sentence
    assert not (tmp_path / "new").exists()


def test_what_mask_draws_fix_fills(run, write_picture, fake_restorer, tmp_path) -> None:
    photo = write_picture("p.png", np.full((40, 60, 3), 200, np.uint8))
    run("mask", photo, "--box", "5,10,20,8")
    run("fix", photo, "--mask", tmp_path / "p-mask.png")
    fixed = np.array(Image.open(tmp_path / "p-fixed.png"))
    assert (fixed[10:18, 5:25] == 0).all()
    assert (fixed == 0).all(axis=2).sum() == 160


def test_damage_is_found_and_shown(run, write_picture, bright_detector, tmp_path, read) -> None:
    pixels = np.full((40, 60, 3), 90, np.uint8)
    pixels[20] = 200
    photo = write_picture("p.png", pixels)
    ran = run("mask", photo, "--find", "scratches", "--preview", tmp_path / "look.png")
    assert ran.code == 0
    assert (read(tmp_path / "p-mask.png")[20] == 255).all()
    assert (read(tmp_path / "p-mask.png") == 255).sum() == 60
    shown = np.array(Image.open(tmp_path / "look.png"))
    assert (shown[20] == (255, 0, 255)).all() and (shown[:20] == 90).all()
    assert "look.png" in ran.out


def test_damage_is_not_looked_for_in_what_is_invisible(
    run, write_picture, bright_detector, tmp_path, read
) -> None:
    pixels = np.full((40, 60, 4), 90, np.uint8)
    pixels[..., 3] = 255
    pixels[10:20] = (255, 255, 255, 0)
    pixels[30] = 255
    pixels[30, 40:] = 0  # what covers it goes on, as bright as the rest of the line
    assert run("mask", write_picture("p.png", pixels), "--find", "scratches").code == 0
    found = read(tmp_path / "p-mask.png")
    assert (found[30, :40] == 255).all() and not found[30, 40:].any() and not found[:30].any()


def test_no_mask_is_left_where_its_preview_can_have_no_folder(run, write_picture, tmp_path) -> None:
    photo = write_picture("p.png")
    ran = run("mask", photo, "--box", "1,1,5,5", "--preview", photo / "look.png")
    assert ran.code == 1 and str(photo) in ran.sentence
    assert list(tmp_path.iterdir()) == [photo]


def test_how_sure_the_detector_has_to_be_can_be_said(
    run, write_picture, bright_detector, tmp_path, read
) -> None:
    photo = write_picture("p.png", np.full((40, 60, 3), 200, np.uint8))
    for threshold, share in ((0.9, 0), (0.5, 255)):
        out = tmp_path / f"{threshold}.png"
        run("mask", photo, "--find", "scratches", "--threshold", threshold, "--out", out)
        assert (read(out) == share).all()


def test_any_mask_can_be_grown(run, write_picture, tmp_path, read) -> None:
    run("mask", write_picture("p.png"), "--box", "30,20,1,1", "--grow", 2)
    assert (read(tmp_path / "p-mask.png") == 255).sum() == 13


def test_a_mask_of_nothing_and_one_of_little_are_told_apart(run, write_picture) -> None:
    pixels = np.zeros((200, 200, 3), np.uint8)
    ran = run("mask", write_picture("none.png", pixels), "--color", "red")
    assert ran.out.endswith("(nothing is marked)\n")
    pixels[0, 0] = (255, 0, 0)
    ran = run("mask", write_picture("little.png", pixels), "--color", "red")
    assert ran.out.endswith("(less than 0.1% hole)\n")


def test_a_mask_that_its_format_can_not_hold_is_refused_before_the_work(
    run, write_picture, monkeypatch
) -> None:
    monkeypatch.setattr("restore.detector.Detector.load", None)  # never asked
    photo = write_picture("p.png", np.zeros((1, 17_000, 3), np.uint8))
    ran = run("mask", photo, "--find", "scratches", "--out", photo.with_name("m.webp"))
    assert ran.code == 1 and "at most 16383" in ran.sentence


def test_what_is_invisible_has_no_colour(run, write_picture, tmp_path, read) -> None:
    pixels = np.full((20, 30, 4), (255, 0, 0, 255), np.uint8)
    pixels[10:, :, 3] = 0
    run("mask", write_picture("p.png", pixels), "--color", "red")
    mask = read(tmp_path / "p-mask.png")
    assert (mask[:10] == 255).all() and (mask[10:] == 0).all()


def test_a_mask_may_go_into_a_folder_that_is_not_there(run, write_picture, tmp_path) -> None:
    out = tmp_path / "new/wide/m.png"
    words = ["mask", "--size", "64x48", "--out", out]
    assert run(*words, "--box", "90,90,5,5").code == 2 and not out.parent.exists()
    assert run(*words, "--preset", "wide").code == 0
    assert out.is_file()
    out = tmp_path / "new/deep/m.png"
    assert run("mask", write_picture("p.jpg"), "--box", "1,1,5,5", "--out", out).code == 0
    assert out.is_file()


def test_photos_may_have_more_pixels(run, write_picture) -> None:
    photo = write_picture("p.jpg", np.zeros((1001, 1001, 3), np.uint8))
    words = ["mask", photo, "--box", "1,1,5,5", "--max-megapixels"]
    assert run(*words, 1).code == 1 and run(*words, 2).code == 0


def test_a_mask_may_go_into_a_folder(run, write_picture, tmp_path, read) -> None:
    words = ["--box", "1,1,5,5", "--out", f"{tmp_path}/marks/", "--preview", f"{tmp_path}/look/"]
    assert run("mask", write_picture("p.jpg"), *words).code == 0
    assert (read(tmp_path / "marks/p.png") == 255).sum() == 25
    assert (tmp_path / "look/p.png").is_file()
