"""Ranges that settings name, and what seeded generators draw: numbers of them, smooth noise."""

import os
from math import inf
from operator import index
from typing import Annotated

import cv2
import numpy as np
from pydantic import AfterValidator, Field

from restore.errors import UsageError
from restore.image import Plane, compose

Rng = np.random.Generator

WIDEST_LINE = 32_767  # pixels; OpenCV draws no wider one
SEEDS = 2**32  # as many as NumPy keeps apart
MOST = 100_000  # strokes, boxes, specks or letters; more would take hours


def within(low: float, high: float = inf) -> AfterValidator:
    """Return a check of a range (smallest, largest), which has to lie between low and high."""

    def check(bounds: tuple[float, float]) -> tuple[float, float]:
        if not low <= bounds[0] <= bounds[1] <= high:
            limit = "" if high == inf else f" <= {high:g}"
            raise ValueError(
                f"must be [smallest, largest] with {low:g} <= smallest <= largest{limit}, "
                f"not {list(bounds)}"
            )
        return bounds

    return AfterValidator(check)


Count = Annotated[tuple[int, int], within(0, MOST)]  # both ends may be drawn
Length = Annotated[tuple[float, float], within(0, 10)]  # in shorter sides of the picture
Amounts = Annotated[tuple[float, float], within(0)]
Share = Annotated[float, Field(ge=0, le=1)]
Shares = Annotated[tuple[float, float], within(0, 1)]


def read_seed(seed: int) -> int:
    """Return a seed as a plain integer, also of NumPy's.

    Raises:
        UsageError: it is no whole number, or not 0 to 2³² - 1; above, another would draw the same.
    """
    try:
        number = index(seed)
    except TypeError:
        raise UsageError(f"A seed is a whole number, not {seed!r}.") from None
    if not 0 <= number < SEEDS:
        raise UsageError(f"A seed is a whole number from 0 to {SEEDS - 1}, not {number}.")
    return number


def make_rng(seed: int, name: str) -> Rng:
    """Return the generator of one photo, from the seed and its relative path with "/".

    So what is drawn for a photo is the same whatever lies beside it. Alone its path is
    its name, so that it gets what it gets at the top of a folder, but not in a sub-folder of one.

    Raises:
        UsageError: see `read_seed`.
    """
    return np.random.default_rng([read_seed(seed), *os.fsencode(compose(name))])


def draw_count(rng: Rng, bounds: tuple[int, int]) -> int:
    """Return a whole number of a range, both ends included."""
    return int(rng.integers(bounds[0], bounds[1] + 1))


def draw_smooth(height: int, width: int, grain: float, rng: Rng) -> Plane:
    """Return smooth noise (H, W), about N(0, 1), with patches of `grain` times the shorter side.

    Above a grain of 0.1 they are smaller, at 0.5 half of it, as whole cells are fitted in.
    """
    cell = max(1.0, grain * min(height, width))
    cells = rng.standard_normal((int(height / cell) + 2, int(width / cell) + 2), np.float32)
    smooth = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth, np.float32).reshape(height, width)
