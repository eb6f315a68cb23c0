"""How well a hole was filled: numbers per photo for which one must know where the hole was.

Each takes `(restored, clean, mask)`, two photos (H, W, 3) uint8 RGB and a mask (H, W) {0, 1}, 1 is
the hole, and returns a number; NaN where there is nothing to measure. No loss of training uses
them.
"""

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.image import Mask, Pixels

CELL = 32  # pixels
LEAST_HOLE = 0.25  # share of a cell; others say nothing
FLAT = 0.5  # levels; less than that is no step across the rim
NO_ERROR = 1e-10  # mean square that counts for equal fills, 100 dB


def hole_psnr(restored: Pixels, clean: Pixels, mask: Mask) -> float:
    """Return the peak signal-to-noise ratio over the hole alone, in decibel; at most 100."""
    hole = mask > 0
    if not hole.any():
        return float("nan")
    error = restored[hole].astype(np.float64) - clean[hole]
    return float(-10 * np.log10(max(np.square(error / 255).mean(), NO_ERROR)))


def texture_distance(restored: Pixels, clean: Pixels, mask: Mask) -> float:
    """Return how far the histograms of gradients in the hole are apart, in levels of 255.

    In each cell of 32 × 32 pixels the distribution of brightness steps across and of those down is
    compared with that of the clean photo by the earth mover's distance, whatever their places; 0 is
    best. So a fill that is too smooth, too rough or streaked costs, and one with other leaves on
    the tree doesn't.
    """
    photos = [_brightness(pixels) for pixels in (restored, clean)]
    distances = []
    for axis in (0, 1):
        ours, theirs = (np.diff(photo, axis=axis) for photo in photos)
        inside = np.minimum(mask, np.roll(mask, -1, axis))[: ours.shape[0], : ours.shape[1]] > 0
        for window in _cells(inside):
            pair = (np.sort(steps[window][inside[window]]) for steps in (ours, theirs))
            distances.append(np.abs(np.subtract(*pair)).mean())
    return float(np.mean(distances)) if distances else float("nan")


def seam(restored: Pixels, clean: Pixels, mask: Mask) -> float:
    """Return how strong the gradient across the rim is, as a ratio to that of the clean photo.

    It is the mean absolute step of brightness between a pixel of the hole and its known neighbour:
    1 is as the photo was, above that a seam shows. Steps of less than half a level on the average
    count as that, since nobody sees them.
    """
    rims = [np.diff(mask.astype(np.int8), axis=axis) != 0 for axis in (0, 1)]

    def total(pixels: Pixels) -> float:
        photo = _brightness(pixels)
        steps = (np.abs(np.diff(photo, axis=axis))[rim] for axis, rim in enumerate(rims))
        return float(sum(step.sum() for step in steps))

    least = FLAT * sum(int(rim.sum()) for rim in rims)
    return max(total(restored), least) / max(total(clean), least) if least else float("nan")


def _brightness(pixels: Pixels) -> NDArray[np.float32]:
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _cells(inside: NDArray[np.bool_]) -> Iterator[tuple[slice, slice]]:
    """Yield the cells with enough of the hole in them."""
    for top in range(0, inside.shape[0], CELL):
        for left in range(0, inside.shape[1], CELL):
            window = slice(top, top + CELL), slice(left, left + CELL)
            if inside[window].sum() >= LEAST_HOLE * CELL**2:
                yield window


HOLE_METRICS: dict[str, Callable[[Pixels, Pixels, Mask], float]] = {
    "hole_psnr": hole_psnr,
    "texture": texture_distance,
    "seam": seam,
}
