"""`restore mask`: draw a mask."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore.commands.options import FILE, overwrite_option, seed_option
from restore.errors import UsageError

if TYPE_CHECKING:
    from restore.masks import Mask

EXAMPLES = """\b
Examples:
  restore mask photo.jpg --box 120,80,200,60 --box 400,300,50,50
  restore mask photo.jpg --color "#ff0000" --tolerance 30
  restore mask --preset wide --size 768x512 --seed 3 --out mask.png
"""


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
    default=30,
    show_default=True,
    metavar="0-255",
    help="Of --color: the largest difference in any channel.",
)
@click.option("--out", metavar="FILE", type=FILE, help="[default: NAME-mask.png beside the photo]")
@overwrite_option
def mask(
    photo: Path | None,
    preset: str | None,
    size: tuple[int, int] | None,
    seed: int,
    boxes: tuple[tuple[int, int, int, int], ...],
    color: str | None,
    tolerance: int,
    out: Path | None,
    overwrite: bool,
) -> None:
    """Draw a mask from a preset, boxes or a colour. White marks the hole."""
    from restore.image import Photo, write_image
    from restore.masks import hole_share

    if sum(map(bool, (preset, boxes, color))) != 1:
        raise UsageError("Say what to mark with one of --preset, --box and --color.")
    target = _target(photo, out)
    if color:
        drawn = _draw_color(photo, color, tolerance)
    else:
        drawn = _draw_shapes(_size_of(photo, size), preset, seed, boxes)
    white = (drawn * 255)[:, :, None].repeat(3, axis=2)
    write_image(target, white, Photo(white, gray=True), overwrite=overwrite)
    click.echo(f"{target} ({hole_share(drawn):.1%} hole)")


def _target(photo: Path | None, out: Path | None) -> Path:
    if photo is None:
        if out is None:
            raise UsageError("A mask without a photo has no name of its own; name it with --out.")
        return out
    target = out or photo.with_name(f"{photo.stem}-mask.png")
    if target.exists() and photo.exists() and target.samefile(photo):
        raise UsageError(f"The mask can't replace {photo} itself; name another --out.")
    return target


def _size_of(photo: Path | None, size: tuple[int, int] | None) -> tuple[int, int]:
    """Return (height, width) of the photo, or else as given by (width, height)."""
    from restore.image import MAX_PIXELS, read_image

    if photo is not None and size is None:
        height, width = read_image(photo).pixels.shape[:2]
    elif size is not None and photo is None:
        width, height = size
    else:
        raise UsageError("Name the photo that the mask is for, or else its --size, as in 768x512.")
    if width * height > MAX_PIXELS:
        raise UsageError(f"A mask has at most {MAX_PIXELS / 1e6:.0f} megapixels, as a photo has.")
    return height, width


def _draw_color(photo: Path | None, color: str, tolerance: int) -> "Mask":
    from restore.image import read_image
    from restore.masks import mask_from_color

    if photo is None:
        raise UsageError("--color marks what has this colour in a photo; name the photo.")
    return mask_from_color(read_image(photo).pixels, color, tolerance)


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
