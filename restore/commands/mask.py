"""`restore mask`: draw a mask, or find one."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore.commands.messages import report, say, tell_share, to_printable
from restore.commands.options import (
    FILE,
    Numbers,
    check_choice,
    choice_options,
    device_option,
    max_megapixels_option,
    overwrite_option,
    read_limits,
    seed_option,
    threshold_option,
)
from restore.errors import RestoreError, UsageError

if TYPE_CHECKING:
    from restore.marking import Marked, Marker
    from restore.outputs import Failure

EXAMPLES = """\b
Examples:
  restore mask photo.jpg --box 120,80,200,60 --box 400,300,50,50
  restore mask photo.jpg --color "#ff0000" --tolerance 30
  restore mask old.jpg --find scratches --preview preview.png
  restore mask old/ --find scratches --grow 2 --out marks/ --preview look/
  restore mask --preset wide --size 768x512 --seed 3 --out mask.png
"""

NEEDS_PHOTO = (
    "--find looks for damage in",
    "--color marks what has this colour in",
    "--preview lays the mask over",
)


@click.command(epilog=EXAMPLES)
@click.argument("photo", metavar="[PHOTO|FOLDER]", required=False, type=FILE)
@click.option("--preset", metavar="NAME|FILE", help="Draw at random, as a preset says.")
@click.option(
    "--size",
    type=Numbers("WIDTHxHEIGHT", "x", 1),
    help="Size of the mask, with --preset or --box and no PHOTO.",
)
@seed_option("With --preset: another seed, another mask; each photo of a folder gets its own.")
@click.option(
    "--box",
    "boxes",
    type=Numbers("X,Y,W,H", ","),
    multiple=True,
    help="Mark a box: left, top, width, height in pixels; a left or top "
    "below 0 counts from the right or bottom edge. Repeatable.",
)
@click.option("--color", help='Mark what has this colour in the photo: "#ff0000" or red.')
@click.option(
    "--tolerance",
    type=click.IntRange(0, 255),
    metavar="0-255",
    help="With --color: the largest difference in any channel. [default: 30]",
)
@click.option(
    "--find",
    metavar="NAME|FILE|RUN",
    help="Mark what a detector finds: 'scratches' finds scratches, cracks, folds, flakes, spots.",
)
@threshold_option
@click.option(
    "--grow",
    type=click.IntRange(0, 1000),
    default=0,
    show_default=True,
    metavar="PIXELS",
    help="Widen what is marked; 2 covers the soft rims of damage.",
)
@click.option(
    "--preview",
    metavar="FILE|FOLDER/",
    help="Also write the photo with the mask laid over it.",
)
@device_option
@click.option(
    "--out",
    metavar="FILE|FOLDER/",
    help="Where masks go; needed for a folder. [default: NAME-mask.png beside the photo]",
)
@overwrite_option
@max_megapixels_option
@choice_options
@click.option(
    "--resume",
    is_flag=True,
    help="For a folder: keep masks that are there, corrected ones too, and make only the others; "
    "previews also where theirs is missing or older than the mask.",
)
def mask(
    photo: Path | None,
    preset: str | None,
    size: tuple[int, int] | None,
    seed: int,
    boxes: tuple[tuple[int, int, int, int], ...],
    color: str | None,
    tolerance: int | None,
    find: str | None,
    threshold: float | None,
    grow: int,
    preview: str | None,
    device: str,
    out: str | None,
    overwrite: bool,
    max_megapixels: int | None,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    resume: bool,
) -> int:
    """Draw a mask from a preset, boxes or a colour, or find scratches. White marks the hole.

    For a FOLDER, each photo gets a mask in --out FOLDER, ready for 'restore fix FOLDER --mask';
    --preview is then a folder, too.
    """
    _check_kinds(preset, boxes, color, find)
    _check_parts(color, tolerance, find, threshold)
    for does, given in zip(NEEDS_PHOTO, (find, color, preview), strict=True):
        if given and photo is None:
            raise UsageError(f"{does} a photo; name the photo.")
    if size is not None and photo is not None:
        raise UsageError("The photo says how large the mask is; leave out --size.")
    if resume and (photo is None or not photo.is_dir()):
        raise UsageError("--resume goes on with the masks of a folder of photos; name that.")
    check_choice(only, skip, photo)
    marker = _make_marker(preset, seed, boxes, color, tolerance, find, threshold, device)
    writing: dict[str, Any] = {"grow": grow, "overwrite": overwrite}
    limits = read_limits(max_megapixels)
    if photo is None:
        return _mark_size(out, size, marker, writing, **limits)
    if not photo.is_dir():
        return _mark_photo(photo, out, preview, marker, **writing, **limits)
    from restore.listing import Choice

    wishes = {"resume": resume, "choice": Choice(only, skip)}
    return _mark_folder(photo, out, preview, marker, **wishes, **writing, **limits)


def _make_marker(
    preset: str | None,
    seed: int,
    boxes: tuple[tuple[int, int, int, int], ...],
    color: str | None,
    tolerance: int | None,
    find: str | None,
    threshold: float | None,
    device: str,
) -> "Marker":
    """Return what marks as the one option says that is given."""
    from restore.assets import checkpoint_path
    from restore.marking import Boxes, Color, Detected, Random
    from restore.masks import TOLERANCE, load_preset

    if find:
        checkpoint_path(find)  # an unknown name shall be told before torch is imported
        return Detected(find, threshold, device)
    if color:
        return Color(color, TOLERANCE if tolerance is None else tolerance)
    return Random(load_preset(preset), seed) if preset else Boxes(boxes)


def _mark_size(
    out: str | None,
    size: tuple[int, int] | None,
    marker: "Marker",
    writing: dict[str, Any],
    max_pixels: int | None = None,
) -> int:
    """Write a mask for no photo in particular."""
    from restore.image import MAX_PIXELS
    from restore.marking import mark_size

    if out is None:
        raise UsageError("A mask without a photo has no name of its own; name it with --out.")
    if out.endswith(("/", os.sep)):
        raise UsageError(f"A mask without a photo has no name of its own; name a file in {out}.")
    shape = _size_of(size, max_pixels or MAX_PIXELS)
    _tell_mask(Path(out), mark_size(shape, Path(out), marker, **writing))
    return 0


def _mark_photo(
    photo: Path, out: str | None, preview: str | None, marker: "Marker", **wishes: Any
) -> int:
    from restore.image import drop_extension
    from restore.marking import mark_photo

    target = _place(photo, out) or photo.with_name(f"{drop_extension(photo.name)}-mask.png")
    shown = _place(photo, preview)
    if not photo.exists():
        raise RestoreError(f"There is no file {photo}.")
    marked = mark_photo(photo, target, marker, preview=shown, **wishes)
    _tell_mask(marked.mask, marked.hole)
    _tell_preview(shown)
    return 0


def _mark_folder(
    folder: Path, out: str | None, preview: str | None, marker: "Marker", **wishes: Any
) -> int:
    from restore.marking import mark_photos
    from restore.outputs import check_folder_name

    if out is None:
        raise UsageError(f"The masks of {folder} go into a folder; name it with --out.")
    for named in filter(None, (out, preview)):
        check_folder_name(named, folder)
    previews = None if preview is None else Path(preview)
    results = mark_photos(folder, Path(out), marker, previews=previews, warn=say, **wishes)
    failed = [_tell(result) for result in results]
    if not all(failed):
        _tell_preview(previews)
    return int(any(failed))


def _place(photo: Path, named: str | None) -> Path | None:
    """Return the file that is named for a photo; NAME.png in a folder."""
    if named is None:
        return None
    from restore.image import with_extension
    from restore.outputs import is_folder_name

    folder, picture = Path(named), with_extension(photo, ".png")
    if not is_folder_name(named, picture):
        return folder
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; name a folder, or a file without a / at its end.")
    return folder / picture.name


def _check_kinds(*kinds: object) -> None:
    if sum(map(bool, kinds)) != 1:
        raise UsageError("Say what to mark with just one of --preset, --box, --color and --find.")


def _check_parts(
    color: str | None, tolerance: int | None, find: str | None, threshold: float | None
) -> None:
    if threshold is not None and not find:
        raise UsageError("--threshold is how sure --find has to be; add --find scratches.")
    if tolerance is not None and not color:
        raise UsageError("--tolerance is how far from --color a colour may be; add --color.")


def _size_of(size: tuple[int, int] | None, max_pixels: int) -> tuple[int, int]:
    """Return (height, width) of (width, height)."""
    if size is None:
        raise UsageError("Name the photo that the mask is for, or else its --size, as in 768x512.")
    width, height = size
    if width * height > max_pixels:
        raise UsageError(
            f"A mask has at most {max_pixels / 1e6:.0f} megapixels, as a photo has; raise that "
            "with --max-megapixels."
        )
    return height, width


def _tell(result: "Marked | Failure") -> bool:
    """Tell what became of a photo of a folder, and return whether it failed."""
    from restore.outputs import Failure

    if isinstance(result, Failure):
        report(result.error, result.photo)
        return True
    if result.kept:
        _tell_preview(result.preview)
    else:
        _tell_mask(result.mask, result.hole)
    return False


def _tell_mask(path: Path, hole: float) -> None:
    told = f"{tell_share(hole)} hole" if hole else "nothing is marked"
    click.echo(to_printable(f"{path} ({told})"))


def _tell_preview(path: Path | None) -> None:
    if path is not None:
        click.echo(to_printable(f"{path} (what is marked is magenta)"))
