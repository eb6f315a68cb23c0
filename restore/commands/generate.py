"""`restore generate`: pictures from noise."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from restore.commands.messages import to_printable
from restore.commands.options import FILE, FiniteRange, device_option, overwrite_option

EXAMPLES = """\b
Examples:
  restore generate faces --count 64 --out faces.png
  restore generate digits --label 7 --label 3 --count 8
  restore generate digits --per-label 100 --out digits/
  restore generate faces --interpolate 24 --seed 1,5,9 --out faces.gif
"""


class Seeds(click.ParamType):
    """Seeds with commas between them, as in 1,5."""

    name = "seeds"
    number: click.ParamType = click.IntRange(0, 2**32 - 1)

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """Return the seeds as a tuple."""
        if isinstance(value, tuple):
            return value
        return tuple(self.number.convert(part, param, ctx) for part in str(value).split(","))


@click.command(epilog=EXAMPLES, short_help="Draw pictures from noise, of a class or of any.")
@click.argument("model", metavar="NAME|FILE|RUN")
@click.option(
    "--count",
    type=click.IntRange(1),
    metavar="N",
    help="How many pictures, of each label where several are given. [default: 16]",
)
@click.option(
    "--seed",
    "seeds",
    type=Seeds(),
    default="0",
    show_default=True,
    metavar="SEED",
    help="Another seed, other pictures; the same seed, the same pictures. "
    "For --interpolate several: 1,5.",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="NAME|NUMBER",
    help="Only of this class, see `restore models`; repeatable, a row for each. "
    "[default: each class in turn; with --interpolate and --traverse the first]",
)
@click.option(
    "--out",
    metavar="FILE|FOLDER",
    help="FILE.png is a grid, FILE.gif an animation; anything else is a folder, which gets a PNG "
    "for each picture. [default: NAME.png]",
)
@click.option(
    "--per-label",
    type=click.IntRange(1),
    metavar="N",
    help="N pictures of each label, in a folder for each in --out FOLDER.",
)
@click.option(
    "--truncation",
    type=FiniteRange(0, 1),
    default=1.0,
    show_default=True,
    metavar="0-1",
    help="Less is nearer to the mean picture: fewer odd ones, less variety; at 0 all are alike.",
)
@click.option(
    "--interpolate",
    type=click.IntRange(2),
    metavar="N",
    help="N pictures on the way from the first picture of one seed to that of another.",
)
@click.option(
    "--traverse",
    type=click.IntRange(0),
    metavar="DIM",
    help="Pictures along one dimension of the noise, from -3 to 3.",
)
@click.option(
    "--reconstruct",
    type=FILE,
    metavar="FILE",
    help="Draw this picture again, from the noise that the sampler finds for it (vae).",
)
@overwrite_option
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each file.")
def generate(
    model: str,
    count: int | None,
    seeds: tuple[int, ...],
    labels: tuple[str, ...],
    out: str | None,
    per_label: int | None,
    truncation: float,
    interpolate: int | None,
    traverse: int | None,
    reconstruct: Path | None,
    overwrite: bool,
    device: str,
    as_json: bool,
) -> None:
    """Draw pictures from noise, of a class where the model knows classes.

    A picture depends on the seed and its number alone: with another count it is the same, to a
    level of 255. `restore models` lists what draws pictures (task generate) and the labels that
    each knows.
    """
    from restore.generating import Request
    from restore.generating import generate as run_generation

    request = Request(
        count=count,
        seeds=seeds,
        labels=labels,
        truncation=truncation,
        per_label=per_label,
        interpolate=interpolate,
        traverse=traverse,
        reconstruct=reconstruct,
    )
    drawn = run_generation(model, request, out, device=device, overwrite=overwrite)
    if as_json:
        for file in drawn:
            click.echo(json.dumps(asdict(file), default=str))
        return
    pictures = sum(file.pictures for file in drawn)
    place = drawn[0].out if out is None else out
    noun = "picture" if pictures == 1 else "pictures"
    click.echo(to_printable(f"{drawn[0].model} -> {place} ({pictures} {noun})"))
