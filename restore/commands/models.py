"""`restore models`: what is installed."""

import json
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import click

from restore.commands.columns import to_lines

if TYPE_CHECKING:
    from restore.checkpoint import Header

HEADINGS = ("name", "task", "size")
GAP, WIDTH = "    ", 80
MANY = 24  # labels that are listed; of more the first and the number


@click.command()
@click.option(
    "--fetch",
    type=click.Choice(["lpips"]),
    help="Download what is not shipped: the network of LPIPS, for training, --adapt and evaluate.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each model.")
def models(fetch: Literal["lpips"] | None, as_json: bool) -> None:
    """List the models that are installed. Size is that of the squares it was trained on.

    Labels are the classes that `restore generate NAME --label LABEL` draws. Of scores, "ratio" is
    LPIPS to the better of two classical fills, over holes of 6 to 35 %, where less is better, PSNR
    is in dB, F1 to the pixel; what the others are, `restore evaluate` tells.
    """
    if fetch is not None:
        from restore.lpips import fetch_lpips

        click.echo(f"{fetch} -> {fetch_lpips()}")
        return
    from restore.assets import checkpoint_names, checkpoint_path
    from restore.checkpoint import read_header

    headers = {name: read_header(checkpoint_path(name)) for name in checkpoint_names()}
    if as_json:
        for name, header in headers.items():
            click.echo(json.dumps(header.model_dump(mode="json") | {"name": name}))
        return
    rows = [(name, header.task, f"{header.size} px") for name, header in headers.items()]
    heads, *lines = to_lines([HEADINGS, *rows])
    click.echo(heads)
    for line, header in zip(lines, headers.values(), strict=True):
        click.echo(line)
        for what, fact in _facts(header):
            text = f"{what}: {fact}"
            click.echo(textwrap.fill(text, WIDTH, initial_indent=GAP, subsequent_indent=GAP))


def _facts(header: "Header") -> list[tuple[str, str]]:
    """Return what else there is to say of a checkpoint."""
    scores = ", ".join(f"{score} {value:.4g}" for score, value in header.scores.items())
    facts = (
        ("labels", _shorten(header.labels)),
        ("scores", scores),
        ("licence of the data", header.licence),
    )
    return [(what, fact) for what, fact in facts if fact]


def _shorten(labels: Sequence[str]) -> str:
    listed = ", ".join(labels[:MANY])
    return f"{listed} … ({len(labels)})" if len(labels) > MANY else listed
