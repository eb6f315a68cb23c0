"""A photo or a folder of photos, and the file that each becomes: decided before the work begins."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from restore.errors import RestoreError, UsageError
from restore.image import PICTURES, compose, extension_of, real_path, with_extension
from restore.listing import ALL, Choice, list_files, tell_none

Done = TypeVar("Done")


@dataclass(frozen=True)
class Output:
    """A photo, its name, as a seed may be made with, and the file that it becomes."""

    photo: Path
    name: str  # relative path with "/"
    out: Path


@dataclass(frozen=True)
class Failure:
    """A photo that nothing could be made of, and why."""

    photo: Path
    error: Exception


def choose_photos(
    folder: Path, warn: Callable[[str], None], choice: Choice = ALL
) -> tuple[list[Path], list[Failure]]:
    """Return the photos in a folder and the folders in it, and what can't be looked into.

    Args:
        folder: of any depth.
        warn: is told of what is passed over: links, results of an earlier run, and files of a
            format that isn't read beside the same photo in one that is.
        choice: which of them are taken.

    Raises:
        RestoreError: there are none.
    """
    found = list_files(folder, []).choose(folder, choice)
    photos = [folder / name for name in found.photos]
    failures = [Failure(folder / name, RestoreError(told)) for name, told in found.failures]
    if not photos and not failures:
        raise RestoreError(tell_none(folder, choice))
    for sentence in found.passed_over.notes():
        warn(sentence)
    return photos, failures


def first_made(path: Path) -> Path:
    """Return what is made first to write a file: its outermost folder that is missing, or it."""
    while not os.path.lexists(path.parent):
        path = path.parent
    return path


def key_of(path: Path) -> str:
    """Return what two paths share that are one file where upper and lower case are the same."""
    return compose(str(path)).casefold()


def part_alike(photos: Sequence[Path]) -> tuple[list[Path], list[Failure]]:
    """Part the photos from those whose name is another's but for upper and lower case.

    On many disks their results would be one file.
    """
    owners: dict[str, Path] = {}
    failures = []
    for photo in photos:
        if (owner := owners.setdefault(key_of(photo), photo)) != photo:
            sentence = f"{photo} differs from {owner} in upper and lower case alone; rename one."
            failures.append(Failure(photo, UsageError(sentence)))
    return list(owners.values()), failures


def plan_output(photo: Path, out: str, *, overwrite: bool = False) -> Output:
    """Decide which file a photo becomes, and refuse to lose one.

    Args:
        photo: its file.
        out: a file, or a folder, if it is one or ends with "/".
        overwrite: whether a result that exists is replaced.

    Raises:
        UsageError: the result exists and may not be replaced, or `out` may be meant as a file or a
            folder.
    """
    target = Path(out) / photo.name if is_folder_name(out, photo) else Path(out)
    output = Output(photo, photo.name, target)
    _refuse_loss(output, {real_path(photo)}, overwrite)
    return output


def plan_outputs(
    folder: Path,
    out: Path,
    photos: Sequence[Path],
    *,
    extension: str | None = None,
    overwrite: bool = False,
) -> list[Output]:
    """Decide which file each photo of a folder becomes, and refuse what would lose one.

    Args:
        folder: of the photos.
        out: a folder, where results keep their relative paths.
        photos: those in the folder.
        extension: that results get, as ".png"; None keeps that of the photo.
        overwrite: whether results that exist are replaced.

    Raises:
        UsageError: a result exists and may not be replaced, or would lie among the photos, or two
            would be one file.
    """
    _check_folders(folder, out)
    names = [photo.relative_to(folder) for photo in photos]
    outputs = [
        Output(folder / name, name.as_posix(), with_extension(out / name, extension))
        for name in names
    ]
    inputs = {real_path(photo) for photo in photos}
    for output in outputs:
        _refuse_loss(output, inputs, overwrite)
    _refuse_equals(outputs)
    return outputs


def each(outputs: Iterable[Output], work: Callable[[Output], Done]) -> Iterator[Done | Failure]:
    """Yield what `work` makes of each output; one that fails does not stop the others."""
    for output in outputs:
        try:
            done = work(output)
        except Exception as error:  # even a mistake of ours must not stop the other photos
            yield Failure(output.photo, error)
        else:
            yield done


def is_folder_name(out: str, photo: Path | None = None) -> bool:
    """Return whether what is named for results is a folder: it is one, or ends with "/".

    Raises:
        UsageError: it may be meant as either: without an extension, which the one photo's name has.
    """
    if out.endswith(("/", os.sep)) or Path(out).is_dir():
        return True
    extension = "" if photo is None else extension_of(photo.name)
    if extension and not extension_of(Path(out).name):
        raise UsageError(
            f"{out} is no folder yet, and as a file it has no extension that says its format; "
            f"write {out}/ or {out}{extension}."
        )
    return False


def check_folder_name(out: str, folder: Path) -> None:
    """Refuse a name for the results of a folder that looks like that of one picture.

    Raises:
        UsageError: it is no folder yet, has the extension of a picture and no "/" at its end.
    """
    if not is_folder_name(out) and extension_of(Path(out).name).lower() in PICTURES:
        raise UsageError(
            f"{out} looks like a picture, and {folder} is a folder; name a folder for its results, "
            f"or {out}/ if that is its name."
        )


def _check_folders(source: Path, target: Path) -> None:
    there, here = real_path(target), real_path(source)
    if there.is_relative_to(here):
        raise UsageError(f"{target} lies in {source} among the photos; name another folder.")
    if here.is_relative_to(there):
        raise UsageError(f"The photos lie inside {target}; name a folder of its own.")
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is a file; a folder of photos needs a folder for its results.")


def _refuse_loss(output: Output, photos: set[Path], overwrite: bool) -> None:
    photo, out = output.photo, output.out
    if not os.path.lexists(out):
        return
    if out.exists() and photo.exists() and out.samefile(photo):
        raise UsageError(f"{out} is the photo itself; name another --out.")
    if real_path(out) in photos:
        raise UsageError(f"{out} leads to a photo; name another --out.")
    if not overwrite:
        raise UsageError(f"{out} exists; add --overwrite, or name another folder or file.")


def _refuse_equals(outputs: list[Output]) -> None:
    """Refuse two results of one name, also where a disk takes upper and lower case for the same."""
    photos: dict[str, Path] = {}
    for output in outputs:
        other = photos.setdefault(key_of(output.out), output.photo)
        if other != output.photo:
            raise UsageError(
                f"{other} and {output.photo} would both become {output.out}; rename one of them."
            )
