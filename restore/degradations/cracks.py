"""Cracks, creases and flakes: where a print was bent, and the paper that shows where it broke."""

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.degradations.damage import (
    DIRT,
    PAPER,
    Damage,
    Layer,
    Line,
    draw_lines,
    stack_layers,
)
from restore.image import Plane
from restore.seeded import Count, Length, Rng, Share, Shares, draw_count, draw_smooth

PAPERS = ((250, 248, 244), (238, 226, 198), (214, 188, 140))  # white, aged, soaked with glue
SHADOW = 0.45  # opacity of the shadow of a raised rim

_STEP = 0.012  # of the shorter side: length of a straight piece


def draw_crack(
    start: NDArray[np.floating],
    angle: float,
    pieces: int,
    step: float,
    width: float,
    turn: float,
    rng: Rng,
) -> Line:
    """Return a crack that keeps its direction on the whole and zigzags on the way.

    Args:
        start: (x, y) of its wide end, pixels.
        angle: its direction there, radians.
        pieces: how many straight pieces it has, at least 1.
        step: length of a piece, pixels.
        width: mean, pixels.
        turn: 0 straight, 1 anyhow.
        rng: draws the way.
    """
    slow, fast = rng.normal(0, 0.2 * turn, pieces), rng.normal(0, 1.2 * turn, pieces)
    angles = angle + np.cumsum(slow) + fast
    steps = step * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = start + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    rough = np.exp(0.45 * np.repeat(rng.standard_normal(pieces // 3 + 1), 3)[: pieces + 1])
    taper = np.minimum(1, np.linspace(4, 0.3, len(rough)))
    return Line(points.astype(np.float32), (width * rough * taper).astype(np.float32))


class Cracks(Damage):
    """Jagged, branching cracks and creases that break off and go on, wide where flakes are lost."""

    count: Count = (1, 6)  # cracks, without their branches
    length: Length = (0.1, 1.3)
    width: Length = (0.001, 0.009)  # thin ones are more common
    turn: Shares = (0.1, 0.6)
    branches: Count = (0, 4)  # of each
    flakes: Count = (0, 12)  # patches of lost emulsion along all of them
    opacity: Shares = (0.4, 1)
    raised: Share = 0.4  # how often the rims throw a shadow
    dark: Share = 0.08  # how often dirt has filled them

    def draw(self, height: int, width: int, rng: Rng) -> Layer:
        """Return the cracks."""
        size, side = (height, width), min(height, width)
        lines: list[Line] = []
        for _ in range(draw_count(rng, self.count)):
            wide = draw_width(self.width, side, rng)
            trunk = _draw_trunk(size, self.length, wide, rng.uniform(*self.turn), rng)
            branches = draw_count(rng, self.branches)
            lines += [trunk, *(_draw_branch(trunk, side, rng) for _ in range(branches))]
        flakes = draw_count(rng, self.flakes) if lines else 0
        lines += [_draw_flake(lines[rng.integers(len(lines))], side, rng) for _ in range(flakes)]
        opacity = draw_lines(size, lines) * np.float32(rng.uniform(*self.opacity))
        opacity *= np.clip(1.1 + 0.6 * draw_smooth(height, width, 0.1, rng), 0.15, 1)
        color = _draw_paper(size, self.dark, rng)
        if rng.random() < self.raised:
            return _raise_rims(color, opacity, rng)
        return Layer(color, opacity)


def draw_width(width: Length, side: int, rng: Rng) -> float:
    """Return a width in pixels for a photo of this shorter side; thin ones are more common."""
    low, high = width
    return (low + (high - low) * rng.random() ** 2) * side


def _draw_trunk(size: tuple[int, int], length: Length, width: float, turn: float, rng: Rng) -> Line:
    """Return a crack from anywhere to anywhere, `width` pixels wide on the whole."""
    step = _find_step(min(size))
    pieces = max(1, round(rng.uniform(*length) * min(size) / step))
    start, angle = rng.uniform(0, size[::-1]), rng.uniform(0, 2 * np.pi)
    return draw_crack(start, angle, pieces, step, width, turn, rng)


def _find_step(side: int) -> float:
    """Return how long the straight pieces of cracks are in a photo of this shorter side."""
    return max(1.0, _STEP * side)


def _draw_paper(size: tuple[int, int], dark: float, rng: Rng) -> NDArray[np.float32]:
    """Return the colour of the paper (H, W, 3), which varies; with a chance of `dark`, of dirt."""
    if rng.random() < dark:
        return np.broadcast_to(np.array(DIRT, np.float32), (*size, 3))
    place = rng.uniform(0, len(PAPERS) - 1) + 0.35 * draw_smooth(*size, 0.15, rng)
    levels = np.arange(len(PAPERS))
    channels = [np.interp(place, levels, channel) for channel in np.array(PAPERS).T]
    return np.stack(channels, axis=2).astype(np.float32)


def draw_bare_paper(size: tuple[int, int], rough: float, rng: Rng) -> NDArray[np.float32]:
    """Return the colour of bare paper (H, W, 3); its fibres change it by a share of `rough`."""
    paper = _draw_paper(size, 0, rng)
    return paper * (1 + np.float32(rough) * draw_smooth(*size, 0.008, rng))[..., None]


def _draw_branch(trunk: Line, side: int, rng: Rng) -> Line:
    """Return a thinner crack that leaves another one to a side."""
    points, widths, _ = trunk
    right, down = points[-1] - points[0]
    angle = float(np.arctan2(down, right)) + rng.choice((-1, 1)) * rng.uniform(0.4, 1.6)
    pieces = max(1, round(rng.uniform(0.1, 0.6) * len(points)))
    width = rng.uniform(0.4, 0.9) * float(widths.mean())
    start = points[rng.integers(len(points))]
    return draw_crack(start, angle, pieces, _find_step(side), width, rng.uniform(0.2, 0.6), rng)


def _draw_flake(line: Line, side: int, rng: Rng) -> Line:
    """Return a ragged patch upon a crack."""
    place = rng.integers(len(line.points))
    width = min(rng.uniform(1.2, 3.5) * float(line.widths[place]), 0.03 * side)
    angle, pieces = rng.uniform(0, 2 * np.pi), int(rng.integers(2, 8))
    return draw_crack(line.points[place], angle, pieces, width / 2, width, 1, rng)


def _raise_rims(color: NDArray[np.float32], opacity: Plane, rng: Rng) -> Layer:
    """Return cracks with a shadow to one side, a pixel or two wide."""
    shifted = _move(opacity, *rng.uniform(-2, 2, 2))
    whole = opacity + np.float32(SHADOW) * shifted * (1 - opacity)
    share = (opacity / np.maximum(whole, 1e-6))[..., None]
    mixed = share * color + (1 - share) * np.array(DIRT, np.float32)
    return Layer(np.asarray(mixed, np.float32), whole)


class Flaking(Damage):
    """Emulsion that came off in ragged patches along cracks, down to the paper."""

    count: Count = (1, 5)  # cracks
    length: Length = (0.02, 1.2)
    width: Length = (0.004, 0.05)  # of the patches; narrow ones are more common
    turn: Shares = (0.02, 0.4)
    share: Shares = (0.2, 1)  # share of the way along which it came off
    left: Shares = (0, 0.3)  # share of a patch that stayed on, in crumbs
    opacity: Shares = (0.75, 1)
    rough: Shares = (0, 0.12)  # how much the fibres of the paper, and dirt, change its colour
    raised: Share = 0.5  # how often the rims throw a shadow

    def draw(self, height: int, width: int, rng: Rng) -> Layer:
        """Return the patches."""
        size = (height, width)
        inside = np.full(size, -1, np.float32)
        for _ in range(draw_count(rng, self.count)):
            np.maximum(inside, self._draw_patches(size, rng), out=inside)
        crumbs = draw_smooth(height, width, 0.012, rng)
        gone = crumbs <= np.quantile(crumbs, 1 - rng.uniform(*self.left))
        opacity = np.clip(inside + 0.5, 0, 1) * gone
        opacity = np.asarray(opacity * rng.uniform(*self.opacity), np.float32)
        color = draw_bare_paper(size, rng.uniform(*self.rough), rng)
        if rng.random() < self.raised:
            return _raise_rims(color, opacity, rng)
        return Layer(color, opacity)

    def _draw_patches(self, size: tuple[int, int], rng: Rng) -> Plane:
        """Return how far pixels (H, W) lie inside the patches along one crack, in pixels."""
        line = _draw_trunk(size, self.length, 1, rng.uniform(*self.turn), rng)
        even = line._replace(widths=np.ones_like(line.widths))
        away = (draw_lines(size, [even]) < 0.5).astype(np.uint8)
        distance = np.asarray(cv2.distanceTransform(away, cv2.DIST_L2, 5), np.float32)
        half = 0.5 * draw_width(self.width, min(size), rng)
        ragged = sum(draw_smooth(*size, grain, rng) for grain in (0.01, 0.03))
        place = draw_smooth(*size, 0.08, rng)
        off = np.clip(2 * (place - np.quantile(place, 1 - rng.uniform(*self.share))), -1, 1)
        inside = half * off * np.exp2(0.5 * ragged) - distance
        return np.asarray(np.minimum(inside, off), np.float32)  # also where half is below a pixel


class Creases(Damage):
    """Fine, branching creases: light on the side that faces the lamp, dark on the other.

    They are rubbed white along some of their way, and down to the paper in places.
    """

    count: Count = (1, 12)  # creases, without their branches
    length: Length = (0.1, 1.2)
    width: Length = (0.001, 0.006)  # thin ones are more common
    turn: Shares = (0.03, 0.4)
    branches: Count = (0, 6)  # of each
    opacity: Shares = (0.15, 0.8)
    rubbed: Shares = (0, 1)  # how much they are white instead of light and dark
    broken: Shares = (0, 0.4)  # share of their way that shows the paper

    def draw(self, height: int, width: int, rng: Rng) -> Layer:
        """Return the creases."""
        thick = max(0.5, draw_width(self.width, min(height, width), rng))
        ridge = draw_lines((height, width), self._draw_net((height, width), thick, rng))
        return stack_layers(self._draw_relief(ridge, thick, rng), self._draw_breaks(ridge, rng))

    def _draw_net(self, size: tuple[int, int], thick: float, rng: Rng) -> list[Line]:
        """Return creases about `thick` pixels wide; branches leave older ones, so nets form."""
        turn = rng.uniform(*self.turn)
        lines: list[Line] = []
        for _ in range(draw_count(rng, self.count)):
            lines.append(_draw_trunk(size, self.length, thick, turn, rng))
            for _ in range(draw_count(rng, self.branches)):
                lines.append(_draw_branch(lines[rng.integers(len(lines))], min(size), rng))
        return lines

    def _draw_relief(self, ridge: Plane, thick: float, rng: Rng) -> Layer:
        """Return ridges (H, W) of 0 to 1 as a lamp from a side shows them."""
        height, width = ridge.shape
        sigma = max(0.4, rng.uniform(0.3, 0.8) * thick)
        soft = np.asarray(cv2.GaussianBlur(ridge, (0, 0), sigma), np.float32)
        angle, far = rng.uniform(0, 2 * np.pi), max(0.7, 0.6 * thick)
        right, down = float(far * np.cos(angle)), float(far * np.sin(angle))
        relief = _move(soft, right, down) - _move(soft, -right, -down)
        rubbed = np.float32(rng.uniform(*self.rubbed))
        # A crease is not bent the same all the way: half as much to twice.
        bent = np.exp2(np.clip(draw_smooth(height, width, 0.12, rng), -1, 1))
        bent *= np.float32(rng.uniform(*self.opacity))
        shade = bent * ((1 - rubbed) * relief + rubbed * soft)
        color = np.where((shade > 0)[..., None], PAPER, DIRT).astype(np.float32)
        return Layer(color, np.clip(np.abs(shade), 0, 1))

    def _draw_breaks(self, ridge: Plane, rng: Rng) -> Layer:
        """Return the stretches of ridges that are broken open."""
        height, width = ridge.shape
        place, share = draw_smooth(height, width, 0.06, rng), rng.uniform(*self.broken)
        open_ = np.clip(4 * (place - np.quantile(place, 1 - share)), 0, 1)
        paper = np.array(PAPERS[rng.integers(len(PAPERS))], np.float32)
        return Layer(paper, np.asarray(ridge * open_, np.float32))


def _move(plane: Plane, right: float, down: float) -> Plane:
    """Return a plane moved by pixels or parts of them, its rims drawn out."""
    move = np.array([[1, 0, right], [0, 1, down]], np.float32)
    height, width = plane.shape
    moved = cv2.warpAffine(plane, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32).reshape(height, width)
