"""`restore models`: what is installed."""

from typing import TYPE_CHECKING, Literal

import click

from restore.commands.columns import to_lines

if TYPE_CHECKING:
    from restore.checkpoint import Header

HEADINGS = ("name", "task", "size", "scores", "licence of the data")


@click.command()
@click.option(
    "--fetch",
    type=click.Choice(["lpips"]),
    help="Download what is not shipped: the network that LPIPS measures with, for training.",
)
def models(fetch: Literal["lpips"] | None) -> None:
    """List the restorers that are installed. Size is that of the squares it was trained on."""
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
    return name, header.task, f"{header.size} px", scores or "-", header.licence or "-"
