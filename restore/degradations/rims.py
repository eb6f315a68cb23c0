"""Rims of a print: the mount round it, and what its edges and corners lost."""

import numpy as np
from numpy.typing import NDArray

from restore.degradations.contract import (
    Chance,
    Count,
    Degradation,
    Length,
    Pixels,
    Plane,
    Rng,
    Share,
    draw_count,
    to_levels,
)
from restore.degradations.cracks import PAPERS
from restore.degradations.damage import Damage, Layer, draw_smooth

_BACKGROUNDS = ((255, 255, 255), (0, 0, 0), (200, 190, 170), *PAPERS)  # what a scanner sees there


def _find_depth(height: int, width: int, tilt: float) -> Plane:
    """Return how far pixels (H, W) lie from the nearest edge of a frame that is turned a little."""
    y, x = np.ogrid[:height, :width]
    x, y = x - (width - 1) / 2, y - (height - 1) / 2
    across, down = x * np.cos(tilt) + y * np.sin(tilt), y * np.cos(tilt) - x * np.sin(tilt)
    return np.minimum(width / 2 - np.abs(across), height / 2 - np.abs(down)).astype(np.float32)


class Mount(Degradation):
    """A print with an even border, light or dark, as many were made: that is no damage."""

    width: Length = (0.005, 0.07)
    lines: Count = (0, 2)  # thin ones inside it
    tilt: Share = (0, 0.015)  # radians
    dark: Chance = 0.35  # how often the border is dark

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo with a border over its rims."""
        height, width = pixels.shape[:2]
        side, turn = min(height, width), rng.choice((-1, 1)) * rng.uniform(*self.tilt)
        depth = _find_depth(height, width, turn)
        wide = rng.uniform(*self.width) * side
        dark = rng.random() < self.dark
        color = _draw_shade(dark, rng)
        mounted = pixels.astype(np.float32)
        mounted = _mix(mounted, color, wide - depth)
        for _ in range(draw_count(rng, self.lines)):
            inset, thin = rng.uniform(0, 1.3) * wide, max(1.0, rng.uniform(0.002, 0.008) * side)
            line = _draw_shade(not dark, rng)
            mounted = _mix(mounted, line, thin / 2 - np.abs(depth - inset))
        return to_levels(mounted)


def _draw_shade(dark: bool, rng: Rng) -> NDArray[np.float32]:
    """Return a gray that is a little warm, of a light or a dark border."""
    level = rng.uniform(5, 90) if dark else rng.uniform(170, 255)
    return np.array((1, 0.97, 0.92), np.float32) * np.float32(level)


def _mix(photo: NDArray[np.float32], color: NDArray[np.float32], inside: Plane) -> Plane:
    """Return the photo with a colour where `inside`, in pixels, is positive; its rim is soft."""
    opacity = np.clip(inside + 0.5, 0, 1).astype(np.float32)
    return photo + opacity[..., None] * (color - photo)


class WornRims(Damage):
    """Edges rubbed down to the paper in places, and corners that are rounded off or torn away."""

    depth: Length = (0.002, 0.025)  # of what is rubbed off
    worn: Share = (0.1, 0.9)  # share of the edges
    torn: Chance = 0.4  # how often corners are torn off
    corner: Length = (0.03, 0.2)  # of what is torn off, from the corner

    def draw(self, height: int, width: int, rng: Rng) -> Layer:
        """Return what is worn and torn off."""
        side, depth = min(height, width), _find_depth(height, width, 0.0)
        ragged = np.exp2(0.5 * sum(draw_smooth(height, width, g, rng) for g in (0.012, 0.04)))
        place = draw_smooth(height, width, 0.12, rng)
        worn = np.clip(place - np.quantile(place, 1 - rng.uniform(*self.worn)), 0, 1)
        inside = rng.uniform(*self.depth) * side * ragged * worn - depth
        opacity = np.clip(inside, 0, 1)
        paper = np.array(PAPERS[rng.integers(len(PAPERS))], np.float32)
        color = np.broadcast_to(paper, (height, width, 3))
        if rng.random() < self.torn:
            behind = np.array(_BACKGROUNDS[rng.integers(len(_BACKGROUNDS))], np.float32)
            for n in rng.permutation(4)[: rng.integers(1, 4)].tolist():
                gone = np.clip(self._tear(height, width, n, ragged, rng), 0, 1)[..., None]
                color = color + gone * (behind - color)
                opacity = np.maximum(opacity, gone[..., 0])
        return Layer(np.asarray(color, np.float32), np.asarray(opacity, np.float32))

    def _tear(self, height: int, width: int, corner: int, ragged: Plane, rng: Rng) -> Plane:
        """Return how far pixels lie behind the tear of one of four corners."""
        y, x = np.ogrid[:height, :width]
        x, y = (width - 1 - x if corner % 2 else x), (height - 1 - y if corner // 2 else y)
        far, tall = rng.uniform(*self.corner, 2) * min(height, width)
        least = max(1.0, min(far, tall))
        across = least * (1 - x / max(far, 1.0) - y / max(tall, 1.0))
        return across + min(0.01 * min(height, width), 0.1 * least) * (ragged - 1)
