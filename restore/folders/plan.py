"""Where results go: every name is decided, and every loss refused, before a photo is opened."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from restore.errors import RestoreError, UsageError
from restore.folders.options import MENDING_FLAGS, FixOptions
from restore.folders.photo import Job
from restore.image import drop_extension, format_named, with_extension
from restore.masks import read_box
from restore.outputs import first_made, is_folder_name, key_of
from restore.seeded import SEEDS


def plan_jobs(photos: Sequence[Path], out: str | None, options: FixOptions) -> list[Job]:
    """Decide which files the results of each photo go to, and refuse what would lose a file.

    Args:
        photos: the photo files; none of them is opened here.
        out: a file, whose extension decides the format; a folder, if it is one or ends with "/",
            in which photos keep their names; or None for NAME-fixed.EXT beside the photo.
        options: how many results there are, which mask must stay, what may be replaced.

    Raises:
        UsageError: a photo is a folder, two results have one name, a result exists and may not be
            replaced, would replace a photo or the mask, or can't be written; `out` is one file for
            several photos, may be meant as a file or a folder, or names another format.
    """
    for photo in photos:
        if photo.is_dir():
            raise UsageError(
                f"{photo} is a folder; fix it by itself, with --out FOLDER, or name its photos."
            )
    if len(photos) > 1 and out is not None and not is_folder_name(out):
        raise UsageError(f"{len(photos)} photos don't fit into one file; write --out FOLDER/.")
    is_folder = out is None or is_folder_name(out, photos[0])
    if not is_folder and options.extension is not None:
        raise UsageError(f"The extension of --out {out} says the format; leave out --format.")
    jobs = [
        Job(photo, number_results(_result_of(photo, out, is_folder, options), options.count))
        for photo in photos
    ]
    refuse_losses(jobs, [options.mask] if options.mask else [])
    if out is not None:  # else they lie beside photos, on disks that tell these apart
        owners: dict[str, Path] = {}
        for job in jobs:
            claim_results(job, owners)
    _refuse_existing(jobs, options.overwrite)
    for result in (result for job in jobs for result in job.results):
        refuse_unwritable(result)
    return jobs


def claim_results(job: Job, owners: dict[str, Path]) -> None:
    """Note whose results a job's are, by `key_of` them, and refuse those of another photo.

    Raises:
        UsageError: naming both.
    """
    for result in job.results:
        owner = owners.setdefault(key_of(result), job.photo)
        if owner != job.photo and identity_of(owner) != identity_of(job.photo):
            raise UsageError(
                f"{owner} and {job.photo} would both become {result}, or names that differ in "
                "upper and lower case alone; rename one, or fix the second alone, with --out FILE."
            )


def _result_of(photo: Path, out: str | None, is_folder: bool, options: FixOptions) -> Path:
    named = with_extension(photo, options.extension)
    if out is None:
        return _add_to_name(named, "fixed")
    return Path(out) / named.name if is_folder else Path(out)


def number_results(path: Path, count: int) -> tuple[Path, ...]:
    """Return the files for `count` results: the path itself for one, NAME-1.EXT ... for more."""
    if count == 1:
        return (path,)
    return tuple(_add_to_name(path, str(n)) for n in range(1, count + 1))


def _add_to_name(path: Path, word: str) -> Path:
    """Return NAME-WORD.EXT beside NAME.EXT."""
    name = drop_extension(path.name)
    return path.with_name(f"{name}-{word}{path.name.removeprefix(name)}")


def refuse_losses(jobs: Sequence[Job], masks: Iterable[Path]) -> None:
    """Refuse results that would replace a photo, a mask or each other.

    Raises:
        UsageError: naming the files.
    """
    inputs = {identity_of(path) for path in (*(job.photo for job in jobs), *masks)}
    sources: dict[object, Path] = {}
    for photo, result in ((job.photo, result) for job in jobs for result in job.results):
        identity = identity_of(result)
        if identity in inputs:
            raise UsageError(f"{result} is an input and can't be replaced; name another --out.")
        if identity in sources:
            raise UsageError(
                f"{sources[identity]} and {photo} would both become {result}; fix them one by one."
            )
        sources[identity] = photo


def _refuse_existing(jobs: Sequence[Job], overwrite: bool) -> None:
    """Refuse results that exist, unless they may be replaced.

    Raises:
        UsageError: naming the first.
    """
    for result in (result for job in jobs for result in job.results):
        if os.path.lexists(result) and not overwrite:
            raise UsageError(f"{result} exists; add --overwrite, or name another --out.")


def refuse_unwritable(result: Path) -> None:
    """Refuse a result that can't be written where it should go.

    Raises:
        UsageError: naming the place.
    """
    if result.is_dir():
        raise UsageError(f"{result} is a folder where a photo should go; name another --out.")
    place = first_made(result).parent
    if not place.is_dir():
        raise UsageError(f"{place} is a file where a folder should go; name another --out.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise UsageError(f"{place} can't be written to; change its permissions or name another.")


def identity_of(path: Path) -> object:
    """Return what two paths share when they lead to one file: links, another case, "..".."""
    try:
        status = path.stat()
    except OSError:
        return os.path.normcase(os.path.realpath(path))  # which bears links that loop
    return status.st_dev, status.st_ino


def check_mask(options: FixOptions) -> None:
    """Refuse a request that says twice what the hole is, or something of it where there is none.

    Raises:
        UsageError: settings of a mask without one; settings of mending whole photos beside a mask;
            `find` or boxes beside one; a threshold without `find`; `adapt` with `mend`; more
            results than there are seeds; a format that isn't written.
        RestoreError: the mask doesn't exist.
    """
    mask, whole = options.mask, options.is_whole
    masked = (mask, options.mask_pattern, options.mask_is) != (None, None, "hole")
    if options.extension is not None:
        format_named(f"photo{options.extension}")
    if options.seed + options.count > SEEDS:
        raise UsageError(
            f"Seeds count up from --seed for each of --count results, to {SEEDS - 1} at most; "
            "begin lower."
        )
    if options.find is not None and (masked or options.boxes):
        raise UsageError(
            "With --find damage is found, not given; leave out --mask, --mask-pattern, --mask-is "
            "and --box."
        )
    if options.boxes and masked:
        raise UsageError("--box says what to fill; leave out --mask, --mask-pattern and --mask-is.")
    for box in options.boxes:
        read_box(box)
    if options.threshold is not None and options.find is None:
        raise UsageError("--threshold is how sure --find has to be; add --find scratches.")
    if whole:
        if options.mask_is == "known" or (options.grow and options.find is None):
            raise UsageError(
                "--mask-is known and --grow change a mask, and there is none; add --mask MASK or "
                "--box X,Y,W,H."
            )
        if options.adapt:
            raise UsageError(
                "--adapt practises on what is known around a hole; mark the hole with --mask MASK."
            )
    elif mask is not None and not mask.exists():
        raise RestoreError(f"There is no mask {mask}.")
    if options.mend and whole and options.find is None:
        raise UsageError(
            "--mend mends a photo once its hole is filled, and nothing marks one; without a hole "
            "it is mended anyway, so leave out --mend."
        )
    if options.mend and options.adapt:
        raise UsageError("--adapt practises on fills alone; leave out --mend.")
    if not options.mend and options.tunes_mending and not whole:
        raise UsageError(
            f"{MENDING_FLAGS} are for photos that are mended as a whole; leave out the mask, or "
            "add --mend to fill what it marks and then mend the whole."
        )
