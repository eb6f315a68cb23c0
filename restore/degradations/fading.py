"""Fading: how light bleaches dyes, how far it has gone in a photo, and the way back."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.degradations.color import LUMA, OLD_PAPER, mix, paper
from restore.degradations.contract import Degradation
from restore.image import AnyPixels, Pixels, to_eight_bits
from restore.seeded import Rng, Shares

Colour = NDArray[np.float64]  # (3,), levels of 255

_BLEACHED = np.array((196.0, 186.0, 176.0))  # what dyes fade to
_TINT = _BLEACHED[0] / _BLEACHED[2] - 1
_LEAST_SIDE = 128  # pixels: in smaller photos black or white are too often missing
_SIDE = 256  # pixels: what is no larger than a pixel then is noise or a speck
_BORDER = 20  # a photo may have a border of this part of its side
_EXTREME = 0.1  # per cent of the pixels that may be darker than black, and lighter than white
_LEAST_RANGE = 80  # levels from the darkest to the lightest of a photo that was faded
_COLOURLESS = 4  # levels between the channels of a photo that had no colour, on average
_FROM, _SURE = 0.18, 0.28  # amounts from which on fading is taken for possible, and for certain
_MOST = 0.6  # of it that is given back; beyond, there is more noise than photo
_YELLOW = 0.3  # amount from which on paper counts as yellow
_AGREED = 0.4  # by how much green and blue may differ in what they say of the paper


class Faded(NamedTuple):
    """How far a photo has faded, as `fade` and then `turn_yellow` take it.

    Attributes:
        amount: of fading.
        yellow: amount by which the paper has turned yellow.
        tint: 0 where black has become a neutral gray, 1 where it has the tint of bleached dyes.
        gray: whether the photo has no colour that could have paled.
    """

    amount: float
    yellow: float = 0.0
    tint: float = 1.0
    gray: bool = False


def fade(pixels: AnyPixels, amount: float) -> AnyPixels:
    """Take colour and depth away: 0 nothing, 1 all."""
    matrix, offset = _fading(Faded(amount))
    return mix(pixels, matrix, offset)


def unfade(pixels: AnyPixels, faded: Faded) -> AnyPixels:
    """Give back what fading took from pixels (H, W, 3), uint8 or uint16.

    Yellow paper stays yellow.
    """
    matrix, offset = _fading(faded)
    reflected = paper(faded.yellow)
    back = reflected[:, None] * np.linalg.inv(matrix)
    return mix(pixels, back / reflected, -back @ offset)


def find_fading(pixels: AnyPixels) -> Faded | None:
    """Return how far a photo (H, W, 3), uint8 or uint16, looks faded; None where it doesn't.

    The darkest of a faded photo is no darker than what black has become, and its lightest no
    lighter than what white has, on white or yellow paper. A photo that lacks both from the first,
    as one of fog may, looks the same; so an amount below 0.18 is none, and one below 0.28 is given
    back in part. A border of a twentieth of the sides is not looked at.
    """
    if min(pixels.shape[:2]) < _LEAST_SIDE:
        return None
    size = (min(pixels.shape[1], _SIDE), min(pixels.shape[0], _SIDE))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), pixels.dtype)
    small = small if small.dtype == np.uint8 else to_eight_bits(small)
    rows, columns = (slice(n // _BORDER, n - n // _BORDER) for n in small.shape[:2])
    seen = small[rows, columns].reshape(-1, 3)
    dark, light = np.percentile(seen, (_EXTREME, 100 - _EXTREME), axis=0)
    if (light - dark).max() < _LEAST_RANGE:
        return None
    yellow = _find_yellow(light)
    dark, light = (np.minimum(255, levels / paper(yellow)) for levels in (dark, light))
    tint = float(np.clip((dark[0] / max(1.0, dark[2]) - 1) / _TINT, 0, 1))
    ground = _ground(tint)
    amount = float(min((dark / ground).min(), ((255 - light) / (255 - ground)).min()))
    if amount <= _FROM:
        return None
    given = float(min(_MOST, amount) * np.interp(amount, (_FROM, _SURE), (0, 1)))
    colour = np.ptp(seen / paper(yellow) - amount * ground, axis=1)
    return Faded(given, yellow, tint, bool(colour.mean() < _COLOURLESS))


def _find_yellow(light: Colour) -> float:
    """Return how yellow paper is of which the lightest pixels are; 0 where it is in doubt."""
    lost = (1 - light[1:] / max(1.0, light[0])) / (1 - OLD_PAPER[1:])
    is_paper = lost.min() >= _YELLOW and np.ptp(lost) <= _AGREED
    return float(min(1.0, lost.min())) if is_paper else 0.0


def _fading(faded: Faded) -> tuple[NDArray[np.float64], Colour]:
    """Return the matrix and the offset by which colours fade on white paper."""
    amount, equal = faded.amount, np.eye(3)
    matrix = equal if faded.gray else amount * np.tile(LUMA, (3, 1)) + (1 - amount) * equal
    return (1 - amount) * matrix, amount * _ground(faded.tint)


def _ground(tint: float) -> Colour:
    """Return what dyes fade to, from a neutral gray at 0 to the tint of bleached dyes at 1."""
    mean = _BLEACHED.mean()
    return mean + tint * (_BLEACHED - mean)


class Fading(Degradation):
    """Dyes that the light has bleached: blacks turn gray, colours pale."""

    amount: Shares = (0.15, 0.6)

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo faded."""
        return fade(pixels, rng.uniform(*self.amount))
