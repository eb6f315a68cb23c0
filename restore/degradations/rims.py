"""Rims of a print: the mount round it, and what its edges and corners lost."""

import numpy as np
from numpy.typing import NDArray

from restore.degradations.contract import Degradation, to_levels
from restore.degradations.cracks import PAPERS, draw_bare_paper, draw_width
from restore.degradations.damage import Damage, Layer, stack_layers
from restore.image import Pixels, Plane
from restore.seeded import Amounts, Count, Length, Rng, Share, Shares, draw_count, draw_smooth

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
    tilt: Amounts = (0, 1)  # degrees
    dark: Share = 0.35  # how often the border is dark

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo with a border over its rims."""
        height, width = pixels.shape[:2]
        side, turn = min(height, width), rng.choice((-1, 1)) * np.radians(rng.uniform(*self.tilt))
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
    """Edges rubbed down to the paper in places, and corners that are torn away."""

    depth: Length = (0.002, 0.025)  # of what is rubbed off
    worn: Shares = (0.1, 0.9)  # share of the edges
    torn: Share = 0.4  # how often corners are torn off
    peeled: Share = 0.3  # how often only their emulsion is gone, and the paper is still there
    corner: Length = (0.03, 0.2)  # of what is torn off, from the corner
    slant: Length = (0, 0.1)  # of the bare paper along a tear; narrow ones are more common
    rough: Shares = (0, 0.1)  # how much the fibres of the paper change its colour

    def draw(self, height: int, width: int, rng: Rng) -> Layer:
        """Return what is worn and torn off."""
        ragged = np.exp2(0.5 * sum(draw_smooth(height, width, g, rng) for g in (0.012, 0.04)))
        layer = self._draw_worn(ragged, rng)
        if rng.random() < self.torn:
            layer = stack_layers(layer, self._draw_torn(ragged, rng))
        return layer

    def _draw_worn(self, ragged: Plane, rng: Rng) -> Layer:
        """Return what is rubbed off, deeper where `ragged` (H, W), about 1, is larger."""
        height, width = ragged.shape
        place = draw_smooth(height, width, 0.12, rng)
        worn = np.clip(place - np.quantile(place, 1 - rng.uniform(*self.worn)), 0, 1)
        inside = rng.uniform(*self.depth) * min(height, width) * ragged * worn
        inside -= _find_depth(height, width, 0.0)
        paper = draw_bare_paper((height, width), rng.uniform(*self.rough), rng)
        return Layer(paper, np.clip(inside, 0, 1).astype(np.float32))

    def _draw_torn(self, ragged: Plane, rng: Rng) -> Layer:
        """Return one corner to three that are gone, or bare, and what lies behind them."""
        height, width = ragged.shape
        behind = np.array(_BACKGROUNDS[rng.integers(len(_BACKGROUNDS))], np.float32)
        paper = draw_bare_paper((height, width), rng.uniform(*self.rough), rng)
        gone = np.full_like(ragged, -np.inf)
        for corner in rng.permutation(4)[: rng.integers(1, 4)].tolist():
            np.maximum(gone, self._tear(ragged, corner, rng), out=gone)
        # A tear is slanting: the emulsion ends before the paper does.
        slant = draw_width(self.slant, min(height, width), rng)
        bare = gone + slant * np.exp2(0.7 * draw_smooth(height, width, 0.05, rng))
        peeled = Layer(paper, np.clip(bare, 0, 1).astype(np.float32))
        if rng.random() < self.peeled:
            return peeled
        return stack_layers(peeled, Layer(behind, np.clip(gone, 0, 1).astype(np.float32)))

    def _tear(self, ragged: Plane, corner: int, rng: Rng) -> Plane:
        """Return how far pixels lie behind the tear of one of four corners, in pixels."""
        height, width = ragged.shape
        y, x = np.ogrid[:height, :width]
        x, y = (width - 1 - x if corner % 2 else x), (height - 1 - y if corner // 2 else y)
        far, tall = rng.uniform(*self.corner, 2) * min(height, width)
        least = max(1.0, min(far, tall))
        right, down = (
            (x / max(far, 1.0)).astype(np.float32),
            (y / max(tall, 1.0)).astype(np.float32),
        )
        rough = np.float32(min(0.01 * min(height, width), 0.1 * least))
        return np.float32(least) * (1 - right - down) + rough * (ragged - 1)
