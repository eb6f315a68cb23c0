"""Local damage: what lies on a photo or was done to it, with a mask of where.

Lengths are relative to the shorter side of the picture, so that the same settings fit any size.
"""

from abc import abstractmethod
from collections.abc import Iterable
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.degradations.contract import Degradation, to_levels
from restore.image import Mask, Pixels, Plane
from restore.seeded import WIDEST_LINE, Count, Length, Rng, Share, Shares, draw_count, draw_smooth

VISIBLE = 0.1  # opacity from which on a pixel counts as damaged
PAPER = (238, 232, 220)
DIRT = (44, 38, 32)
TEA = (120, 84, 40)

_FINE = 700  # pixels, shorter side; up to it lines are drawn at twice the size
_SUBPIXEL = 4  # bits behind the point of the coordinates that OpenCV draws at


class Layer(NamedTuple):
    """What lies over a photo."""

    color: NDArray[np.float32]  # (3,) or (H, W, 3), levels of 255
    opacity: Plane  # (H, W), 0 to 1


def lay_over(pixels: Pixels, layer: Layer) -> Pixels:
    """Return the photo with a layer over it."""
    photo = pixels.astype(np.float32)
    return to_levels(photo + layer.opacity[..., None] * (layer.color - photo))


class Damage(Degradation):
    """A kind of damage that is here and there: draws a layer."""

    @abstractmethod
    def draw(self, height: int, width: int, rng: Rng) -> Layer:
        """Return what lies over a photo of this size; equal generators, equal layers."""

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo with the damage."""
        return self.damage(pixels, rng)[0]

    def damage(self, pixels: Pixels, rng: Rng) -> tuple[Pixels, Mask]:
        """Return the damaged pixels and a mask (H, W) uint8 {0, 1}, 1 is where they are damaged."""
        height, width = pixels.shape[:2]
        layer = self.draw(height, width, rng)
        return lay_over(pixels, layer), (layer.opacity >= VISIBLE).view(np.uint8)


# Scratches and dust ------------------------------------------------------------------------------


class Line(NamedTuple):
    """A line through points (N, 2) as (x, y), and how wide it is in each, in pixels."""

    points: Plane
    widths: Plane
    opacity: float = 1.0


def draw_lines(size: tuple[int, int], lines: Iterable[Line]) -> Plane:
    """Return the opacity (H, W) of lines; what is thinner than a pixel is fainter.

    Where they cross, the one that hides more is seen.
    """
    scale = 2 if min(size) <= _FINE else 1
    canvas = np.zeros((size[0] * scale, size[1] * scale), np.uint8)
    pieces: list[tuple[int, int, tuple[list[int], list[int]]]] = []
    for points, widths, opacity in lines:
        places = np.rint(points * scale * 2**_SUBPIXEL).astype(np.int32).tolist()
        levels = np.rint(255 * opacity * np.clip(widths * scale, 0.2, 1)).astype(int).tolist()
        thick = np.clip(np.rint(widths * scale), 1, WIDEST_LINE).astype(int).tolist()
        pieces += zip(levels, thick, pairwise(places), strict=False)
    for level, wide, (start, end) in sorted(pieces, key=itemgetter(0)):
        cv2.line(canvas, start, end, level, wide, cv2.LINE_AA, _SUBPIXEL)
    if scale > 1:
        whole = (size[1], size[0])
        canvas = np.asarray(cv2.resize(canvas, whole, interpolation=cv2.INTER_AREA), np.uint8)
    return canvas.reshape(size).astype(np.float32) / np.float32(255)


def _draw_path(size: tuple[int, int], length: float, turn: float, rng: Rng) -> Plane:
    """Return points (x, y) of a random line `length` pixels long; turn 1 bends it anyhow."""
    steps = 16
    angles = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.uniform(-turn, turn, steps)) * np.pi
    walk = np.cumsum(np.stack([np.cos(angles), np.sin(angles)], axis=1), axis=0) * (length / steps)
    middle = rng.uniform(0, size[::-1])
    return (walk - walk.mean(axis=0) + middle).astype(np.float32)


def _draw_taper(count: int, rng: Rng) -> Plane:
    """Return how wide a line is at each of its points, about 1: even, or uneven and pointed."""
    uneven = rng.random()
    ends = np.minimum(1, np.minimum(np.arange(1, count + 1), np.arange(count, 0, -1)) / 4)
    return (ends * np.exp(0.4 * rng.standard_normal(count))).astype(np.float32) ** np.float32(
        uneven
    )


def _draw_color(rng: Rng, dark: float) -> NDArray[np.float32]:
    """Return the colour of bare paper, old or new, or with a chance of `dark` that of dirt."""
    if rng.random() < dark:
        return np.array(DIRT, np.float32) * np.float32(rng.uniform(0.2, 1.4))
    return np.minimum(np.array(PAPER, np.float32) + np.float32(rng.uniform(-50, 25)), 255)


class Scratches(Damage):
    """Long thin lines that fade in and out, down to the paper or dark."""

    count: Count = (2, 10)
    length: Length = (0.2, 1.4)
    width: Length = (0.002, 0.008)
    turn: Shares = (0, 0.04)  # bend between two of 16 pieces
    opacity: Shares = (0.5, 1)
    dark: Share = 0.2  # how often they are dark

    def draw(self, height: int, width: int, rng: Rng) -> Layer:
        """Return the scratches."""
        side, count = min(height, width), draw_count(rng, self.count)
        lines = []
        for _ in range(count):
            length, turn = rng.uniform(*self.length) * side, rng.uniform(*self.turn)
            path = _draw_path((height, width), length, turn, rng)
            wide = rng.uniform(*self.width) * side * _draw_taper(len(path), rng)
            lines.append(Line(path, wide, rng.uniform(*self.opacity)))
        opacity = draw_lines((height, width), lines)
        opacity *= np.clip(1.2 + 0.7 * draw_smooth(height, width, 0.08, rng), 0, 1)
        return Layer(_draw_color(rng, self.dark), opacity)


class Dust(Damage):
    """Specks and hairs, of the print or of the scanner."""

    specks: Count = (10, 80)
    hairs: Count = (0, 6)
    radius: Length = (0.001, 0.006)  # of specks
    length: Length = (0.03, 0.15)  # of hairs
    opacity: Shares = (0.5, 1)
    dark: Share = 0.3  # how often it is dark

    def draw(self, height: int, width: int, rng: Rng) -> Layer:
        """Return the dust."""
        size, side = (height, width), min(height, width)
        specks, hairs = draw_count(rng, self.specks), draw_count(rng, self.hairs)
        # A speck is a short thick line, so that it is not quite round. Small ones are common.
        low, high = self.radius
        radii = (low + (high - low) * rng.random(specks) ** 2) * side
        lines = [
            Line(_draw_path(size, radius, 1, rng), np.full(16, 2 * radius, np.float32), opacity)
            for radius, opacity in zip(radii, rng.uniform(*self.opacity, specks), strict=True)
        ]
        for length, opacity in zip(
            rng.uniform(*self.length, hairs), rng.uniform(*self.opacity, hairs), strict=True
        ):
            path = _draw_path(size, length * side, 0.15, rng)
            lines.append(Line(path, np.full(len(path), side / 300, np.float32), opacity))
        return Layer(_draw_color(rng, self.dark), draw_lines(size, lines))


# Folds and stains --------------------------------------------------------------------------------


def draw_fold(
    size: tuple[int, int], angle: float, offset: float, width: float, wobble: Plane
) -> Layer:
    """Return a crack down to the paper along a straight line, and the shadow beside it.

    Args:
        size: (height, width).
        angle: of the line's normal, radians.
        offset: of the line from the middle, pixels along the normal.
        width: of the crack, pixels.
        wobble: (H, W), how far the line is off in each place, in widths.
    """
    y, x = np.ogrid[: size[0], : size[1]]
    across = (x - size[1] / 2) * np.cos(angle) + (y - size[0] / 2) * np.sin(angle) - offset
    distance = (across / width + wobble).astype(np.float32)
    crack = np.exp(-(distance**2)) * np.clip(0.7 + 0.6 * wobble, 0, 1)
    shadow = 0.35 * np.exp(-np.abs(distance) / 4) * (distance > 0)
    opacity = crack + (1 - crack) * shadow
    paper = (crack / np.maximum(opacity, 1e-6))[..., None]
    color = paper * np.array(PAPER, np.float32) + (1 - paper) * np.array(DIRT, np.float32)
    return Layer(color, opacity)


class Folds(Damage):
    """Creases from rim to rim; what broke off shows the paper."""

    count: Count = (1, 3)
    width: Length = (0.003, 0.01)  # of the crack

    def draw(self, height: int, width: int, rng: Rng) -> Layer:
        """Return the folds."""
        layer = Layer(np.zeros(3, np.float32), np.zeros((height, width), np.float32))
        side = min(height, width)
        for _ in range(draw_count(rng, self.count)):
            # Folds are mostly upright or level.
            angle = rng.integers(2) * np.pi / 2 + rng.normal(0, 0.12)
            offset = rng.uniform(-0.4, 0.4) * side
            crack = max(0.5, rng.uniform(*self.width) * side)
            wobble = draw_smooth(height, width, 0.03, rng)
            layer = stack_layers(layer, draw_fold((height, width), angle, offset, crack, wobble))
        return layer


def stack_layers(below: Layer, above: Layer) -> Layer:
    """Return two layers as one."""
    rest = below.opacity * (1 - above.opacity)
    opacity = above.opacity + rest
    share = (rest / np.maximum(opacity, 1e-6))[..., None]
    color = share * below.color + (1 - share) * above.color
    return Layer(color.astype(np.float32), opacity)


def draw_stain(
    size: tuple[int, int], middle: tuple[float, float], radius: float, wobble: Plane
) -> Plane:
    """Return the opacity (H, W) of a dried drop, 1 at its rim and less inside.

    Args:
        size: (height, width).
        middle: (x, y) in pixels.
        radius: pixels.
        wobble: (H, W), how far the rim is off in each place, in quarters of the radius.
    """
    y, x = np.ogrid[: size[0], : size[1]]
    distance = np.hypot(x - middle[0], y - middle[1]) / max(radius, 0.5) + 0.25 * wobble
    inside = np.clip((1 - distance) * 12, 0, 1)
    rim = np.exp(-(((distance - 0.95) / 0.06) ** 2))
    return np.asarray(inside * np.maximum(0.55, rim), np.float32)


class Stains(Damage):
    """Dried drops of water, coffee or mould, with a darker rim."""

    count: Count = (1, 4)
    radius: Length = (0.04, 0.22)
    opacity: Shares = (0.35, 0.75)

    def draw(self, height: int, width: int, rng: Rng) -> Layer:
        """Return the stains."""
        opacity, side = np.zeros((height, width), np.float32), min(height, width)
        for _ in range(draw_count(rng, self.count)):
            x, y = rng.uniform(0, (width, height))
            radius, strength = rng.uniform(*self.radius) * side, rng.uniform(*self.opacity)
            wobble = draw_smooth(height, width, 0.12, rng)
            stain = strength * draw_stain((height, width), (x, y), radius, wobble)
            np.maximum(opacity, stain, out=opacity)
        color = np.array(TEA, np.float32) * np.float32(rng.uniform(0.5, 1.3))
        return Layer(color, opacity)
