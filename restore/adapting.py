"""A generator that practises on what is known of one photo before it fills the photo's hole."""

import copy
import time
from dataclasses import dataclass
from math import cos, pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restore.device import autocast
from restore.errors import RestoreError
from restore.lpips import LEAST_SIDE, Lpips, load_lpips
from restore.masks import Preset, load_preset
from restore.nets import RestorerGenerator

CROP = 256  # pixels, side of the squares that it practises on
BATCH = 4
NEAR = 384  # pixels; how far from a pixel of the hole the middle of a square lies at most
PRACTICE = "mixed"  # preset of the holes to practise on
LEAST_HOLE = 0.03  # share of a square; with less there is little to learn
TRIES = 20  # squares that are looked at until one has so much
RATE, WARMUP = 4e-4, 5  # of AdamW, and steps over which it rises from 0
LPIPS_WEIGHT = 3.0  # beside 1 for the mean absolute difference


@dataclass(frozen=True)
class Exercise:
    """Squares of the photo with a hole that is known, (BATCH, C, h, w) each.

    Attributes:
        clean: the photo, with the base of the generator where it is not known.
        mask: 1 where the generator practises.
        unknown: 1 there and in the photo's own hole.
    """

    clean: Tensor
    mask: Tensor
    unknown: Tensor


def adapt_generator(
    generator: RestorerGenerator, photo: Tensor, hole: Tensor, seconds: float, seed: int = 0
) -> RestorerGenerator:
    """Return a copy of a generator that has practised on the known parts of a photo.

    Holes are drawn into squares near the photo's own, and the copy learns to fill them by mean
    absolute difference and LPIPS; what lies in the photo's own hole is never looked at. Learning
    from the one picture to be mended: Shocher et al., section 3, arXiv:1712.06087.

    Args:
        generator: stays as it is.
        photo: (1, 3, H, W) in [0, 1], on the generator's device.
        hole: (1, 1, H, W), 1 is the hole: this pixel may change.
        seconds: to practise for; as they go by the clock, results are not the same twice.
        seed: of the squares and holes.

    Raises:
        RestoreError: the network that LPIPS measures with is not on disk.
    """
    sides = [min(CROP, n - n % generator.multiple_of) for n in photo.shape[2:]]
    if min(sides) < LEAST_SIDE or not hole.any():
        return generator  # too small to practise on, or nothing to fill
    lpips = _load_lpips().to(photo.device)
    preset = load_preset(PRACTICE)
    student = copy.deepcopy(generator).requires_grad_(True)
    with torch.no_grad():
        known = student.make_base(photo, hole)
    optimizer = torch.optim.AdamW(student.parameters(), RATE, betas=(0.5, 0.99), weight_decay=0)
    places = hole[0, 0].nonzero().cpu().numpy()
    rng, start, step = np.random.default_rng(seed), time.monotonic(), 0
    while (spent := (time.monotonic() - start) / seconds) < 1:
        step += 1
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, step / WARMUP) * (0.5 + 0.5 * cos(pi * spent))
        loss = _measure(student, lpips, draw_exercise(known, hole, places, sides, preset, rng), rng)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
    return student.requires_grad_(False)


def _load_lpips() -> Lpips:
    lpips = load_lpips()
    if lpips is None:
        raise RestoreError(
            "Adapting to a photo needs the network that LPIPS measures with, which is not shipped; "
            "restore models --fetch lpips brings it."
        )
    return lpips.eval().requires_grad_(False)


def draw_exercise(
    known: Tensor,
    hole: Tensor,
    places: NDArray[np.int64],
    sides: list[int],
    preset: Preset,
    rng: np.random.Generator,
) -> Exercise:
    """Draw squares near the hole and holes in what is known of them.

    Args:
        known: (1, 3, H, W), the photo with a base in its hole.
        hole: (1, 1, H, W), 1 is the hole.
        places: (N, 2), the rows and columns of its pixels.
        sides: height and width of the squares.
        preset: of the holes to practise on.
        rng: draws places, holes and flips.
    """
    squares: list[Tensor] = []
    while len(squares) < BATCH:
        for _ in range(TRIES):
            rows, columns = _draw_square(places, hole.shape[2:], sides, rng)
            own = hole[..., rows, columns]
            drawn = torch.from_numpy(preset.draw(sides[0], sides[1], rng))[None, None].to(own)
            mask = drawn * (1 - own)
            if mask.mean() >= LEAST_HOLE:
                break
        square = torch.cat([known[..., rows, columns], mask, torch.maximum(drawn, own)], dim=1)
        squares.append(square.flip(3) if rng.random() < 0.5 else square)
    return Exercise(*torch.cat(squares).split([3, 1, 1], dim=1))


def _draw_square(
    places: np.ndarray, size: tuple[int, ...], sides: list[int], rng: np.random.Generator
) -> tuple[slice, slice]:
    """Return rows and columns of a square near one of the hole's pixels, inside the photo."""
    middle = places[rng.integers(len(places))] + rng.integers(-NEAR, NEAR + 1, 2)
    starts = [
        int(min(max(0, at - side // 2), limit - side))
        for at, side, limit in zip(middle, sides, size, strict=True)
    ]
    return slice(starts[0], starts[0] + sides[0]), slice(starts[1], starts[1] + sides[1])


def _measure(
    student: RestorerGenerator, lpips: Lpips, exercise: Exercise, rng: np.random.Generator
) -> Tensor:
    """Return how far the fills are off, to be made less."""
    clean, mask, unknown = exercise.clean, exercise.mask, exercise.unknown
    with torch.no_grad():
        base = student.make_base(clean, unknown)
    shape = student.noise_shape(len(clean), *clean.shape[2:])
    noise = torch.from_numpy(rng.standard_normal(shape, np.float32)).to(clean)
    with autocast(clean.device):
        restored = student.improve(base, unknown, noise)
        restored = clean + mask * (restored - clean)
        difference = (restored - clean).abs().sum() / (3 * mask.sum()).clamp_min(1)
        return difference + LPIPS_WEIGHT * lpips(restored, clean).mean()
