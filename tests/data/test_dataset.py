import os
import signal
import sys
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from restore.data import (
    Batch,
    MaskedPhotos,
    Pair,
    Spoiling,
    Turns,
    draw_crop,
    draw_item,
    find_photos,
    list_photos,
    load_batches,
    make_batch,
    read_training_photo,
)
from restore.data.dataset import read_training_pair, shuffle
from restore.degradations import load_chain
from restore.errors import RestoreError
from restore.masks import load_preset

PRESET = load_preset("mixed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for index in range(5):
        target = tmp_path / "photos" / ("deep" if index % 2 else ".") / f"{index}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(target), rng.integers(0, 256, (70, 90 + index, 3), np.uint8))
    return tmp_path / "photos"


def _dataset(folder: Path, size: int = 48) -> MaskedPhotos:
    return MaskedPhotos(list_photos(folder), PRESET, size, seed=7)


def test_an_item_depends_on_seed_and_index_alone(folder: Path) -> None:
    first, second = _dataset(folder), _dataset(folder)
    second[3]
    for index in (0, 7, 4):
        item, again = first[index], second[index]
        assert np.array_equal(item.clean, again.clean) and np.array_equal(item.mask, again.mask)
        assert item.clean.shape == (3, 48, 48) and item.mask.shape == (1, 48, 48)
        assert item.spoiled is None and item.problems == ()
    assert not np.array_equal(first[0].clean, first[5].clean)


def test_every_photo_comes_once_in_an_epoch(tmp_path: Path) -> None:
    for value in range(6):
        cv2.imwrite(str(tmp_path / f"{value}.png"), np.full((60, 60, 3), value * 40, np.uint8))
    dataset = _dataset(tmp_path)
    for epoch in (range(6), range(6, 12)):
        assert sorted(int(dataset[i].clean.max()) for i in epoch) == [0, 40, 80, 120, 160, 200]


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_go_on_from_any_item(folder: Path, workers: int) -> None:
    dataset = _dataset(folder)
    whole = load_batches(dataset, 4, Turns(0, 4), 0)
    next(whole)
    expected = next(whole)
    resumed = next(load_batches(dataset, 4, Turns(4, 4), workers))
    assert torch.equal(expected.clean, resumed.clean) and torch.equal(expected.mask, resumed.mask)
    assert resumed.clean.shape == (4, 3, 48, 48) and resumed.clean.max() <= 1
    assert set(resumed.mask.unique().tolist()) <= {0.0, 1.0}
    assert not (resumed.damaged * resumed.mask).any()


def test_workers_read_a_zip_and_tell_of_a_photo_that_cannot_be_read(
    folder: Path, tmp_path: Path
) -> None:
    from zipfile import ZipFile

    archive = tmp_path / "photos.zip"
    with ZipFile(archive, "w") as zipped:
        for path in list_photos(folder):
            zipped.write(path, path.relative_to(folder))
        zipped.writestr("bad.png", b"no picture")
    photos = list(find_photos(archive).photos.values())
    dataset = MaskedPhotos(photos, PRESET, 48, seed=7)
    told: list[str] = []
    batches = load_batches(dataset, 6, Turns(0, 6), 1, told.append)
    expected = make_batch([dataset[index] for index in range(6)])
    assert torch.equal(next(batches).clean, expected.clean)
    next(batches)
    assert len(told) == 1 and told[0].startswith(f"Left out: {archive}/bad.png is not a picture")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another thing there")
def test_ctrl_c_leaves_the_workers_alone(folder: Path) -> None:
    """A terminal sends it to them, too, and the run still has to save."""
    before = {*active_children()}
    batches = load_batches(_dataset(folder), 4, Turns(0, 4), 1)
    next(batches)
    (worker,) = {*active_children()} - before
    for _ in range(30):
        os.kill(worker.pid or 0, signal.SIGINT)
        next(batches)
    assert worker.is_alive()
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_the_order_of_an_epoch_is_drawn_once() -> None:
    assert shuffle(1000, 7, 3) is shuffle(1000, 7, 3)
    assert not np.array_equal(shuffle(1000, 7, 3), shuffle(1000, 7, 4))


def test_the_next_photo_replaces_one_that_cannot_be_read(folder: Path) -> None:
    dataset = _dataset(folder)
    before = [dataset[index] for index in range(5)]
    gone = next(i for i in range(4) if _reads(dataset, i) == folder / "2.png")
    (folder / "2.png").write_text("no picture")
    after = [dataset[index] for index in range(5)]
    for index in range(5):
        same = np.array_equal(before[index].clean, after[index].clean)
        assert same == (index != gone) and bool(after[index].problems) == (index == gone)
        assert np.array_equal(before[index].mask, after[index].mask) or index == gone
    again = dataset[gone]
    assert np.array_equal(again.clean, after[gone].clean)


def _reads(dataset: MaskedPhotos, index: int) -> object:
    from restore.data import shuffle

    return dataset.photos[shuffle(len(dataset.photos), dataset.seed, 0)[index]]


@pytest.mark.parametrize("workers", [0, 1])
def test_photos_that_are_all_gone_end_in_one_sentence(folder: Path, workers: int) -> None:
    dataset = _dataset(folder)
    for path in list_photos(folder):
        path.unlink()
    with pytest.raises(RestoreError) as told:
        next(load_batches(dataset, 2, Turns(0, 2), workers))
    assert str(told.value).startswith("None of the pictures can be read any more: Can't read")
    assert "\n" not in str(told.value)


def test_a_pair_is_cropped_alike_and_may_change_everywhere(tmp_path: Path) -> None:
    clean = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    for name, pixels in (("clean", clean), ("damaged", 255 - clean)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    pair = Pair(tmp_path / "damaged.png", tmp_path / "clean.png")
    dataset = MaskedPhotos([pair], PRESET, 48, seed=1)
    batch = next(load_batches(dataset, 4, Turns(0, 4), 0))
    assert torch.allclose(batch.damaged, 1 - batch.clean, atol=1e-6) and batch.mask.min() == 1
    assert not torch.equal(batch.clean[0], batch.clean[1])
    corner = batch.clean[0, :, 0, 0] * 255  # never scaled down, so every pixel is one of the photo
    assert (np.abs(clean - corner.numpy()).sum(axis=2) < 1e-3).any()


def test_a_spoiled_photo_comes_with_its_clean_one_and_may_change_everywhere(folder: Path) -> None:
    noise = load_chain("mixed")
    dataset = MaskedPhotos(list_photos(folder), Spoiling(noise, gray=0.5), 48, seed=7)
    batch = make_batch([dataset[index] for index in range(40)])
    assert batch.mask.min() == 1 and batch.damaged.shape == batch.clean.shape
    assert batch.damaged.min() < 0 and batch.damaged.max() > 1, "noise is not clipped"
    levels = batch.damaged * 255
    as_files = (levels - levels.round()).abs().amax((1, 2, 3)) < 1e-3
    assert 15 < int(as_files.sum()) < 40, "half of them, and all JPEGs"
    gray = (batch.clean[:, 0] == batch.clean[:, 2]).flatten(1).all(1)
    assert 8 < int(gray.sum()) < 32
    again = dataset[3]
    assert np.array_equal(again.spoiled, dataset[3].spoiled)
    assert np.array_equal(again.clean, (batch.clean[3] * 255).round().byte().numpy())


def test_a_crop_to_be_spoiled_is_scaled_down_a_little_only() -> None:
    rng = np.random.default_rng(0)
    across = np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (200, 1, 3))
    spans = [np.ptp(draw_crop(across, 32, rng, 0.5)[..., 0].astype(int)) for _ in range(50)]
    assert min(spans) >= 28 and 50 < max(spans) <= 64


def test_a_small_pair_is_enlarged_and_an_unequal_one_refused(
    tmp_path: Path, write_photo: Callable[..., Path]
) -> None:
    small = write_photo(tmp_path / "small.png", size=(40, 50))
    pair = Pair(small, small)
    assert read_training_pair(pair, 64).shape == (64, 80, 6)
    other = write_photo(tmp_path / "other.png", size=(50, 40))
    with pytest.raises(RestoreError, match=r"small.png differs in size from .*other.png"):
        draw_item(Pair(small, other), PRESET, 64, np.random.default_rng(0))


def test_a_batch_goes_to_a_device_whole() -> None:
    ones = torch.ones(1, 3, 4, 4)
    device = torch.device("meta")
    batch = Batch(ones, ones[:, :1], ones * 0.5).to(device)
    assert batch.clean.device == batch.mask.device == batch.damaged.device == device
    assert Batch(ones, ones[:, :1]).to(device).spoiled is None


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


def test_processes_share_each_batch_in_order() -> None:
    first = [next_ for next_, _ in zip(Turns(10, 6, rank=0, size=2), range(6), strict=False)]
    second = [next_ for next_, _ in zip(Turns(10, 6, rank=1, size=2), range(6), strict=False)]
    assert first == [10, 11, 12, 16, 17, 18] and second == [13, 14, 15, 19, 20, 21]
