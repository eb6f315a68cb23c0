"""Draw the pictures of masks/README.md: five masks of every shipped preset.

Run from a checkout: python examples/draw_mask_samples.py
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restore.assets import masks_folder, preset_names
from restore.masks import load_preset

SIDE, GAP, COUNT = 160, 8, 5  # pixels, pixels, masks in a row


def draw_row(name: str) -> Image.Image:
    """Return masks of one preset in a row, white is the hole, each in a thin black frame."""
    preset = load_preset(name)
    gap = np.ones((SIDE + 2, GAP), np.uint8)
    parts: list[NDArray[np.uint8]] = []
    for seed in range(COUNT):
        mask = preset.draw(SIDE, SIDE, np.random.default_rng(seed))
        parts += [np.pad(mask, 1), gap]
    return Image.fromarray(np.hstack(parts[:-1]) * 255).convert("1")


def main() -> None:
    """Write masks/samples/NAME.png for every preset."""
    folder = masks_folder() / "samples"
    folder.mkdir(exist_ok=True)
    for name in preset_names():
        draw_row(name).save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
