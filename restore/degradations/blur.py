"""Blur: soft, shaken, out of focus, and what is left of a photo that was small for a while."""

from math import ceil, cos, radians, sin
from typing import Annotated, Literal

import cv2
import numpy as np
from PIL import Image
from pydantic import Field

from restore.degradations.contract import Degradation
from restore.image import Pixels, Plane
from restore.seeded import Amounts, Rng, within

Angle = Annotated[tuple[float, float], within(0, 360)]  # degrees
Filter = Literal["nearest", "linear", "cubic", "area", "lanczos", "bicubic"]

FILTERS: dict[Filter, int] = {
    "nearest": cv2.INTER_NEAREST_EXACT,  # the other one moves photos by up to two pixels
    "linear": cv2.INTER_LINEAR,  # without smoothing before it shrinks, as in many programs
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}  # "bicubic" is Pillow's: the one with a = −0.5 that widens when it shrinks, as in the papers


def blur(pixels: Pixels, kernel: Plane) -> Pixels:
    """Return the photo filtered with a kernel of odd sides, its rim continued outwards."""
    return np.asarray(cv2.filter2D(pixels, -1, kernel, borderType=cv2.BORDER_REPLICATE), np.uint8)


def make_gaussian_kernel(sigma: float, ratio: float = 1.0, angle: float = 0.0) -> Plane:
    """Return a Gaussian with `sigma` pixels along `angle` degrees and ratio · sigma across it."""
    along, across = _grid(ceil(3 * sigma), angle)
    sigma = max(sigma, 1e-3)
    return _normalised(np.exp(-0.5 * ((along / sigma) ** 2 + (across / (ratio * sigma)) ** 2)))


def make_motion_kernel(length: float, angle: float) -> Plane:
    """Return a straight line of `length` pixels at `angle` degrees, one pixel wide."""
    along, across = _grid(ceil(length / 2) + 1, angle)
    beyond = np.maximum(np.abs(along) - length / 2, 0)
    return _normalised(np.clip(1 - np.hypot(beyond, across), 0, 1))


def make_disk_kernel(radius: float) -> Plane:
    """Return a disk of `radius` pixels with a smooth rim: a point out of focus."""
    return _normalised(np.clip(radius + 0.5 - np.hypot(*_grid(ceil(radius), 0)), 0, 1))


def _grid(radius: int, angle: float) -> tuple[Plane, Plane]:
    """Return the coordinates along and across a direction, in pixels from the middle."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float32)
    c, s = cos(radians(angle)), sin(radians(angle))
    return x * c + y * s, y * c - x * s


def _normalised(kernel: Plane) -> Plane:
    return (kernel / kernel.sum()).astype(np.float32)


class GaussianBlur(Degradation):
    """Softness, the same or not in all directions."""

    sigma: Amounts = (0.4, 3)  # pixels
    ratio: Annotated[tuple[float, float], within(0.01, 1)] = (0.4, 1)  # of the narrow to the wide
    angle: Angle = (0, 180)

    @property
    def reach(self) -> int:
        """How far it may carry what is seen of a pixel, in pixels."""
        return ceil(2 * self.sigma[1])

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo blurred."""
        numbers = [rng.uniform(*bounds) for bounds in (self.sigma, self.ratio, self.angle)]
        return blur(pixels, make_gaussian_kernel(*numbers))


class MotionBlur(Degradation):
    """A camera that moved in a straight line."""

    length: Amounts = (3, 21)  # pixels
    angle: Angle = (0, 180)

    @property
    def reach(self) -> int:
        """How far it may carry what is seen of a pixel, in pixels."""
        return ceil(self.length[1] / 2) + 1

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo blurred."""
        kernel = make_motion_kernel(rng.uniform(*self.length), rng.uniform(*self.angle))
        return blur(pixels, kernel)


class LensBlur(Degradation):
    """A lens out of focus: points become disks."""

    radius: Amounts = (1, 6)  # pixels

    @property
    def reach(self) -> int:
        """How far it may carry what is seen of a pixel, in pixels."""
        return ceil(self.radius[1])

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo blurred."""
        return blur(pixels, make_disk_kernel(rng.uniform(*self.radius)))


def shrink_and_enlarge(pixels: Pixels, factor: float, down: Filter, up: Filter) -> Pixels:
    """Return the photo made smaller by `factor` and as large as it was again."""
    height, width = pixels.shape[:2]
    small = max(1, round(width / factor)), max(1, round(height / factor))
    return _resize(_resize(pixels, small, down), (width, height), up)


def _resize(pixels: Pixels, size: tuple[int, int], name: Filter) -> Pixels:
    """Return the photo with `size` (width, height)."""
    if name == "bicubic":
        return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
    return np.asarray(cv2.resize(pixels, size, interpolation=FILTERS[name]), np.uint8)


class Downscale(Degradation):
    """A photo that was made small and large again, by filters of different programs."""

    factor: Annotated[tuple[float, float], within(1, 64)] = (1.5, 4)
    down: tuple[Filter, ...] = Field(("area", "linear", "cubic", "lanczos"), min_length=1)
    up: tuple[Filter, ...] = Field(("nearest", "linear", "cubic", "lanczos"), min_length=1)

    @property
    def reach(self) -> int:
        """How far it may carry what is seen of a pixel, in pixels."""
        return ceil(2 * self.factor[1])

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo with the detail of a smaller one."""
        down, up = (names[rng.integers(len(names))] for names in (self.down, self.up))
        return shrink_and_enlarge(pixels, rng.uniform(*self.factor), down, up)
