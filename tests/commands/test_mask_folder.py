"""`restore mask FOLDER`: a mask for each photo, ready for `restore fix`."""

import shutil

import numpy as np
import pytest
from PIL import Image


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
    run, photos, bright_detector, fake_restorer, tmp_path, read
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


def test_photos_of_a_folder_get_random_holes_of_their_own(run, photos, tmp_path, read) -> None:
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
