"""`restore degrade`: photos in, spoiled photos out."""

import numpy as np
import pytest
from PIL import Image

from restore.assets import chain_names


def test_the_same_seed_gives_the_same_file(run, write_picture, tmp_path) -> None:
    photo = write_picture("p.png")
    for out, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        ran = run(
            "degrade", photo, "--preset", "old-photo", "--seed", seed, "--out", tmp_path / out
        )
        assert (ran.code, ran.out) == (0, f"{photo} -> {tmp_path / out}\n")
    a, b, c = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert a == b != c
    assert np.array(Image.open(tmp_path / "a.png")).shape == (40, 60, 3)


def test_a_folder_goes_on_after_a_bad_file(run, write_picture, tmp_path) -> None:
    write_picture("photos/sub/b.jpg")
    (tmp_path / "photos" / "a.jpg").write_bytes(b"no picture")
    ran = run("degrade", tmp_path / "photos", "--preset", "web", "--out", tmp_path / "out")
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "a.jpg is not a picture" in ran.err
    assert Image.open(tmp_path / "out" / "sub" / "b.jpg").format == "JPEG"


def test_a_folder_goes_on_after_names_that_are_one_on_many_disks(
    run, write_picture, tmp_path
) -> None:
    for name in ("a.png", "b.png"):
        write_picture(f"photos/{name}")
    if (tmp_path / "photos/A.png").exists():
        pytest.skip("this disk takes upper and lower case for the same")
    write_picture("photos/A.png")
    ran = run("degrade", tmp_path / "photos", "--preset", "web", "--out", tmp_path / "out")
    assert ran.code == 1 and "in upper and lower case alone; rename one" in ran.err
    assert len([*(tmp_path / "out").iterdir()]) == 2


def test_photos_of_a_folder_are_chosen(run, write_picture, tmp_path) -> None:
    write_picture("photos/a.png")
    write_picture("photos/raw/b.png")
    words = ["degrade", tmp_path / "photos", "--preset", "noisy", "--out", tmp_path / "new"]
    assert run(*words, "--skip", "raw").code == 0
    assert [path.name for path in (tmp_path / "new").rglob("*.png")] == ["a.png"]


def test_the_help_names_every_preset(run) -> None:
    words = run("degrade", "--help").out.replace(",", " ").split()
    assert [name for name in chain_names() if name not in words] == []


def test_mistakes_are_one_sentence(run, write_picture, tmp_path) -> None:
    photo, out = write_picture("p.png"), tmp_path / "o.png"
    ran = run("degrade", photo, "--preset", "old-foto", "--out", out)
    assert (ran.code, "Did you mean 'old-photo'?" in ran.sentence) == (2, True)
    ran = run("degrade", tmp_path / "none.png", "--preset", "web", "--out", out)
    assert (ran.code, "There is no file" in ran.sentence) == (1, True)
    ran = run("degrade", photo, "--preset", "web", "--out", photo, "--overwrite")
    assert (ran.code, "is the photo itself" in ran.sentence) == (2, True)
    assert "--out" in run("degrade", photo, "--preset", "web").sentence
