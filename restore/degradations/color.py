"""Colour that went with time: faded, yellowed, and flat."""

import cv2
import numpy as np
from numpy.typing import ArrayLike

from restore.degradations.contract import Chance, Degradation, Rng, Share, Span
from restore.image import Pixels

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_BLEACHED = (196, 186, 176)  # what dyes fade to
_OLD_PAPER = (1.0, 0.88, 0.58)  # share of red, green and blue that old paper reflects


def _mix(pixels: Pixels, matrix: ArrayLike, offset: ArrayLike = (0, 0, 0)) -> Pixels:
    """Return matrix · colour + offset for each pixel, rounded and clipped."""
    columns = np.column_stack([np.asarray(matrix, np.float32), np.asarray(offset, np.float32)])
    return np.asarray(cv2.transform(pixels, columns), np.uint8).reshape(pixels.shape)


def fade(pixels: Pixels, amount: float) -> Pixels:
    """Take colour and depth away: 0 nothing, 1 all."""
    gray = amount * np.tile(_LUMA, (3, 1)) + (1 - amount) * np.eye(3)
    return _mix(pixels, (1 - amount) * gray, amount * np.array(_BLEACHED))


class Fading(Degradation):
    """Dyes that the light has bleached: blacks turn gray, colours pale."""

    amount: Share = (0.15, 0.6)

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo faded."""
        return fade(pixels, rng.uniform(*self.amount))


def turn_yellow(pixels: Pixels, amount: float) -> Pixels:
    """Look at the photo on old paper: 0 as it was, 1 yellow where it was white."""
    return _mix(pixels, np.diag(1 - amount * (1 - np.array(_OLD_PAPER))))


class Yellowing(Degradation):
    """Paper that has turned yellow; often the colours of the photo are gone as well."""

    amount: Share = (0.3, 1)
    gray: Chance = 0.3  # how often the photo is black and white

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo yellowed."""
        if rng.random() < self.gray:
            pixels = _mix(pixels, np.tile(_LUMA, (3, 1)))
        return turn_yellow(pixels, rng.uniform(*self.amount))


def lower_contrast(pixels: Pixels, contrast: float, brightness: float) -> Pixels:
    """Draw levels towards middle gray and move them: 128 + contrast · (level − 128) + brightness.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        contrast: 0 all gray, 1 as it was.
        brightness: levels of 255.
    """
    return _mix(pixels, contrast * np.eye(3), np.full(3, 128 * (1 - contrast) + brightness))


class LowContrast(Degradation):
    """A flat photo, too dark or too light."""

    contrast: Share = (0.3, 0.8)
    brightness: Span = (0, 40)  # levels of 255, up or down

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo flattened."""
        brightness = rng.uniform(*self.brightness) * rng.choice((-1, 1))
        return lower_contrast(pixels, rng.uniform(*self.contrast), brightness)
