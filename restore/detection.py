"""Scores of a detector: what it finds on photos that were damaged here, where we know the place."""

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from restore.cases import Case, read_photos
from restore.degradations import load_damage
from restore.draw import draw_mask, make_grid, shrink
from restore.errors import RestoreError, UsageError
from restore.image import Mask, Pixels, Plane
from restore.masks import grow_mask, mask_from_chances

THRESHOLDS = (0.2, 0.3, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8)
TOLERANCE = 1  # pixels that a found pixel may lie beside a damaged one, in the second score
SHEET_SIDE = 320  # pixels, longer side of a picture on the sheet


class Rater(Protocol):
    """What is scored: a `Detector`, or anything that rates pixels as one does."""

    def rate(self, photo: Pixels) -> Plane:
        """Return the probability of damage (H, W) in [0, 1] of a photo (H, W, 3)."""


class Agreement(NamedTuple):
    """How far two masks agree, as counts of pixels that can be added up."""

    right: int = 0  # found ones that are damaged
    found: int = 0
    hit: int = 0  # damaged ones that are found
    damaged: int = 0

    @classmethod
    def of(cls, found: Mask, damaged: Mask, tolerance: int = 0) -> "Agreement":
        """Return how far what was found agrees with what is damaged, both (H, W) {0, 1}.

        With a tolerance a pixel also counts as right where one of the other mask lies within so
        many pixels of it.
        """
        near_damage, near_found = grow_mask(damaged, tolerance), grow_mask(found, tolerance)
        counts = (found & near_damage, found, damaged & near_found, damaged)
        return cls(*(int(np.count_nonzero(mask)) for mask in counts))

    @property
    def precision(self) -> float:
        """Share of what was found that is damaged; 1 where nothing was found."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of the damage that was found; 1 where there is none."""
        return self.hit / self.damaged if self.damaged else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    def plus(self, other: "Agreement") -> "Agreement":
        """Return the counts of both."""
        return Agreement(*(mine + its for mine, its in zip(self, other, strict=True)))


@dataclass
class Detection:
    """What a detector got: counts by (threshold, tolerance), and of photos without damage."""

    agreements: dict[tuple[float, int], Agreement] = field(default_factory=dict)
    alarms: dict[float, int] = field(default_factory=dict)  # by threshold: pixels of clean photos
    pixels: int = 0  # of the clean photos
    photos: int = 0
    seconds: float = 0.0  # of all damaged photos together
    sheet: Pixels | None = None

    def by_threshold(self) -> Iterator[tuple[float, Agreement, Agreement]]:
        """Yield each threshold, the agreement to the pixel, and that within `TOLERANCE`."""
        for threshold in self.alarms:
            exact, near = (self.agreements[threshold, t] for t in (0, TOLERANCE))
            yield threshold, exact, near

    def false_share(self, threshold: float) -> float:
        """Return the share of the clean photos' pixels that were taken for damage."""
        return self.alarms[threshold] / self.pixels


def read_damaged(
    folder: Path,
    preset: str | Path = "scratched",
    *,
    seed: int = 0,
    limit: int | None = None,
    last: int | None = None,
    warn: Callable[[str], None] = warnings.warn,
) -> Iterator[Case]:
    """Yield the photos of a folder damaged by a preset of degradations, by (seed, index).

    The masks of the cases say where.

    Photos that can't be read are left out, with a warning.

    Args:
        folder: of clean photos.
        preset: of degradations, by name or file.
        seed: another seed, other damage.
        limit: only so many first photos, after `last`.
        last: only so many last ones.
        warn: is called with a sentence about each photo that is left out.

    Raises:
        RestoreError: no photos there.
        UsageError: unknown preset, or one that damages no place in particular.
    """
    chain = load_damage(preset)
    for index, name, clean in read_photos(folder, limit, last, warn):
        try:
            damaged, mask = chain.damage(clean, np.random.default_rng([seed, index]))
        except RestoreError as error:
            warn(f"Left out: {name}, since it can't be damaged: {error}")
            continue
        yield Case(name, Path(preset).stem, clean, mask, damaged)


def score_detector(
    rater: Rater,
    cases: Iterable[Case],
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    sheet_rows: int = 0,
    warn: Callable[[str], None] = warnings.warn,
) -> Detection:
    """Score a detector on damaged photos, and on the same photos as they were.

    Args:
        rater: a detector.
        cases: taken one at a time.
        thresholds: each is scored, to the pixel and with `TOLERANCE`.
        sheet_rows: how many of the first cases go onto the contact sheet.
        warn: is called with a sentence about each case that memory does not suffice for.

    Raises:
        RestoreError: no photo could be scored.
    """
    found = Detection()
    rows: list[tuple[str, list[Pixels]]] = []
    for case in cases:
        start = time.perf_counter()
        try:
            rated = rater.rate(case.damaged)
            seconds = time.perf_counter() - start
            clean = rater.rate(case.clean)
        except UsageError:  # which each case would have
            raise
        except RestoreError as error:
            warn(f"Left out: {case.name}: {error}")
            continue
        found.seconds += seconds
        _add(found, case, rated, clean, thresholds)
        if len(rows) < sheet_rows:
            rows.append((case.name, _draw_row(case, rated)))
    if not found.photos:
        raise RestoreError("None of the photos could be scored.")
    if rows:
        labels, pictures = zip(*rows, strict=True)
        found.sheet = make_grid(pictures, ("damaged", "where", "found"), labels)
    return found


def _add(
    total: Detection, case: Case, rated: Plane, clean: Plane, thresholds: Sequence[float]
) -> None:
    total.photos += 1
    total.pixels += clean.size
    for threshold in thresholds:
        mask, alarm = (mask_from_chances(chances, threshold) for chances in (rated, clean))
        total.alarms[threshold] = total.alarms.get(threshold, 0) + int(alarm.sum())
        for tolerance in (0, TOLERANCE):
            before = total.agreements.get((threshold, tolerance), Agreement())
            now = Agreement.of(mask, case.mask, tolerance)
            total.agreements[threshold, tolerance] = before.plus(now)


def _draw_row(case: Case, rated: Plane) -> list[Pixels]:
    where = draw_mask(case.damaged, case.mask)
    found = (255 * rated).astype(np.uint8)[..., None].repeat(3, axis=2)
    return [shrink(picture, SHEET_SIDE) for picture in (case.damaged, where, found)]
