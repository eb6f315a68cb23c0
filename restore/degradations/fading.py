"""Fading: how light bleaches dyes, how far it has gone in a photo, and the way back."""

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.degradations.color import LUMA, mix
from restore.degradations.contract import Degradation, Rng, Share
from restore.image import AnyPixels, Pixels, to_eight_bits

_BLEACHED = np.array((196.0, 186.0, 176.0))  # levels of 255: the colour that dyes fade to
_SIDE = 256  # pixels: what is no larger than a pixel then is noise or a speck
_EXTREME = 0.1  # per cent of the pixels that may be darker than black, and lighter than white
_LEAST_RANGE = 80  # levels of 255 from the darkest to the lightest of a photo that was faded
_NOTICED = 0.2  # amount from which on a photo counts as faded
_MOST = 0.6  # of it that is given back; beyond, there is more noise than photo


def fade(pixels: AnyPixels, amount: float) -> AnyPixels:
    """Take colour and depth away: 0 nothing, 1 all."""
    matrix, offset = _fading(amount, _BLEACHED)
    return mix(pixels, matrix, offset)


def unfade(pixels: AnyPixels, amount: float) -> AnyPixels:
    """Give back what `fade` took from pixels (H, W, 3), uint8 or uint16; gray ones stay gray."""
    matrix, offset = _fading(amount, _ground(pixels))
    if _is_gray(pixels):
        matrix = (1 - amount) * np.eye(3)  # the same for gray, but for rounding
    inverse = np.linalg.inv(matrix)
    return mix(pixels, inverse, -inverse @ offset)


def find_fading(pixels: AnyPixels) -> float:
    """Return by which amount a photo (H, W, 3), uint8 or uint16, looks faded, 0 to 0.6.

    The darkest of a faded photo is no darker than what black has become, and its lightest no
    lighter than what white has. A photo that lacks both from the first, as one of fog may, looks
    the same; so 0 stands for less than 0.2, too.
    """
    size = (min(pixels.shape[1], _SIDE), min(pixels.shape[0], _SIDE))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), pixels.dtype)
    small = small if small.dtype == np.uint8 else to_eight_bits(small)
    dark, light = np.percentile(small, (_EXTREME, 100 - _EXTREME), axis=(0, 1))
    if (light - dark).max() < _LEAST_RANGE:
        return 0.0
    ground = _ground(small)
    amount = min((dark / ground).min(), ((255 - light) / (255 - ground)).min())
    return min(_MOST, float(amount)) if amount >= _NOTICED else 0.0


def _fading(amount: float, ground: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return the matrix and the offset, levels of 255, by which colours fade towards `ground`."""
    gray = amount * np.tile(LUMA, (3, 1)) + (1 - amount) * np.eye(3)
    return (1 - amount) * gray, amount * ground


def _ground(pixels: AnyPixels) -> NDArray[np.float64]:
    """Return what the dyes of a photo fade to, gray where it is gray."""
    return np.full(3, _BLEACHED.mean()) if _is_gray(pixels) else _BLEACHED


def _is_gray(pixels: AnyPixels) -> bool:
    return bool((pixels == pixels[..., :1]).all())


class Fading(Degradation):
    """Dyes that the light has bleached: blacks turn gray, colours pale."""

    amount: Share = (0.15, 0.6)

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo faded."""
        return fade(pixels, rng.uniform(*self.amount))
