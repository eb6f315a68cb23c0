"""Make the before-and-after picture of the README: python examples/make_figures.py [MODEL].

It goes to docs/before-after.png; the photos are those of write_examples.py.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from write_examples import make_coffee, make_rocket

from restore import Restorer
from restore.draw import draw_mask, make_grid

FIGURE = Path(__file__).parents[1] / "docs" / "before-after.png"
WIDTH = 420  # pixels of each picture


def make_before_after(restorer: Restorer) -> NDArray[np.uint8]:
    """Return a figure with the photo, what is marked, and what `restorer` makes of it."""
    rows = []
    for photo, mask in (make_coffee(), make_rocket()):
        marked = draw_mask(photo, mask, opacity=0.6)
        rows.append([shrink(picture) for picture in (photo, marked, restorer.fix(photo, mask))])
    return make_grid(rows, ["photo", "what is marked", "mended"])


def shrink(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture at the width that all have in the figure."""
    height = round(pixels.shape[0] * WIDTH / pixels.shape[1])
    return np.asarray(cv2.resize(pixels, (WIDTH, height), interpolation=cv2.INTER_AREA), np.uint8)


if __name__ == "__main__":
    FIGURE.parent.mkdir(exist_ok=True)
    restorer = Restorer.load(sys.argv[1] if len(sys.argv) > 1 else "inpaint")
    Image.fromarray(make_before_after(restorer)).save(FIGURE, optimize=True)
    print(f"wrote {FIGURE}")
