"""Training photos that are spoiled as a whole, instead of having a hole."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.degradations import Chain
from restore.image import Pixels

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

        Noise is neither rounded nor clipped, see `Degradation.spoil`.
        """
        if rng.random() < self.gray:
            luma = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.uint8)
            crop = np.repeat(luma[..., None], 3, axis=2)
        return crop, self.chain.spoil(crop, rng)
