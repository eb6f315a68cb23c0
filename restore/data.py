"""Training data: photos of a folder, cropped and masked on the fly, the same for the same seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from restore.errors import RestoreError
from restore.masks import Preset

EXTENSIONS = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Batch:
    """Clean photos (N, 3, S, S) float32 in [0, 1] and masks (N, 1, S, S), 1 is the hole."""

    clean: Tensor
    mask: Tensor

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on `device`."""
        return Batch(self.clean.to(device), self.mask.to(device))

    @property
    def damaged(self) -> Tensor:
        """The photos with the hole blacked out, as the generator sees them."""
        return self.clean * (1 - self.mask)


def list_photos(folder: Path) -> list[Path]:
    """Return all photos below `folder`, sorted by path.

    Raises:
        RestoreError: no such folder, or no photo in it.
    """
    if not folder.is_dir():
        raise RestoreError(f"There is no folder {folder}; name a folder of photos.")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in EXTENSIONS and p.is_file())
    if not found:
        known = ", ".join(sorted(EXTENSIONS))
        raise RestoreError(f"{folder} holds no photos; looked for {known} at any depth.")
    return found


def read_training_photo(path: Path, size: int) -> Pixels:
    """Return a photo (H, W, 3) uint8 RGB as displayed, at least `size` on its shorter side.

    Large JPEGs are scaled down while they are decoded; smaller photos are enlarged.
    """
    with Image.open(path) as file:
        file.draft("RGB", (3 * size, 3 * size))
        pixels = np.asarray(ImageOps.exif_transpose(file).convert("RGB"))
    short = min(pixels.shape[:2])
    if short < size:
        scale = size / short
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return pixels


def draw_crop(pixels: Pixels, size: int, rng: np.random.Generator) -> Pixels:
    """Return a random square of the photo as (size, size, 3) uint8, mirrored or not."""
    height, width = pixels.shape[:2]
    # Uniform in area between the two ends, so that wide views are as common as close ones.
    largest = min(height, width)
    side = round(float(np.sqrt(rng.uniform(min(size, largest) ** 2, largest**2))))
    side = min(max(side, 1), largest)
    top, left = rng.integers(0, (height - side + 1, width - side + 1))
    crop = pixels[top : top + side, left : left + side]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    method = cv2.INTER_AREA if side >= size else cv2.INTER_CUBIC
    scaled = cv2.resize(np.ascontiguousarray(crop), (size, size), interpolation=method)
    return scaled.astype(np.uint8, copy=False)


class MaskedPhotos(Dataset[tuple[Pixels, Pixels]]):
    """Endless (crop, mask) pairs by running index: item i depends on the seed and i alone."""

    def __init__(self, photos: list[Path], preset: Preset, size: int, seed: int) -> None:
        self.photos, self.preset, self.size, self.seed = photos, preset, size, seed

    def __getitem__(self, index: int) -> tuple[Pixels, Pixels]:
        """Return a crop (3, S, S) uint8 and its mask (1, S, S) uint8."""
        rng = np.random.default_rng([self.seed, index])
        order = shuffle(len(self.photos), self.seed, index // len(self.photos))
        path = self.photos[order[index % len(self.photos)]]
        crop = draw_crop(read_training_photo(path, self.size), self.size, rng)
        mask = self.preset.draw(self.size, self.size, rng)
        return np.ascontiguousarray(crop.transpose(2, 0, 1)), mask[None]


@lru_cache(maxsize=2)
def shuffle(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the order of `count` photos in one epoch."""
    return np.random.default_rng([seed, epoch, 1]).permutation(count)


def load_batches(
    dataset: Dataset[tuple[Pixels, Pixels]], batch: int, first: int, workers: int
) -> Iterator[Batch]:
    """Yield batches of the items first, first + 1, …, decoded ahead in `workers` processes."""
    loader = DataLoader(
        dataset,
        batch_size=batch,
        sampler=range(first, 2**62),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_calm_worker,
        multiprocessing_context="spawn"
        if workers
        else None,  # a fork may hang on OpenCV's threads,
    )
    for crops, masks in loader:
        yield Batch(crops.float() / 255, masks.float())


def _calm_worker(_: int) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
