"""Kinds of holes: settings classes of ranges, each drawing one family of masks.

Lengths are relative to the shorter side of the picture, so that the same settings fit any size.
"""

from abc import ABC, abstractmethod
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.config import Settings
from restore.image import Mask
from restore.seeded import WIDEST_LINE, Count, Length, Rng, Share, Shares, draw_count, draw_smooth


class Kind(Settings, ABC):
    """A family of holes: settings that draw one of them."""

    @abstractmethod
    def draw(self, height: int, width: int, rng: Rng) -> Mask:
        """Return a mask (H, W) uint8 {0, 1}, 1 is the hole; equal generators, equal masks."""


class Strokes(Kind):
    """Brush strokes of straight pieces, the "irregular" masks of LaMa (arXiv:2109.07161)."""

    count: Count = (1, 5)  # strokes
    pieces: Count = (1, 5)  # straight pieces of a stroke
    length: Length = (0.02, 0.9)  # of a piece
    width: Length = (0.01, 0.4)  # of a piece
    turn: Share = 1.0  # largest bend between two pieces; 1 is any direction

    def draw(self, height: int, width: int, rng: Rng) -> Mask:
        """Return a mask (H, W) uint8 {0, 1}, 1 is the hole."""
        mask = np.zeros((height, width), np.uint8)
        side = min(height, width)
        for _ in range(draw_count(rng, self.count)):
            points = _draw_walk(height, width, rng, self.pieces, self.length, self.turn)
            widths = rng.uniform(*self.width, size=len(points) - 1) * side
            for (start, end), brush in zip(pairwise(points), widths, strict=True):
                cv2.line(mask, start, end, 1, _whole_brush(brush))
        return mask


class Boxes(Kind):
    """Upright boxes; they may reach over the edge of the picture by half their side."""

    count: Count = (1, 4)
    side: Length = (0.1, 0.6)  # height and width, drawn apart

    def draw(self, height: int, width: int, rng: Rng) -> Mask:
        """Return a mask (H, W) uint8 {0, 1}, 1 is the hole."""
        mask = np.zeros((height, width), np.uint8)
        for _ in range(draw_count(rng, self.count)):
            sides = rng.uniform(*self.side, size=2) * min(height, width)
            tall, broad = np.maximum(1, sides.round()).astype(int)
            middle_y, middle_x = rng.integers(0, (height, width))
            top, left = max(0, middle_y - tall // 2), max(0, middle_x - broad // 2)
            mask[top : middle_y - tall // 2 + tall, left : middle_x - broad // 2 + broad] = 1
        return mask


class FreeBoxes(Boxes):
    """Those of a free form: of a preset that names some of their settings, the others are these."""

    count: Count = (0, 4)
    side: Length = (0.05, 0.8)


class FreeStrokes(Strokes):
    """Those of a free form, likewise."""

    count: Count = (1, 8)
    pieces: Count = (4, 18)
    length: Length = (0.02, 0.35)
    width: Length = (0.04, 0.2)


class FreeForm(Kind):
    """Boxes and long brush strokes together, over most of the picture, much as CoModGAN's."""

    boxes: FreeBoxes = FreeBoxes()
    strokes: FreeStrokes = FreeStrokes()

    def draw(self, height: int, width: int, rng: Rng) -> Mask:
        """Return a mask (H, W) uint8 {0, 1}, 1 is the hole."""
        return self.boxes.draw(height, width, rng) | self.strokes.draw(height, width, rng)


class Scratches(Kind):
    """Long thin lines with gaps, and specks of dust, as on an old print."""

    count: Count = (2, 12)
    length: Length = (0.2, 1.4)  # of a whole scratch
    width: Length = (0.003, 0.015)
    turn: Share = 0.03  # largest bend between two of its pieces
    gaps: Share = 0.1  # share of the pieces that is missing
    specks: Count = (0, 40)

    def draw(self, height: int, width: int, rng: Rng) -> Mask:
        """Return a mask (H, W) uint8 {0, 1}, 1 is the hole."""
        mask = np.zeros((height, width), np.uint8)
        side = min(height, width)
        pieces = 16
        piece_length = (self.length[0] / pieces, self.length[1] / pieces)
        for _ in range(draw_count(rng, self.count)):
            points = _draw_walk(height, width, rng, (pieces, pieces), piece_length, self.turn)
            widths = rng.uniform(*self.width) * side * rng.uniform(0.6, 1.4, size=pieces)
            for (start, end), brush in zip(pairwise(points), widths, strict=True):
                if rng.random() >= self.gaps:
                    cv2.line(mask, start, end, 1, _whole_brush(brush))
        for _ in range(draw_count(rng, self.specks)):
            radius = max(0, round(rng.uniform(*self.width) * side))
            cv2.circle(mask, rng.integers(0, (width, height)).tolist(), radius, 1, cv2.FILLED)
        return mask


class Blobs(Kind):
    """Smooth patches: where smooth noise is high, as large as `share` of the picture."""

    share: Shares = (0.05, 0.6)
    grain: Length = (0.15, 0.5)  # size of the patches

    def draw(self, height: int, width: int, rng: Rng) -> Mask:
        """Return a mask (H, W) uint8 {0, 1}, 1 is the hole."""
        noise = draw_smooth(height, width, rng.uniform(*self.grain), rng)
        return _above(noise, 1 - rng.uniform(*self.share))


class Irregular(Kind):
    """Broken, jagged outlines of mixed width, as moving things leave them behind in a film.

    Outlines of smooth patches, kept in some places only, drawn with a square brush; two layers of
    them. The look, not the code, is that of the test masks of arXiv:1804.07723.
    """

    grain: Length = (0.06, 0.4)  # size of the patches that are outlined
    kept: Shares = (0.15, 0.7)  # share of the outlines that is kept
    width: Length = (0.012, 0.08)  # of the brush

    def draw(self, height: int, width: int, rng: Rng) -> Mask:
        """Return a mask (H, W) uint8 {0, 1}, 1 is the hole."""
        margin = int(self.width[1] * min(height, width) / 2) + 1  # for what reaches in from outside
        size = height + 2 * margin, width + 2 * margin
        mask = np.zeros(size, np.uint8)
        for _ in range(2):
            grain = rng.uniform(*self.grain)
            noise = draw_smooth(*size, grain, rng)
            noise += 0.5 * draw_smooth(*size, grain / 4, rng)
            patches = _above(noise, 0.5)
            outlines = cv2.morphologyEx(patches, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8))
            kept = _above(draw_smooth(*size, 0.35, rng), 1 - rng.uniform(*self.kept))
            # Lost pixels make the outline jagged once a square brush has gone over it.
            kept &= rng.random(size, np.float32) < rng.uniform(0.2, 0.6)
            brush = max(1, round(rng.uniform(*self.width) * min(height, width)))
            kept &= outlines.view(np.uint8)
            mask |= cv2.dilate(kept, np.ones((brush, brush), np.uint8)).view(np.uint8)
        return np.ascontiguousarray(mask[margin:-margin, margin:-margin])


def _whole_brush(width: float) -> int:
    return min(max(1, round(width)), WIDEST_LINE)


def _draw_walk(
    height: int,
    width: int,
    rng: Rng,
    pieces: tuple[int, int],
    length: tuple[float, float],
    turn: float,
) -> list[tuple[int, int]]:
    """Return the points (x, y) of a random walk that starts inside the picture."""
    count = draw_count(rng, pieces)
    bends = rng.uniform(-turn, turn, size=count) * np.pi
    angles = rng.uniform(0, 2 * np.pi) + np.cumsum(bends)
    lengths = rng.uniform(*length, size=count) * min(height, width)
    steps = np.stack([np.cos(angles), np.sin(angles)], axis=1) * lengths[:, None]
    start = rng.uniform(0, (width, height))
    points = start + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    return [(x, y) for x, y in points.astype(int).tolist()]


def _above(noise: NDArray[np.float32], share: float) -> Mask:
    """Return 1 where the noise is above the value that about `share` of it stays below."""
    step = max(1, min(noise.shape) // 64)
    level = float(np.quantile(noise[::step, ::step], share))
    return (noise > level).view(np.uint8)


MASKS: dict[str, type[Kind]] = {
    "strokes": Strokes,
    "boxes": Boxes,
    "free-form": FreeForm,
    "scratches": Scratches,
    "blobs": Blobs,
    "irregular": Irregular,
}
