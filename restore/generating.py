"""Pictures from noise as files: a grid, an animation, or a folder with one file for each sample."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from restore.assets import checkpoint_path, name_of
from restore.draw import GAP, make_grid, to_rgb
from restore.errors import UsageError
from restore.image import (
    MAX_PIXELS,
    PICTURES,
    Pixels,
    check_target,
    encode_gif,
    encode_png,
    real_path,
    write_bytes,
)
from restore.staging import replace_all, staged

if TYPE_CHECKING:
    from restore.sampler import Sampler

DEFAULT_COUNT = 16
LONGEST_PNG = 990_000  # pixels; OpenCV writes no PNG over a million wide, and labels need some
CHUNK = 256  # samples that are held in memory on their way into a folder
APART = 2**24  # numbers of samples between those of one label and the next in a set
FILES = {".png", ".gif"}  # what --out ends with where it is one file
_SAMPLE = re.compile(r"\d{3,}\.png")
_MARK = ("Software", "restore generate")  # text in a sample's file: one's own frames have it not
_UNFINISHED = re.compile(r"\.restore-\w+\.part")  # what a run that was killed has left


@dataclass(frozen=True)
class Request:
    """What to draw: samples, or one of the four other things.

    Attributes:
        count: samples, of each label where several are given; None is 16.
        seeds: one, or the two and more that an interpolation goes through.
        labels: names or numbers of classes, also "1,2"; each gives a row. Without any, samples
            are of each class in turn.
        truncation: 1 draws as in training, smaller values nearer to the mean picture.
        per_label: so many samples of each label, in a folder for each.
        interpolate: so many pictures on the way between seeds.
        traverse: `count` pictures along this dimension of the noise.
        reconstruct: this picture, drawn again from the noise that is found for it.
    """

    count: int | None = None
    seeds: tuple[int, ...] = (0,)
    labels: tuple[str, ...] = ()
    truncation: float = 1.0
    per_label: int | None = None
    interpolate: int | None = None
    traverse: int | None = None
    reconstruct: Path | None = None

    @property
    def length(self) -> int:
        """How many pictures there are, of each label where several are given."""
        if self.reconstruct is not None:
            return 1
        counts = (self.per_label, self.interpolate, self.count, DEFAULT_COUNT)
        return next(count for count in counts if count is not None)

    @property
    def is_strip(self) -> bool:
        """Whether the pictures follow each other in one row."""
        return self.interpolate is not None or self.traverse is not None


@dataclass(frozen=True)
class Drawn:
    """A file that was written, and what it shows."""

    out: Path
    model: str
    pictures: int
    seeds: tuple[int, ...]
    labels: tuple[str, ...]  # of its pictures, each once; none where the sampler knows no classes


Written = tuple[Path, int, tuple[str, ...]]  # a file, its pictures, their labels


class Sample(NamedTuple):
    """A picture and its label, None where the sampler knows no classes."""

    pixels: Pixels
    label: str | None


class Row(NamedTuple):
    """Samples that belong together: their label, where it was asked for, and how many they are."""

    label: str | None
    length: int
    samples: Iterable[Sample]


def generate(
    model: str, request: Request, out: str | None, *, device: str = "auto", overwrite: bool = False
) -> list[Drawn]:
    """Draw pictures and write them, all or, where anything fails, none.

    Args:
        model: a checkpoint's name or file or a run's folder.
        request: what to draw.
        out: ends with .png, a grid or strip; with .gif, an animation; is else a folder, which is
            made, for one PNG of each sample and nothing else; None is NAME.png.
        device: see `restore.device.pick_device`.
        overwrite: whether a file, or the samples in a folder, may be replaced.

    Raises:
        UsageError: the request makes no sense, no such label, or `out` is there already.
        RestoreError: the checkpoint can't be loaded, or `out` can't be written to.
    """
    _check_request(request, out)
    path = checkpoint_path(model)  # an unknown name shall be told before torch is imported
    target = Path(out if out is not None else f"{name_of(model)}.png")
    if out == "-":
        raise UsageError("Pictures are written to files; name one, or a folder, with --out.")
    is_file = _is_file(out)
    old = [] if is_file else _old_samples(target, overwrite)
    if is_file:
        check_target(target, overwrite=overwrite)
    _check_input(request, [target] if is_file else old)
    from restore.sampler import Sampler

    sampler = Sampler.load(path, device=device)
    rows = _make_rows(sampler, request)
    if not is_file:
        written = _write_folder(target, rows, request.per_label is not None, old)
    else:
        written = [_write_file(target, rows, request, sampler.generator.size, overwrite)]
    return [Drawn(file, sampler.name, n, request.seeds, labels) for file, n, labels in written]


def _check_request(request: Request, out: str | None) -> None:
    """Refuse what doesn't go together, before anything slow is imported."""
    jobs = {
        "--per-label": request.per_label,
        "--interpolate": request.interpolate,
        "--traverse": request.traverse,
        "--reconstruct": request.reconstruct,
    }
    asked = [name for name, value in jobs.items() if value is not None]
    for number, least in ((request.count, 1), (request.per_label, 1), (request.interpolate, 2)):
        if number is not None and number < least:
            raise UsageError(f"Can't draw {number} pictures; ask for {least} or more.")
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} are jobs of their own; give one of them.")
    if request.count is not None and asked and asked != ["--traverse"]:
        raise UsageError(f"{asked[0]} says itself how many pictures there are; leave out --count.")
    if request.interpolate is not None and len(request.seeds) < 2:
        raise UsageError("--interpolate goes between seeds; give two or more, as in --seed 1,5.")
    if request.interpolate is None and len(request.seeds) > 1:
        raise UsageError("Several seeds are for --interpolate; else give one.")
    if request.per_label is not None and _is_file(out):
        raise UsageError("--per-label writes a folder for each class; name it with --out FOLDER.")
    if request.reconstruct is not None and (request.truncation != 1 or request.seeds != (0,)):
        raise UsageError("--reconstruct finds its noise; leave out --seed and --truncation.")


def _check_input(request: Request, replaced: list[Path]) -> None:
    if request.reconstruct is None or not request.reconstruct.exists():
        return
    given = real_path(request.reconstruct)
    for path in filter(Path.exists, replaced):
        if any(path.samefile(place) for place in (given, *given.parents)):
            raise UsageError(f"{path} is or holds the picture itself; name another --out.")


def _is_file(out: str | None) -> bool:
    """Tell a file from a folder by the name; that of a picture of another format is refused."""
    if out is None:
        return True
    extension = "" if out.endswith(("/", os.sep)) else Path(out).suffix.lower()
    if extension in PICTURES - {*FILES}:
        raise UsageError(f"{out} is the name of a file; grids are .png, animations .gif.")
    return extension in FILES


def _make_rows(sampler: "Sampler", request: Request) -> list[Row]:
    labels: list[str | None] = [*_find_labels(sampler, request.labels)]
    if request.reconstruct is not None and len(labels) > 1:
        raise UsageError("--reconstruct takes one --label, that of the picture.")
    if request.per_label is not None and not (labels := labels or [*sampler.labels]):
        raise UsageError(f"{sampler.name} knows no classes to write folders of.")
    return [_make_row(sampler, request, label) for label in labels or [None]]


def _find_labels(sampler: "Sampler", given: Iterable[str]) -> list[str]:
    """Return the names of labels that were given by name or number, some with commas between."""
    parts = [
        part for text in given for part in ([text] if text in sampler.labels else text.split(","))
    ]
    return list(dict.fromkeys(sampler.labels[sampler.find_label(part.strip())] for part in parts))


def _make_row(sampler: "Sampler", request: Request, label: str | None) -> Row:
    """Return a row that is drawn when it is asked for."""
    count = request.length
    if request.is_strip or request.reconstruct is not None:
        return Row(label, count, _draw_other(sampler, count, label, request))
    first = 0
    if request.per_label is not None and label is not None:  # no two labels share noise then
        first = sampler.find_label(label) * APART
    return Row(label, count, _draw(sampler, range(first, first + count), label, request))


def _draw(
    sampler: "Sampler", numbers: range, label: str | None, request: Request
) -> Iterator[Sample]:
    """Yield samples, a few at a time, so that any count fits into memory."""
    (seed,) = request.seeds
    for start in numbers[::CHUNK]:
        part = sampler.draw(
            min(CHUNK, numbers.stop - start),
            label,
            seed,
            truncation=request.truncation,
            first=start,
        )
        for number, pixels in enumerate(part, start=start):
            yield Sample(pixels, sampler.label_of(number, label))


def _draw_other(
    sampler: "Sampler", count: int, label: str | None, request: Request
) -> Iterator[Sample]:
    """Yield the pictures of an interpolation, a traversal or a reconstruction."""
    truncation = request.truncation
    if request.reconstruct is not None:
        from restore.data import cut_middle, read_photo  # which bring torch

        # As in training, where what is transparent is white.
        picture = cut_middle(read_photo(request.reconstruct), sampler.generator.size)
        pixels = sampler.reconstruct(picture, label)[None]
    elif request.traverse is not None:
        (seed,) = request.seeds
        pixels = sampler.traverse(request.traverse, count, label, seed, truncation=truncation)
    else:
        pixels = sampler.interpolate(count, request.seeds, label, truncation=truncation)
    for each in pixels:
        yield Sample(each, sampler.label_of(0, label))


def _write_file(
    target: Path, rows: list[Row], request: Request, size: int, overwrite: bool
) -> Written:
    is_animation = target.suffix.lower() == ".gif"
    high, wide = _shape_of([row.length for row in rows], request.is_strip)
    cell = size if is_animation else size + GAP
    longest = 0 if is_animation else max(high, wide) * cell
    if high * wide * cell**2 > MAX_PIXELS or longest > LONGEST_PNG:
        side = "" if is_animation else f" and {LONGEST_PNG:,} pixels a side"
        raise UsageError(
            f"So many pictures don't fit into {target}, which has {MAX_PIXELS / 1e6:.0f} "
            f"megapixels{side} at most; write them into a folder, --out {target.stem}."
        )
    drawn = [list(row.samples) for row in rows]
    if is_animation:
        data = encode_gif(_frames(drawn))
    else:
        data = encode_png(_lay_out(rows, drawn, request.is_strip))
    write_bytes(target, data, overwrite=overwrite)
    samples = [sample for row in drawn for sample in row]
    return target, len(samples), _labels_of(samples)


def _shape_of(lengths: list[int], is_strip: bool) -> tuple[int, int]:
    """Return how many pictures high and wide a file is at most that shows rows so long."""
    if len(lengths) > 1 or is_strip:
        return len(lengths), max(lengths)
    columns = ceil(sqrt(lengths[0]))
    return ceil(lengths[0] / columns), columns


def _frames(drawn: list[list[Sample]]) -> list[Pixels]:
    """Return the frames of an animation: the pictures, those of several rows below each other."""
    return [np.concatenate([s.pixels for s in column]) for column in zip(*drawn, strict=True)]


def _lay_out(rows: list[Row], drawn: list[list[Sample]], is_strip: bool) -> Pixels:
    """Return one picture as it is, several labels as rows, and else a square or a strip."""
    if len(drawn) == 1 and len(drawn[0]) == 1:
        return drawn[0][0].pixels
    pictures = [[to_rgb(sample.pixels) for sample in row] for row in drawn]
    if len(rows) > 1:
        return make_grid(pictures, labels=[row.label or "" for row in rows])
    (row,) = pictures
    _, columns = _shape_of([len(row)], is_strip)
    return make_grid([row[start : start + columns] for start in range(0, len(row), columns)])


def _labels_of(samples: Iterable[Sample]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(s.label for s in samples if s.label is not None))


def _old_samples(folder: Path, overwrite: bool) -> list[Path]:
    """Return what is in a folder that samples go to, and refuse what may not be replaced."""
    if not os.path.lexists(folder):
        return []
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file where a folder should go; name another --out.")
    found = list(folder.iterdir())
    if found and not overwrite:
        raise UsageError(f"{folder} is not empty; add --overwrite, or name another --out.")
    for path in found:
        if not (_is_sample(path) or _is_class(path)):
            raise UsageError(
                f"{folder} holds more than samples ({path.name}), and --overwrite replaces these "
                f"alone; name another --out."
            )
    return found


def _is_class(path: Path) -> bool:
    """Tell whether a folder holds samples and nothing else."""
    if not path.is_dir() or path.is_symlink():
        return False
    found = list(path.iterdir())
    return bool(found) and all(map(_is_sample, found))


def _is_sample(path: Path) -> bool:
    """Tell whether a file is one that was written here, or what a killed run has left."""
    if path.is_dir() and not path.is_symlink():
        return bool(_UNFINISHED.fullmatch(path.name))
    if path.is_symlink() or not _SAMPLE.fullmatch(path.name):
        return False
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            return picture.info.get(_MARK[0]) == _MARK[1]
    except OSError:
        return False


def _encode_sample(pixels: Pixels) -> bytes:
    """Return a PNG of (H, W, 3) RGB or (H, W) gray that `_is_sample` knows again."""
    mark, file = PngInfo(), BytesIO()
    mark.add_text(*_MARK)
    Image.fromarray(pixels).save(file, "PNG", pnginfo=mark)
    return file.getvalue()


def _write_folder(target: Path, rows: list[Row], by_class: bool, old: list[Path]) -> list[Written]:
    names = _file_names(rows, by_class)
    written: list[Written] = []
    with staged(target) as part:
        for row in rows:
            for sample in row.samples:
                name = next(names)
                (part / name).parent.mkdir(exist_ok=True)
                write_bytes(part / name, _encode_sample(sample.pixels))
                written.append((target / name, 1, _labels_of([sample])))
        replace_all(target, old, part)
    return written


def _file_names(rows: list[Row], by_class: bool) -> Iterator[Path]:
    """Yield 000.png and so on; with `by_class` for each row anew, in a folder of its label."""
    folders = _class_folders([row.label or "" for row in rows]) if by_class else [""]
    counts = [row.length for row in rows] if by_class else [sum(row.length for row in rows)]
    for folder, count in zip(folders, counts, strict=True):
        digits = max(3, len(str(count - 1)))
        for number in range(count):
            yield Path(folder) / f"{number:0{digits}d}.png"


def _class_folders(labels: list[str]) -> list[str]:
    """Return a folder's name for each label: itself, as far as it can be a name.

    A checkpoint from a stranger may call a class "../..".
    """
    names = [re.sub(r"[^\w .,()+-]|^[^\w]|^_|[ .]$", "-", label) or "-" for label in labels]
    counts = Counter(name.casefold() for name in names)
    names = [
        name if counts[name.casefold()] == 1 else f"{name}-{number}"
        for number, name in enumerate(names)
    ]
    if len({name.casefold() for name in names}) == len(names):
        return names
    return [f"class-{number}" for number in range(len(labels))]
