"""Photo files in, mended files out: where the results go, and one photo after the other.

Nothing is lost: every collision is found before the first photo is opened, and a photo that can't
be mended does not stop the ones after it.
"""

import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from restore.assets import checkpoint_path
from restore.errors import RestoreError, UsageError
from restore.image import Photo, format_of, read_image, write_bytes, write_image
from restore.masks import Mask, grow_mask, hole_share, mask_from_alpha, read_mask

if TYPE_CHECKING:  # torch takes seconds to import, and a wrong request should be told at once
    from restore.restorer import Restorer

LARGEST_HOLE = 0.95  # share of the photo: above it there is nothing to go by
SUSPECT_HOLE = 0.6  # share of the photo: above it black and white may be the wrong way round

MaskIs = Literal["hole", "known", "alpha"]


@dataclass(frozen=True)
class FixOptions:
    """How photos are fixed.

    Attributes:
        mask: picture of the hole, in the photo as displayed; None with mask_is="alpha".
        mask_is: what white in the mask means, "hole" or "known"; or "alpha": the transparent pixels
            of the photo are the hole and come back opaque.
        grow: by how many pixels the hole is widened.
        seed: of the first result of a photo; the next ones take seed + 1, seed + 2, ...
        count: results for each photo; more than one are called NAME-1.EXT, NAME-2.EXT, ...
        overwrite: whether results that exist are replaced.
    """

    mask: Path | None = None
    mask_is: MaskIs = "hole"
    grow: int = 0
    seed: int = 0
    count: int = 1
    overwrite: bool = False


@dataclass(frozen=True)
class Job:
    """A photo and the files that its results go to, one for each seed, counting up."""

    photo: Path
    results: tuple[Path, ...]


@dataclass(frozen=True)
class Record:
    """One result that was written: from what, by what, and how long it took in seconds."""

    photo: Path
    mask: Path | None
    out: Path
    seed: int
    model: str
    seconds: float


@dataclass(frozen=True)
class Failure:
    """A photo that could not be fixed, and why."""

    photo: Path
    error: Exception


def fix_photos(
    photos: Sequence[Path],
    out: str | None,
    options: FixOptions,
    *,
    model: str | None = None,
    device: str = "auto",
    warn: Callable[[str], None] = warnings.warn,
) -> Iterator[Record | Failure]:
    """Fix photo after photo; one that can't be fixed is reported and the next one is tried.

    Args:
        photos: the photo files.
        out: a file, a folder or None, see `plan_jobs`.
        options: how to fix them.
        model: a checkpoint's name or file or a run's folder; None is "inpaint".
        device: "auto", "cpu", "cuda" or "mps".
        warn: is called with a sentence where a result should be looked at.

    Yields:
        A record for each result as soon as it is written, and a failure for each photo that could
        not be fixed.

    Raises:
        UsageError: the request makes no sense as a whole; then nothing has been written.
        RestoreError: there is no such mask, or the checkpoint can't be loaded.
    """
    _check_mask(options)
    jobs = plan_jobs(photos, out, options)
    model = model or "inpaint"
    checkpoint_path(model)  # an unknown name shall be told before torch is imported
    from restore.restorer import Restorer

    restorer = Restorer.load(model, device=device)
    for job in jobs:
        try:
            yield from fix_photo(restorer, job, options, warn)
        except Exception as error:  # even a mistake of ours must not stop the other photos
            yield Failure(job.photo, error)


def _check_mask(options: FixOptions) -> None:
    """Refuse a request that does not say what the hole is, or says it twice."""
    mask = options.mask
    if options.mask_is == "alpha":
        if mask is not None:
            raise UsageError("With --mask-is alpha the photo marks its own hole; leave out --mask.")
    elif mask is None:
        raise UsageError(
            "Without a mask a photo needs the restorer 'mend', which is not installed; mark what "
            "to fill with --mask MASK, or with --mask-is alpha if it is transparent."
        )
    elif mask.is_dir():
        raise UsageError(f"The mask {mask} is a folder; name one picture.")
    elif not mask.exists():
        raise RestoreError(f"There is no mask {mask}.")


# Where the results go ----------------------------------------------------------------------------


def plan_jobs(photos: Sequence[Path], out: str | None, options: FixOptions) -> list[Job]:
    """Decide which files the results of each photo go to, and refuse what would lose a file.

    Args:
        photos: the photo files; none of them is opened here.
        out: a file, whose extension decides the format; a folder, if it is one or ends with "/",
            in which photos keep their names; or None for NAME-fixed.EXT beside the photo.
        options: how many results there are, which mask must stay, what may be replaced.

    Raises:
        UsageError: a photo is a folder, two results have one name, a result exists and may not be
            replaced, or would replace a photo or the mask.
    """
    for photo in photos:
        if photo.is_dir():
            raise UsageError(f"{photo} is a folder; name the photos in it, {photo / '*.jpg'}.")
    is_folder = out is None or out.endswith(("/", os.sep)) or Path(out).is_dir()
    if not is_folder and len(photos) > 1:
        raise UsageError(f"{len(photos)} photos don't fit into one file; write --out {out}/.")
    jobs = [Job(photo, _results_of(photo, out, is_folder, options.count)) for photo in photos]
    _refuse_losses(jobs, options)
    return jobs


def _results_of(photo: Path, out: str | None, is_folder: bool, count: int) -> tuple[Path, ...]:
    if out is None:
        path = photo.with_name(f"{photo.stem}-fixed{photo.suffix}")
    else:
        path = Path(out) / photo.name if is_folder else Path(out)
    if count == 1:
        return (path,)
    return tuple(path.with_name(f"{path.stem}-{n}{path.suffix}") for n in range(1, count + 1))


def _refuse_losses(jobs: Sequence[Job], options: FixOptions) -> None:
    inputs = {_identity(job.photo) for job in jobs}
    if options.mask is not None:
        inputs.add(_identity(options.mask))
    sources: dict[object, Path] = {}
    for photo, result in ((job.photo, result) for job in jobs for result in job.results):
        identity = _identity(result)
        if identity in inputs:
            raise UsageError(f"{result} is an input and can't be replaced; name another --out.")
        if identity in sources:
            raise UsageError(
                f"{sources[identity]} and {photo} would both become {result}; fix them one by one."
            )
        if os.path.lexists(result) and not options.overwrite:
            raise UsageError(f"{result} exists; add --overwrite, or name another --out.")
        sources[identity] = photo


def _identity(path: Path) -> object:
    """Return what two paths share when they lead to one file: links, another case, "..".."""
    try:
        status = path.stat()
    except OSError:
        return os.path.normcase(path.resolve())
    return status.st_dev, status.st_ino


# One photo ---------------------------------------------------------------------------------------


def fix_photo(
    restorer: "Restorer",
    job: Job,
    options: FixOptions,
    warn: Callable[[str], None] = warnings.warn,
) -> Iterator[Record]:
    """Fix one photo, once for each of its results, and yield a record of each.

    A photo without a hole is copied.

    Raises:
        RestoreError: the photo or its mask can't be read, or a result can't be written.
        UsageError: photo and mask do not go together, or nearly everything is hole.
    """
    photo = read_image(job.photo)
    mask = _read_hole(job.photo, photo, options)
    _check_share(job.photo, hole_share(mask), options.mask_is, warn)
    alpha = photo.alpha
    if alpha is not None and options.mask_is == "alpha":
        alpha = np.where(mask == 1, np.uint8(255), alpha)
    for seed, result in enumerate(job.results, start=options.seed):
        start = time.perf_counter()
        format = format_of(result, photo)
        pixels = restorer.fix(photo.pixels, mask, seed=seed) if mask.any() else photo.pixels
        result.parent.mkdir(parents=True, exist_ok=True)
        if pixels is photo.pixels and format == photo.format:
            write_bytes(result, job.photo.read_bytes(), overwrite=options.overwrite)
        else:
            write_image(result, pixels, photo, alpha=alpha, overwrite=options.overwrite)
        seconds = round(time.perf_counter() - start, 3)
        yield Record(job.photo, options.mask, result, seed, restorer.name, seconds)


def _read_hole(path: Path, photo: Photo, options: FixOptions) -> Mask:
    """Return the mask (H, W) {0, 1} of one photo, 1 is the hole, grown."""
    if options.mask_is != "alpha":
        assert options.mask is not None, "only with mask_is='alpha' a photo marks its own hole"
        height, width = photo.pixels.shape[:2]
        mask = read_mask(options.mask, (height, width), options.mask_is)
    elif photo.alpha is None:
        raise UsageError(f"{path} has no transparency that marks a hole; mark it with --mask MASK.")
    else:
        mask = mask_from_alpha(photo.alpha)
    return grow_mask(mask, options.grow)


def _check_share(path: Path, share: float, mask_is: MaskIs, warn: Callable[[str], None]) -> None:
    """Refuse a mask that leaves nothing to go by, and warn of one that looks wrong."""
    marked = f"The mask marks {share:.1%} of {path} as hole"
    other = {"hole": "known", "known": "hole"}.get(mask_is)
    hint = (
        f"; if its white and black are the wrong way round, use --mask-is {other}" if other else ""
    )
    if share > LARGEST_HOLE:
        raise UsageError(f"{marked}, and at most {LARGEST_HOLE:.0%} can be filled{hint}.")
    if share > SUSPECT_HOLE:
        warn(f"{marked}{hint}.")
    if share == 0:
        warn(f"The mask marks nothing in {path}, so the photo is copied.")
