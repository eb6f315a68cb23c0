"""Scores of a sampler: how like real pictures its own are, and how unlike each other."""

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restore.data import open_held_out, read_square
from restore.distances import NEIGHBOURS, frechet_distance, kernel_distance, overlap
from restore.draw import make_grid, to_rgb
from restore.errors import RestoreError, UsageError
from restore.fidelity import FidelityPool
from restore.image import Pixels
from restore.lpips import load_lpips
from restore.reader import Read, Reader, load_reader, to_images, to_seen
from restore.sampler import Sampler

LEAST = NEIGHBOURS + 2  # pictures, drawn and real, that scores need
MOST = 10_000  # real pictures
COMPARED = 256  # pictures of which all pairs are compared by LPIPS
COMPARED_SIDE = 128  # pixels; of larger pictures fewer are compared, in as much memory
ALIKE = 0.05  # LPIPS-squeeze; two pictures nearer than this are nearly equal
READ_WELL = 0.8  # share of real labels that a fitting classifier reads right
UNEVEN = 0.1  # difference of a class's shares, drawn and real, that is told
IN_LABEL = 200  # pictures of a label of which all pairs are compared
COLUMNS = 12  # of the sheet
SHOWN_LABELS = 20
DRAWN_ROWS, REAL_ROWS = 6, 2  # of the sheet, where there are no labels


def spread(total: int, count: int) -> NDArray[np.intp]:
    """Return `count` places at even distances among `total`; all where there are fewer."""
    count = min(count, total)
    return np.arange(count) * total // max(1, count)


@dataclass(frozen=True)
class Pictures:
    """Pictures and what they show.

    Attributes:
        pixels: (N, S, S, 3) uint8 RGB, or (N, S, S) gray.
        labels: the label of each, or none at all.
        names: all labels that there are, in their order.
        in_turn: labels follow each other in turn, so that the first pictures are some of each.
    """

    pixels: Pixels
    labels: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    in_turn: bool = False

    def __len__(self) -> int:
        """Count them."""
        return len(self.pixels)

    def pick(self, count: int) -> NDArray[np.intp]:
        """Return the places of `count` of them with labels as in all; all where there are fewer.

        They are the first ones in turn, and else lie at even distances, as labels may be sorted.
        """
        return np.arange(min(count, len(self))) if self.in_turn else spread(len(self), count)

    def some(self, count: int) -> Pixels:
        """Return those that `pick` names."""
        return self.pixels[self.pick(count)]

    def of(self, label: str) -> Pixels:
        """Return those of a label."""
        return self.pixels[[one == label for one in self.labels]]


@dataclass(frozen=True)
class Resemblance:
    """What a sampler scored.

    Attributes:
        model: the sampler's name.
        features: what the reader is called that distances, precision and recall go by.
        pictures: how many were drawn.
        real_pictures: how many they were compared with.
        values: scores of the drawn pictures. "frechet" and "kernel" distances from the real ones;
            "precision" and "recall"; "right", the share whose label was read as asked; "modes", how
            many of the reader's classes there are; "diversity", mean LPIPS-squeeze over pairs, and
            "alike", the share of pairs below 0.05; "spread", mean distance of two pictures of a
            label (pixels in 0 to 1); "fid" and "kid", by Inception, where asked for. What could not
            be measured is left out.
        real: those of the same scores that are measured without a comparison, of the real pictures.
        labels: for each label "right", and "spread" as a ratio to that of the real pictures.
        classes: how many the reader tells apart; 0 if none.
        sheet: a grid of drawn pictures above real ones, (H, W, 3) uint8.
    """

    model: str
    features: str
    pictures: int
    real_pictures: int
    values: dict[str, float]
    real: dict[str, float]
    labels: dict[str, dict[str, float]] = field(default_factory=dict)
    classes: int = 0
    sheet: Pixels | None = field(default=None, repr=False)


def score_sampler(
    model: str,
    data: Path,
    features: str | None = None,
    *,
    limit: int | None = None,
    last: int | None = None,
    count: int = 1000,
    seed: int = 0,
    fidelity: bool = False,
    device: str = "auto",
    warn: Callable[[str], None] = warnings.warn,
) -> Resemblance:
    """Load a sampler, real pictures and the network to compare them by, and `compare`.

    Args:
        model: a checkpoint's name or file or a run's folder.
        data: a folder of pictures, or with a folder for each class, or with idx files, of which the
            test part is taken where there is one.
        features: "squeeze", a shipped classifier or a classifier's file; None is the shipped
            classifier of the labels, or else "squeeze".
        limit: only the first so many pictures.
        last: only the last so many pictures, before `limit`.
        count: see `compare`, as for seed and fidelity.
        device: see `restore.device.pick_device`.
        warn: is called with a sentence for each picture that can't be read, and where the scores
            may mislead.

    Raises:
        UsageError: an unknown name, a model or network of another kind, too few pictures.
        RestoreError: a file can't be read or written.
    """
    sampler = Sampler.load(model, device=device)
    real = read_real(data, sampler, limit=limit, last=last, warn=warn)
    reader = load_reader(features, sampler.labels or real.names, device)
    found = compare(
        sampler,
        real,
        reader,
        count=count,
        seed=seed,
        fidelity=fidelity,
        warn=warn,
    )
    if features is None and found.real.get("right", 1) < READ_WELL:
        warn(
            f"{reader.name} reads only {found.real['right']:.0%} of the real labels right, so its "
            "labels may mean other pictures; --features squeeze works for any."
        )
    return found


def read_real(
    place: Path,
    sampler: Sampler,
    *,
    limit: int | None = None,
    last: int | None = None,
    warn: Callable[[str], None] = warnings.warn,
) -> Pictures:
    """Read real pictures as the sampler draws them: the square in the middle, its size and colours.

    More than 10,000 are thinned out at even distances. Arguments as `score_sampler`.

    Raises:
        RestoreError: there are no pictures.
    """
    gallery = open_held_out(place)
    chosen = np.arange(len(gallery.pictures))[-(last or 0) :][:limit]
    chosen = chosen[spread(len(chosen), MOST)]
    size, channels = sampler.generator.size, sampler.generator.channels
    pixels: list[Pixels] = []
    kept: list[int] = []
    for number in map(int, chosen):
        try:
            pixels.append(read_square(gallery.pictures, number, size, channels))
            kept.append(number)
        except RestoreError as error:
            warn(f"Left out: {error}")
    if not kept:
        raise RestoreError(f"None of the pictures of {place} can be read.")
    if gallery.stray:
        warn(f"{gallery.stray} lies beside the folders of {place}, so they are no classes.")
    names = gallery.names
    if names == tuple(map(str, range(len(sampler.labels)))) and not any(
        label.isdecimal() for label in sampler.labels
    ):
        names = sampler.labels  # idx files have numbers alone, in the same order
    labels = () if gallery.labels is None else (names[n] for n in gallery.labels[kept])
    stacked = np.stack(pixels)
    return Pictures(stacked if channels == 3 else stacked[..., 0], tuple(labels), names)


def compare(
    sampler: Sampler,
    real: Pictures,
    reader: Reader,
    *,
    count: int = 1000,
    seed: int = 0,
    fidelity: bool = False,
    warn: Callable[[str], None] = warnings.warn,
) -> Resemblance:
    """Draw `count` pictures, of each class in turn, and score them beside real ones.

    Args:
        sampler: what draws.
        real: pictures that it was not trained on, of its size.
        reader: the network that features and classes are read by.
        count: how many to draw; Fréchet distances can be compared for one count only.
        seed: of the noise.
        fidelity: measure FID and KID too.
        warn: is called with a sentence where FID and KID can't be measured in the end.

    Raises:
        UsageError: there are fewer than five pictures, drawn or real.
        RestoreError: what measures FID is not installed.
    """
    pool = FidelityPool(sampler.device) if fidelity else None
    if min(count, len(real)) < LEAST:
        raise UsageError(
            f"Scores need {LEAST} pictures, drawn and real; there are {count} and {len(real)}."
        )
    names = [sampler.label_of(number) for number in range(count)]
    labels = tuple(name for name in names if name is not None)
    _check_shares(labels, real, warn)
    drawn = Pictures(sampler.draw(count, seed=seed), labels, in_turn=bool(labels))
    reads = reader.read(drawn.pixels), reader.read(real.pixels)
    values = _apart(drawn, reads[0].features, real, reads[1].features)
    ours, theirs = _alone(drawn, reads[0], reader), _alone(real, reads[1], reader)
    if pool is not None:
        values |= _measure_fidelity(pool, drawn, real, warn)
    return Resemblance(
        sampler.name,
        reader.name,
        len(drawn),
        len(real),
        values=values | ours,
        real=theirs,
        labels=_by_label(drawn, reads[0], real, reader),
        classes=len(reader.labels),
        sheet=draw_sheet(drawn, real),
    )


def _check_shares(labels: tuple[str, ...], real: Pictures, warn: Callable[[str], None]) -> None:
    """Warn where classes are drawn in other shares than the real pictures have."""
    if not labels or not real.labels:
        return
    drawn, given = Counter(labels), Counter(real.labels)
    if drawn.keys().isdisjoint(given):
        warn(
            f"The real pictures are of other classes, such as {real.labels[0]}, than the drawn "
            f"ones, such as {labels[0]}; nothing is compared class by class."
        )
        return
    off = {name: given[name] / len(real) - drawn[name] / len(labels) for name in drawn | given}
    most = max(off, key=lambda name: abs(off[name]))
    if abs(off[most]) > UNEVEN:
        warn(
            f"{given[most] / len(real):.0%} of the real pictures are of the class {most} and "
            f"{drawn[most] / len(labels):.0%} of the drawn ones, as all classes are drawn alike; "
            "Fréchet, kernel and Inception distances count that, too."
        )


def mean_distance(pictures: Pixels) -> float:
    """Return the mean difference between two pictures, over pixels in 0 to 1 and all pairs."""
    if len(pictures) < 2:
        return float("nan")
    flat = torch.from_numpy(pictures.reshape(len(pictures), -1)).float() / 255
    return float(torch.pdist(flat, p=1).mean() / flat.shape[1])


def draw_sheet(drawn: Pictures, real: Pictures) -> Pixels:
    """Return a grid: for each label a row drawn and a row real, without labels some of each.

    Of many labels `SHOWN_LABELS` at most are shown.
    """
    rows: list[tuple[str, Pixels]] = []
    labels = list(dict.fromkeys(drawn.labels))
    for label in labels[:: max(1, -(-len(labels) // SHOWN_LABELS))]:  # at even distances
        rows.append((label, drawn.of(label)[:COLUMNS]))
        if len(theirs := real.of(label)):
            rows.append(("real", theirs[:COLUMNS]))
    if not rows:
        rows += _split("drawn", drawn.some(DRAWN_ROWS * COLUMNS))
        rows += _split("real", real.some(REAL_ROWS * COLUMNS))
    pictures = [[to_rgb(picture) for picture in row] for _, row in rows]
    return make_grid(pictures, labels=[label for label, _ in rows])


def _split(label: str, pictures: Pixels) -> list[tuple[str, Pixels]]:
    starts = range(0, len(pictures), COLUMNS)
    return [(label if not n else "", pictures[n : n + COLUMNS]) for n in starts]


def _apart(drawn: Pictures, fake: Tensor, real: Pictures, true: Tensor) -> dict[str, float]:
    """Return what compares two sets of features; precision and recall by equal numbers of both."""
    both = min(len(drawn), len(real))
    found = overlap(true[real.pick(both)], fake[drawn.pick(both)])
    return {
        "frechet": frechet_distance(true, fake),
        "kernel": kernel_distance(true, fake),
        "precision": found.precision,
        "recall": found.recall,
    }


def _alone(pictures: Pictures, read: Read, reader: Reader) -> dict[str, float]:
    """Return what can be said of pictures without others to compare with."""
    values: dict[str, float] = {}
    if read.classes is not None:
        values["modes"] = float(len(read.classes.unique()))
        if (right := _right(pictures, read, reader)) is not None:
            values["right"] = float(right.float().mean())
    side = max(pictures.pixels.shape[1:3])
    count = round(COMPARED * min(1.0, (COMPARED_SIDE / side) ** 2))
    values |= _diversity(pictures.some(max(2, count)))
    spreads = [mean_distance(pictures.of(label)[:IN_LABEL]) for label in set(pictures.labels)]
    if known := [spread for spread in spreads if not isnan(spread)]:
        values["spread"] = fmean(known)
    return values


def _right(pictures: Pictures, read: Read, reader: Reader) -> Tensor | None:
    """Return which labels (N,) were read as they are; None where the reader knows others."""
    if read.classes is None or not pictures.labels or not {*pictures.labels} <= {*reader.labels}:
        return None
    numbers = {label: number for number, label in enumerate(reader.labels)}
    return read.classes == torch.tensor([numbers[label] for label in pictures.labels])


def _diversity(pictures: Pixels) -> dict[str, float]:
    """Return mean LPIPS-squeeze over all pairs and the share of nearly equal ones, if it is here.

    Pictures below 64 pixels are enlarged for it.
    """
    network = load_lpips()
    if network is None:
        return {}
    seen = to_seen(to_images(pictures))
    above = torch.triu_indices(len(pictures), len(pictures), 1)
    distances = network.among(seen)[above[0], above[1]]
    return {
        "diversity": float(distances.mean()),
        "alike": float((distances < ALIKE).float().mean()),
    }


def _by_label(
    drawn: Pictures, read: Read, real: Pictures, reader: Reader
) -> dict[str, dict[str, float]]:
    right = _right(drawn, read, reader)
    found: dict[str, dict[str, float]] = {}
    for label in dict.fromkeys(drawn.labels):
        values = {}
        if right is not None:
            own = torch.tensor([one == label for one in drawn.labels])
            values["right"] = float(right[own].float().mean())
        theirs = real.of(label)[:IN_LABEL] if real.labels else real.pixels[:0]
        if len(drawn.of(label)) > 1 and (real_spread := mean_distance(theirs)) > 0:
            values["spread"] = mean_distance(drawn.of(label)[:IN_LABEL]) / real_spread
        found[label] = values
    return found


def _measure_fidelity(
    pool: FidelityPool, drawn: Pictures, real: Pictures, warn: Callable[[str], None]
) -> dict[str, float]:
    with pool:
        for fake in drawn.pixels:
            pool.add_restored(to_rgb(fake))
        for true in real.pixels:
            pool.add_clean(to_rgb(true))
        return pool.measure_or_warn(warn)
