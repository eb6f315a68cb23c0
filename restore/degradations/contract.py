"""What every kind of degradation is: settings that spoil a photo by numbers drawn from ranges."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from restore.config import Settings
from restore.image import Mask, Pixels, Plane
from restore.seeded import Rng


class Degradation(Settings, ABC):
    """A kind of degradation: draws its numbers from its ranges and spoils a photo by them.

    Every kind keeps the size of the photo and what lies where, so that pairs fit.
    """

    @property
    def reach(self) -> int:
        """How far it may carry what is seen of a pixel, in pixels."""
        return 0

    @abstractmethod
    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return pixels (H, W, 3) uint8 RGB spoiled anew; equal generators, equal results."""

    def spoil(self, pixels: Pixels, rng: Rng) -> Plane:
        """Return the spoiled photo (H, W, 3) as levels of 0 to 255, float32.

        A kind whose result is no file by nature, as noise, neither rounds nor clips it here.
        Rounded, it is that of calling the kind with an equal generator.
        """
        return self(pixels, rng).astype(np.float32)

    def damage(self, pixels: Pixels, rng: Rng) -> tuple[Pixels, Mask]:
        """Return the spoiled pixels and a mask (H, W) uint8 {0, 1}, 1 is where they are damaged.

        The mask has local damage only (scratches, dust, text); noise and the like are everywhere
        and leave it empty. The pixels are those of calling the kind with an equal generator.
        """
        return self(pixels, rng), np.zeros(pixels.shape[:2], np.uint8)


def to_levels(values: NDArray[np.floating]) -> Pixels:
    """Return values of 0 to 255 as uint8, rounded and clipped."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
