"""Several photos, one after the other."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from restore.errors import RestoreError, UsageError
from restore.folders import FixOptions, fix_photos
from restore.outputs import Failure


def read(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


def test_a_bad_photo_does_not_stop_the_others(
    write_picture, mask_file, fake_restorer, tmp_path
) -> None:
    good = [write_picture("a.png"), write_picture("c.png")]
    bad = tmp_path / "b.png"
    bad.write_bytes(b"not a picture")
    first, failure, last = fix_photos([good[0], bad, good[1]], None, FixOptions(mask_file))
    assert isinstance(failure, Failure)
    assert failure.photo == bad
    assert isinstance(failure.error, RestoreError)
    assert [first.photo, last.photo] == good
    assert first.out.exists()
    assert last.out.exists()


def test_collisions_are_found_before_anything_is_opened(
    write_picture, mask_file, fake_restorer, tmp_path
) -> None:
    photos = [tmp_path / "missing.png", write_picture("p.png"), write_picture("b/p.png")]
    with pytest.raises(UsageError, match="would both become"):
        list(fix_photos(photos, f"{tmp_path}/new/", FixOptions(mask_file)))
    assert fake_restorer.loaded == []
    assert not (tmp_path / "new").exists()


def test_the_mask_among_the_photos_is_not_fixed(write_picture, mask_file, fake_restorer) -> None:
    photo, said = write_picture("p.png"), list[str]()
    records = list(fix_photos([mask_file, photo], None, FixOptions(mask_file), warn=said.append))
    assert [record.photo for record in records] == [photo]
    assert said == [f"{mask_file} is the mask, so it is not fixed itself."]


def test_a_format_that_is_asked_for_is_that_of_a_misnamed_photo_too(
    write_picture, mask_file, fake_restorer, tmp_path
) -> None:
    photo = write_picture("p.png").rename(tmp_path / "p.jpg")
    list(fix_photos([photo], None, FixOptions(mask_file, extension=".jpg")))
    assert Image.open(tmp_path / "p-fixed.jpg").format == "JPEG"
    with pytest.raises(UsageError, match=r"not written as \.xyz"):
        list(fix_photos([photo], None, FixOptions(mask_file, extension=".xyz")))
    assert len(fake_restorer.loaded) == 1


def test_what_another_format_loses_is_told(
    write_picture, mask_file, fake_restorer, tmp_path
) -> None:
    deep = tmp_path / "deep.png"
    deep.write_bytes(cv2.imencode(".png", np.zeros((40, 60, 3), np.uint16))[1].tobytes())
    said: list[str] = []
    for extension in (".png", ".jpg"):
        options = FixOptions(mask_file, extension=extension)
        list(fix_photos([deep], None, options, warn=said.append))
    written = f"{tmp_path}/deep-fixed.jpg is written with 8 bits per channel instead of 16."
    assert said == [written]


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        (FixOptions(), UsageError, "'mend', which is not installed.*--mask MASK"),
        (FixOptions(Path("nowhere.png")), RestoreError, "no mask nowhere.png"),
        (FixOptions(Path(os.sep)), UsageError, "is a folder"),
        (FixOptions(mask_pattern="{stem}-m"), UsageError, "masks of a folder of photos"),
    ],
)
def test_a_request_without_a_usable_mask_is_refused_at_once(
    options: FixOptions, error: type, sentence: str, write_picture, fake_restorer, monkeypatch
) -> None:
    monkeypatch.setattr("restore.folders.run.checkpoint_names", lambda: ["inpaint"])
    with pytest.raises(error, match=sentence):
        list(fix_photos([write_picture("p.png")], None, options))
    assert fake_restorer.loaded == []


def test_the_model_and_the_device_are_handed_on(write_picture, mask_file, fake_restorer) -> None:
    list(fix_photos([write_picture("a.png")], None, FixOptions(mask_file)))
    list(fix_photos([write_picture("b.png")], None, FixOptions(mask_file), model="m", device="cpu"))
    assert fake_restorer.loaded == [("inpaint", "auto"), ("m", "cpu")]


def test_a_real_checkpoint_fills_the_hole_and_nothing_else(
    write_picture, mask_file, tiny_checkpoint, tmp_path
) -> None:
    photo = write_picture("p.png")
    options = FixOptions(mask_file, count=2)
    first, second = fix_photos([photo], None, options, model=str(tiny_checkpoint), device="cpu")
    again = FixOptions(mask_file, seed=1)
    (third,) = fix_photos([photo], f"{tmp_path}/new/", again, model=str(tiny_checkpoint))
    hole = read(mask_file) == 255
    assert (read(first.out)[~hole] == read(photo)[~hole]).all()
    assert (read(first.out)[hole] != read(second.out)[hole]).any()
    assert third.out.read_bytes() == second.out.read_bytes()
    assert first.model == "tiny"
