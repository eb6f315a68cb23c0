"""Fading: how light bleaches dyes, how far it has gone in a photo, and the way back."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.degradations.color import LUMA, OLD_PAPER, mix, paper
from restore.degradations.contract import Degradation, Rng, Share
from restore.image import AnyPixels, Pixels, to_eight_bits

_BLEACHED = np.array((196.0, 186.0, 176.0))  # levels of 255: the colour that dyes fade to
_SIDE = 256  # pixels: what is no larger than a pixel then is noise or a speck
_EXTREME = 0.1  # per cent of the pixels that may be darker than black, and lighter than white
_LEAST_RANGE = 80  # levels of 255 from the darkest to the lightest of a photo that was faded
_NOTICED = 0.2  # amount from which on a photo counts as faded
_YELLOW = 0.3  # amount from which on paper counts as yellow
_MOST = 0.6  # of it that is given back; beyond, there is more noise than photo


def fade(pixels: AnyPixels, amount: float) -> AnyPixels:
    """Take colour and depth away: 0 nothing, 1 all."""
    matrix, offset = _fading(amount, _BLEACHED)
    return mix(pixels, matrix, offset)


class Faded(NamedTuple):
    """How far a photo has faded, as `fade` and then `turn_yellow` take it."""

    amount: float
    yellow: float = 0.0


def unfade(pixels: AnyPixels, faded: Faded) -> AnyPixels:
    """Give back what `fade` took from pixels (H, W, 3), uint8 or uint16.

    Yellow paper stays yellow, and gray pixels gray.
    """
    matrix, offset = _fading(faded.amount, _ground(pixels))
    if _is_gray(pixels):
        matrix = (1 - faded.amount) * np.eye(3)  # the same for gray, but for rounding
    reflected = paper(faded.yellow)
    back = reflected[:, None] * np.linalg.inv(matrix)
    return mix(pixels, back / reflected, -back @ offset)


def find_fading(pixels: AnyPixels) -> Faded | None:
    """Return how far a photo (H, W, 3), uint8 or uint16, looks faded; None where it doesn't.

    The darkest of a faded photo is no darker than what black has become, and its lightest no
    lighter than what white has, on white or yellow paper. A photo that lacks both from the first,
    as one of fog may, looks the same; so an amount of less than 0.2 is none.
    """
    size = (min(pixels.shape[1], _SIDE), min(pixels.shape[0], _SIDE))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), pixels.dtype)
    small = small if small.dtype == np.uint8 else to_eight_bits(small)
    dark, light = np.percentile(small, (_EXTREME, 100 - _EXTREME), axis=(0, 1))
    if (light - dark).max() < _LEAST_RANGE:
        return None
    yellow = _find_yellow(light)
    dark, light = (np.minimum(255, levels / paper(yellow)) for levels in (dark, light))
    ground = _ground(small)
    amount = float(min((dark / ground).min(), ((255 - light) / (255 - ground)).min()))
    return Faded(min(_MOST, amount), yellow) if amount >= _NOTICED else None


def _find_yellow(light: NDArray[np.float64]) -> float:
    """Return how yellow paper is of which the lightest pixels are (3,); 0 where it is in doubt."""
    lost = (1 - light[1:] / light[0]) / (1 - OLD_PAPER[1:])
    return float(min(1.0, lost.min())) if lost.min() >= _YELLOW else 0.0


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
