"""`restore mask`: draw a mask, or find one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore.commands.messages import tell_share, to_printable
from restore.commands.options import (
    FILE,
    device_option,
    overwrite_option,
    seed_option,
    threshold_option,
)
from restore.errors import UsageError

if TYPE_CHECKING:
    from restore.image import Mask, Pixels

EXAMPLES = """\b
Examples:
  restore mask photo.jpg --box 120,80,200,60 --box 400,300,50,50
  restore mask photo.jpg --color "#ff0000" --tolerance 30
  restore mask old.jpg --find scratches --preview preview.png
  restore mask --preset wide --size 768x512 --seed 3 --out mask.png
"""

NEEDS_PHOTO = (
    "--find looks for damage in",
    "--color marks what has this colour in",
    "--preview lays the mask over",
)


class Numbers(click.ParamType):
    """Whole numbers with a sign between them, as in 768x512."""

    def __init__(self, form: str, between: str, smallest: int) -> None:
        """Take the form that is shown to the user, the sign, and the smallest number."""
        self.name = self.form = form
        self.between = between
        self.number: click.ParamType = click.IntRange(smallest)

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """Return the numbers as a tuple."""
        parts = str(value).lower().split(self.between)
        if len(parts) != len(self.form.split(self.between)):
            self.fail(f"'{value}' is not of the form {self.form}, in pixels.", param, ctx)
        return tuple(self.number.convert(part, param, ctx) for part in parts)


@click.command(epilog=EXAMPLES)
@click.argument("photo", metavar="[PHOTO]", required=False, type=FILE)
@click.option("--preset", metavar="NAME|FILE", help="Draw at random, as a preset says.")
@click.option(
    "--size",
    type=Numbers("WIDTHxHEIGHT", "x", 1),
    help="Of --preset and --box where there is no PHOTO.",
)
@seed_option("Of --preset: another seed, another mask.")
@click.option(
    "--box",
    "boxes",
    type=Numbers("X,Y,W,H", ",", 0),
    multiple=True,
    help="Mark a box: left, top, width, height in pixels; repeatable.",
)
@click.option("--color", help='Mark what has this colour in the photo: "#ff0000" or red.')
@click.option(
    "--tolerance",
    type=click.IntRange(0, 255),
    metavar="0-255",
    help="Of --color: the largest difference in any channel. [default: 30]",
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
    help="Widen what is marked; damage has soft rims, which 2 cover.",
)
@click.option(
    "--preview", metavar="FILE", type=FILE, help="Also write the photo with the mask laid over it."
)
@device_option
@click.option("--out", metavar="FILE", type=FILE, help="[default: NAME-mask.png beside the photo]")
@overwrite_option
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
    preview: Path | None,
    device: str,
    out: Path | None,
    overwrite: bool,
) -> None:
    """Draw a mask from a preset, boxes or a colour, or find scratches. White marks the hole."""
    import numpy as np

    from restore.assets import checkpoint_path
    from restore.draw import draw_mask
    from restore.image import (
        Photo,
        check_held,
        check_target,
        cover_hidden,
        format_of,
        read_image,
        write_image,
    )
    from restore.masks import TOLERANCE, grow_mask, hole_share, mask_from_color, write_mask

    if sum(map(bool, (preset, boxes, color, find))) != 1:
        raise UsageError("Say what to mark with just one of --preset, --box, --color and --find.")
    if threshold is not None and not find:
        raise UsageError("--threshold is how sure --find has to be; add --find scratches.")
    if tolerance is not None and not color:
        raise UsageError("--tolerance is how far from --color a colour may be; add --color.")
    if size is not None and (color or find):
        raise UsageError(
            "--size is for --preset and --box; with --color and --find name the photo and leave "
            "out --size."
        )
    for does, given in zip(NEEDS_PHOTO, (find, color, preview), strict=True):
        if given and photo is None:
            raise UsageError(f"{does} a photo; name the photo.")
    target = _target(photo, out)
    check_target(target, overwrite=overwrite)
    _check_preview(photo, preview, target, overwrite)
    targets = [path for path in (target, preview) if path is not None]
    plain = Photo(np.zeros((1, 1, 3), np.uint8))
    for path in targets:  # finding takes long, so refuse before it
        format_of(path, plain)
    if find:
        checkpoint_path(find)  # an unknown name shall be told before torch is imported
    read = None if photo is None else read_image(photo)
    pixels = None if read is None else read.pixels
    if pixels is not None:
        for path in targets:
            check_held(path, pixels.shape, plain, None)
    if read is not None and find:
        drawn = _find(cover_hidden(read.pixels, read.alpha), find, threshold, device)
    elif pixels is not None and color:
        drawn = mask_from_color(pixels, color, TOLERANCE if tolerance is None else tolerance)
        if read is not None and read.alpha is not None:
            drawn &= read.alpha > 0  # what is invisible has no colour
    else:
        drawn = _draw_shapes(_size_of(pixels, size), preset, seed, boxes)
    drawn = grow_mask(drawn, grow)
    write_mask(target, drawn, overwrite=overwrite)
    click.echo(to_printable(f"{target} ({_tell_share(hole_share(drawn))})"))
    if preview is not None and read is not None:
        shown = draw_mask(read.pixels, drawn)
        like = Photo(shown, permissions=read.permissions)
        write_image(preview, shown, like, overwrite=overwrite)
        click.echo(to_printable(f"{preview} (what is marked is magenta)"))


def _tell_share(share: float) -> str:
    return f"{tell_share(share)} hole" if share else "nothing is marked"


def _target(photo: Path | None, out: Path | None) -> Path:
    if photo is None:
        if out is None:
            raise UsageError("A mask without a photo has no name of its own; name it with --out.")
        return out
    from restore.image import drop_extension

    target = out or photo.with_name(f"{drop_extension(photo.name)}-mask.png")
    if target.exists() and photo.exists() and target.samefile(photo):
        raise UsageError(f"The mask can't replace {photo} itself; name another --out.")
    return target


def _check_preview(photo: Path | None, preview: Path | None, target: Path, overwrite: bool) -> None:
    """Refuse a preview that can't be drawn, or would replace something, before work begins."""
    from restore.image import check_target, real_path

    if preview is None or photo is None:
        return
    if preview.exists() and photo.exists() and preview.samefile(photo):
        raise UsageError(f"The preview can't replace {photo} itself; name another --preview.")
    if real_path(preview) == real_path(target):
        raise UsageError(f"{preview} is named for the mask and for the preview; name two files.")
    check_target(preview, overwrite=overwrite)


def _size_of(pixels: "Pixels | None", size: tuple[int, int] | None) -> tuple[int, int]:
    """Return (height, width) of the photo, or else as given by (width, height)."""
    from restore.image import MAX_PIXELS

    if pixels is not None:
        if size is not None:
            raise UsageError("The photo says how large the mask is; leave out --size.")
        return pixels.shape[0], pixels.shape[1]
    if size is None:
        raise UsageError("Name the photo that the mask is for, or else its --size, as in 768x512.")
    width, height = size
    if width * height > MAX_PIXELS:
        raise UsageError(f"A mask has at most {MAX_PIXELS / 1e6:.0f} megapixels, as a photo has.")
    return height, width


def _find(pixels: "Pixels", name: str, threshold: float | None, device: str) -> "Mask":
    from restore.detector import Detector

    return Detector.load(name, device=device).find(pixels, threshold=threshold)


def _draw_shapes(
    size: tuple[int, int],
    preset: str | None,
    seed: int,
    boxes: tuple[tuple[int, int, int, int], ...],
) -> "Mask":
    import numpy as np

    from restore.masks import load_preset, mask_from_boxes

    if preset:
        return load_preset(preset).draw(*size, np.random.default_rng(seed))
    return mask_from_boxes(size, boxes)
