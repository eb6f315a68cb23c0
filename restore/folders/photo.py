"""One photo: read it with its hole, fill the hole, write the result.

The three steps are apart, so that a folder of photos can be read and written in threads.
"""

import shlex
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from restore.errors import RestoreError, UsageError
from restore.fixing import LARGEST_HOLE, Fixer, fix_photo, see_hole
from restore.folders.options import FixOptions
from restore.folders.repairer import Repairer
from restore.folders.tones import is_unfaded
from restore.image import (
    Mask,
    Photo,
    check_held,
    cover_hidden,
    format_of,
    read_image,
    tell_lost,
    write_bytes,
    write_image,
)
from restore.masks import grow_mask, hole_share, mask_from_alpha, mask_from_boxes, read_mask

if TYPE_CHECKING:
    from restore.restorer import Restorer

# Of masks: what else they may mean, and what of them counts.
ALPHA_HINT = "; where its transparent part is the hole, use --mask-is alpha"
COUNTS = {
    "hole": " (what has half of red, green or blue, and is not transparent, counts)",
    "known": " (what has less than half of red, green and blue counts)",
}
SUSPECT_HOLE = 0.6  # share of the photo: above it black and white may be the wrong way round
MUCH_DAMAGE = 0.2  # share of the photo: more is seldom found in old ones, so it should be looked at


@dataclass(frozen=True)
class Job:
    """A photo, the files of its results, one for each seed counting up, and a mask of its own."""

    photo: Path
    results: tuple[Path, ...]
    mask: Path | None = None

    def mask_of(self, options: FixOptions) -> Path | None:
        """Return the picture of the hole: its own, else the one for all photos, else None."""
        return self.mask or options.mask


@dataclass(frozen=True)
class Record:
    """One result that was written: from what, by what, and how long it took in seconds.

    Attributes:
        hole: the share of the photo that was filled; None where nothing said what to fill.
        sentence: what is odd about it, as a mask that marks nothing.
    """

    photo: Path
    mask: Path | None
    out: Path
    seed: int
    model: str
    seconds: float
    hole: float | None = None
    sentence: str | None = None


@dataclass(frozen=True, eq=False)
class Opened:
    """A photo that was read with its hole.

    Attributes:
        job: what it was read for.
        photo: as read, but where it marks its own hole that is opaque.
        hole: (H, W) {0, 1}, 1 is the hole; None where the whole photo is to be mended.
        warnings: sentences that tell where the result should be looked at.
        share: of the photo that is filled; None where it is only mended.
        damage: (H, W) {0, 1}, 1 is what was found and is filled; None where nothing was looked for.
    """

    job: Job
    photo: Photo
    hole: Mask | None
    warnings: tuple[str, ...]
    share: float | None = None
    damage: Mask | None = None

    @property
    def told(self) -> str | None:
        """All warnings as one text; None where there are none."""
        return " ".join(self.warnings) or None


def fix_job(
    fixer: Fixer,
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
    start = time.perf_counter()  # reading, looking and practising count for the first result
    for seed, result, opened, fixed in make_results(fixer, job, options, warn):
        write_result(result, fixed, opened, options, overwrite=options.overwrite)
        seconds = round(time.perf_counter() - start, 3)
        yield Record(
            job.photo,
            job.mask_of(options),
            result,
            seed,
            fixer.name,
            seconds,
            hole=opened.share,
            sentence=opened.told,
        )
        start = time.perf_counter()


def make_results(
    fixer: Fixer, job: Job, options: FixOptions, warn: Callable[[str], None]
) -> Iterator[tuple[int, Path, Opened, Photo]]:
    """Open a photo and yield seed, file, what is known and the fixed photo of each of its results.

    Raises:
        RestoreError: the photo or its mask can't be read.
        UsageError: photo and mask do not go together, or nearly everything is hole.
    """
    opened = open_photo(job, options)
    fixer, opened = _look_for_damage(fixer, opened, options)
    for sentence in opened.warnings:
        warn(sentence)
    fixer = _practise(fixer, opened, options, warn)
    for seed, result in enumerate(job.results, start=options.seed):
        fixed = fix_photo(fixer, opened.photo, opened.hole, seed)
        opened = _tell_of_fading(opened, fixed, options, warn)
        yield seed, result, opened, fixed


def _practise(
    fixer: Fixer, opened: Opened, options: FixOptions, warn: Callable[[str], None]
) -> Fixer:
    """Return the restorer once it has practised on this photo, where that is asked for."""
    if not options.adapt or opened.hole is None:
        return fixer
    learner = cast("Restorer", fixer)  # `check_mask` refuses adapt for anything else
    adapted = learner.adapt_photo(opened.photo, opened.hole, options.adapt, seed=options.seed)
    if adapted is learner and opened.hole.any():
        warn(
            f"{opened.job.photo} or its hole is too small to practise on, or the hole is filled "
            "with copies of the texture around it, so --adapt changes nothing."
        )
    return adapted


def open_photo(job: Job, options: FixOptions) -> Opened:
    """Read a photo and its mask, and refuse what can't be filled or written.

    Raises:
        RestoreError: the photo or its mask can't be read or is too large.
        UsageError: they do not go together, nearly everything is hole, or a result has a format
            that isn't written or can't hold its transparency or metadata.
    """
    _check_bytes(job.photo, options.max_bytes)
    photo = read_image(job.photo, max_pixels=options.max_pixels)
    if options.extension is not None:
        photo = replace(photo, extension="")  # also of a PNG that goes by the name of photo.jpg
    own = (photo.warning,) if photo.warning else ()
    if options.is_whole and job.mask is None:
        told = (*own, *_check_picture(job.photo, photo), *_check_results(job, photo, options))
        return Opened(job, photo, None, told)
    hole = _read_hole(job, photo, options)
    if options.mask_is == "alpha" and job.mask_of(options) is None:
        share, photo = hole_share(hole), _show_all(photo, hole)
    else:
        hole, share = see_hole(hole, photo.alpha)
    told = _check_share(job.photo, share, options)
    if not _is_copied(job, photo, hole, options):  # else it stays whatever it is
        told = (*own, *told, *_check_results(job, photo, options))
    return Opened(job, photo, hole, told, share)


def _is_copied(job: Job, photo: Photo, hole: Mask, options: FixOptions) -> bool:
    """Tell whether all results are the photo's own file."""
    stays = not options.mend and not hole.any()
    return stays and all(format_of(result, photo) == photo.format for result in job.results)


def _show_all(photo: Photo, hole: Mask) -> Photo:
    """Return a photo that marks its own hole with that opaque, and as coloured as what is around.

    The colours that were hidden there, mostly black, are none of the picture's.
    """
    assert photo.alpha is not None
    return replace(
        photo,
        pixels=cover_hidden(photo.pixels, photo.alpha),
        deep=None if photo.deep is None else cover_hidden(photo.deep, photo.alpha),
        alpha=np.where(hole == 1, np.uint8(255), photo.alpha),
    )


def _look_for_damage(fixer: Fixer, opened: Opened, options: FixOptions) -> tuple[Fixer, Opened]:
    """Have the damage of a photo found, where that is asked for, once for all its results.

    Where the photo was read with its hole, and is to be mended, too, that is its damage.

    Raises:
        UsageError: nearly everything is damage.
    """
    if not isinstance(fixer, Repairer):
        return fixer, opened
    if opened.hole is not None:
        fixer = replace(fixer, damage=opened.hole, alpha=opened.photo.alpha)
        return fixer, replace(opened, hole=None, damage=opened.hole)
    fixer, path = fixer.look_at(opened.photo), opened.job.photo
    sentences = opened.warnings
    if fixer.share > MUCH_DAMAGE:
        sentences += (
            f"{fixer.share:.0%} of {path} is taken for damage and filled; see and correct that "
            f"with restore paint {_as_words(path, options)}.",
        )
    return fixer, replace(opened, warnings=sentences, share=fixer.share, damage=fixer.damage)


def _as_words(path: Path, options: FixOptions) -> str:
    """Return a photo and what is looked for in it as words of a command line."""
    words = [str(path), "--find", str(options.find)]
    if options.threshold is not None:
        words += ["--threshold", f"{options.threshold:g}"]
    return shlex.join(words)


def _tell_of_fading(
    opened: Opened, fixed: Photo, options: FixOptions, tell: Callable[[str], None]
) -> Opened:
    """Warn once where a photo looked faded and, mended as a whole, has got another tone.

    Returns:
        The photo with the warning among its own.
    """
    if options.keep_fading or opened.hole is not None:
        return opened
    sentence = (
        f"{opened.job.photo} looked faded and got its colour and depth back; --keep-fading leaves "
        "it as pale as it is."
    )
    if sentence in opened.warnings or not is_unfaded(opened.photo, fixed, opened.damage):
        return opened
    tell(sentence)
    return replace(opened, warnings=(*opened.warnings, sentence))


def _check_results(job: Job, photo: Photo, options: FixOptions) -> tuple[str, ...]:
    """Refuse sizes and formats that can't hold what a result has to, and tell what is lost."""
    height, width = (options.upscale * side for side in photo.size)
    if height * width > options.max_pixels:
        raise RestoreError(
            f"{job.photo} would have {height * width / 1e6:.0f} megapixels, and "
            f"{options.max_pixels / 1e6:.0f} are accepted; raise that with --max-megapixels."
        )
    for result in job.results:
        check_held(result, (height, width), photo, photo.alpha)
    lost = tell_lost(job.results[0], photo)
    return (lost,) if lost else ()


def write_result(
    path: Path, fixed: Photo, opened: Opened, options: FixOptions, *, overwrite: bool
) -> None:
    """Write a result, in a folder that is made where it is missing.

    Args:
        path: the file.
        fixed: the result.
        opened: the photo that it was made of; where that is the result, its file is copied.
        options: the quality of what is lossy.
        overwrite: whether a file that exists is replaced.

    Raises:
        UsageError: the file exists and shall not be replaced, or can't hold transparency.
        RestoreError: no permission, a full disk; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if fixed is opened.photo and format_of(path, fixed) == fixed.format:
        content = opened.job.photo.read_bytes()
        write_bytes(path, content, overwrite=overwrite, permissions=fixed.permissions)
    else:
        write_image(path, fixed.pixels, fixed, overwrite=overwrite, quality=options.quality)


def _read_hole(job: Job, photo: Photo, options: FixOptions) -> Mask:
    """Return the mask (H, W) {0, 1} of one photo, 1 is the hole, grown."""
    path, size = job.mask_of(options), photo.size
    try:
        if path is not None:
            _check_bytes(path, options.max_bytes)
            mask = read_mask(path, size, options.mask_is, max_pixels=options.max_pixels)
        elif options.boxes:
            mask = mask_from_boxes(size, options.boxes)
        elif photo.alpha is not None:
            mask = mask_from_alpha(photo.alpha)
        else:
            raise UsageError("no transparency marks a hole there; mark it with --mask MASK.")
    except UsageError as error:
        raise UsageError(f"{job.photo}: {error}") from None
    return grow_mask(mask, options.margin)


def _check_picture(path: Path, photo: Photo) -> tuple[str, ...]:
    """Return a warning of a photo that looks like a mask, whose option has been forgotten."""
    red, green, blue = np.moveaxis(photo.pixels, 2, 0)
    ends = red.any() and not red.all() and ((red == 0) | (red == 255)).all()
    if ends and (red == green).all() and (red == blue).all():
        return (
            f"{path} is pure black and white, like a mask; to fill what it marks, "
            f"name the photo alone and --mask {path}, or for a folder of photos --mask-pattern.",
        )
    return ()


def _check_bytes(path: Path, most: int) -> None:
    """Refuse a file that is too large to be read whole; one that isn't there is told later."""
    if path.is_file() and path.stat().st_size > most:
        raise RestoreError(
            f"{path} is larger than the {most / 1e6:.0f} megabytes that are accepted; raise that "
            "with --max-megabytes."
        )


def _check_share(path: Path, share: float, options: FixOptions) -> tuple[str, ...]:
    """Refuse a mask that leaves nothing to go by, and return a warning of one that looks wrong."""
    if share == 0:
        return (_tell_empty(path, options),)
    if share <= SUSPECT_HOLE:
        return ()
    widened = f", widened by {options.grow} pixels," if options.grow else ""
    marks = f"The boxes{widened} mark" if options.boxes else f"The mask{widened} marks"
    marked, hint = f"{marks} {share:.1%} of {path} as hole", _hint_at_meaning(options)
    if share > LARGEST_HOLE:
        raise UsageError(f"{marked}, and at most {LARGEST_HOLE:.0%} can be filled{hint}.")
    return (f"{marked}{hint}.",)


def _hint_at_meaning(options: FixOptions) -> str:
    """Return what else a mask may mean; "" where it can mean nothing else."""
    if options.boxes or options.mask_is == "alpha":
        return ""
    other = "known" if options.mask_is == "hole" else "hole"
    return f"; if its white and black are the wrong way round, use --mask-is {other}{ALPHA_HINT}"


def _tell_empty(path: Path, options: FixOptions) -> str:
    """Return a sentence on a mask that marks nothing."""
    if options.boxes:
        return f"Nothing that is visible of {path} is in the boxes, so nothing is filled."
    end = "" if options.mask_is == "alpha" else ALPHA_HINT
    counts = COUNTS.get(options.mask_is, "")
    return f"The mask marks nothing in {path}{counts}, so nothing is filled{end}."
