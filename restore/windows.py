"""Windows: which parts of a photo a generator looks at to fill the holes of a mask.

A hole is cut out with its surroundings, so that the cost goes by the holes and not by the photo.
What goes through a photo window by window is a generator (`Steps`) that asks for each to be
restored: so the windows of several photos can be restored side by side.
"""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from restore.image import AnyPixels, Mask

CELL = 32  # pixels; holes in neighbouring cells are one, which keeps thousands of specks cheap


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: rows from `top`, columns from `left`; both ends are excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def area(self) -> int:
        """Pixels."""
        return self.height * self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """The index of the box in an (H, W, ...) array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def inside(self, outer: "Box") -> "Box":
        """Return the box in the coordinates of `outer`."""
        return Box(
            self.top - outer.top,
            self.left - outer.left,
            self.bottom - outer.top,
            self.right - outer.left,
        )

    def widen(self, margin: int, least: int, height: int, width: int, step: int = 1) -> "Box":
        """Return the box with `margin` on all sides, at least `least` wide, inside the photo.

        What one side of the photo cuts off is added on the other, as far as there is any. Sides
        that the photo leaves room for are multiples of `step`.
        """
        top, bottom = _widen(self.top, self.bottom, margin, least, height, step)
        left, right = _widen(self.left, self.right, margin, least, width, step)
        return Box(top, left, bottom, right)


def _widen(start: int, end: int, margin: int, least: int, limit: int, step: int) -> tuple[int, int]:
    length = max(end - start + 2 * margin, least)
    length = min(limit, length + -length % step)
    start = min(max(0, (start + end - length) // 2), limit - length)
    return start, start + length


def find_groups(mask: Mask, context: int, least: int) -> list[Box]:
    """Return boxes that hold all holes; holes whose windows share much are in one box.

    Args:
        mask: (H, W) {0, 1}, 1 is the hole.
        context: pixels that a window adds on each side of a box.
        least: pixels; smallest side of a window.
    """
    height, width = mask.shape
    _, _, stats, _ = cv2.connectedComponentsWithStats(_to_cells(mask), connectivity=8)
    boxes = [
        Box(top, left, min(height, top + tall), min(width, left + broad))
        for left, top, broad, tall, _ in (CELL * stats[1:]).tolist()  # 0 is what is known
    ]
    return _join_near(boxes, context, least, height, width)


def _to_cells(mask: Mask) -> Mask:
    """Return 1 for each cell of `CELL` × `CELL` pixels that a hole touches."""
    height, width = mask.shape
    padded = np.pad(mask, ((0, -height % CELL), (0, -width % CELL)))
    cells = padded.reshape(padded.shape[0] // CELL, CELL, -1, CELL)
    return cells.max(axis=(1, 3))


def _join_near(
    boxes: Iterable[Box], context: int, least: int, height: int, width: int
) -> list[Box]:
    """Join boxes as long as one window around two of them costs less than two windows."""

    def cost(corners: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the pixels of the windows around boxes (N, 4)."""
        sides = np.maximum(corners[:, 2:] - corners[:, :2] + 2 * context, least)
        return np.minimum(sides, (height, width)).prod(axis=1)

    groups = np.empty((0, 4), np.int64)
    for box in sorted(boxes, key=lambda box: -box.area):
        corners = np.array([(box.top, box.left, box.bottom, box.right)], np.int64)
        while True:
            starts = np.minimum(groups[:, :2], corners[:, :2])
            both = np.hstack([starts, np.maximum(groups[:, 2:], corners[:, 2:])])
            cheaper = np.flatnonzero(cost(both) <= cost(groups) + cost(corners))
            if not len(cheaper):
                break
            corners, groups = both[cheaper[:1]], np.delete(groups, cheaper[0], axis=0)
        groups = np.vstack([groups, corners])
    return sorted((Box(*group) for group in groups.tolist()), key=lambda box: (box.top, box.left))


def split_box(box: Box, largest: int) -> list[Box]:
    """Return the box as a grid of equal parts, none with a side over `largest`."""
    rows = _split(box.top, box.bottom, largest)
    columns = _split(box.left, box.right, largest)
    return [Box(t, left, b, right) for t, b in rows for left, right in columns]


def _split(start: int, end: int, largest: int) -> list[tuple[int, int]]:
    count = -(-(end - start) // largest)
    edges = [start + (end - start) * n // count for n in range(count + 1)]
    return list(pairwise(edges))


def hole_depth(mask: Mask) -> float:
    """Return the largest of `hole_depths`."""
    return float(hole_depths(mask).max())


def hole_depths(mask: Mask) -> NDArray[np.float32]:
    """Return the distance (H, W) in pixels from each hole pixel to the nearest known one.

    Where nothing is known it is the longer side.
    """
    if mask.all():
        return np.full(mask.shape, max(mask.shape), np.float32)
    return np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 3), np.float32)


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a photo as the generator takes it, padded to sides that many windows share.

    Attributes:
        pixels: (1, 3, H, W) in [0, 1].
        unknown: (1, 1, H, W), 1 is the hole: this pixel may change.
        bare: (1, 1, H, W), 1 where not even a sketch stands, so that it is filled first.
        noise: N(0, 1), of the generator's `noise_shape`.
    """

    pixels: Tensor
    unknown: Tensor
    bare: Tensor
    noise: Tensor

    @property
    def shape(self) -> torch.Size:
        """Windows of one shape can be restored together."""
        return self.pixels.shape


# Asks for windows to be restored, one after the other, and returns the fixed photo.
Steps = Generator[Window, Tensor, AnyPixels]


def follow(steps: Steps, restore: Callable[[Window], Tensor]) -> AnyPixels:
    """Go through the steps of a photo with what restores a window, and return the fixed photo.

    A MemoryError is handed to the steps, which may try smaller windows.
    """
    try:
        window = next(steps)
        while True:
            try:
                restored = restore(window)
            except MemoryError as error:
                window = steps.throw(error)
            else:
                window = steps.send(restored)
    except StopIteration as end:
        return end.value


def pad_to(image: Tensor, step: int) -> Tensor:
    """Return an image (1, C, H, W) with its rim repeated below and right up to multiples."""
    height, width = image.shape[2:]
    padding = (0, -width % step, 0, -height % step)
    return F.pad(image, padding, mode="replicate") if any(padding) else image
