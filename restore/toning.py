"""Fills of photos that have no colours of their own: black and white, sepia, gray on yellow paper.

The generator has learned from photos in colour, and draws some where there is none.
"""

from math import ceil
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.image import Mask, Pixels, Plane

COLOURLESS = 2  # levels between channels that a JPEG makes of gray
STAMP = 0.01  # share of coloured pixels that a black-and-white photo may have
BRUSH, AROUND = 4, 24  # pixels from a hole between which its surroundings lie
TINTED = 0.03  # share of coloured pixels there from which on the hole may be coloured, too
SMEARED = 12  # pixels from a hole to which a JPEG smears the colour of a brush
STRONG, LINE = 32, 0.005  # levels, and the share of such pixels farther away that lines make
SEEN_SIDE = 512  # pixels; longer side at most of the photo in which a tone is looked for
BIN, LEAST_IN_BIN = 8, 16  # levels that count as one brightness, and pixels of it that tell a tone
STAINED = 12  # levels by which stains and a JPEG move what is of one tone
PART_SAMPLES = 1 << 22  # that are compared with a tone at once
OFF_TONE, MEAN_OFF, MOST_OFF = 6.0, 2.0, 0.015  # levels; their mean, and the share of more, at most


def drain_colour(pixels: Pixels, known: Mask) -> None:
    """Make the holes of a photo without colours of its own as colourless as the photo, in place.

    That is one that is black and white, or of one tone, as a sepia print or gray on yellowed paper;
    also with a stamp in one corner, or with what a red brush has left round the hole. A hole in the
    stamp, or in a coloured line, keeps its colour.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        known: (H, W) {0, 1}, 0 is the hole.
    """
    red, green, blue = cv2.split(pixels)
    apart = cv2.max(cv2.absdiff(red, green), cv2.absdiff(blue, green))
    coloured = (apart > COLOURLESS) & (known > 0)
    toning: Plane | None
    if np.count_nonzero(coloured) <= STAMP * np.count_nonzero(known):
        toning = _find_even_toning(pixels, (known > 0) & ~coloured)
    else:
        toning = find_toning(pixels, known)
        if toning is None:
            return
        apart = _find_rest(pixels, toning)
        coloured = (apart > STAINED) & (known > 0)
    distance, nearest = cv2.distanceTransformWithLabels(known, cv2.DIST_L2, 5)
    around = (distance > BRUSH) & (distance <= AROUND)
    tinted = _find_marked(coloured, nearest, around, TINTED)
    tinted |= _find_marked(apart > STRONG, nearest, around & (distance > SMEARED), LINE)
    hole = (known == 0) & ~tinted[nearest]
    gray = np.rint(pixels[hole].mean(axis=1)).astype(np.uint8)
    pixels[hole] = np.clip(gray[:, None] + np.rint(toning[gray]), 0, 255).astype(np.uint8)


def _find_marked(
    marked: NDArray[np.bool_], nearest: NDArray[Any], where: NDArray[np.bool_], share: float
) -> NDArray[np.bool_]:
    """Tell for each number in `nearest` whether more than a share of its pixels `where` is marked.

    Args:
        marked: (H, W).
        nearest: (H, W), the number of the hole that is nearest.
        where: (H, W), the pixels that count.
        share: of them.
    """
    count = int(nearest.max()) + 1
    found = np.bincount(nearest[where & marked], minlength=count)
    return found > share * np.bincount(nearest[where], minlength=count)


def find_toning(pixels: Pixels, known: Mask) -> Plane | None:
    """Return by how much red, green and blue differ from their mean m in a toned print, by m.

    In a sepia print, or one on yellowed paper, the colour goes by the brightness alone.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        known: (H, W) {0, 1}, 0 is the hole, which is not looked at.

    Returns:
        (256, 3) levels; None where the photo has colours that do not go by the brightness.
    """
    factor = max(2, ceil(max(known.shape) / SEEN_SIDE))  # which evens a JPEG's colours out
    size = (max(1, known.shape[1] // factor), max(1, known.shape[0] // factor))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    share = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    seen = small[share > 0.999]  # (N, 3)
    used = seen
    for _ in range(2):  # the second time without what the first shows to be of another colour
        toning = _fit_toning(used)
        if toning is None:
            return None
        off = _find_rest(seen, toning)
        used = seen[off <= OFF_TONE]
    is_toned = off.mean() < MEAN_OFF and np.mean(off > OFF_TONE) <= MOST_OFF
    return toning if is_toned else None


def _fit_toning(colours: NDArray[Any]) -> Plane | None:
    """Return the mean offsets (256, 3) of colours (N, 3) by their mean; None if none are enough."""
    level = colours.mean(axis=1)
    bins = level.astype(np.int64) // BIN
    counts = np.bincount(bins, minlength=256 // BIN)
    enough = counts >= LEAST_IN_BIN
    if not enough.any():
        return None
    middles = np.flatnonzero(enough) * BIN + BIN / 2
    columns = []
    for channel in range(3):
        sums = np.bincount(bins, colours[:, channel] - level, minlength=256 // BIN)
        columns.append(np.interp(np.arange(256), middles, sums[enough] / counts[enough]))
    return np.stack(columns, axis=1).astype(np.float32)


def _find_rest(colours: NDArray[Any], toning: Plane) -> Plane:
    """Return by how many levels colours (..., 3) are off those that their mean has in a toning."""
    rest: Plane = np.empty(colours.shape[:-1], np.float32)
    step = max(1, PART_SAMPLES * len(colours) // max(1, colours.size))
    # In parts, so that no copy of a large photo in float is held beside it.
    for start in range(0, len(colours), step):
        part = colours[start : start + step]
        level = part.mean(axis=-1, dtype=np.float32, keepdims=True)
        tone = toning[np.rint(level[..., 0]).astype(np.uint8)]
        rest[start : start + step] = np.abs(part - level - tone).max(axis=-1)
    return rest


def _find_even_toning(pixels: Pixels, where: NDArray[np.bool_]) -> Plane:
    """Return the one toning (256, 3) of a black-and-white photo, by whole levels."""
    mean = np.array(cv2.mean(pixels, where.view(np.uint8))[:3])
    return np.tile(np.rint(mean - mean.mean()), (256, 1)).astype(np.float32)
