from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from restore.data import MaskedPhotos, draw_crop, list_photos, load_batches, read_training_photo
from restore.errors import RestoreError
from restore.masks import load_preset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for index in range(5):
        target = tmp_path / ("deep" if index % 2 else ".") / f"{index}.png"
        target.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(target), rng.integers(0, 256, (70, 90 + index, 3), np.uint8))
    (tmp_path / "notes.txt").write_text("no photo")
    return tmp_path


def _dataset(folder: Path, size: int = 48) -> MaskedPhotos:
    return MaskedPhotos(list_photos(folder), load_preset("mixed"), size, seed=7)


def test_photos_are_found_at_any_depth(folder: Path) -> None:
    assert [p.name for p in list_photos(folder)] == ["0.png", "2.png", "4.png", "1.png", "3.png"]


def test_an_empty_or_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="holds no photos"):
        list_photos(tmp_path)
    with pytest.raises(RestoreError, match="There is no folder"):
        list_photos(tmp_path / "absent")


def test_an_item_depends_on_seed_and_index_alone(folder: Path) -> None:
    first, second = _dataset(folder), _dataset(folder)
    second[3]
    for index in (0, 7, 4):
        crop, mask = first[index]
        again, same = second[index]
        assert np.array_equal(crop, again) and np.array_equal(mask, same)
        assert crop.shape == (3, 48, 48) and mask.shape == (1, 48, 48)
    assert not np.array_equal(first[0][0], first[5][0])


def test_every_photo_comes_once_in_an_epoch(folder: Path) -> None:
    flat = folder / "flat"
    flat.mkdir()
    for value in range(6):
        cv2.imwrite(str(flat / f"{value}.png"), np.full((60, 60, 3), value * 40, np.uint8))
    dataset = MaskedPhotos(list_photos(flat), load_preset("mixed"), 48, seed=1)
    for epoch in (range(6), range(6, 12)):
        assert sorted(int(dataset[i][0].max()) for i in epoch) == [0, 40, 80, 120, 160, 200]


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_go_on_from_any_item(folder: Path, workers: int) -> None:
    dataset = _dataset(folder)
    whole = load_batches(dataset, 4, 0, 0)
    next(whole)
    expected = next(whole)
    resumed = next(load_batches(dataset, 4, 4, workers))
    assert torch.equal(expected.clean, resumed.clean) and torch.equal(expected.mask, resumed.mask)
    assert resumed.clean.shape == (4, 3, 48, 48) and resumed.clean.max() <= 1
    assert set(resumed.mask.unique().tolist()) <= {0.0, 1.0}
    assert not (resumed.damaged * resumed.mask).any()


def test_large_jpegs_are_scaled_down_and_small_photos_up(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1600, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.jpg")
    large = read_training_photo(tmp_path / "large.jpg", 64)
    assert 64 <= min(large.shape[:2]) < 1000
    Image.fromarray(noise[:20, :30]).save(tmp_path / "small.png")
    assert min(read_training_photo(tmp_path / "small.png", 64).shape[:2]) == 64


def test_a_photo_is_read_as_displayed(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (100, 80), 9).save(tmp_path / "turned.jpg", exif=exif)
    assert read_training_photo(tmp_path / "turned.jpg", 64).shape == (100, 80, 3)


def test_a_crop_has_the_size_asked_for() -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (40, 90, 3), np.uint8)
    for _ in range(50):
        assert draw_crop(photo, 32, rng).shape == (32, 32, 3)
        assert draw_crop(photo, 64, rng).shape == (64, 64, 3)
