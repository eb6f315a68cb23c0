"""`restore fix`: mend photos."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import click

from restore.commands.messages import report, say

FILE = click.Path(path_type=Path)
EXAMPLES = """\b
Examples:
  restore fix photo.jpg --mask mask.png
  restore fix photo.jpg --mask mask.png --count 4 --out tries/
  restore fix cut-out.png --mask-is alpha
"""


@click.command(epilog=EXAMPLES)
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True, type=FILE)
@click.option("--mask", type=FILE, help="Picture of what to fill, as large as the photo.")
@click.option(
    "--mask-is",
    type=click.Choice(["hole", "known", "alpha"]),
    default="hole",
    show_default=True,
    help="What white means in the mask: the hole, or what is known and stays. 'alpha' takes no "
    "mask: the photo's transparent pixels are filled.",
)
@click.option(
    "--grow",
    type=click.IntRange(0, 1000),
    default=0,
    show_default=True,
    metavar="PIXELS",
    help="Widen the hole, for masks that are cut too tight.",
)
@click.option(
    "--out",
    metavar="FILE|FOLDER/",
    help="Where the result goes; the file's extension decides the format. "
    "[default: NAME-fixed.EXT beside the photo]",
)
@click.option("--overwrite", is_flag=True, help="Replace results that exist.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    metavar="SEED",
    help="Another seed, another plausible fill; the same seed, the same file.",
)
@click.option(
    "--count",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    metavar="N",
    help="Results for each photo, NAME-1.EXT and so on, with seeds counting up.",
)
@click.option(
    "--model",
    metavar="NAME|FILE|RUN",
    help="A name that `restore models` lists, a checkpoint file, or the folder of a training run. "
    "[default: inpaint]",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where to compute.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object a line for each result."
)
def fix(
    photos: tuple[Path, ...],
    mask: Path | None,
    mask_is: Literal["hole", "known", "alpha"],
    grow: int,
    out: str | None,
    overwrite: bool,
    seed: int,
    count: int,
    model: str | None,
    device: str,
    as_json: bool,
) -> int:
    """Fill the holes that a mask marks in photos. Every other pixel stays as it is."""
    from restore.folders import Failure, FixOptions, fix_photos

    options = FixOptions(mask, mask_is, grow, seed, count, overwrite)
    codes = []
    for result in fix_photos(photos, out, options, model=model, device=device, warn=say):
        if isinstance(result, Failure):
            codes.append(report(result.error))
        elif as_json:
            click.echo(json.dumps(asdict(result), default=str))
        else:
            click.echo(f"{result.photo} -> {result.out} ({result.seconds:.1f} s)")
    return codes[0] if codes and len(photos) == 1 else bool(codes)
