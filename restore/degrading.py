"""Photo files in, spoiled files out: pairs for training and tests."""

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from restore.degradations import Degradation
from restore.errors import UsageError
from restore.image import cover_hidden, encode_finely, read_image, real_path, write_image


@dataclass(frozen=True)
class Job:
    """A photo, the name that its seed is made with, and the file that it becomes."""

    photo: Path
    name: str  # relative path with "/"
    out: Path


@dataclass(frozen=True)
class Failure:
    """A photo that could not be spoiled, and why."""

    photo: Path
    error: Exception


def degrade_photos(
    source: Path,
    out: str,
    degradation: Degradation,
    *,
    seed: int = 0,
    overwrite: bool = False,
    warn: Callable[[str], None] = warnings.warn,
) -> Iterator[Job | Failure]:
    """Spoil a photo or all photos of a folder; one that fails does not stop the others.

    Each photo has random numbers of its own, see `make_rng`. Files keep their format, colour mode
    and metadata, but a JPEG is written finely; a gray photo stays gray. What is spoiled has 8 bits,
    also in a file of 16.

    Args:
        source: a photo, or a folder of any depth.
        out: for a folder a folder, where photos keep their relative paths; for a photo a file, or
            a folder, if it is one or ends with "/".
        degradation: a kind or a chain.
        seed: another one spoils otherwise.
        overwrite: whether results that exist are replaced.
        warn: is told what a file will not be again, as CMYK.

    Yields:
        A job for each result as soon as it is written, and a failure for each photo without one.

    Raises:
        UsageError: a result exists, or would lie among the photos; then nothing has been written.
        RestoreError: no such folder, or no photo in it.
    """
    for job in plan_degrading(source, out, overwrite=overwrite, warn=warn):
        try:
            photo = read_image(job.photo)
            if photo.warning:
                warn(photo.warning)
            shown = cover_hidden(photo.pixels, photo.alpha)  # what is invisible shall not bleed
            spoiled = degradation(shown, make_rng(seed, job.name))
            if photo.gray:  # one channel: the mean of three has less noise
                spoiled = spoiled[..., 1:2].repeat(3, axis=2)
            job.out.parent.mkdir(parents=True, exist_ok=True)
            if photo.format == "JPEG":  # whose compression would be damage that nobody asked for
                photo = replace(photo, encoding=encode_finely(photo.encoding, colours=True))
            write_image(job.out, spoiled, photo, overwrite=overwrite)
        except Exception as error:  # even a mistake of ours must not stop the other photos
            yield Failure(job.photo, error)
        else:
            yield job


def make_rng(seed: int, name: str) -> np.random.Generator:
    """Return the generator of one photo, from the seed and its relative path with "/".

    So a photo is spoiled in the same way whatever lies beside it. Alone its path is its name, so
    that it becomes what it is at the top of a folder, but not what it is in a sub-folder of one.

    Raises:
        UsageError: the seed is not 0 to 2³² - 1; others would draw what one of these does.
    """
    if not 0 <= seed < 2**32:
        raise UsageError(f"A seed is 0 to {2**32 - 1}, not {seed}.")
    return np.random.default_rng([seed, *os.fsencode(name)])


def plan_degrading(
    source: Path,
    out: str,
    *,
    overwrite: bool = False,
    warn: Callable[[str], None] = warnings.warn,
) -> list[Job]:
    """Decide which file each photo becomes, and refuse what would lose one.

    Raises:
        UsageError: a result exists and may not be replaced, or would lie among the photos.
        RestoreError: no such folder, no photo in it, or a folder in it can't be looked into.
    """
    target = Path(out)
    if source.is_dir():
        from restore.data import list_photos  # brings torch, which takes seconds

        there, here = real_path(target), real_path(source)
        if there.is_relative_to(here):
            raise UsageError(f"{out} lies in {source} among the photos; name another --out.")
        if here.is_relative_to(there):
            raise UsageError(f"The photos lie inside --out {out}; name a folder of its own.")
        if target.exists() and not target.is_dir():
            raise UsageError(f"{out} is a file; a folder of photos needs a folder as --out.")
        names = [photo.relative_to(source) for photo in list_photos(source, warn)]
        jobs = [Job(source / name, name.as_posix(), target / name) for name in names]
    else:
        is_folder = out.endswith(("/", os.sep)) or target.is_dir()
        jobs = [Job(source, source.name, target / source.name if is_folder else target)]
    photos = {real_path(job.photo) for job in jobs}
    for job in jobs:
        _refuse_loss(job, photos, overwrite)
    return jobs


def _refuse_loss(job: Job, photos: set[Path], overwrite: bool) -> None:
    if not os.path.lexists(job.out):
        return
    if job.out.exists() and job.photo.exists() and job.out.samefile(job.photo):
        raise UsageError(f"{job.out} is the photo itself; name another --out.")
    if real_path(job.out) in photos:
        raise UsageError(f"{job.out} leads to a photo; name another --out.")
    if not overwrite:
        raise UsageError(f"{job.out} exists; add --overwrite, or name another --out.")
