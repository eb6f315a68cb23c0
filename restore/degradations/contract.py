"""What every kind of degradation is: settings that spoil a photo by numbers drawn from ranges."""

from abc import ABC, abstractmethod
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restore.config import Settings, within
from restore.image import Mask, Pixels, Plane

Rng = np.random.Generator


class Degradation(Settings, ABC):
    """A kind of degradation: draws its numbers from its ranges and spoils a photo by them.

    Every kind keeps the size of the photo and what lies where, so that pairs fit.
    """

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


MOST = 100_000  # lines, specks or letters; more would take hours
Count = Annotated[tuple[int, int], within(0, MOST)]  # both ends may be drawn
Span = Annotated[tuple[float, float], within(0)]
Share = Annotated[tuple[float, float], within(0, 1)]
Length = Annotated[tuple[float, float], within(0, 10)]  # in shorter sides of the picture
Chance = Annotated[float, Field(ge=0, le=1)]


def draw_count(rng: Rng, bounds: tuple[int, int]) -> int:
    """Return a whole number of a range, both ends included."""
    return int(rng.integers(bounds[0], bounds[1] + 1))


def to_levels(values: NDArray[np.floating]) -> Pixels:
    """Return values of 0 to 255 as uint8, rounded and clipped."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
