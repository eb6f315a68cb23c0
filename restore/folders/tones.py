"""Whether a photo got its colour and depth back when it was mended, which its owner is told."""

import cv2
import numpy as np

from restore.degradations import find_fading
from restore.draw import shrink
from restore.image import Mask, Photo, Pixels, cover_hidden

_SIDES = 256, 1024  # pixels; photos are looked at no smaller and, as a rule, no larger
_CELLS = (32, 32)  # whose tones are compared
_OTHER_TONE = 5  # levels by which that of most cells has changed


def is_unfaded(photo: Photo, fixed: Photo, damage: Mask | None = None) -> bool:
    """Return whether a photo looked faded and, mended as a whole, has got another tone.

    Args:
        photo: as it was; what is invisible is not looked at.
        fixed: the result, of any size.
        damage: (H, W) {0, 1}, 1 is what was filled: white scratches are none of the photo's whites.
    """
    height, width = photo.pixels.shape[:2]
    side = max(_SIDES[1], _SIDES[0] * max(height, width) // min(height, width))
    seen = _find_seen(photo, damage)
    if seen is not None:
        seen = np.where(shrink(seen, side) == 255, np.uint8(255), np.uint8(0))  # of all of a pixel
    shown = cover_hidden(shrink(photo.pixels, side), seen)
    if find_fading(shown) is None:
        return False
    before, after = (
        cv2.resize(pixels, _CELLS, interpolation=cv2.INTER_AREA).astype(np.int16)
        for pixels in (shown, fixed.pixels)
    )
    change = abs(after - before)
    if seen is not None:
        cells = cv2.resize(seen, _CELLS, interpolation=cv2.INTER_AREA) > 127
        change = change[cells] if cells.any() else change
    return bool(np.median(change) > _OTHER_TONE)


def _find_seen(photo: Photo, damage: Mask | None) -> Pixels | None:
    """Return (H, W) uint8, 0 where a photo is invisible or damaged and else 255; None for all."""
    if photo.alpha is None and damage is None:
        return None
    seen = np.full(photo.pixels.shape[:2], 255, np.uint8)
    if photo.alpha is not None:
        seen[photo.alpha == 0] = 0
    if damage is not None:
        seen[damage == 1] = 0
    return seen
