"""What a fill has to match: how blurred and how grainy a photo is.

Both are measured in blocks that lie wholly in the known part: blur by those with the strongest
edges, grain by the flattest.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.image import Mask, Pixels, Plane

SIDE = 16  # pixels, of the blocks

EDGES = 0.1  # share of the blocks, those with the strongest edges, that show the blur
LEAST_EDGE = 3.0  # levels of 255 for each pixel; without stronger ones the blur isn't known
EDGE_BLUR = 0.7  # pixels, against noise and the grid of the pixels

FLAT = 0.05  # share of the blocks, the flattest, that show noise and nothing else
SMOOTH = 3.0  # pixels; what is coarser than a Gaussian of this sigma is no grain
BINS = 8  # of brightness: film has more grain in the midtones, sensors in the light
LEAST_BLOCKS = 8  # to measure in
LEAST_OF_BIN = 32  # blocks
LEAST = 1.0  # levels of 255; less grain is not seen
MOST = 14.0  # levels; flattest blocks with more are texture
UNEVEN = 1.25  # by how much a bin may surpass the flattest blocks; what is more is texture
LEVEL = 0.1  # share of the blocks that have to be about as flat as the flattest
CLIPPED = 12  # levels from black or white where noise is cut off
SAMPLE, SAMPLES = 256, 4  # pixels, side of the squares in which a photo is looked at, and how many


# Blur --------------------------------------------------------------------------------------------


def find_blur(pixels: Pixels, known: Mask) -> float:
    """Return the blur of a photo at its sharpest edges, a Gaussian's sigma in pixels.

    A step that a Gaussian of sigma s blurred has a Laplacian whose energy is 1 / (2 s²) of the
    gradient's. The energy in the flattest blocks, which is noise, is subtracted from both.
    `EDGE_BLUR` is part of it: a photo that is as sharp as its size allows has about 0.7, and so is
    said to have one whose edges are too few or too faint to tell by.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        known: (H, W) {0, 1}, 1 where the photo is as it was taken.
    """
    parts = [_find_edges(pixels[place], known[place]) for place in _spread(known.shape)]
    slopes, bends = (np.concatenate(part) for part in zip(*parts, strict=True))
    if len(slopes) < LEAST_BLOCKS:
        return EDGE_BLUR
    flat, sharp = np.quantile(slopes, [EDGES, 1 - EDGES])
    slope, bend = (
        float(energy[slopes >= sharp].mean() - energy[slopes <= flat].mean())
        for energy in (slopes, bends)
    )
    if slope < LEAST_EDGE**2 or bend <= 0:
        return EDGE_BLUR
    return float(np.sqrt(slope / bend / 2))


def _find_edges(pixels: Pixels, known: Mask) -> tuple[Plane, Plane]:
    """Return the mean energy (B,) of gradient and Laplacian in each block that is known."""
    gray = cv2.cvtColor(pixels * known[..., None], cv2.COLOR_RGB2GRAY).astype(np.float32)
    gray = np.asarray(cv2.GaussianBlur(gray, (0, 0), EDGE_BLUR), np.float32)
    across, down = (cv2.Sobel(gray, -1, *way, ksize=1, scale=0.5) for way in ((1, 0), (0, 1)))
    inside = cv2.erode(known, np.ones((11, 11), np.uint8), borderValue=1)  # what saw no hole
    whole = _to_blocks(inside).min(axis=(1, 2)) > 0
    slope, bend = np.square(across) + np.square(down), np.square(cv2.Laplacian(gray, -1))
    slopes, bends = (_to_blocks(energy)[whole].mean(axis=(1, 2)) for energy in (slope, bend))
    return slopes, bends


# Grain -------------------------------------------------------------------------------------------


class Blocks(NamedTuple):
    """Blocks of a photo without what is coarser than grain.

    Attributes:
        noise: (B, SIDE, SIDE, 3) levels.
        strength: (B,) root of their mean square.
        brightness: (B,) mean, levels.
    """

    noise: Plane
    strength: Plane
    brightness: Plane

    def pick(self, which: NDArray[np.bool_]) -> "Blocks":
        """Return some of the blocks."""
        return Blocks(*(part[which] for part in self))


class Grain(NamedTuple):
    """The grain of a photo.

    Attributes:
        strengths: (BINS,) root of its mean square at each brightness, levels.
        samples: (B, SIDE, SIDE, 3) levels, blocks that show it and nothing else.
    """

    strengths: NDArray[np.float64]
    samples: Plane


def find_grain(photo: Pixels, known: Mask) -> Grain | None:
    """Return the grain of a photo, measured in the flattest blocks of its known part.

    All of the photo is looked at, for plain surfaces somewhere, a large one in samples. What is
    left of grain where little is flat is the weakest texture, so less is claimed than may be there.

    Args:
        photo: (H, W, 3) uint8 RGB.
        known: (H, W) {0, 1}, 1 where the photo is as it was taken.

    Returns:
        None where there is too little grain to be seen, or too little to tell by.
    """
    parts = [cut_blocks(photo[place], known[place]) for place in _spread(known.shape)]
    blocks = Blocks(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    light = blocks.brightness
    blocks = blocks.pick((light > CLIPPED) & (light < 255 - CLIPPED))
    if len(blocks.strength) < LEAST_BLOCKS:
        return None
    flattest = np.quantile(blocks.strength, FLAT)
    if not LEAST <= flattest <= MOST or not _is_level(blocks.strength):
        return None
    return Grain(measure(blocks), blocks.noise[blocks.strength <= flattest])


def add_grain(pixels: Pixels, filled: Mask, grain: Grain, rng: np.random.Generator) -> Pixels:
    """Return pixels with as much grain upon the fill as it lacks.

    It is Gaussian noise with the spectrum of the samples (Galerne et al., section III,
    doi:10.1109/TIP.2010.2052822), of what strength the brightness says, less what is there.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        filled: (H, W) {0, 1}, 1 where grain may be added.
        grain: of the photo.
        rng: draws the noise.
    """
    there = cut_blocks(pixels, filled).strength
    least = np.quantile(there, FLAT) if len(there) >= LEAST_BLOCKS else 0.0
    lacking = np.sqrt(np.maximum(0, grain.strengths**2 - least**2))
    if lacking.max() < LEAST:
        return pixels
    noise = draw_like(grain.samples, filled.shape, rng)
    brightness = cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (0, 0), SMOOTH)
    amount = np.interp(brightness, (np.arange(BINS) + 0.5) * (256 / BINS), lacking)
    amount *= filled
    return np.clip(np.rint(pixels + amount[..., None] * noise), 0, 255).astype(np.uint8)


def cut_blocks(pixels: Pixels, where: Mask) -> Blocks:
    """Return the blocks that lie wholly in `where`; nothing else is looked at."""
    inside = where.astype(np.float32)
    levels = pixels * inside[..., None]
    share = np.maximum(cv2.GaussianBlur(inside, (0, 0), SMOOTH), 1e-3)
    smooth = cv2.GaussianBlur(levels, (0, 0), SMOOTH) / share[..., None]
    whole = _to_blocks(where).min(axis=(1, 2)) > 0
    noise = _to_blocks(levels - smooth)[whole]
    strength = np.sqrt(np.square(noise).mean(axis=(1, 2, 3)))
    gray = _to_blocks(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))[whole]
    return Blocks(noise, strength, gray.mean(axis=(1, 2), dtype=np.float32))


def measure(blocks: Blocks) -> NDArray[np.float64]:
    """Return how strong the grain is at each of `BINS` brightnesses, in levels.

    Bins of fewer blocks than `LEAST_OF_BIN` take from their neighbours.
    """
    bins = (blocks.brightness * (BINS / 256)).astype(int)
    seen = [n for n in range(BINS) if np.count_nonzero(bins == n) >= LEAST_OF_BIN]
    flattest = np.quantile(blocks.strength, FLAT)
    if not seen:
        return np.full(BINS, flattest)
    found = [min(UNEVEN * flattest, np.quantile(blocks.strength[bins == n], FLAT)) for n in seen]
    return np.interp(np.arange(BINS), seen, found)


def draw_like(samples: Plane, size: tuple[int, ...], rng: np.random.Generator) -> Plane:
    """Return noise (H, W, 3) of mean square 1 with the mean spectrum and the colours of samples.

    Args:
        samples: (B, SIDE, SIDE, 3), at least one.
        size: (H, W).
        rng: draws it.
    """
    flat = samples.reshape(-1, 3)
    axes = np.linalg.eigh(flat.T @ flat)[1].astype(np.float32)  # columns: colours that vary alone
    power = np.square(np.abs(np.fft.fft2(samples @ axes, axes=(1, 2)))).mean(axis=0)
    kernels = np.fft.fftshift(np.fft.ifft2(np.sqrt(power), axes=(0, 1)).real, axes=(0, 1))
    kernels /= np.sqrt(np.square(kernels).sum() / 3) + 1e-12
    white = rng.standard_normal((3, *size), np.float32)
    drawn = [cv2.filter2D(white[n], -1, kernels[..., n].astype(np.float32)) for n in range(3)]
    return np.asarray(np.stack(drawn, axis=2) @ axes.T, np.float32)


def _is_level(strength: Plane) -> bool:
    """Tell whether many blocks have about as little in them as the least: noise is everywhere.

    Where texture is all that there is, hardly two blocks are alike.
    """
    least = np.quantile(strength, LEVEL / 5)
    return bool((strength <= UNEVEN * least).mean() >= LEVEL)


def _spread(size: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Yield squares all over a photo of a size, all of it or `SAMPLES` in each direction."""
    rows, columns = (
        np.linspace(0, max(0, side - SAMPLE), min(SAMPLES, -(-side // SAMPLE))).round().astype(int)
        for side in size
    )
    for top in rows:
        for left in columns:
            yield slice(top, top + SAMPLE), slice(left, left + SAMPLE)


def _to_blocks(plane: NDArray[Any]) -> NDArray[Any]:
    """Cut (H, W, …) into (B, SIDE, SIDE, …); what is left over right and below is dropped."""
    rows, columns = plane.shape[0] // SIDE, plane.shape[1] // SIDE
    cut = plane[: rows * SIDE, : columns * SIDE]
    blocks = cut.reshape(rows, SIDE, columns, SIDE, *plane.shape[2:]).swapaxes(1, 2)
    return blocks.reshape(rows * columns, SIDE, SIDE, *plane.shape[2:])
