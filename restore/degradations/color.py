"""Colour that went with time: yellowed, and flat."""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from restore.degradations.contract import Degradation
from restore.image import AnyPixels, Pixels
from restore.seeded import Amounts, Rng, Share, Shares

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
OLD_PAPER = np.array((1.0, 0.88, 0.58))  # share of red, green and blue that it reflects


def mix(pixels: AnyPixels, matrix: ArrayLike, offset: ArrayLike = (0, 0, 0)) -> AnyPixels:
    """Return matrix · colour + offset (levels of 255) for each pixel, rounded and clipped."""
    scale = np.iinfo(pixels.dtype).max // 255
    shift = scale * np.asarray(offset, np.float32)
    columns = np.column_stack([np.asarray(matrix, np.float32), shift])
    return np.asarray(cv2.transform(pixels, columns), pixels.dtype).reshape(pixels.shape)


def turn_yellow(pixels: Pixels, amount: float) -> Pixels:
    """Look at the photo on old paper: 0 as it was, 1 yellow where it was white."""
    return mix(pixels, np.diag(paper(amount)))


def paper(amount: float) -> NDArray[np.float64]:
    """Return the share of red, green and blue that paper reflects: 0 white, 1 old."""
    return 1 - amount * (1 - OLD_PAPER)


class Yellowing(Degradation):
    """Paper that has turned yellow; often the colours of the photo are gone as well."""

    amount: Shares = (0.3, 1)
    gray: Share = 0.3  # how often the photo is black and white

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo yellowed."""
        if rng.random() < self.gray:
            pixels = mix(pixels, np.tile(LUMA, (3, 1)))
        return turn_yellow(pixels, rng.uniform(*self.amount))


def lower_contrast(pixels: Pixels, contrast: float, brightness: float) -> Pixels:
    """Draw levels towards middle gray and move them: 128 + contrast · (level − 128) + brightness.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        contrast: 0 all gray, 1 as it was.
        brightness: levels of 255.
    """
    return mix(pixels, contrast * np.eye(3), np.full(3, 128 * (1 - contrast) + brightness))


class LowContrast(Degradation):
    """A flat photo, too dark or too light."""

    contrast: Shares = (0.3, 0.8)
    brightness: Amounts = (0, 40)  # levels of 255, up or down

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo flattened."""
        brightness = rng.uniform(*self.brightness) * rng.choice((-1, 1))
        return lower_contrast(pixels, rng.uniform(*self.contrast), brightness)
