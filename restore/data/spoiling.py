"""Training photos that are spoiled as a whole, instead of having a hole."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.degradations import Chain
from restore.degradations.contract import to_levels
from restore.image import Pixels

FILES = 0.5  # share of spoiled photos that are as a file holds them
LEAST_SCALE = 0.55  # that a crop is scaled down to at most


@dataclass(frozen=True)
class Spoiling:
    """What spoils whole photos: to a training set what a mask preset is for holes.

    Attributes:
        chain: spoils a crop.
        gray: share of photos that are made black and white first.
    """

    chain: Chain
    gray: float = 0.0

    def draw(self, crop: Pixels, rng: np.random.Generator) -> tuple[Pixels, NDArray[np.float32]]:
        """Return the crop (H, W, 3) uint8, perhaps gray now, and it spoiled, levels in float32.

        Half of them are rounded and clipped to the levels of a file; in the others noise is not,
        as in the papers, see `Degradation.spoil`.
        """
        if rng.random() < self.gray:
            luma = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.uint8)
            crop = np.repeat(luma[..., None], 3, axis=2)
        spoiled = self.chain.spoil(crop, rng)
        if rng.random() < FILES:
            spoiled = to_levels(spoiled).astype(np.float32)
        return crop, spoiled
