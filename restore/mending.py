"""Whole photos are mended tile by tile, and made larger where that is wanted.

A photo that shall be larger is enlarged four times by bicubic interpolation and mended, which puts
back detail. Where it shall be twice as large, four pixels each are then averaged, since the network
has learned more of low size at four times than at two (benchmarks/README.md).
"""

from dataclasses import dataclass
from math import lcm
from numbers import Integral
from statistics import NormalDist

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restore.degradations import find_fading, unfade
from restore.errors import RestoreError, UsageError
from restore.image import AnyPixels, Plane, enlarge_samples, to_tensor
from restore.nets import RestorerGenerator
from restore.tiles import LEAST_SIDE, Blend, Span, pick_side, split_side
from restore.windows import Steps, Window, pad_to

ENLARGED = 4  # times, before a photo that shall be larger is mended
SCALES = (1, 2, ENLARGED)  # how many times wider and higher a photo can be made
RIM = 2  # pixels round a part that the bicubic interpolation of it looks at
# Levels of 255 by which mending changes photos that are clean, and damaged: by JPEG, and otherwise.
BY_BLOCKS, OTHERWISE = (1.5, 2.5), (2.5, 5.0)
BLOCK = 8  # pixels, side of a block of a JPEG
BLOCKY = 1.4  # times as much as inside blocks the change differs between them, from there on
TONE_CELL = 8  # pixels; what is larger than a few of these is tone, not detail
# Levels of 255: between such strengths of noise, tone may change by so much more than by clipping.
NOISE, UNSURE = (8.0, 40.0), (0.0, 4.0)
SURE = 20.0  # levels of 255: where mending changes more, noise may have hidden black and white


@dataclass(frozen=True)
class Mender:
    """What mends whole photos.

    Attributes:
        generator: the network.
        memory: bytes that are free.
        upscale: one of `SCALES`: how many times wider and higher photos are made.
        keep_fading: whether a photo that looks faded stays so.
        strength: share of what mending changes that a photo gets, 0 to 1.
    """

    generator: RestorerGenerator
    memory: int
    upscale: int = 1
    keep_fading: bool = False
    strength: float = 1.0

    def steps(self, photo: AnyPixels, seed: int) -> Steps:
        """Mend a photo (H, W, 3) uint8 or uint16, see `restore.windows.follow`.

        The network restores detail; brightness and colour are the photo's own (`keep_tone`), but
        for what fading took from a photo as a whole. Where memory does not suffice, it is done in
        smaller tiles.

        Returns:
            (H, W, 3) of the photo's type, `upscale` times as high and wide.

        Raises:
            RestoreError: it does not suffice for the smallest, either.
        """
        mended = keep_tone(photo, (yield from self._mend(photo, seed, 1)))
        faded = None
        if not self.keep_fading and find_change(photo, mended) < SURE:
            faded = find_fading(mended)
        mended = _mix(photo, mended, self.strength)
        if self.upscale > 1:
            ready = mix_by_damage(photo, mended)
            mended = keep_tone(ready, (yield from self._mend(ready, seed, ENLARGED)))
        return _mix(mended, unfade(mended, faded), self.strength) if faded else mended

    def _mend(self, photo: AnyPixels, seed: int, factor: int) -> Steps:
        """Mend a photo that is enlarged by a factor first."""
        side = max(LEAST_SIDE, min(pick_side(self.memory), factor * max(photo.shape[:2])))
        while True:
            try:
                return (yield from self._mend_in_tiles(photo, seed, factor, side))
            except MemoryError:
                if side == LEAST_SIDE:
                    height, width = photo.shape[:2]
                    raise RestoreError(
                        f"There is not enough memory to mend {factor * width} × {factor * height} "
                        f"pixels, even in tiles of {LEAST_SIDE}; close other programs, or take a "
                        f"smaller photo."
                    ) from None
                side = max(LEAST_SIDE, side // 2)

    def _mend_in_tiles(self, photo: AnyPixels, seed: int, factor: int, longest: int) -> Steps:
        height, width = (factor * side for side in photo.shape[:2])
        most = np.iinfo(photo.dtype).max
        gray = bool((photo == photo[..., :1]).all())
        step = lcm(self.generator.multiple_of, factor)
        noise = self._draw_noise(height, width, seed)
        cell = -(-height // step) * step // noise.shape[2]  # pixels for each number of the noise
        blend = Blend(split_side(height, longest, step), split_side(width, longest, step))
        joined = factor // self.upscale if factor > 1 else 1  # pixels of a side that become one
        result = np.empty((height // joined, width // joined, 3), photo.dtype)
        for row, column in blend.boxes:
            pixels = pad_to(to_tensor(_cut(photo, row, column, factor)), step)
            ones = torch.ones_like(pixels[:, :1])
            top, left, size = row.start // cell, column.start // cell, pixels.shape[2:]
            part = noise[..., top : top + size[0] // cell, left : left + size[1] // cell]
            restored = yield Window(pixels, ones, torch.zeros_like(ones), part)
            tile = restored[0, :, : len(row.weights), : len(column.weights)].permute(1, 2, 0)
            for place, values in blend.add(tile.numpy()):
                levels = values.mean(axis=2, keepdims=True) if gray else values
                levels = _join(np.clip(levels, 0, 1, out=levels), joined)
                result[place.start // joined : place.stop // joined] = np.rint(levels * most)
        return result

    def _draw_noise(self, height: int, width: int, seed: int) -> Tensor:
        """Return the noise for a whole photo, enlarged to a multiple."""
        step = self.generator.multiple_of
        sides = (-(-side // step) * step for side in (height, width))
        shape = self.generator.noise_shape(1, *sides)
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu")


def check_scale(upscale: int) -> None:
    """Refuse a scale that photos can't be brought to.

    Raises:
        UsageError: it is none of `SCALES`.
    """
    if upscale not in SCALES or not isinstance(upscale, Integral):
        raise UsageError(f"Photos can be made 1, 2 or 4 times as wide and high, not {upscale!r}.")


def keep_tone(photo: AnyPixels, mended: AnyPixels) -> AnyPixels:
    """Return the mended photo with the brightness and colour of larger parts as they were.

    The network takes low contrast for fading, above all under the grain of a gray photo, of which
    it then gives back a part; what is faded is told from what is flat by the whole photo
    (`restore.degradations.find_fading`). Only what noise has moved, as it was clipped at black and
    white, is the network's to move back, and a little more where there was much of it.

    Args:
        photo: (H, W, 3) uint8 or uint16.
        mended: of the same type, as large or larger.
    """
    height, width = photo.shape[:2]
    size = (-(-width // TONE_CELL), -(-height // TONE_CELL))
    after = _find_tone(mended, size)
    change = _smooth(after - _find_tone(photo, size))
    if photo.shape == mended.shape:
        noise = max(0.0, find_change(photo, mended) ** 2 - float(np.square(change).mean())) ** 0.5
        change -= _find_allowed(change, _smooth(after), noise)
    if not change.any():
        return mended
    kept, most = np.empty_like(mended), np.iinfo(mended.dtype).max
    for channel in range(3):  # one at a time, as these numbers take four bytes each
        moved = change[..., channel] * np.float32(most / 255)
        levels = np.asarray(cv2.resize(moved, mended.shape[1::-1]), np.float32)
        np.subtract(mended[..., channel], levels, out=levels)
        kept[..., channel] = np.clip(np.rint(levels, out=levels), 0, most, out=levels)
    return kept


def _find_allowed(change: Plane, tone: Plane, noise: float) -> Plane:
    """Return the part of a change of tone that is the network's to make, in levels of 255.

    It may move back what clipping has moved, and a little more where there was much noise.
    """
    back = -_clipping_shift(tone, noise)
    more = np.float32(np.interp(noise, NOISE, UNSURE))
    return np.clip(change, np.minimum(back, 0) - more, np.maximum(back, 0) + more)


def _find_tone(photo: AnyPixels, size: tuple[int, int]) -> Plane:
    """Return the means of cells, `size` (width, height) of them, in levels of 255."""
    means = [  # one channel at a time, in float, as OpenCV would round them
        cv2.resize(photo[..., channel].astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for channel in range(3)
    ]
    return np.stack(means, axis=2) * np.float32(255 / np.iinfo(photo.dtype).max)


def _smooth(cells: Plane) -> Plane:
    return np.asarray(cv2.GaussianBlur(cells, (0, 0), 1), np.float32).reshape(cells.shape)


def _clipping_shift(tone: Plane, sigma: float) -> Plane:
    """Return by how many levels of 255 clipping moves the mean of levels with noise N(0, sigma²).

    Levels x are moved by E[clip(x + n)] − x = sigma · (h(x / sigma) − h((255 − x) / sigma)), where
    h(t) = E[max(0, n / sigma − t)].
    """
    if not sigma:
        return np.zeros_like(tone)
    normal = NormalDist()
    levels = np.arange(256)
    cut = [normal.pdf(t) - t * normal.cdf(-t) for t in levels / sigma]
    shift = sigma * (np.array(cut) - np.array(cut[::-1]))
    return np.interp(tone, levels, shift).astype(np.float32)


def mix_by_damage(photo: AnyPixels, mended: AnyPixels) -> AnyPixels:
    """Return the photo, mended by as much as it looks damaged.

    Blocks and noise shall not be enlarged, since nobody would know them again; but mending takes a
    little of the finest detail of a clean photo, from which most can be gained.
    """
    change = find_change(photo, mended)
    looks = BY_BLOCKS if find_blocks(photo, mended) >= BLOCKY else OTHERWISE  # clean, damaged
    return _mix(photo, mended, float(np.interp(change, looks, (0, 1))))


def _mix(photo: AnyPixels, mended: AnyPixels, share: float) -> AnyPixels:
    """Return the photo with a share of what mending changes in it; of 1 the mended one itself."""
    if share == 1:
        return mended
    return np.asarray(cv2.addWeighted(mended, share, photo, 1 - share, 0), photo.dtype)


def find_change(photo: AnyPixels, mended: AnyPixels) -> float:
    """Return by how many levels of 255 two photos (H, W, 3) differ, root of the mean square."""
    levels = 255 / np.iinfo(photo.dtype).max
    return float(levels * cv2.norm(photo, mended, cv2.NORM_L2) / photo.size**0.5)


def find_blocks(photo: AnyPixels, mended: AnyPixels) -> float:
    """Return by how much more mending changes a photo (H, W, 3) between blocks than inside them.

    1 where there are no blocks, or where they don't begin at the top left.
    """
    change = mended.mean(axis=2, dtype=np.float32) - photo.mean(axis=2, dtype=np.float32)
    between = inside = 0.0
    for steps in (np.abs(np.diff(change)), np.abs(np.diff(change.T))):
        at_rims = steps[:, BLOCK - 1 :: BLOCK]
        if at_rims.size == 0:
            return 1.0
        total, count = float(steps.sum()), steps.size - at_rims.size
        between += float(at_rims.mean())
        inside += (total - float(at_rims.sum())) / count
    return between / inside if inside else 1.0


def _cut(photo: AnyPixels, row: Span, column: Span, factor: int) -> AnyPixels:
    """Return the pixels of a tile of the photo that is enlarged by a factor."""
    if factor == 1:
        return photo[row.slice, column.slice]
    starts = [max(0, span.start // factor - RIM) for span in (row, column)]
    ends = [span.stop // factor + RIM for span in (row, column)]
    part = enlarge_samples(photo[starts[0] : ends[0], starts[1] : ends[1]], factor)
    top, left = (s.start - factor * n for s, n in zip((row, column), starts, strict=True))
    return part[top : top + len(row.weights), left : left + len(column.weights)]


def _join(values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return the means of squares of `count` × `count` pixels (H, W, C)."""
    if count == 1:
        return values
    height, width, channels = values.shape
    squares = values.reshape(height // count, count, width // count, count, channels)
    return squares.mean(axis=(1, 3))
