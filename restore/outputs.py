"""A photo or a folder of photos, and the file that each becomes: decided before the work begins."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from restore.errors import RestoreError, UsageError
from restore.image import PICTURES, compose, extension_of, real_path, with_extension
from restore.listing import (
    ALL,
    Choice,
    is_photo,
    list_files,
    part_twins,
    tell_none,
    tell_passed_over,
)


@dataclass(frozen=True)
class Job:
    """A photo, its name, as a seed may be made with, and the file that it becomes."""

    photo: Path
    name: str  # relative path with "/"
    out: Path


@dataclass(frozen=True)
class Failure:
    """A photo that nothing could be made of, and why."""

    photo: Path
    error: Exception


def list_photos(
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
    whole = list_files(folder, [])
    listing = whole.without(choice)
    pictures = [name for name in listing.files if is_photo(folder / name)]
    names, twins = part_twins([name for name in pictures if choice.takes(name)])
    photos = [folder / name for name in names]
    failures = [Failure(folder / name, RestoreError(told)) for name, told in listing.failures]
    if not photos and not failures:
        raise RestoreError(tell_none(folder, choice))
    idle = choice.list_idle([*pictures, *whole.others])
    for sentence in tell_passed_over(listing.links, listing.results, twins, idle):
        warn(sentence)
    return photos, failures


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


def plan_outputs(
    source: Path,
    out: str,
    photos: Sequence[Path] | None = None,
    *,
    extension: str | None = None,
    overwrite: bool = False,
) -> list[Job]:
    """Decide which file each photo becomes, and refuse what would lose one.

    Args:
        source: a photo, or a folder.
        out: for a folder a folder, where results keep their relative paths; for a photo a file, or
            a folder, if it is one or ends with "/".
        photos: those in the folder; None for a photo.
        extension: that results of a folder get, as ".png"; None keeps that of the photo.
        overwrite: whether results that exist are replaced.

    Raises:
        UsageError: a result exists and may not be replaced, or would lie among the photos, or two
            would be one file; for a photo `out` may be meant as a file or a folder.
    """
    target = Path(out)
    if photos is None:
        is_folder = is_folder_name(out, source)
        jobs = [Job(source, source.name, target / source.name if is_folder else target)]
    else:
        _check_folders(source, target)
        names = [photo.relative_to(source) for photo in photos]
        jobs = [
            Job(source / name, name.as_posix(), with_extension(target / name, extension))
            for name in names
        ]
    inputs = {real_path(job.photo) for job in jobs}
    for job in jobs:
        _refuse_loss(job, inputs, overwrite)
    _refuse_equals(jobs)
    return jobs


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


def _refuse_loss(job: Job, photos: set[Path], overwrite: bool) -> None:
    if not os.path.lexists(job.out):
        return
    if job.out.exists() and job.photo.exists() and job.out.samefile(job.photo):
        raise UsageError(f"{job.out} is the photo itself; name another --out.")
    if real_path(job.out) in photos:
        raise UsageError(f"{job.out} leads to a photo; name another --out.")
    if not overwrite:
        raise UsageError(f"{job.out} exists; add --overwrite, or name another folder or file.")


def _refuse_equals(jobs: list[Job]) -> None:
    """Refuse two results of one name, also where a disk takes upper and lower case for the same."""
    photos: dict[str, Path] = {}
    for job in jobs:
        other = photos.setdefault(key_of(job.out), job.photo)
        if other != job.photo:
            raise UsageError(
                f"{other} and {job.photo} would both become {job.out}; rename one of them."
            )
