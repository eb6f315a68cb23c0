"""`restore mask`: one of a preset, boxes and a colour, for a photo or a size."""

import shutil

import numpy as np
import pytest
from PIL import Image


def read(path) -> np.ndarray:
    picture = Image.open(path)
    assert picture.mode == "L"
    return np.array(picture)


def test_boxes_are_marked_beside_the_photo(run, write_picture, tmp_path) -> None:
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


def test_a_colour_is_marked(run, write_picture, tmp_path) -> None:
    pixels = np.full((40, 60, 3), 128, np.uint8)
    pixels[:10] = (255, 20, 20)
    pixels[10:20] = (255, 20, 40)
    photo = write_picture("p.png", pixels)
    run("mask", photo, "--color", "#ff0000", "--tolerance", 30)
    assert (read(tmp_path / "p-mask.png")[:10] == 255).all()
    assert (read(tmp_path / "p-mask.png")[10:] == 0).all()


def test_a_preset_needs_no_photo_and_the_seed_decides(run, tmp_path) -> None:
    words = ["mask", "--preset", "wide", "--size", "70x50", "--out"]
    for name, seed in (("a.png", 3), ("b.png", 3), ("c.png", 4)):
        assert run(*words, tmp_path / name, "--seed", seed).code == 0
    first, second, third = (read(tmp_path / name) for name in ("a.png", "b.png", "c.png"))
    assert first.shape == (50, 70)
    assert set(np.unique(first)) == {0, 255}
    assert (first == second).all()
    assert (first != third).any()


def test_a_preset_takes_the_size_of_the_photo(run, write_picture, tmp_path) -> None:
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


def test_damage_is_found_and_shown(run, write_picture, bright_detector, tmp_path) -> None:
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
    run, write_picture, bright_detector, tmp_path
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
    run, write_picture, bright_detector, tmp_path
) -> None:
    photo = write_picture("p.png", np.full((40, 60, 3), 200, np.uint8))
    for threshold, share in ((0.9, 0), (0.5, 255)):
        out = tmp_path / f"{threshold}.png"
        run("mask", photo, "--find", "scratches", "--threshold", threshold, "--out", out)
        assert (read(out) == share).all()


def test_any_mask_can_be_grown(run, write_picture, tmp_path) -> None:
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


def test_what_is_invisible_has_no_colour(run, write_picture, tmp_path) -> None:
    pixels = np.full((20, 30, 4), (255, 0, 0, 255), np.uint8)
    pixels[10:, :, 3] = 0
    run("mask", write_picture("p.png", pixels), "--color", "red")
    mask = read(tmp_path / "p-mask.png")
    assert (mask[:10] == 255).all() and (mask[10:] == 0).all()


@pytest.fixture
def photos(write_picture, tmp_path):
    """A folder with two photos, one of them deeper, that have a white line each."""
    pixels = np.full((40, 60, 3), 90, np.uint8)
    for row, name in ((20, "a.jpg"), (30, "sub/b.png")):
        lined = pixels.copy()
        lined[row - 4 : row + 4] = 255
        write_picture(f"photos/{name}", lined)
    return tmp_path / "photos"


def test_a_folder_gets_masks_that_fix_finds(
    run, photos, bright_detector, fake_restorer, tmp_path
) -> None:
    marks, look = tmp_path / "marks", tmp_path / "look"
    ran = run("mask", photos, "--find", "scratches", "--out", marks, "--preview", look)
    assert ran.code == 0
    assert ran.out.splitlines() == [
        f"{marks}/a.png (20.0% hole)",
        f"{marks}/sub/b.png (20.0% hole)",
        f"{look} (what is marked is magenta)",
    ]
    assert (read(marks / "sub/b.png")[26:34] == 255).all()
    with Image.open(look / "sub/b.png") as shown:
        assert shown.getpixel((0, 30)) == (255, 0, 255)
    assert run("fix", photos, "--mask", marks, "--out", tmp_path / "fixed").code == 0
    assert (np.array(Image.open(tmp_path / "fixed/sub/b.png"))[26:34] == 0).all()


def test_a_photo_of_a_folder_that_can_not_be_read_does_not_stop_the_others(
    run, photos, tmp_path
) -> None:
    (photos / "a.jpg").write_bytes(b"no picture")
    ran = run("mask", photos, "--box", "1,1,5,5", "--out", tmp_path / "marks")
    assert ran.code == 1
    assert ran.err.count("\n") == 1 and "a.jpg" in ran.err
    assert [path.name for path in (tmp_path / "marks").rglob("*.png")] == ["b.png"]


def test_what_fix_takes_for_a_photo_gets_a_mask(run, photos, fake_restorer, tmp_path) -> None:
    (photos / "a.jpg").rename(photos / "scan.1")
    shutil.copytree(photos / "sub", photos / ".thumbnails")
    (photos / "notes.txt").write_text("no picture")
    (photos / "sub/B.3fr").write_text("raw, beside what the camera has made of it")
    ran = run("mask", photos, "--box", "1,1,5,5", "--out", tmp_path / "marks")
    assert ran.code == 0 and ran.out.count("\n") == 2
    left = "Left out, as one of a format that is read lies beside it: 1; the first is sub/B.3fr."
    assert ran.err == f"restore: {left}\n"
    ran = run("fix", photos, "--mask", tmp_path / "marks", "--out", tmp_path / "fixed")
    assert ran.code == 0 and left in ran.err and "1 skipped, no pictures" in ran.out
    fixed = {path.name for path in (tmp_path / "fixed").rglob("*.*")}
    assert fixed == {"scan.1", "b.png", "report.jsonl"}


def test_masks_that_are_there_are_kept_by_resume(run, photos, write_picture, tmp_path) -> None:
    words = ["mask", photos, "--box", "1,1,5,5", "--out", tmp_path / "marks"]
    assert run(*words).code == 0
    corrected = write_picture("marks/a.png", np.zeros((40, 60), np.uint8)).read_bytes()
    write_picture("photos/new.png")
    assert run(*words).code == 2
    ran = run(*words, "--resume")
    assert ran.code == 0 and "Kept, as they are there: 2 of 3 masks." in ran.err
    assert ran.out == f"{tmp_path / 'marks/new.png'} (1.0% hole)\n"
    assert (tmp_path / "marks/a.png").read_bytes() == corrected
    write_picture("marks/a.tif", np.zeros((40, 60), np.uint8))
    (tmp_path / "marks/a.png").unlink()
    assert "Kept, as they are there: 3 of 3 masks." in run(*words, "--resume").err
    (tmp_path / "elsewhere").mkdir()
    write_picture("photos/trip/c.png")
    (tmp_path / "marks/trip").symlink_to(tmp_path / "elsewhere")
    write_picture("elsewhere/c.png", np.zeros((40, 60), np.uint8))
    assert "Kept, as they are there: 4 of 4 masks." in run(*words, "--resume").err
    assert "name that" in run("mask", photos / "a.jpg", "--box", "1,1,5,5", "--resume").sentence


def test_resume_draws_the_previews_that_are_missing_or_old(
    run, photos, write_picture, tmp_path
) -> None:
    look = tmp_path / "look"
    words = ["mask", photos, "--box", "1,1,5,5", "--out", tmp_path / "marks"]
    assert run(*words).code == 0
    previews = [*words, "--preview", look, "--resume"]
    ran = run(*previews)
    assert ran.code == 0 and f"{look / 'a.png'} (what is marked is magenta)" in ran.out
    assert len([*look.rglob("*.png")]) == 2 and "hole" not in ran.out
    assert run(*previews).out == ""  # all are as new as their masks
    mask = np.zeros((40, 60), np.uint8)
    mask[30:] = 255
    write_picture("marks/a.png", mask)
    (tmp_path / "marks/sub/b.png").unlink()
    ran = run(*previews)
    assert ran.code == 0 and str(look / "a.png") in ran.out and "1.0% hole" in ran.out
    shown = np.array(Image.open(look / "a.png"))
    assert (shown[30:] == (255, 0, 255)).all() and not (shown[:30] == (255, 0, 255)).all(2).any()


def test_files_of_one_name_in_other_folders_are_no_hindrance(
    run, photos, write_picture, tmp_path
) -> None:
    photo = write_picture("photos/sub/a.jpg")
    assert run("mask", photos, "--box", "1,1,5,5", "--out", tmp_path / "marks").code == 0
    assert (tmp_path / "marks/sub/a.png").exists()
    write_picture("m.png")
    assert run("mask", photo, "--box", "1,1,5,5", "--out", tmp_path / "new/m.png").code == 0
    assert "m.png" in run("mask", photo, "--box", "1,1,5,5", "--out", tmp_path / "m.png/x.png").err


def test_what_marks_nothing_in_any_photo_is_told_once(run, photos, tmp_path) -> None:
    for words, sentence in (
        (["--color", "rde"], "'rde' is no colour"),
        (["--box", "5,5,0,9"], "its width and height are 1 or more"),
    ):
        ran = run("mask", photos, *words, "--out", tmp_path / "new")
        assert ran.code == 2 and sentence in ran.sentence
        assert not (tmp_path / "new").exists()
    ran = run("fix", photos, "--box", "5,5,9,0", "--out", tmp_path / "new")
    assert ran.code == 2 and "its width and height are 1 or more" in ran.sentence


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


def test_a_mask_may_go_into_a_folder(run, write_picture, tmp_path) -> None:
    words = ["--box", "1,1,5,5", "--out", f"{tmp_path}/marks/", "--preview", f"{tmp_path}/look/"]
    assert run("mask", write_picture("p.jpg"), *words).code == 0
    assert (read(tmp_path / "marks/p.png") == 255).sum() == 25
    assert (tmp_path / "look/p.png").is_file()


def test_photos_of_one_name_share_a_mask(run, photos, write_picture, tmp_path) -> None:
    write_picture("photos/a.png")
    ran = run("mask", photos, "--box", "1,1,5,5", "--out", tmp_path / "marks")
    assert ran.code == 0
    assert ran.err.count("\n") == 1 and "share the mask of another one" in ran.err
    ran = run("fix", photos, "--mask", tmp_path / "marks", "--out", tmp_path / "out", "--dry-run")
    assert ran.code == 0 and "3 to fix, 0 can't be" in ran.out


def test_a_photo_that_would_share_its_mask_by_mistake_is_told(
    run, photos, write_picture, tmp_path
) -> None:
    write_picture("photos/A.png")
    ran = run("mask", photos, "--box", "1,1,5,5", "--out", tmp_path / "marks")
    assert ran.code == 1
    assert ran.err.count("\n") == 1 and "would have the mask of" in ran.err
    assert ran.out.count("\n") == 2


def test_photos_of_a_folder_are_chosen(run, photos, tmp_path) -> None:
    words = ["mask", photos, "--box", "1,1,5,5", "--out", tmp_path / "marks"]
    assert run(*words, "--only", "*.JPG").code == 0
    assert [path.name for path in (tmp_path / "marks").rglob("*.png")] == ["a.png"]
    ran = run("mask", photos / "a.jpg", "--box", "1,1,5,5", "--skip", "b")
    assert ran.code == 2 and "choose among the photos of a folder" in ran.sentence


def test_of_many_photos_each_that_fails_is_named(run, photos, tmp_path) -> None:
    ran = run("mask", photos, "--box", "500,1,5,5", "--out", tmp_path / "marks")
    lines = ran.err.splitlines()
    assert [line.split(": ")[1] for line in lines] == [f"{photos}/a.jpg", f"{photos}/sub/b.png"]


def test_a_folder_without_photos_has_no_masks(run, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    ran = run("mask", tmp_path / "empty", "--box", "1,1,5,5", "--out", tmp_path / "marks")
    assert ran.code == 1
    assert "no photos in" in ran.sentence


def test_photos_of_a_folder_get_random_holes_of_their_own(run, photos, tmp_path) -> None:
    words = ["mask", photos, "--preset", "wide", "--seed", 3, "--out"]
    assert run(*words, tmp_path / "a").code == run(*words, tmp_path / "b").code == 0
    first, again = read(tmp_path / "a/a.png"), read(tmp_path / "b/a.png")
    assert (first == again).all() and (first != read(tmp_path / "a/sub/b.png")).any()
    words[1] = photos / "a.jpg"
    assert run(*words, tmp_path / "alone.png").code == 0
    assert (first == read(tmp_path / "alone.png")).all()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "name it with --out"),
        (["--out", "photos/marks"], "among the photos"),
        (["--out", "marks", "--preview", "marks"], "name two folders"),
        (["--out", "marks", "--preview", "marks/sub"], "name two folders"),
        (["--out", "marks/sub", "--preview", "marks"], "name two folders"),
        (["--out", "marks", "--size", "9x9"], "leave out --size"),
        (["--out", "old"], "old/a.png exists"),
        (["--out", "marks", "--preview", "old"], "old/a.png exists"),
    ],
)
def test_masks_of_a_folder_are_refused_before_the_first(
    words: list[str], sentence: str, run, photos, write_picture, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_picture("old/a.png")
    ran = run("mask", "photos", "--box", "1,1,5,5", *words)
    assert ran.code == 2
    assert sentence in ran.sentence
    assert not (tmp_path / "marks").exists()


def test_what_is_wrong_with_a_detector_is_told_once_for_a_folder(run, photos, tmp_path) -> None:
    ran = run("mask", photos, "--find", "inpaint", "--out", tmp_path / "marks")
    assert ran.code == 2
    assert "restore fix" in ran.sentence
    assert not (tmp_path / "marks").exists()
