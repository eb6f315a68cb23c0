"""Filling: which windows of a photo are restored, in which order and at which size."""

from collections.abc import Generator
from math import ceil, floor, lcm
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restore.image import Mask, Pixels, shrink_known, to_pixels, to_tensor
from restore.nets import RestorerGenerator
from restore.surroundings import Grain, add_grain, find_blur, find_grain
from restore.texture import copy_texture
from restore.toning import drain_colour
from restore.windows import (
    Box,
    Steps,
    Window,
    find_groups,
    hole_depth,
    hole_depths,
    pad_to,
    split_box,
)

RIM = 2  # pixels around a group that show where its hole ends
CONTEXT = 96  # pixels that a window shows on each side of a hole
LEAST_WINDOW = 256  # pixels, side
LARGEST_CORE = 576  # pixels; a larger group is filled in parts, each with its context
LEAST_DEPTH = 12  # pixels; a shallower hole is left to the generator even in a texture
LARGEST_DEPTH = 128  # pixels; a deeper hole is filled first at a scale where it isn't
PART_DEPTH = 64  # pixels of depth that the parts of a longer one have in their sketches
COARSE_SIDE = 512  # pixels; longer side of a window then, at most
SIDE_STEP = 32  # pixels; sides of windows are multiples, so that many have the same shape
SHARP = 0.62  # pixels of blur, see `find_blur`; photos that are as sharp as can be have 0.5 to 0.7
SOFT = 0.8  # pixels of blur from which on a photo is filled at a size where it is sharp


def fill_holes(photo: Pixels, hole: Mask, generator: RestorerGenerator, seed: int = 0) -> Steps:
    """Fill the holes of a photo, group by group; ask for the windows to be restored.

    What lies in a texture is filled by copying from around it, without the generator.
    An odd seed has the generator see the photo as in a mirror: a fill as good as the other, since
    training mirrors half of the photos, and about twice as unlike it as one from other noise.

    Args:
        photo: (H, W, 3) uint8 RGB; it stays as it is.
        hole: (H, W) {0, 1}, 1 is the hole.
        generator: that restores the windows.
        seed: of its noise, of the grain and of what is copied, and whether it sees a mirrored
            photo.
    """
    canvas = Canvas(photo.copy(), hole)
    grain = find_grain(photo, canvas.known) if hole.any() else None
    filler = Filler(generator, torch.Generator().manual_seed(seed), mirrored=seed % 2 == 1)
    for number, group in enumerate(find_groups(hole, CONTEXT, LEAST_WINDOW)):
        rng = np.random.default_rng([seed, number])
        if canvas.copy_texture(group, rng):
            continue
        yield from filler.fill(canvas, group)
        if grain:
            for part in split_box(group, LARGEST_CORE):
                if canvas.grainless[part.slices].any():
                    canvas.add_grain(part, grain, rng)
    if hole.any():
        drain_colour(canvas.pixels, canvas.known)
    return canvas.pixels


def shrink_soft(photo: Pixels, hole: Mask) -> tuple[Pixels, Mask]:
    """Return photo and hole at the size at which the largest hole is filled, see `Filler.fill`.

    That is smaller where the photo is soft. Where it isn't, or too little of either is left then,
    they come back as they are.
    """
    if not hole.any():
        return photo, hole
    canvas = Canvas(photo, hole)
    groups = find_groups(hole, CONTEXT, LEAST_WINDOW)
    scale = _pick_scale(canvas, max(groups, key=lambda box: box.area))
    whole = Box(0, 0, *canvas.size)
    small, left = canvas.shrink(whole, _scaled(whole, scale)) if scale < 1 else (photo, hole)
    return (small, left) if left.any() and not left.all() else (photo, hole)


class Canvas:
    """A photo while it is being filled.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        known: (H, W) {0, 1}, 1 where the photo is as it was taken.
        unknown: (H, W) {0, 1}, 1 where nothing final stands yet.
        bare: (H, W) {0, 1}, 1 where not even a sketch stands.
        grainless: (H, W) {0, 1}, 1 where the photo's grain is lacking.
    """

    def __init__(self, pixels: Pixels, hole: Mask) -> None:
        self.pixels, self.known = pixels, 1 - hole
        self.unknown, self.bare, self.grainless = hole.copy(), hole.copy(), hole.copy()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def cut(self, window: Box) -> tuple[Pixels, Mask, Mask]:
        """Return the window's pixels, unknown and bare."""
        rows = window.slices
        return self.pixels[rows], self.unknown[rows], self.bare[rows]

    def shrink(
        self, window: Box, size: tuple[int, int], *, sketched: bool = False
    ) -> tuple[Pixels, Mask]:
        """Return the window's pixels and unknown at a smaller size (height, width).

        `sketched`: where a sketch stands counts as known.
        """
        pixels, unknown, bare = self.cut(window)
        small, share = shrink_known(pixels, bare if sketched else unknown, size)
        return np.clip(np.rint(small), 0, 255).astype(np.uint8), (share < 0.5).astype(np.uint8)

    def sketch(self, box: Box, pixels: Pixels) -> None:
        """Put `pixels` where there is no sketch; they stay unknown, but are there to start from."""
        self._put(box, pixels, self.bare)

    def fill(self, box: Box, pixels: Pixels) -> None:
        """Put `pixels` where they are unknown, for good."""
        self._put(box, pixels, self.unknown)
        self.unknown[box.slices] = 0

    def _put(self, box: Box, pixels: Pixels, where: Mask) -> None:
        np.copyto(self.pixels[box.slices], pixels, where=where[box.slices][..., None] > 0)
        self.bare[box.slices] = 0

    def copy_texture(self, group: Box, rng: np.random.Generator) -> bool:
        """Fill a group by copying from around it, if that is one texture; tell whether it was."""
        around = group.widen(RIM, 0, *self.size)
        if hole_depth(1 - self.known[around.slices]) < LEAST_DEPTH:
            return False
        window = group.widen(CONTEXT, LEAST_WINDOW, *self.size)
        copied = copy_texture(self.pixels[window.slices], 1 - self.known[window.slices], rng)
        if copied is None:
            return False
        self.fill(group, copied[group.inside(window).slices])
        self.grainless[group.slices] = 0
        return True

    def blur(self, group: Box) -> float:
        """Return how blurred the photo is around a group, in pixels."""
        around = group.widen(CONTEXT, LEAST_WINDOW, *self.size).slices
        return find_blur(self.pixels[around], self.known[around])

    def add_grain(self, box: Box, grain: Grain, rng: np.random.Generator) -> None:
        """Give what was filled in a box the grain of the photo."""
        rows = box.slices
        self.pixels[rows] = add_grain(self.pixels[rows], self.grainless[rows], grain, rng)
        self.grainless[rows] = 0


class Filler(NamedTuple):
    """What fills groups of holes: a generator, its noise, and whether it sees them mirrored."""

    generator: RestorerGenerator
    noise: torch.Generator
    mirrored: bool

    def fill(self, canvas: Canvas, group: Box) -> Generator[Window, Tensor, None]:
        """Fill a group; where the photo is soft, at a size where it is as sharp as can be.

        So it is what the generator has practised on, the fill gets no sharper than the photo, and
        it costs less.
        """
        scale = _pick_scale(canvas, group)
        filled = scale < 1 and (yield from self._fill_small(canvas, group, scale))
        if not filled:
            yield from self._fill_group(canvas, group)

    def _fill_small(
        self, canvas: Canvas, group: Box, scale: float
    ) -> Generator[Window, Tensor, bool]:
        """Fill a group at `scale`; False where nothing is known at that size."""
        window = group.widen(ceil(CONTEXT / scale), ceil(LEAST_WINDOW / scale), *canvas.size)
        small, hole = canvas.shrink(window, _scaled(window, scale))
        if hole.all():
            return False
        inside, nested = group.inside(window), Canvas(small, hole)
        box = Box(
            floor(inside.top * scale),
            floor(inside.left * scale),
            min(hole.shape[0], ceil(inside.bottom * scale)),
            min(hole.shape[1], ceil(inside.right * scale)),
        )
        yield from self._fill_group(nested, box)
        canvas.fill(group, _enlarge(nested.pixels, window)[inside.slices])
        return True

    def _fill_group(self, canvas: Canvas, group: Box) -> Generator[Window, Tensor, None]:
        """Fill a group at its own size, what is deep in it first coarsely."""
        if not canvas.unknown[group.slices].any():
            return  # a thin hole at a smaller size, or filled with the group beside it
        for part, scale in _find_deep(canvas, group):
            yield from self._fill_coarsely(canvas, part, scale)
        # The box of a group is tight, to a cell; those of its parts are not.
        cores = split_box(group, LARGEST_CORE)
        for core in cores if len(cores) == 1 else _tighten(cores, canvas.unknown):
            window = core.widen(CONTEXT, LEAST_WINDOW, *canvas.size, SIDE_STEP)
            restored = yield from self._ask(*canvas.cut(window))
            canvas.fill(core, restored[core.inside(window).slices])

    def _fill_coarsely(
        self, canvas: Canvas, group: Box, scale: float
    ) -> Generator[Window, Tensor, None]:
        """Sketch a group's fill at `scale` or less, seen with much around it, for detail later.

        What has been sketched beside it is gone by, so that parts of one hole go together.
        """
        window = _widen_for_sketch(canvas, group)
        scale = min(scale, COARSE_SIDE / max(window.height, window.width))
        small, hole = canvas.shrink(window, _scaled(window, scale), sketched=True)
        if hole.all():
            return
        restored = yield from self._ask(small, hole, hole)
        canvas.sketch(group, _enlarge(restored, window)[group.inside(window).slices])

    def _ask(self, photo: Pixels, unknown: Mask, bare: Mask) -> Generator[Window, Tensor, Pixels]:
        """Have a window (H, W, 3) restored where it is unknown; arguments as `Canvas.cut`."""
        height, width = unknown.shape
        step = lcm(self.generator.multiple_of, SIDE_STEP)
        planes = (torch.from_numpy(mask).float()[None, None] for mask in (unknown, bare))
        parts = (self._mirror(part) for part in (to_tensor(photo), *planes))
        pixels, hole, empty = (pad_to(part, step) for part in parts)  # (1, C, H, W)
        shape = self.generator.noise_shape(1, *pixels.shape[2:])
        drawn = torch.randn(shape, generator=self.noise, dtype=torch.float32, device="cpu")
        restored = yield Window(pixels, hole, empty, drawn)
        return to_pixels(self._mirror(restored[..., :height, :width]))

    def _mirror(self, image: Tensor) -> Tensor:
        """Return an image (1, C, H, W) as the generator is to see it, or back as the photo is."""
        return image.flip(3) if self.mirrored else image


def _find_deep(canvas: Canvas, group: Box) -> list[tuple[Box, float]]:
    """Return what is sketched of a group that is too deep for its own size, and at which scale.

    That is all of it, at the scale that its depth asks for, or where it is far too long for that
    only what is deep, in parts: so neither the ends of a long band nor scratches that lead into a
    deep hole are drawn from a tiny sketch.
    """
    around = group.widen(RIM, 0, *canvas.size)  # a hole may fill its group to the rim
    depths = hole_depths(canvas.unknown[around.slices])
    deepest = float(depths.max())
    if deepest <= LARGEST_DEPTH:
        return []
    seen = _widen_for_sketch(canvas, group)
    if max(seen.height, seen.width) * PART_DEPTH / deepest <= COARSE_SIDE:
        return [(group, LARGEST_DEPTH / deepest)]
    return _find_deep_parts(depths, group, around)


def _find_deep_parts(
    depths: NDArray[np.float32], group: Box, around: Box
) -> list[tuple[Box, float]]:
    """Return the parts of a group around what is deep, and their scales; `depths` of `around`."""
    deep = (depths > LARGEST_DEPTH).view(np.uint8)
    count, places, stats, _ = cv2.connectedComponentsWithStats(deep)
    reach = ceil(LARGEST_DEPTH / 0.95) + RIM  # distances are up to 5 % short
    found = []
    for number in range(1, count):  # 0 is what is shallow
        left, top, width, height, _ = map(int, stats[number])
        box = Box(
            max(group.top, around.top + top - reach),
            max(group.left, around.left + left - reach),
            min(group.bottom, around.top + top + height + reach),
            min(group.right, around.left + left + width + reach),
        )
        here = slice(top, top + height), slice(left, left + width)
        scale = PART_DEPTH / float(depths[here][places[here] == number].max())
        largest = ceil(COARSE_SIDE * 3 / 5 / scale)  # a third of it is seen on either side
        found += [(part, scale) for part in split_box(box, largest)]
    return found


def _widen_for_sketch(canvas: Canvas, box: Box) -> Box:
    """Return a box with what is seen around it for a sketch."""
    margin = max(CONTEXT, max(box.height, box.width) // 3)
    return box.widen(margin, LEAST_WINDOW, *canvas.size)


def _tighten(cores: list[Box], unknown: Mask) -> list[Box]:
    """Return those boxes in which something is unknown, no larger than that."""
    tight = []
    for core in cores:
        left, top, width, height = cv2.boundingRect(unknown[core.slices])
        if width:
            top, left = core.top + top, core.left + left
            tight.append(Box(top, left, top + height, left + width))
    return tight


def _pick_scale(canvas: Canvas, group: Box) -> float:
    """Return the scale at which the photo is sharp around a group, 1 where it is sharp enough."""
    blur = canvas.blur(group)
    scale = max(SHARP / blur, LEAST_WINDOW / min(canvas.size))
    return scale if scale < SHARP / SOFT else 1.0


def _scaled(window: Box, scale: float) -> tuple[int, int]:
    """Return the size (height, width) of a window at a scale."""
    return max(1, round(window.height * scale)), max(1, round(window.width * scale))


def _enlarge(pixels: Pixels, window: Box) -> Pixels:
    """Return the pixels of a window that was made smaller at its own size."""
    size = (window.width, window.height)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC), np.uint8)
