"""Textures: a hole in one, such as grass or brick, is filled with copies of what is around it.

Deep in such a hole a small network draws stripes, while the texture itself is at hand. Each pixel
is given a source, a known pixel whose surroundings look like its own, from coarse to fine, and its
colour is voted for by its own source and those of its neighbours: Wexler et al., section 3
(doi:10.1109/TPAMI.2007.60). Good sources spread to neighbours: PatchMatch (Barnes et al., section
3.2, doi:10.1145/1531326.1531330).
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.image import Mask, Pixels, Plane, shrink_known

Places = NDArray[np.int32]  # (N, 2) as (row, column)
Sources = NDArray[np.int32]  # (H, W, 2), a nearest-neighbour field: where from, or its own place

BLOCK = 24  # pixels, side of the squares by which a texture is told
LEAST_BLOCKS = 8
UNIFORM = 0.15  # variance between blocks by that inside them: textures have less, scenes over 0.5
JUST_SEEN = 4.0  # squared levels; less variance inside blocks is none

PATCH = 7  # pixels, side of the squares that are compared
REACH = PATCH // 2
COARSEST = 64  # pixels, longer side at most of the size to begin at
LEAST_SOURCES = 64
SEARCHES = 4  # for the most similar sources at the smallest size
ROUNDS = 2  # of voting and propagation, at each size but the photo's own
STEPS = ((0, 1), (0, -1), (1, 0), (-1, 0), (0, 4), (0, -4), (4, 0), (-4, 0))  # to neighbours
NEAR = 1.5  # pixels, sigma of the Gaussian by which neighbours vote
ROUGH = 0.5  # of the texture's deviation, noise in the first guess, which else is smooth
ALONG, INWARDS = 0.7, 2.0  # pixels that a step at the rim is evened out over, sigma and length
CHUNK = 65536  # pixels compared at a time, for the sake of memory

# What would take more time or memory than a fill is worth is left alone.
LARGEST = 2**22  # pixels of what is looked at
LARGEST_HOLE = 2**20  # pixels
MOST_PAIRS = 2**25  # of a pixel and a source, compared at the smallest size


def is_texture(pixels: Pixels, known: Mask) -> bool:
    """Tell whether what is known is one texture: blocks differ less than the pixels inside them.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        known: (H, W) {0, 1}, 1 where the photo is as it was taken.
    """
    height, width = (side // BLOCK * BLOCK for side in known.shape)
    colors = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[:height, :width].astype(np.float32)
    share = known[:height, :width, None].astype(np.float32)
    shares = _average_blocks(share)
    full = shares[:, 0] > 0.5
    if full.sum() < LEAST_BLOCKS:
        return False
    colors *= share
    means = _average_blocks(colors)[full] / shares[full]
    colors *= colors
    inside = (_average_blocks(colors)[full] / shares[full] - means**2).sum(axis=1).mean()
    return bool(means.var(axis=0).sum() <= UNIFORM * (inside + JUST_SEEN))


def _average_blocks(planes: Plane) -> NDArray[np.float64]:
    """Return the means (B, C) of (H, W, C) over blocks."""
    if not planes.size:
        return np.zeros((0, planes.shape[2]))
    size = (planes.shape[1] // BLOCK, planes.shape[0] // BLOCK)
    small = cv2.resize(planes, size, interpolation=cv2.INTER_AREA)
    return small.reshape(-1, planes.shape[2]).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Level:
    """A photo at one size.

    Attributes:
        pixels: (H, W, 3), levels of 255.
        hole: (H, W) {0, 1}, 1 is the hole.
    """

    pixels: Plane
    hole: Mask

    @cached_property
    def targets(self) -> Places:
        """The pixels of the hole."""
        return np.argwhere(self.hole).astype(np.int32)

    @cached_property
    def usable(self) -> NDArray[np.bool_]:
        """Where a patch is wholly known, (H, W)."""
        square = np.ones((PATCH, PATCH), np.uint8)
        return cv2.erode(1 - self.hole, square, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0

    def halve(self) -> "Level":
        """Return the photo at half its size, rounded up; a pixel is known if all of it was."""
        rim = tuple((0, side % 2) for side in self.hole.shape)
        pixels = np.pad(self.pixels, (*rim, (0, 0)))
        hole = np.pad(self.hole, rim, constant_values=1)
        small, share = shrink_known(pixels, hole, (hole.shape[0] // 2, hole.shape[1] // 2))
        return Level(small, (share < 0.999).astype(np.uint8))


def copy_texture(pixels: Pixels, hole: Mask, rng: np.random.Generator) -> Pixels | None:
    """Return the photo with its hole filled by copies of what is known, if that is one texture.

    Args:
        pixels: (H, W, 3) uint8 RGB; what lies in the hole does not matter.
        hole: (H, W) {0, 1}, 1 is the hole: this pixel may change.
        rng: draws what the fill begins with.

    Returns:
        None where it is no texture, too little is known to copy from, or it would take too long.
    """
    if hole.size > LARGEST or hole.sum() > LARGEST_HOLE or not is_texture(pixels, 1 - hole):
        return None
    levels = _make_levels(Level(pixels.astype(np.float32), hole))
    if not 0 < len(levels[0].targets) * np.count_nonzero(levels[0].usable) <= MOST_PAIRS:
        return None
    guess = _guess(levels[0], rng)
    for _ in range(SEARCHES):
        sources = find_nearest(levels[0], guess)
        guess = complete(levels[0], sources)
    for level, finer in pairwise(levels):
        for _ in range(ROUNDS):
            sources = propagate(level, sources)
        sources = enlarge(finer, sources)
    return np.clip(np.rint(join(levels[-1], sources)), 0, 255).astype(np.uint8)


def _make_levels(photo: Level) -> list[Level]:
    """Return the photo as small as there is enough to copy, twice as large …, and at its size."""
    levels = [photo]
    while max(levels[0].hole.shape) > COARSEST:
        smaller = levels[0].halve()
        if np.count_nonzero(smaller.usable) < LEAST_SOURCES:
            break
        levels.insert(0, smaller)
    return levels


def _guess(level: Level, rng: np.random.Generator) -> Plane:
    """Return the photo with its hole filled by smooth colours and noise."""
    known = np.clip(np.rint(level.pixels), 0, 255).astype(np.uint8)
    smooth = cv2.inpaint(known, level.hole, REACH, cv2.INPAINT_TELEA)
    noise = rng.standard_normal(level.pixels.shape, np.float32) * level.hole[..., None]
    deviation = level.pixels[level.hole == 0].std(axis=0)
    return np.asarray(smooth + ROUGH * deviation * noise, np.float32)


def find_nearest(level: Level, guess: Plane) -> Sources:
    """Return for each pixel of the hole the source whose patch is the most like that of a guess."""
    places = np.argwhere(level.usable).astype(np.int32)
    known, wanted = (
        np.ascontiguousarray(_to_patches(image)[tuple(at.T)]).reshape(len(at), -1)
        for image, at in ((level.pixels, places), (guess, level.targets))
    )
    sources = _own_places(level)
    found = [match.trainIdx for match in cv2.BFMatcher(cv2.NORM_L2).match(wanted, known)]
    sources[tuple(level.targets.T)] = places[found]
    return sources


def propagate(level: Level, sources: Sources) -> Sources:
    """Return sources after each pixel tried those of its neighbours, shifted as it lies to them."""
    wanted, known = _to_patches(complete(level, sources)), _to_patches(level.pixels)
    targets, last = level.targets, np.array(level.hole.shape, np.int32) - 1
    sources = sources.copy()
    best = sources[tuple(targets.T)]
    distance = _compare(wanted, targets, known, best)
    for step in np.array(STEPS, np.int32):
        neighbours = np.clip(targets - step, 0, last)
        tried = np.clip(sources[tuple(neighbours.T)] + targets - neighbours, 0, last)
        other = (level.usable[tuple(tried.T)] & (tried != best).any(axis=1)).nonzero()[0]
        found = _compare(wanted, targets[other], known, tried[other])
        better = other[found < distance[other]]
        distance[better] = found[found < distance[other]]
        best[better] = tried[better]
        sources[tuple(targets.T)] = best
    return sources


def enlarge(level: Level, sources: Sources) -> Sources:
    """Return the sources of half the size at this one, usable where they are in its `halve`."""
    targets = level.targets
    enlarged = _own_places(level)
    enlarged[tuple(targets.T)] = sources[tuple((targets // 2).T)] * 2 + targets % 2
    return enlarged


def join(level: Level, sources: Sources) -> Plane:
    """Return what `complete` does without a step at the rim of the hole.

    What the votes for the known pixels at the rim miss of them is added inside, less with each
    pixel: a membrane, as in Pérez et al., section 2 (doi:10.1145/882262.882269), but a narrow one.
    """
    rim = cv2.dilate(level.hole, np.ones((3, 3), np.uint8)) - level.hole
    places = np.argwhere(rim).astype(np.int32)
    missed = np.zeros_like(level.pixels)
    missed[rim == 1] = level.pixels[rim == 1] - _vote(level, sources, places)
    share = cv2.GaussianBlur(rim.astype(np.float32), (0, 0), ALONG)[..., None]
    lacking = cv2.GaussianBlur(missed, (0, 0), ALONG) / np.maximum(share, 1e-4)
    depth = cv2.distanceTransform(level.hole, cv2.DIST_L2, 3)
    fading = level.hole * np.exp(-np.maximum(depth - 1, 0) / np.float32(INWARDS))
    return np.asarray(complete(level, sources) + fading[..., None] * lacking, np.float32)


def complete(level: Level, sources: Sources) -> Plane:
    """Return the photo with each pixel of its hole as the sources of those around it vote."""
    completed = level.pixels.copy()
    completed[level.hole == 1] = _vote(level, sources, level.targets)
    return completed


def _vote(level: Level, sources: Sources, places: Places) -> NDArray[np.float32]:
    """Return (N, 3) what those around N pixels vote for: what lies to their source as it to them.

    Only pixels of the hole vote, since the source of a known one is itself; each of the N needs
    one near by.
    """
    rim = ((REACH, REACH), (REACH, REACH))
    voters, placed = np.pad(level.hole, rim), np.pad(sources, (*rim, (0, 0))) + REACH
    pixels = np.pad(level.pixels, (*rim, (0, 0)), mode="reflect")
    total = np.zeros((len(places), 3), np.float32)
    weight = np.zeros((len(places), 1), np.float32)
    for shift in np.argwhere(np.ones((PATCH, PATCH))).astype(np.int32) - REACH:
        voter = tuple((places + REACH - shift).T)
        share = np.float32(np.exp(-(shift**2).sum() / (2 * NEAR**2))) * voters[voter][:, None]
        total += share * pixels[tuple((placed[voter] + shift).T)]
        weight += share
    return total / weight


def _own_places(level: Level) -> Sources:
    return np.moveaxis(np.indices(level.hole.shape, np.int32), 0, 2).copy()


def _to_patches(image: Plane) -> NDArray[np.float32]:
    """Return a view (H, W, 3, PATCH, PATCH) of what is around each pixel."""
    padded = np.pad(image, ((REACH, REACH), (REACH, REACH), (0, 0)), mode="reflect")
    return np.lib.stride_tricks.sliding_window_view(padded, (PATCH, PATCH), axis=(0, 1))


def _compare(
    wanted: NDArray[np.float32], at: Places, known: NDArray[np.float32], of: Places
) -> NDArray[np.float32]:
    """Return the squared distance (N,) of patches at N places of one photo to N of another."""
    parts = [np.zeros(0, np.float32)]
    for start in range(0, len(at), CHUNK):
        part = slice(start, start + CHUNK)
        apart = wanted[tuple(at[part].T)] - known[tuple(of[part].T)]
        parts.append(np.einsum("nijk,nijk->n", apart, apart))
    return np.concatenate(parts)
