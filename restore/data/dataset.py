"""Training batches: photos cropped and masked on the fly, the same for the same seed."""

import itertools
import signal
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import resource_tracker
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from restore.data.sources import Example, Pair, PhotoFile, read_photo, shown
from restore.data.spoiling import LEAST_SCALE, Damaging, Spoiling
from restore.errors import RestoreError
from restore.image import Pixels
from restore.masks import Preset
from restore.quiet import hush_decoders

PATIENCE = 30  # seconds that a worker goes on after SIGTERM, for the process it works for to save

T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """Photos to learn from.

    Attributes:
        clean: (N, 3, S, S) float32 in [0, 1].
        mask: (N, 1, S, S) float32 {0, 1}, 1 is the hole: this pixel may change.
        spoiled: (N, 3, S, S) the damaged photos, where more than holes is wrong with them.
    """

    clean: Tensor
    mask: Tensor
    spoiled: Tensor | None = None

    def __len__(self) -> int:
        """Count the photos."""
        return len(self.clean)

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on `device`."""
        spoiled = None if self.spoiled is None else self.spoiled.to(device)
        return Batch(self.clean.to(device), self.mask.to(device), spoiled)

    @property
    def damaged(self) -> Tensor:
        """The photos as the generator sees them: `spoiled`, or with the hole blacked out."""
        return self.clean * (1 - self.mask) if self.spoiled is None else self.spoiled


class Item(NamedTuple):
    """One photo of a batch, in levels of 255, and what went wrong on the way to it."""

    clean: Pixels  # (3, S, S)
    mask: Pixels  # (1, S, S) {0, 1}
    spoiled: NDArray[np.uint8 | np.float32] | None = None  # (3, S, S)
    problems: tuple[str, ...] = ()


class MaskedPhotos(Dataset[Item]):
    """Endless crops and masks by running index: item i depends on the seed and i alone.

    Pairs are cropped alike. Their masks, and those of photos that a `Spoiling` spoils, are ones:
    every pixel may change. A `Damaging` damages a photo here and there, and its mask says where.
    """

    def __init__(
        self, photos: Sequence[Example], preset: Preset | Spoiling | Damaging, size: int, seed: int
    ) -> None:
        self.photos, self.preset, self.size, self.seed = photos, preset, size, seed

    def __getitem__(self, index: int) -> Item:
        """Return item `index`; where its photo can't be read, one made of the next photo that can.

        Raises:
            RestoreError: no photo can be read.
        """

        def draw(number: int) -> Item:
            rng = np.random.default_rng([self.seed, index])
            return draw_item(self.photos[number], self.preset, self.size, rng)

        item, problems = take_readable(index, len(self.photos), self.seed, draw)
        return item._replace(problems=problems)


def draw_item(
    photo: Example, preset: Preset | Spoiling | Damaging, size: int, rng: np.random.Generator
) -> Item:
    """Return a random square of a photo with a random mask, or spoiled; or of a pair.

    A `Damaging` damages the square and gives the mask of where.

    Raises:
        RestoreError: the photo can't be read, or the two of a pair differ in size.
    """
    if isinstance(photo, Pair):
        crop = cut_square(read_training_pair(photo, size), size, rng).transpose(2, 0, 1)
        return Item(crop[3:], np.ones((1, size, size), np.uint8), crop[:3])
    pixels = read_training_photo(photo, size)
    if isinstance(preset, Spoiling):
        clean, spoiled = preset.draw(draw_crop(pixels, size, rng, LEAST_SCALE), rng)
        ones = np.ones((1, size, size), np.uint8)
        return Item(clean.transpose(2, 0, 1), ones, spoiled.transpose(2, 0, 1))
    if isinstance(preset, Damaging):
        crop, damaged, mask = preset.draw(draw_crop(pixels, size, rng), rng)
        return Item(crop.transpose(2, 0, 1), mask[None], damaged.transpose(2, 0, 1))
    crop = draw_crop(pixels, size, rng).transpose(2, 0, 1)
    return Item(crop, preset.draw(size, size, rng)[None])


def read_training_photo(photo: PhotoFile, size: int) -> Pixels:
    """Return a photo (H, W, 3) uint8 RGB as displayed, at least `size` on its shorter side.

    Large JPEGs are scaled down while they are decoded; smaller photos are enlarged.

    Raises:
        RestoreError: it can't be read.
    """
    return _enlarge(read_photo(photo, 3 * size), size)


def read_training_pair(pair: Pair, size: int) -> Pixels:
    """Return damaged over clean, (H, W, 6) uint8, at least `size` on the shorter side.

    They are never scaled down: damage has a scale of its own.

    Raises:
        RestoreError: one can't be read, or they differ in size.
    """
    sides = [read_photo(photo) for photo in (pair.damaged, pair.clean)]
    if sides[0].shape != sides[1].shape:
        raise RestoreError(
            f"{shown(str(pair.damaged))} differs in size from {shown(str(pair.clean))}."
        )
    return np.dstack([_enlarge(pixels, size) for pixels in sides])


def _enlarge(pixels: Pixels, size: int) -> Pixels:
    scale = size / min(pixels.shape[:2])
    if scale <= 1:
        return pixels
    larger = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return np.asarray(larger, np.uint8)


def draw_crop(
    pixels: Pixels, size: int, rng: np.random.Generator, least_scale: float = 0.0
) -> Pixels:
    """Return a random square of the photo as (size, size, 3) uint8, mirrored or not.

    It is scaled down by chance, to `least_scale` at most.
    """
    # Uniform in area between the two ends, so that wide views are as common as close ones.
    largest = min(
        *pixels.shape[:2], round(size / least_scale) if least_scale else max(pixels.shape)
    )
    side = round(float(np.sqrt(rng.uniform(min(size, largest) ** 2, largest**2))))
    side = min(max(side, 1), largest)
    crop = np.ascontiguousarray(cut_square(pixels, side, rng))
    method = cv2.INTER_AREA if side >= size else cv2.INTER_CUBIC
    scaled = cv2.resize(crop, (size, size), interpolation=method)
    return scaled.astype(np.uint8, copy=False)


def cut_square(pixels: Pixels, side: int, rng: np.random.Generator) -> Pixels:
    """Return a random square of pixels (H, W, C) at its own scale, mirrored or not."""
    height, width = pixels.shape[:2]
    top, left = rng.integers(0, (height - side + 1, width - side + 1))
    square = pixels[top : top + side, left : left + side]
    return square[:, ::-1] if rng.random() < 0.5 else square


def take_readable(
    index: int, count: int, seed: int, read: Callable[[int], T]
) -> tuple[T, tuple[str, ...]]:
    """Return what `read` gives for the picture whose turn is `index`, or for the next that it can.

    Args:
        index: counts on from epoch to epoch.
        count: of the pictures.
        seed: of their order, another one in each epoch.
        read: takes the number of a picture; a `RestoreError` of it passes on to the next.

    Returns:
        what it gave, and what was wrong with those before.

    Raises:
        RestoreError: no picture can be read.
    """
    order = shuffle(count, seed, index // count)
    problems: list[str] = []
    for place in range(index, index + count):
        try:
            return read(int(order[place % count])), tuple(problems)
        except RestoreError as error:
            problems.append(str(error))
    raise RestoreError(f"None of the pictures can be read any more: {problems[0]}")


@lru_cache(maxsize=2)
def shuffle(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the order of `count` photos in one epoch."""
    return np.random.default_rng([seed, epoch, 1]).permutation(count)


@dataclass(frozen=True)
class Turns:
    """The indices of one process's part of each batch, from the item `first` on, without end."""

    first: int
    batch: int  # of all processes together
    rank: int = 0
    size: int = 1

    def __iter__(self) -> Iterator[int]:
        """Yield index after index."""
        part = self.batch // self.size
        for start in itertools.count(self.first + self.rank * part, self.batch):
            yield from range(start, start + part)


def make_batch(items: Sequence[Item]) -> Batch:
    """Return the batch of some items."""
    return _to_batch(_stack(items))


def load_batches(
    dataset: Dataset[Item],
    batch: int,
    indices: Iterable[int],
    workers: int,
    warn: Callable[[str], None] = warnings.warn,
) -> Generator[Batch, None, None]:
    """Yield batches of the items at `indices`, decoded ahead in `workers` processes.

    Args:
        dataset: where the items come from.
        batch: items in a batch.
        indices: of the items, without end, see `Turns`.
        workers: 0 decodes in this process, while the caller waits.
        warn: is called once with each problem that the items met.

    Raises:
        RestoreError: no photo can be read any more.
    """
    for stacked in load_items(dataset, batch, indices, workers, warn, _stack):
        yield _to_batch(stacked)


def load_items(
    dataset: Dataset[Any],
    batch: int,
    indices: Iterable[int],
    workers: int,
    warn: Callable[[str], None],
    stack: Callable[[Sequence[Any]], Any],
) -> Iterator[Any]:
    """Yield what `stack` makes of the items of each batch; the rest as `load_batches`."""
    loader = DataLoader(
        dataset,
        batch_size=batch,
        sampler=indices,
        num_workers=workers,
        collate_fn=stack,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_calm_worker,
        # A fork may hang on OpenCV's threads.
        multiprocessing_context="spawn" if workers else None,
    )
    told: set[str] = set()
    try:
        with _no_interrupts():
            batches = iter(loader)
        for stacked in batches:
            for problem in dict.fromkeys(stacked.problems):
                if problem not in told:
                    warn(f"Left out: {problem}")
            told.update(stacked.problems)
            yield stacked
    except RestoreError as error:  # a worker's comes with its traceback in front
        raise RestoreError(str(error).rpartition("RestoreError: ")[2].strip()) from None


class _Stacked(NamedTuple):
    """Items on their way from a worker, in levels: uint8 where it will do, for less to carry."""

    clean: Tensor
    mask: Tensor
    spoiled: Tensor | None
    problems: list[str]


def _stack(items: Sequence[Item]) -> _Stacked:
    clean, mask, spoiled, problems = zip(*items, strict=True)
    joined = None if spoiled[0] is None else torch.from_numpy(np.stack(spoiled))
    return _Stacked(
        torch.from_numpy(np.stack(clean)),
        torch.from_numpy(np.stack(mask)),
        joined,
        [problem for several in problems for problem in several],
    )


def _to_batch(stacked: _Stacked) -> Batch:
    spoiled = None if stacked.spoiled is None else stacked.spoiled.float() / 255
    return Batch(stacked.clean.float() / 255, stacked.mask.float(), spoiled)


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Let processes that are started here see no signal that ends them until they are ready for it.

    A terminal sends Ctrl-C to all of them, as one that is closed does SIGHUP and `timeout` SIGTERM,
    and the process that started them saves then. A child begins with the signals blocked that its
    parent has blocked. Windows has none of this.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # also for the tracker
    try:
        resource_tracker.ensure_running()  # its start, with the first process, unblocks the others
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _calm_worker(_: int) -> None:
    """Let a worker never end by Ctrl-C or SIGHUP, and by SIGTERM only after `PATIENCE`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: signal.alarm(PATIENCE))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    hush_decoders()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
