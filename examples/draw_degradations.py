"""Draw docs/degradations.png: every kind of degradation and every shipped chain on one photo.

Run from a checkout: python examples/draw_degradations.py. The photo is scikit-image's `astronaut`,
by NASA and in the public domain.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from restore.assets import chain_names
from restore.degradations import DEGRADATIONS, load_chain
from restore.draw import make_grid

FIGURE = Path(__file__).parents[1] / "docs" / "degradations.png"
COLUMNS, SEED = 6, 55  # one that draws some of each kind
COLORS = 256  # of the file, which has a palette to stay small


def draw_tiles() -> dict[str, NDArray[np.uint8]]:
    """Return the photo and what each kind and each chain makes of it, by name."""
    photo = np.ascontiguousarray(data.astronaut()[28:178, 150:300])
    kinds = {name: kind() for name, kind in DEGRADATIONS.items()}
    chains = {f"preset {name}": load_chain(name) for name in chain_names()}
    tiles = {"photo": photo}
    for name, degradation in (kinds | chains).items():
        tiles[name] = degradation(photo, np.random.default_rng(SEED))
    return tiles


def draw_figure() -> NDArray[np.uint8]:
    """Return all tiles under their names, a few to a row."""
    tiles = list(draw_tiles().items())
    blank = np.full_like(tiles[0][1], 255)
    tiles += [("", blank)] * (-len(tiles) % COLUMNS)
    rows = [tiles[n : n + COLUMNS] for n in range(0, len(tiles), COLUMNS)]
    return np.vstack([make_grid([[t for _, t in row]], [name for name, _ in row]) for row in rows])


if __name__ == "__main__":
    FIGURE.parent.mkdir(exist_ok=True)
    figure = Image.fromarray(draw_figure()).quantize(COLORS, dither=Image.Dither.NONE)
    figure.save(FIGURE, optimize=True)
    print(f"wrote {FIGURE} ({FIGURE.stat().st_size // 1000} kB)")
