"""Scores of a restorer: of holes beside the classical ways to fill them, or of photos as a whole.

A case is a clean photo and what is wrong with it; a method gets the damaged photo alone; a score is
what one method got for one case; means are taken over the cases of a group.
"""

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from math import isnan
from statistics import fmean

import cv2
import numpy as np

from restore.cases import Case, Results
from restore.device import sentence_on_memory
from restore.draw import draw_mask, make_grid, shrink
from restore.errors import RestoreError, UsageError
from restore.fidelity import FidelityPool
from restore.fixing import Fixer
from restore.hole_metrics import HOLE_METRICS
from restore.image import Mask, Pixels, to_tensor
from restore.masks import hole_share
from restore.metrics import METRICS, knows_lpips, lpips
from restore.tables import look_up

Method = Callable[[Pixels, Mask], Pixels]
SheetRow = tuple[str, list[Pixels]]

RADIUS = 3  # pixels round the hole that OpenCV's methods look at
EQUAL_PSNR = 100.0  # decibel; counts for equal pictures, so that means stay finite
OURS, ANOTHER = "ours", "another seed"


@dataclass(frozen=True)
class Filled:
    """A method's answer to a case, and the seconds it took, None where nobody knows."""

    pixels: Pixels
    seconds: float | None


@dataclass(frozen=True)
class Score:
    """What a method got for a case.

    `values` holds the METRICS and HOLE_METRICS by name and, for a restorer asked for two seeds,
    "diversity" (LPIPS between them). What could not be measured is left out.
    """

    name: str
    group: str
    method: str
    hole: float  # share of the photo
    values: dict[str, float]
    seconds: float | None


@dataclass(frozen=True)
class Means:
    """The mean scores of a method over the `count` cases of a group."""

    group: str
    method: str
    count: int
    values: dict[str, float]
    seconds: float | None


@dataclass(frozen=True)
class Evaluation:
    """All scores, and a contact sheet of the first cases (pixels) where one was asked for."""

    scores: list[Score] = field(default_factory=list)
    sheet: Pixels | None = None
    fidelity: dict[str, float] = field(default_factory=dict)  # of all photos together

    @property
    def means(self) -> list[Means]:
        """Means by group, in order of their names, and by method."""
        return average(self.scores)


def fill_telea(damaged: Pixels, mask: Mask) -> Pixels:
    """Fill by fast marching (Telea, J. Graphics Tools 9(1), 2004)."""
    return np.asarray(cv2.inpaint(damaged, mask, RADIUS, cv2.INPAINT_TELEA), np.uint8)


def fill_ns(damaged: Pixels, mask: Mask) -> Pixels:
    """Fill along lines of equal brightness (Bertalmio et al., "Navier-Stokes", CVPR 2001)."""
    return np.asarray(cv2.inpaint(damaged, mask, RADIUS, cv2.INPAINT_NS), np.uint8)


def leave(damaged: Pixels, mask: Mask) -> Pixels:
    """Do nothing: what the damaged photo itself scores."""
    return damaged


def fill_biharmonic(damaged: Pixels, mask: Mask) -> Pixels:
    """Fill as smoothly as possible (Chui and Mhaskar, 2010); seconds to minutes on large holes."""
    from skimage.restoration import inpaint_biharmonic

    filled = inpaint_biharmonic(damaged, mask, channel_axis=-1, split_into_regions=True)
    return np.asarray((255 * filled).round().clip(0, 255), np.uint8)


BASELINES: dict[str, Method] = {
    "telea": fill_telea,
    "ns": fill_ns,
    "biharmonic": fill_biharmonic,
    "damaged": leave,
}


def score_restorer(
    fixer: Fixer,
    cases: Iterable[Case],
    baselines: Sequence[str] = ("telea", "ns"),
    *,
    seeds: int = 2,
    sheet_rows: int = 0,
    fidelity: bool = False,
    peers: Sequence[Results] = (),
    tell: Callable[[Score], None] = lambda score: None,
    warn: Callable[[str], None] = warnings.warn,
) -> Evaluation:
    """Score `fixer` and the baselines on every case.

    Args:
        fixer: a restorer.
        cases: clean photos and what is wrong with them, spoiled ones for a restorer of whole
            photos; taken one at a time.
        baselines: names in BASELINES.
        seeds: 2 measures how much two fills differ ("diversity"), 1 saves the time; of the cases
            that neither LPIPS nor a sheet would show it in, each is filled once.
        sheet_rows: how many of the first cases go onto the contact sheet.
        fidelity: measure FID and KID too, between all of `fixer`'s results and the clean photos.
        peers: what other programs have made of the cases; nobody knows in what time.
        tell: is called with every score as soon as there is one.
        warn: is called with a sentence about each case that is left out, as a peer has no result
            for it or memory does not suffice, and where FID and KID can't be measured in the end.

    Raises:
        UsageError: an unknown baseline.
        RestoreError: no case could be scored, or what measures FID and KID is not installed.
    """
    methods = {name: look_up(BASELINES, name, "baseline") for name in baselines}
    methods |= fixer_methods(fixer, seeds)
    columns = [*(peer.name for peer in peers), *methods]
    scores: list[Score] = []
    rows: list[SheetRow] = []
    with FidelityPool(getattr(fixer, "device", None)) if fidelity else nullcontext() as pool:
        for case in cases:
            is_shown = len(rows) < sheet_rows
            if not (is_shown or knows_lpips()):
                methods.pop(ANOTHER, None)  # nothing would show it
            if (tried := _try_case(case, methods, peers, warn)) is None:
                continue
            filled, found = tried
            scores += found
            for score in found:
                tell(score)
            if pool is not None:
                pool.add_restored(filled[OURS].pixels)
                pool.add_clean(case.clean)
            if is_shown:
                rows.append(sheet_row(case, filled))
        if not scores:
            raise RestoreError("None of the photos could be scored.")
        sheet = make_sheet(rows, columns) if rows else None
        return Evaluation(scores, sheet, pool.measure_or_warn(warn) if pool else {})


def _try_case(
    case: Case,
    methods: Mapping[str, Method],
    peers: Sequence[Results],
    warn: Callable[[str], None],
) -> tuple[dict[str, Filled], list[Score]] | None:
    """Return what each made of a case, and scored; None, once that is told, if it is left out."""
    try:
        filled = {peer.name: Filled(peer.read(case), None) for peer in peers}
    except RestoreError as error:
        warn(f"Left out: {error}")
        return None
    try:
        with sentence_on_memory():
            filled |= {name: fill(method, case) for name, method in methods.items()}
            return filled, score_case(case, filled)
    except UsageError:  # which each case would have
        raise
    except RestoreError as error:
        warn(f"Left out: {case.name}: {error}")
        return None


def fixer_methods(fixer: Fixer, seeds: int = 1) -> dict[str, Method]:
    """Return a restorer as a method: OURS with seed 0 and, where wanted, ANOTHER with seed 1."""

    def method(seed: int) -> Method:
        def fix(damaged: Pixels, mask: Mask) -> Pixels:
            hole = None if fixer.mends else mask
            return np.asarray(fixer.fix(damaged, hole, seed=seed), np.uint8)

        return fix

    return {OURS: method(0)} | ({ANOTHER: method(1)} if seeds > 1 else {})


def fill(method: Method, case: Case) -> Filled:
    """Let a method fill the hole of a case, and take the time."""
    damaged = case.damaged
    start = time.perf_counter()
    pixels = method(damaged, case.mask)
    return Filled(pixels, time.perf_counter() - start)


def score_case(case: Case, filled: Mapping[str, Filled]) -> list[Score]:
    """Score what each method made of a case; ANOTHER gives OURS its diversity and no score."""
    scores = []
    for method, answer in filled.items():
        if method == ANOTHER:
            continue
        values = measure(case, answer.pixels)
        if method == OURS and ANOTHER in filled:
            values |= _known({"diversity": _between(answer, filled[ANOTHER])})
        share = hole_share(case.mask)
        scores.append(Score(case.name, case.group, method, share, values, answer.seconds))
    return scores


def measure(case: Case, restored: Pixels) -> dict[str, float]:
    """Return the METRICS of a restored photo over all of it, and the HOLE_METRICS."""
    pair = to_tensor(restored), to_tensor(case.clean)
    values = {name: metric(*pair).item() for name, metric in METRICS.items()}
    for name, hole_metric in HOLE_METRICS.items():
        values[name] = hole_metric(restored, case.clean, case.mask)
    values["psnr"] = min(values["psnr"], EQUAL_PSNR)
    return _known(values)


def average(scores: Iterable[Score]) -> list[Means]:
    """Return the means by group, in order of the groups' names, and by method as they come."""
    together: dict[str, dict[str, list[Score]]] = {}
    for score in scores:
        together.setdefault(score.group, {}).setdefault(score.method, []).append(score)
    return [
        Means(group, method, len(some), _mean_values(some), _mean_seconds(some))
        for group, methods in sorted(together.items())
        for method, some in methods.items()
    ]


def lpips_ratio(scores: Sequence[Score]) -> float | None:
    """Return mean(ours) / mean(per case the better of Telea and NS) in LPIPS; below 1 is better.

    None where one of the three was not measured.
    """
    by_method: dict[str, dict[tuple[str, str], float]] = {}
    for score in scores:
        if "lpips" in score.values:
            case = (score.group, score.name)
            by_method.setdefault(score.method, {})[case] = score.values["lpips"]
    ours, telea, ns = (by_method.get(name, {}) for name in (OURS, "telea", "ns"))
    if not ours or not ours.keys() == telea.keys() == ns.keys():
        return None
    return fmean(ours.values()) / fmean(min(telea[case], ns[case]) for case in ours)


def sheet_row(case: Case, filled: Mapping[str, Filled], side: int = 320) -> SheetRow:
    """Return one row of a contact sheet: its label and its pictures, at most `side` pixels long."""
    answers = [answer.pixels for answer in filled.values()]
    pictures = (draw_mask(case.damaged, case.mask), *answers, case.clean)
    return f"{case.name}\n{case.group}", [shrink(pixels, side) for pixels in pictures]


def make_sheet(rows: Sequence[SheetRow], methods: Sequence[str]) -> Pixels:
    """Return the contact sheet of some rows: damaged, each method, clean."""
    labels, pictures = zip(*rows, strict=True)
    return make_grid(pictures, ["damaged", *methods, "clean"], labels)


def _between(first: Filled, second: Filled) -> float:
    return lpips(to_tensor(first.pixels), to_tensor(second.pixels)).item()


def _known(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if not isnan(value)}


def _mean_seconds(scores: Sequence[Score]) -> float | None:
    known = [score.seconds for score in scores if score.seconds is not None]
    return fmean(known) if known else None


def _mean_values(scores: Sequence[Score]) -> dict[str, float]:
    names = {name: None for score in scores for name in score.values}  # a set that keeps order
    return {n: fmean(s.values[n] for s in scores if n in s.values) for n in names}
