"""Tiles: a large photo is restored part by part, and the parts are blended where they overlap.

Along each side the parts are spans of one length. Where two overlap, each leaves to the other what
lies near its own rim, where it has seen too little, and between the two it fades: as half a sine,
so that the weights of both add up to one everywhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, isqrt

import numpy as np

from restore.image import Plane

MARGIN = 64  # pixels at the rim of a tile that are left to its neighbour
RAMP = 32  # pixels over which a tile fades into its neighbour
OVERLAP = 2 * MARGIN + RAMP
LEAST_SIDE = 3 * OVERLAP
SIDES = (LEAST_SIDE, 640, 960, 1280)  # of tiles; larger ones save little and need memory
PIXEL_BYTES = 1024  # that a pixel of a tile takes while it is mended, at most


def pick_side(memory: int) -> int:
    """Return the longest side of a tile for so many free bytes, of which it may take half.

    It is one of few, so that a photo comes out the same where a little more memory is taken.
    """
    side = isqrt(memory // (2 * PIXEL_BYTES))
    return max((known for known in SIDES if known <= side), default=LEAST_SIDE)


@dataclass(frozen=True, eq=False)
class Span:
    """A part of a side: pixels from `start` to `stop`, and how much each counts there."""

    start: int
    stop: int
    weights: Plane  # (stop - start,), 0 to 1

    @property
    def slice(self) -> slice:
        """The index of the span in an array."""
        return slice(self.start, self.stop)


def split_side(length: int, longest: int, step: int) -> list[Span]:
    """Return spans of one length that cover a side; their weights add up to 1 everywhere.

    Args:
        length: of the side, pixels.
        longest: that a span may be, pixels, or `LEAST_SIDE` where that is longer: shorter ones
            would overlap more than once.
        step: starts are multiples of it, and all lengths but the last, which ends with the side and
            may be longer by less than a step.
    """
    longest = max(longest, _round_up(LEAST_SIDE, step))
    if length <= longest:
        return [Span(0, length, np.ones(length, np.float32))]
    longest -= longest % step
    count = ceil((length - OVERLAP) / (longest - OVERLAP))
    size = min(longest, _round_up(ceil((length - OVERLAP) / count) + OVERLAP, step))
    starts = [n * (length - size) // (count - 1) // step * step for n in range(count)]
    stops = [*(start + size for start in starts[:-1]), length]
    spans = []
    for n, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        weights = np.ones(stop - start, np.float32)
        if n > 0:
            weights[: stops[n - 1] - start] *= _rise(stops[n - 1] - start)
        if n + 1 < count:
            weights[starts[n + 1] - start :] *= 1 - _rise(stop - starts[n + 1])
        spans.append(Span(start, stop, weights))
    return spans


def _round_up(number: int, step: int) -> int:
    return ceil(number / step) * step


def _rise(overlap: int) -> Plane:
    """Return weights from 0 to 1 over an overlap, (overlap,): half a sine between two margins."""
    before = (overlap - RAMP) // 2
    place = (np.arange(overlap) + 0.5 - before) / RAMP
    return (0.5 - 0.5 * np.cos(np.pi * np.clip(place, 0, 1))).astype(np.float32)


class Blend:
    """Joins tiles that come in reading order; holds one row of them at a time.

    Args:
        rows: spans along the height.
        columns: spans along the width.
    """

    def __init__(self, rows: Sequence[Span], columns: Sequence[Span]) -> None:
        self.rows, self.columns = rows, columns
        self.boxes = [(row, column) for row in rows for column in columns]
        self._count = 0
        self._band = self._pending = np.zeros((0, columns[-1].stop, 1), np.float32)

    def add(self, tile: Plane) -> Iterator[tuple[slice, Plane]]:
        """Add the next tile (h, w, C); yield rows that are done: their index and (h, W, C).

        What is yielded belongs to the caller.
        """
        row, column = self.boxes[self._count]
        self._count += 1
        if column is self.columns[0]:
            shape = (len(row.weights), self.columns[-1].stop, tile.shape[2])
            self._band = np.zeros(shape, np.float32)
            self._band[: len(self._pending)] = self._pending
        weights = (row.weights[:, None] * column.weights)[..., None]
        self._band[:, column.slice] += weights * tile
        if column is self.columns[-1]:
            done = self._end_of(row) - row.start
            yield slice(row.start, row.start + done), self._band[:done]
            self._pending = self._band[done:].copy()  # so that the rest can be freed

    def _end_of(self, row: Span) -> int:
        """Return the first row of pixels that the next row of tiles adds to."""
        number = self.rows.index(row)
        return self.rows[number + 1].start if number + 1 < len(self.rows) else row.stop
