"""Smaller photos, of what is known of them."""

import cv2
import numpy as np
from numpy.typing import NDArray


def shrink_known(
    pixels: NDArray[np.uint8] | NDArray[np.float32],
    unknown: NDArray[np.uint8],
    size: tuple[int, int],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a photo at a smaller size, averaged over known pixels only, and how much was known.

    So what lies in a hole doesn't bleed out of it.

    Args:
        pixels: (H, W, 3), levels of 255.
        unknown: (H, W) {0, 1}, 1 where nothing is known.
        size: (height, width), no larger than (H, W).

    Returns:
        (height, width, 3) levels, 0 where nothing was known, and (height, width), shares of 1.
    """
    known = (1 - unknown).astype(np.float32)
    share = np.asarray(cv2.resize(known, size[::-1], interpolation=cv2.INTER_AREA), np.float32)
    levels = (pixels * known[..., None]).astype(np.float32, copy=False)
    mean = np.asarray(cv2.resize(levels, size[::-1], interpolation=cv2.INTER_AREA), np.float32)
    mean /= np.maximum(share, np.float32(1e-3))[..., None]
    return mean, share
