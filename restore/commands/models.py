"""`restore models`: what is installed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import click

from restore.commands.columns import to_lines

if TYPE_CHECKING:
    from restore.checkpoint import Header

HEADINGS = ("name", "task", "size", "labels", "scores", "licence of the data")
MANY = 24  # labels that are listed; of more the first and the number


@click.command()
@click.option(
    "--fetch",
    type=click.Choice(["lpips"]),
    help="Download what is not shipped: the network that LPIPS measures with, for training.",
)
def models(fetch: Literal["lpips"] | None) -> None:
    """List the models that are installed. Size is that of the squares it was trained on.

    Labels are the classes that `restore generate NAME --label LABEL` draws.
    """
    if fetch is not None:
        from restore.lpips import fetch_lpips

        click.echo(f"{fetch} -> {fetch_lpips()}")
        return
    from restore.assets import checkpoint_names, checkpoint_path
    from restore.checkpoint import read_header

    rows = [_row(name, read_header(checkpoint_path(name))) for name in checkpoint_names()]
    for line in to_lines([HEADINGS, *rows]):
        click.echo(line)


def _row(name: str, header: "Header") -> tuple[str, ...]:
    scores = ", ".join(f"{score} {value:.4g}" for score, value in header.scores.items())
    facts = (_shorten(header.labels), scores, header.licence)
    return name, header.task, f"{header.size} px", *(fact or "-" for fact in facts)


def _shorten(labels: Sequence[str]) -> str:
    listed = ", ".join(labels[:MANY])
    return f"{listed} … ({len(labels)})" if len(labels) > MANY else listed
