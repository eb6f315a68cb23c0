"""Training photos that are spoiled or damaged, instead of having a hole."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.degradations import Chain
from restore.degradations.contract import to_levels
from restore.image import Mask, Pixels

FILES = 0.5  # share of spoiled photos that are as a file holds them
LEAST_SCALE = 0.55  # that a crop is scaled down to at most
SOFT = 0.5  # share of parts of larger photos that are enlarged, as large scans are soft


@dataclass(frozen=True)
class Spoiling:
    """What spoils whole photos: to a training set what a mask preset is for holes.

    Attributes:
        chain: spoils a crop.
        gray: share of photos that are made black and white first.
    """

    chain: Chain
    gray: float = 0.0

    def draw(self, crop: Pixels, rng: np.random.Generator) -> tuple[Pixels, NDArray[np.float32]]:
        """Return the crop (H, W, 3) uint8, perhaps gray now, and it spoiled, levels in float32.

        Half of them are rounded and clipped to the levels of a file; in the others noise is not,
        as in the papers, see `Degradation.spoil`.
        """
        if rng.random() < self.gray:
            luma = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.uint8)
            crop = np.repeat(luma[..., None], 3, axis=2)
        spoiled = self.chain.spoil(crop, rng)
        if rng.random() < FILES:
            spoiled = to_levels(spoiled).astype(np.float32)
        return crop, spoiled


@dataclass(frozen=True)
class Damaging:
    """What damages photos here and there, and says where.

    Attributes:
        chain: damages a photo.
        zoom: how much larger than the crop the photo may be that it is a part of, 1 or more. The
            width of damage goes by the shorter side of the photo, so in a part of a larger photo it
            is wider and longer.
    """

    chain: Chain
    zoom: float = 1.0

    def draw(self, crop: Pixels, rng: np.random.Generator) -> tuple[Pixels, Pixels, Mask]:
        """Return the crop (S, S, 3) uint8, perhaps a part of it enlarged; it damaged; the mask.

        What lies around the crop is it mirrored, and of no consequence but where blur or blocks
        carry it inwards.
        """
        if self.zoom == 1:
            return crop, *self.chain.damage(crop, rng)
        size, zoom = len(crop), self.zoom ** rng.random()
        if rng.random() < SOFT:
            crop = _enlarge_part(crop, zoom ** rng.random(), rng)
        rest = round(zoom * size) - size
        top, left = _draw_place(rest, rng), _draw_place(rest, rng)
        around = (top, rest - top, left, rest - left)
        photo = np.asarray(cv2.copyMakeBorder(crop, *around, cv2.BORDER_REFLECT), np.uint8)
        damaged, mask = self.chain.damage(photo, rng)
        part = slice(top, top + size), slice(left, left + size)
        return crop, damaged[part], mask[part]


def _draw_place(rest: int, rng: np.random.Generator) -> int:
    """Return where a part begins in one direction, 0 to `rest`: two in three times at a rim.

    In a photo of twice the size all parts that tile it do; anywhere, next to none would.
    """
    return (0, rest, int(rng.integers(0, rest + 1)))[rng.integers(3)]


def _enlarge_part(crop: Pixels, scale: float, rng: np.random.Generator) -> Pixels:
    side = max(1, round(len(crop) / scale))
    top, left = rng.integers(0, len(crop) - side + 1, 2)
    part = np.ascontiguousarray(crop[top : top + side, left : left + side])
    larger = cv2.resize(part, crop.shape[:2], interpolation=cv2.INTER_CUBIC)
    return np.asarray(larger, np.uint8)
