import errno
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore.degradations.blur import GaussianBlur
from restore.degradations.noise import GaussianNoise
from restore.degrading import degrade_photos
from restore.errors import UsageError
from restore.outputs import Failure, Output
from restore.seeded import make_rng

NOISE = GaussianNoise(sigma=(20, 20))


def read(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


def degrade(source: Path, out: Path | str, **options) -> list[Output | Failure]:
    return list(degrade_photos(source, str(out), NOISE, **options))


def test_a_folder_keeps_relative_paths_and_each_photo_has_its_numbers(two_photos, tmp_path) -> None:
    done = degrade(two_photos, tmp_path / "out")
    assert [job.name for job in done] == ["a.png", "sub/b.png"]
    a, b = read(tmp_path / "out" / "a.png"), read(tmp_path / "out" / "sub" / "b.png")
    assert np.array_equal(a, NOISE(read(two_photos / "a.png"), make_rng(0, "a.png")))
    assert (a != b).any()


def test_a_folder_that_can_not_be_looked_into_is_told(two_photos, tmp_path, monkeypatch) -> None:
    original = os.scandir

    def scan(path: str) -> object:
        if Path(path).name == "sub":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return original(path)

    monkeypatch.setattr(os, "scandir", scan)
    failure, job = degrade(two_photos, tmp_path / "out")
    assert isinstance(failure, Failure) and isinstance(job, Output)
    assert re.match(r"Can't look into .*sub: Permission denied", str(failure.error))


def test_what_fix_takes_for_a_photo_is_spoiled(two_photos, tmp_path) -> None:
    (two_photos / "sub/b.png").rename(two_photos / "sub/scan")
    told: list[str] = []
    degrade(two_photos, tmp_path / "first")
    (tmp_path / "first" / "report.jsonl").write_text("{}")
    (tmp_path / "first").rename(two_photos / "old")
    done = degrade(two_photos, tmp_path / "out", warn=told.append)
    assert [job.name for job in done] == ["a.png", "sub/scan"]
    assert told == ["Folders of results, passed over: 1; the first is old."]


def test_what_a_file_will_not_be_again_is_told(tmp_path) -> None:
    first = Image.fromarray(np.full((32, 48, 3), 90, np.uint8))
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[first.reduce(2)])
    told: list[str] = []
    degrade(tmp_path / "a.jpg", tmp_path / "b.jpg", warn=told.append)
    assert len(told) == 1 and "holds more than the photo" in told[0]


def test_a_photo_is_spoiled_alone_as_in_its_folder(two_photos, tmp_path) -> None:
    degrade(two_photos, tmp_path / "out", seed=3)
    degrade(two_photos / "a.png", tmp_path / "alone.png", seed=3)
    degrade(two_photos / "a.png", f"{tmp_path}/new/", seed=4)
    assert np.array_equal(read(tmp_path / "out" / "a.png"), read(tmp_path / "alone.png"))
    assert (read(tmp_path / "new" / "a.png") != read(tmp_path / "alone.png")).any()


def test_gray_and_transparent_photos_stay_so(write_picture, tmp_path) -> None:
    alpha = np.full((8, 9, 4), 100, np.uint8)
    for name, pixels in (("gray.png", alpha[..., 0].copy()), ("alpha.png", alpha)):
        degrade(write_picture(name, pixels), tmp_path / f"out-{name}")
    assert Image.open(tmp_path / "out-gray.png").mode == "L"
    assert (read(tmp_path / "out-alpha.png")[..., 3] == 100).all()


def test_what_a_format_can_not_hold_is_refused_before_the_work(write_picture, tmp_path) -> None:
    clear = write_picture("clear.png", np.full((8, 9, 4), 100, np.uint8))
    (failure,) = degrade(clear, tmp_path / "new/out.jpg")
    assert isinstance(failure, Failure) and "transparency" in str(failure.error)
    assert not (tmp_path / "new").exists()


def test_nothing_is_lost(two_photos, tmp_path) -> None:
    (tmp_path / "out" / "sub").mkdir(parents=True)
    kept = tmp_path / "out" / "sub" / "b.png"
    kept.write_bytes(b"kept")
    with pytest.raises(UsageError, match=r"b\.png exists; add --overwrite"):
        degrade(two_photos, tmp_path / "out")
    assert kept.read_bytes() == b"kept"
    assert not (tmp_path / "out" / "a.png").exists()
    degrade(two_photos, tmp_path / "out", overwrite=True)
    assert read(kept).shape == (40, 60, 3)


def test_noise_is_as_strong_on_gray_photos(write_picture, tmp_path: Path) -> None:
    write_picture("gray.png", np.full((96, 96), 128, np.uint8))
    degrade(tmp_path / "gray.png", tmp_path / "out.png")
    assert read(tmp_path / "out.png").ndim == 2
    assert read(tmp_path / "out.png").std() == pytest.approx(20, rel=0.05)


@pytest.mark.parametrize("quality", [60, 98])
def test_a_jpeg_has_the_noise_that_was_asked_for(tmp_path: Path, quality: int) -> None:
    flat = Image.fromarray(np.full((128, 128, 3), 128, np.uint8))
    flat.save(tmp_path / "a.jpg", quality=quality, subsampling=2)
    degrade(tmp_path / "a.jpg", tmp_path / "b.jpg")
    with Image.open(tmp_path / "a.jpg") as before, Image.open(tmp_path / "b.jpg") as after:
        assert (after.quantization == before.quantization) == (quality == 98)
    levels = read(tmp_path / "b.jpg").astype(float)
    assert levels.std() == pytest.approx(20, abs=1)
    assert (levels[..., 0] - levels[..., 1]).std() == pytest.approx(20 * 2**0.5, abs=2)


def test_what_is_invisible_does_not_bleed(tmp_path: Path) -> None:
    pixels = np.full((60, 60, 4), 200, np.uint8)
    pixels[:30] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (job,) = degrade_photos(tmp_path / "a.png", str(tmp_path / "b.png"), GaussianBlur(sigma=(3, 3)))
    assert isinstance(job, Output)
    assert read(tmp_path / "b.png")[30:, :, :3].min() >= 199
