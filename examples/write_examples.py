"""Write example photos and masks: python examples/write_examples.py [FOLDER] (default: demo).

FOLDER/photo.png is a cup of coffee with scratches on the print, FOLDER/mask.png marks the scratches
and a spoon that shall go. FOLDER/rocket.png and FOLDER/rocket-mask.png are a rocket between two
masts. The pictures come inside scikit-image, so nothing is fetched: `coffee` is CC0 by Rachel
Michetti, `rocket` was released into the public domain by SpaceX.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from skimage import data

from restore.masks import Scratches, grow_mask

Pixels = NDArray[np.uint8]
Outline = list[tuple[int, int]]

SCRATCH_COLOR = (238, 232, 216)  # bare paper
# fmt: off
SPOON: list[Outline] = [
    [(313, 256), (316, 244), (326, 238), (352, 236), (368, 232), (372, 214), (385, 200), (387, 237),
     (408, 264), (409, 282), (402, 302), (386, 319), (362, 329), (340, 321), (326, 304), (322, 284),
     (326, 262)],
    [(390, 190), (378, 214), (387, 222), (394, 200), (400, 170), (413, 124), (426, 84), (424, 70),
     (412, 62), (398, 68), (394, 76), (406, 104), (406, 130)],
]
MASTS: list[Outline] = [
    [(193, 114), (209, 114), (218, 186), (214, 392), (158, 392), (178, 240), (183, 186)],
    [(437, 114), (456, 114), (464, 186), (480, 392), (432, 392), (438, 240), (438, 186)],
]
# fmt: on


def make_coffee() -> tuple[Pixels, Pixels]:
    """Return a photo (400, 600, 3) with scratches, and the mask {0, 1} of them and of the spoon."""
    photo = data.coffee()
    scratches = Scratches(count=(5, 5), specks=(12, 12)).draw(400, 600, np.random.default_rng(3))
    photo[scratches == 1] = SCRATCH_COLOR
    return photo, fill_outlines(photo, SPOON) | grow_mask(scratches, 2)


def make_rocket() -> tuple[Pixels, Pixels]:
    """Return a photo (427, 640, 3) and the mask {0, 1} of the two masts beside the rocket."""
    photo = data.rocket()
    return photo, fill_outlines(photo, MASTS)


def fill_outlines(photo: Pixels, outlines: list[Outline]) -> Pixels:
    """Return a mask {0, 1} of the photo's size with the insides of the outlines (x, y) set."""
    canvas = Image.new("L", (photo.shape[1], photo.shape[0]))
    for outline in outlines:
        ImageDraw.Draw(canvas).polygon(outline, fill=1)
    return np.asarray(canvas)


def write_examples(folder: Path) -> None:
    """Write both photos and their masks (white marks what shall go) as PNG into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    examples = {"photo": make_coffee(), "rocket": make_rocket()}
    for name, mask_name in (("photo", "mask"), ("rocket", "rocket-mask")):
        photo, mask = examples[name]
        Image.fromarray(photo).save(folder / f"{name}.png")
        Image.fromarray(mask * np.uint8(255)).save(folder / f"{mask_name}.png")
        print(f"wrote {folder / name}.png and {folder / mask_name}.png")


if __name__ == "__main__":
    write_examples(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
