"""The restorer: a photo and a mask in, the whole photo out."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from math import lcm
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from restore.adapting import adapt_generator
from restore.assets import checkpoint_path, natural_path
from restore.checkpoint import Header, check_task, load_network
from restore.device import autocast, free_memory, memory_errors, one_thread, pick_device
from restore.errors import RestoreError, UsageError
from restore.image import AnyPixels, to_pixels, to_tensor
from restore.nets import RESTORERS, RestorerGenerator
from restore.tiles import LEAST_SIDE, Blend, pick_side, split_side
from restore.windows import Box, find_groups, hole_depth, split_box

Pixels = NDArray[np.uint8]

CONTEXT = 96  # pixels that a window shows on each side of a hole
LEAST_WINDOW = 256  # pixels, side
LARGEST_CORE = 576  # pixels; a larger group is filled in parts, each with its context
LARGEST_DEPTH = 128  # pixels; a deeper hole is filled first at a scale where it isn't
COARSE_SIDE = 512  # pixels; longer side of a window then, at most
SIDE_STEP = 32  # pixels; sides of windows are multiples, so that many have the same shape


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


@dataclass(frozen=True)
class Restorer:
    """A generator that is ready to use: `Restorer.load("inpaint").fix(photo, mask)`."""

    name: str
    settings: Header
    generator: RestorerGenerator
    device: torch.device

    @classmethod
    def load(
        cls, name: str | Path = "inpaint", device: str = "auto", natural: float = 0.0
    ) -> "Restorer":
        """Load a shipped checkpoint by name, a .safetensors file, or a run's folder.

        Args:
            name: of the checkpoint.
            device: "auto", "cpu", "cuda" or "mps".
            natural: 0 takes its weights, which are faithful to the photo; 1 those of
                NAME-natural.safetensors beside it, which make up detail that looks real; between
                the two the weights are mixed (Wang et al., eq. 5, arXiv:1809.00219).

        Raises:
            UsageError: an unknown name or device, or a checkpoint that restores no photos.
            RestoreError: the file is missing or is no whole checkpoint of this program.
        """
        path = checkpoint_path(name)
        place = pick_device(device)
        check_task(path, "inpaint", "mend")
        settings, generator = load_network(path, RESTORERS)
        if natural:
            generator = _mix(path, settings, generator, natural)
        return cls(settings.name, settings, generator.to(place), place)

    def fix(
        self, photo: AnyPixels, mask: NDArray[np.generic] | None = None, seed: int = 0
    ) -> AnyPixels:
        """Return the photo with its holes filled, or without a mask mended as a whole.

        Where the mask is 0 the photo stays as it is.

        Args:
            photo: (H, W, 3) RGB, uint8; without a mask also uint16.
            mask: (H, W); everything but 0 is the hole: this pixel may change. None has the whole
                photo mended by a restorer that was trained on that.
            seed: another seed, another fill; the same seed, the same fill.

        Returns:
            (H, W, 3) RGB, a new array of the type of `photo`; with three equal channels where
            those of a mended photo were.

        Raises:
            UsageError: photo or mask has another shape or type, nothing is known, or the restorer
                fills holes and there is no mask.
            RestoreError: there is not enough memory.
        """
        return follow(self.steps(photo, mask, seed), lambda window: self.restore([window])[0])

    def adapt(
        self, photo: Pixels, mask: NDArray[np.generic], seconds: float, seed: int = 0
    ) -> "Restorer":
        """Return a restorer that has practised on what is known of this photo, for this photo.

        Args:
            photo: (H, W, 3) uint8 RGB.
            mask: (H, W); everything but 0 is the hole.
            seconds: to practise for. They go by the clock, so that it is not the same twice.
            seed: of what it practises on.

        Raises:
            UsageError: as `fix`.
            RestoreError: the network that LPIPS measures with is not on disk.
        """
        hole = torch.from_numpy(_check(photo, mask)).float()[None, None].to(self.device)
        pixels = to_tensor(photo).to(self.device)
        with memory_errors():
            adapted = adapt_generator(self.generator, pixels, hole, seconds, seed)
        return replace(self, generator=adapted)

    def steps(
        self, photo: AnyPixels, mask: NDArray[np.generic] | None = None, seed: int = 0
    ) -> Steps:
        """Fix a photo as `fix` does, but let the caller have its windows restored (`follow`).

        So the windows of several photos can be restored side by side.
        """
        if mask is None:
            return self._mend(_check_whole(photo, self.settings), seed)
        return self._fill(photo, mask, seed)

    def _fill(self, photo: Pixels, mask: NDArray[np.generic], seed: int) -> Steps:
        """Fill the holes of a photo, group by group."""
        canvas = Canvas(photo.copy(), _check(photo, mask))
        height, width = canvas.unknown.shape
        noise = torch.Generator().manual_seed(seed)
        for group in find_groups(canvas.unknown, CONTEXT, LEAST_WINDOW):
            depth = hole_depth(canvas.unknown[group.slices])
            if depth > LARGEST_DEPTH:
                yield from self._fill_coarsely(canvas, group, LARGEST_DEPTH / depth, noise)
            for core in split_box(group, LARGEST_CORE):
                window = core.widen(CONTEXT, LEAST_WINDOW, height, width, SIDE_STEP)
                restored = yield from self._ask(*canvas.cut(window), noise)
                canvas.fill(core, restored[core.inside(window).slices])
        return canvas.pixels

    def restore(self, windows: Sequence[Window]) -> list[Tensor]:
        """Return windows of one shape restored, (1, 3, H, W) float32 in about [0, 1] each."""
        pixels, unknown, bare, noise = (
            torch.cat(parts).to(self.device)
            for parts in zip(
                *((w.pixels, w.unknown, w.bare, w.noise) for w in windows), strict=True
            )
        )
        with memory_errors(), torch.inference_mode(), autocast(self.device):
            # Interpolation on a CPU rounds in another way on one thread than on several.
            with one_thread():
                base = self.generator.make_base(pixels, bare)
            restored = self.generator.improve(base, unknown, noise)
        return list(restored.float().cpu().split(1))

    def _mend(self, photo: AnyPixels, seed: int) -> Steps:
        """Mend a whole photo in tiles, in smaller ones where memory does not suffice."""
        side = pick_side(free_memory(self.device))
        while True:
            try:
                return (yield from self._mend_in_tiles(photo, seed, side))
            except MemoryError:
                if side == LEAST_SIDE:
                    raise RestoreError(
                        f"There is not enough memory to mend {photo.shape[1]} × {photo.shape[0]} "
                        f"pixels, even in tiles of {side}; close other programs, or take a "
                        f"smaller photo."
                    ) from None
                side = max(LEAST_SIDE, side // 2)

    def _mend_in_tiles(self, photo: AnyPixels, seed: int, longest: int) -> Steps:
        height, width = photo.shape[:2]
        most = np.iinfo(photo.dtype).max
        gray = bool((photo == photo[..., :1]).all())
        step = self.generator.multiple_of
        noise = self._draw_noise(height, width, seed)
        cell = -(-height // step) * step // noise.shape[2]  # pixels for each number of the noise
        blend = Blend(split_side(height, longest, step), split_side(width, longest, step))
        mended = np.empty_like(photo)
        for row, column in blend.boxes:
            pixels = _pad(to_tensor(photo[row.slice, column.slice]), step)
            ones = torch.ones_like(pixels[:, :1])
            top, left, size = row.start // cell, column.start // cell, pixels.shape[2:]
            part = noise[..., top : top + size[0] // cell, left : left + size[1] // cell]
            restored = yield Window(pixels, ones, torch.zeros_like(ones), part)
            tile = restored[0, :, : len(row.weights), : len(column.weights)].permute(1, 2, 0)
            for place, values in blend.add(tile.numpy()):
                levels = values.mean(axis=2, keepdims=True) if gray else values
                mended[place] = np.rint(np.clip(levels, 0, 1) * most)
        return mended

    def _draw_noise(self, height: int, width: int, seed: int) -> Tensor:
        """Return the noise for a whole photo, enlarged to a multiple."""
        step = self.generator.multiple_of
        sides = (-(-side // step) * step for side in (height, width))
        shape = self.generator.noise_shape(1, *sides)
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed))

    def _fill_coarsely(
        self, canvas: "Canvas", group: Box, scale: float, noise: torch.Generator
    ) -> Generator[Window, Tensor, None]:
        """Sketch a group's fill at `scale` or less, seen with much around it, for detail later."""
        margin = max(CONTEXT, max(group.height, group.width) // 3)
        window = group.widen(margin, LEAST_WINDOW, *canvas.unknown.shape)
        scale = min(scale, COARSE_SIDE / max(window.height, window.width))
        size = (max(1, round(window.width * scale)), max(1, round(window.height * scale)))
        pixels, unknown, _ = canvas.cut(window)
        # Averages over known pixels only, so that what lay in the hole doesn't bleed out of it.
        known = (1 - unknown).astype(np.float32)
        share = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
        small = cv2.resize(pixels * known[..., None], size, interpolation=cv2.INTER_AREA)
        small = np.clip(small / np.maximum(share, 1e-3)[..., None], 0, 255)
        hole = (share < 0.5).astype(np.uint8)
        if hole.all():
            return
        restored = yield from self._ask(small.astype(np.uint8), hole, hole, noise)
        whole = (window.width, window.height)
        large = cv2.resize(restored, whole, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
        canvas.sketch(group, large[group.inside(window).slices])

    def _ask(self, photo: Pixels, unknown: Pixels, bare: Pixels, noise: torch.Generator) -> Steps:
        """Have a window (H, W, 3) restored where it is unknown; arguments as `Canvas.cut`."""
        height, width = unknown.shape
        step = lcm(self.generator.multiple_of, SIDE_STEP)
        pixels = _pad(to_tensor(photo), step)  # (1, 3, H, W)
        hole, empty = (_pad(torch.from_numpy(m).float()[None, None], step) for m in (unknown, bare))
        shape = self.generator.noise_shape(1, *pixels.shape[2:])
        drawn = torch.randn(shape, generator=noise)
        restored = yield Window(pixels, hole, empty, drawn)
        return to_pixels(restored[..., :height, :width])


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


class Canvas:
    """A photo while it is being filled.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        unknown: (H, W) {0, 1}, 1 where nothing final stands yet.
        bare: (H, W) {0, 1}, 1 where not even a sketch stands.
    """

    def __init__(self, pixels: Pixels, hole: Pixels) -> None:
        self.pixels, self.unknown, self.bare = pixels, hole, hole.copy()

    def cut(self, window: Box) -> tuple[Pixels, Pixels, Pixels]:
        """Return the window's pixels, unknown and bare."""
        rows = window.slices
        return self.pixels[rows], self.unknown[rows], self.bare[rows]

    def sketch(self, box: Box, pixels: Pixels) -> None:
        """Put `pixels` where they are unknown; they stay so, but are there to start from."""
        unknown = self.unknown[box.slices]
        np.copyto(self.pixels[box.slices], pixels, where=unknown[..., None] > 0)
        self.bare[box.slices] = 0

    def fill(self, box: Box, pixels: Pixels) -> None:
        """Put `pixels` where they are unknown, for good."""
        self.sketch(box, pixels)
        self.unknown[box.slices] = 0


def _pad(image: Tensor, step: int) -> Tensor:
    """Return an image (1, C, H, W) with its rim repeated below and right up to multiples."""
    height, width = image.shape[2:]
    padding = (0, -width % step, 0, -height % step)
    return F.pad(image, padding, mode="replicate") if any(padding) else image


def _mix(
    path: Path, settings: Header, faithful: RestorerGenerator, natural: float
) -> RestorerGenerator:
    """Return a generator whose weights lie between those of two checkpoints."""
    if not 0 <= natural <= 1:
        raise UsageError(f"'natural' goes from 0 (faithful) to 1, not {natural:g}.")
    other = natural_path(path)
    if not other.is_file():
        raise UsageError(
            f"{settings.name} has no natural weights ({other.name} is not there), so natural can "
            f"only be 0."
        )
    header, generator = load_network(other, RESTORERS)
    if header.network != settings.network:
        raise UsageError(f"{other} holds another network than {path}, so they can't be mixed.")
    with torch.no_grad():
        for weight, end in zip(faithful.parameters(), generator.parameters(), strict=True):
            weight.lerp_(end, natural)
    return faithful


def _check_whole(photo: AnyPixels, settings: Header) -> AnyPixels:
    """Refuse what can't be mended without a mask."""
    if settings.task != "mend":
        raise UsageError(f"{settings.name} fills holes and needs a mask; 'mend' needs none.")
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype not in (np.uint8, np.uint16):
        raise UsageError(
            f"A photo must be (height, width, 3) uint8 or uint16, not {photo.shape} {photo.dtype}."
        )
    return photo


def _check(photo: Pixels, mask: NDArray[np.generic]) -> Pixels:
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8:
        raise UsageError(
            f"A photo must be (height, width, 3) uint8, not {photo.shape} {photo.dtype}."
        )
    if mask.shape != photo.shape[:2]:
        raise UsageError(
            f"The mask must be (height, width) as the photo, {photo.shape[:2]}, not {mask.shape}."
        )
    hole = (mask != 0).astype(np.uint8)
    if hole.all():
        raise UsageError("The mask marks the whole photo, so there is nothing to go by.")
    return hole
