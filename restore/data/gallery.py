"""Pictures to learn to draw, with or without labels: photos, idx files, torchvision's data sets."""

import hashlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from restore.data.check import Report
from restore.data.dataset import load_items, read_training_photo, take_readable
from restore.data.idx import find_idx, read_idx
from restore.data.sources import Example, Pair, find_photos, path_inside, shown
from restore.errors import RestoreError, UsageError
from restore.image import Pixels, to_gray

MEMORY = 2**29  # bytes of scaled pictures that a process keeps, to decode each once


class Pictures(Protocol):
    """Pictures by number."""

    def __len__(self) -> int:
        """Count them."""

    def read(self, index: int, size: int) -> Pixels:
        """Return picture `index`, (H, W, 3) uint8 RGB, about `size` on its shorter side or more.

        Raises:
            RestoreError: it can't be read.
        """


@dataclass(frozen=True)
class PhotoPictures:
    """Pictures that are files."""

    photos: Sequence[Example]

    def __len__(self) -> int:
        """Count them."""
        return len(self.photos)

    def read(self, index: int, size: int) -> Pixels:
        """Return a photo as displayed."""
        photo = self.photos[index]
        assert not isinstance(photo, Pair), "samplers learn from single pictures"
        return read_training_photo(photo, size)


@dataclass(frozen=True)
class ArrayPictures:
    """Pictures that are in memory, (N, H, W) uint8."""

    pixels: Pixels

    def __len__(self) -> int:
        """Count them."""
        return len(self.pixels)

    def read(self, index: int, size: int) -> Pixels:
        """Return a gray picture as RGB."""
        return np.repeat(self.pixels[index][..., None], 3, axis=2)


@dataclass(frozen=True)
class TorchvisionPictures:
    """Pictures of a torchvision data set."""

    dataset: Any

    def __len__(self) -> int:
        """Count them."""
        return len(self.dataset)

    def read(self, index: int, size: int) -> Pixels:
        """Return a picture as RGB."""
        return np.asarray(self.dataset[index][0].convert("RGB"))


@dataclass(frozen=True)
class Gallery:
    """Pictures to learn to draw.

    Attributes:
        place: where they are, as the user named it.
        pictures: to be read by number.
        labels: (N,) numbers of their classes, or None.
        names: of the classes.
        report: on photos that are files.
        stray: a photo that lies beside several folders, which would else be classes; "" for none.
        called: the names as the data set itself writes them ("0 - zero"); runs are told apart by
            these where there are any.
    """

    place: str
    pictures: Pictures
    labels: NDArray[np.int64] | None = None
    names: tuple[str, ...] = ()
    report: Report | None = None
    stray: str = ""
    called: tuple[str, ...] = ()

    def lines(self, most: int | None = None) -> list[str]:
        """Return what is there and what is wrong with it, as text."""
        lines = [f"{self.place}: {len(self.pictures)} pictures"]
        if self.report is not None:
            lines = self.report.lines(most)
        return [*lines, *self.class_lines()]

    def class_lines(self) -> list[str]:
        """Return a line that names the classes, if there are any."""
        names = ", ".join(map(shown, self.names))
        return [f"{len(self.names)} classes: {names}"] if names else []

    def fingerprint(self) -> str:
        """Return what tells these pictures from others: a hash of them and of their labels.

        Of a data set of torchvision, which is not in memory, only its name and size count, and of
        photos that are files the report says more.
        """
        facts = hashlib.sha256(f"{len(self.pictures)} {self.called or self.names}".encode())
        if isinstance(self.pictures, ArrayPictures):
            facts.update(self.pictures.pixels.tobytes())
        else:
            facts.update(self.place.encode())
        if self.labels is not None:
            facts.update(self.labels.tobytes())
        return facts.hexdigest()

    def without_labels(self) -> "Gallery":
        """Return the same pictures without their classes."""
        return replace(self, labels=None, names=())


def open_photos(report: Report) -> Gallery:
    """Return the photos of a checked set; those in two folders or more have these as classes."""
    return replace(label_photos(report.place, report.photos), report=report)


def label_photos(place: str, found: Mapping[str, Example]) -> Gallery:
    """Return photos, by relative path; those in two folders or more have these as classes."""
    photos = PhotoPictures(list(found.values()))
    folders = {name: _first_folder(name, photo) for name, photo in found.items()}
    names = tuple(sorted({*folders.values()}))
    if "" in names or len(names) < 2:
        beside = (name for name, folder in folders.items() if not folder)
        return Gallery(place, photos, stray=next(beside, "") if len(names) > 2 else "")
    number = {name: n for n, name in enumerate(names)}
    labels = np.array([number[folder] for folder in folders.values()], np.int64)
    # A checkpoint names its classes in UTF-8, which a folder's name need not be.
    shown = tuple(name.encode(errors="backslashreplace").decode() for name in names)
    return Gallery(place, photos, labels, shown)


def _first_folder(name: str, photo: Example) -> str:
    """Return the first folder of a photo's path, for archives below what they wrap all in.

    In a folder of tars each may hold one class alone, so there nothing counts as wrapped.
    """
    tar = "" if isinstance(photo, Path | Pair) else name.removesuffix(photo.name)
    inside = path_inside(name, photo, unwrap=not tar).removeprefix(tar)
    folder, slash, _ = inside.partition("/")
    return folder if slash else ""


def open_held_out(place: Path) -> Gallery:
    """Return the pictures of a place to score by, the test part first where there is one.

    Args:
        place: of idx files, of photos, or "torchvision:NAME".

    Raises:
        UsageError: it holds several sets of idx files, or as `open_torchvision`.
        RestoreError: there is no such place, or no picture.
    """
    if str(place).startswith(PREFIX):
        return open_torchvision(str(place).removeprefix(PREFIX), download=False, held_out=True)
    images = find_idx(place, ("t10k", "test"))
    if images is not None:
        return open_idx(images, place)
    return label_photos(str(place), find_photos(place).photos)


def open_idx(images: Path, place: Path) -> Gallery:
    """Return the pictures of an idx file, with the labels of the file beside it if there is one.

    Raises:
        RestoreError: not such files, damaged, or of different lengths.
    """
    pixels = read_idx(images, 3)
    beside = _labels_of(images)
    if beside is None:
        return Gallery(str(place), ArrayPictures(pixels))
    labels = read_idx(beside, 1)
    if len(labels) != len(pixels):
        raise RestoreError(
            f"{images} holds {len(pixels)} pictures and {beside} {len(labels)} labels; they have "
            f"to be of one data set."
        )
    known, numbers = np.unique(labels, return_inverse=True)  # letters may be numbered from 1 on
    names = tuple(str(number) for number in known.tolist())
    return Gallery(str(place), ArrayPictures(pixels), numbers.astype(np.int64), names)


def _labels_of(images: Path) -> Path | None:
    """Return the file of labels beside an idx file of pictures; either may be packed."""
    name = images.name.replace("images", "labels").replace("idx3", "idx1")
    plain = name.removesuffix(".gz")
    found = (images.with_name(each) for each in (name, plain, f"{plain}.gz"))
    return next((path for path in found if path != images and path.is_file()), None)


PREFIX = "torchvision:"


def open_torchvision(name: str, download: bool, *, held_out: bool = False) -> Gallery:
    """Return the training pictures of a torchvision data set, kept below torch's hub folder.

    Args:
        name: of a class in torchvision.datasets.
        download: let torchvision fetch it if it isn't there.
        held_out: its test pictures instead, if it knows any.

    Raises:
        UsageError: no data set of that name that needs no more than a folder.
        RestoreError: it is not there, or the download failed.
    """
    from torchvision import datasets

    kind = getattr(datasets, name, None)
    if name not in datasets.__all__ or not isinstance(kind, type):
        raise UsageError(
            f"torchvision has no data set '{name}'; known: {', '.join(sorted(datasets.__all__))}."
        )
    root = Path(torch.hub.get_dir()) / "datasets"
    try:
        dataset = _open_part(partial(kind, str(root), download=download), held_out)
    except TypeError as error:
        raise UsageError(
            f"torchvision's {name} can't be had by its name alone ({error})."
        ) from None
    except (RuntimeError, OSError) as error:
        hint = "" if download else "; add --download to let torchvision fetch it"
        raise RestoreError(f"{name} can't be opened in {root} ({error}){hint}.") from None
    targets = np.asarray(getattr(dataset, "targets", getattr(dataset, "labels", [])))
    if targets.ndim != 1 or targets.dtype.kind not in "iu" or not len(targets):
        return Gallery(PREFIX + name, TorchvisionPictures(dataset))
    known = getattr(dataset, "classes", ())
    count = int(targets.max()) + 1
    called = tuple(map(str, known if len(known) >= count else range(count)))
    # MNIST's are "0 - zero" and so on there, and plain numbers wherever else it comes from.
    names = tuple(str(n) if word.startswith(f"{n} - ") else word for n, word in enumerate(called))
    labels = targets.astype(np.int64)
    return Gallery(PREFIX + name, TorchvisionPictures(dataset), labels, names, called=called)


def _open_part(make: Callable[..., Any], held_out: bool) -> Any:
    """Return a torchvision data set, its test part where that is wanted and known."""
    if held_out:
        for part in ({"train": False}, {"split": "test"}, {"split": "val"}):
            with suppress(TypeError, ValueError):  # another way to name it, or none
                return make(**part)
    return make()


@dataclass(frozen=True)
class PictureBatch:
    """Pictures to learn to draw.

    Attributes:
        image: (N, C, S, S) float32 in [0, 1].
        label: (N,) int64, or None.
    """

    image: Tensor
    label: Tensor | None = None

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self.image)

    def to(self, device: torch.device) -> "PictureBatch":
        """Return the batch on `device`."""
        label = None if self.label is None else self.label.to(device)
        return PictureBatch(self.image.to(device), label)

    def split(self, count: int) -> list["PictureBatch"]:
        """Return the batch in `count` equal parts."""
        labels = [None] * count if self.label is None else self.label.chunk(count)
        return [
            PictureBatch(i, lab) for i, lab in zip(self.image.chunk(count), labels, strict=True)
        ]


class PictureItem(NamedTuple):
    """One picture of a batch, uint8, and what went wrong on the way to it."""

    image: Pixels  # (C, S, S)
    label: int
    problems: tuple[str, ...] = ()


class Squares(Dataset[PictureItem]):
    """Endless squares from the middle of pictures: item i depends on the seed and i alone.

    Args:
        gallery: the pictures.
        size: of the squares, in pixels.
        channels: 1 for gray, 3 for RGB.
        mirror: half of them.
        seed: of order and mirroring.
    """

    def __init__(self, gallery: Gallery, size: int, channels: int, mirror: bool, seed: int) -> None:
        self.gallery, self.size, self.channels = gallery, size, channels
        self.mirror, self.seed = mirror, seed
        self.kept: dict[int, Pixels] = {}

    def __getitem__(self, index: int) -> PictureItem:
        """Return item `index`; where it can't be read, the next one that can.

        Raises:
            RestoreError: no picture can be read.
        """
        (square, label), problems = take_readable(
            index, len(self.gallery.pictures), self.seed, self._read
        )
        rng = np.random.default_rng([self.seed, index])
        turned = square[..., ::-1] if self.mirror and rng.random() < 0.5 else square
        return PictureItem(turned, label, problems)

    def _read(self, number: int) -> tuple[Pixels, int]:
        labels = self.gallery.labels
        return self._square(number), 0 if labels is None else int(labels[number])

    def _square(self, number: int) -> Pixels:
        if number not in self.kept:
            square = read_square(self.gallery.pictures, number, self.size, self.channels)
            square = np.ascontiguousarray(square.transpose(2, 0, 1))
            if (len(self.kept) + 1) * square.nbytes > MEMORY:
                return square
            self.kept[number] = square
        return self.kept[number]


def read_square(pictures: Pictures, number: int, size: int, channels: int) -> Pixels:
    """Return the square in the middle of a picture, (size, size, channels) uint8.

    Raises:
        RestoreError: it can't be read.
    """
    square = cut_middle(pictures.read(number, size), size)
    return to_gray(square) if channels == 1 else square


def cut_middle(pixels: Pixels, size: int) -> Pixels:
    """Return the largest square in the middle of pixels (H, W, 3), scaled to `size`."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    if side == size:
        return square
    method = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return cv2.resize(square, (size, size), interpolation=method).astype(np.uint8, copy=False)


class _Stacked(NamedTuple):
    image: Tensor
    label: Tensor
    problems: list[str]


def _stack(items: Sequence[PictureItem]) -> _Stacked:
    images, labels, problems = zip(*items, strict=True)
    joined = torch.from_numpy(np.stack(images))
    return _Stacked(joined, torch.tensor(labels), [p for several in problems for p in several])


def load_pictures(
    squares: Squares,
    batch: int,
    indices: Iterable[int],
    workers: int,
    warn: Callable[[str], None],
) -> Generator[PictureBatch, None, None]:
    """Yield batches of squares without end; arguments and errors as `load_batches`."""
    for stacked in load_items(squares, batch, indices, workers, warn, _stack):
        label = None if squares.gallery.labels is None else stacked.label
        yield PictureBatch(stacked.image.float() / 255, label)
