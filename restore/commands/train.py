"""`restore train`: a new restorer from a folder of photos."""

from pathlib import Path

import click

FILE = click.Path(path_type=Path)
EXAMPLES = """\b
Examples:
  restore train photos/ --out runs/mine
  restore fix photo.jpg --mask mask.png --model runs/mine
"""


@click.command(epilog=EXAMPLES)
@click.argument("folder", metavar="FOLDER", type=FILE)
@click.option(
    "--recipe",
    default="inpaint",
    show_default=True,
    metavar="NAME|FILE",
    help="How to train: a shipped recipe or a TOML file.",
)
@click.option(
    "--out",
    "run",
    required=True,
    metavar="RUN",
    type=FILE,
    help="Folder of the run: log, previews, checkpoints, state.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a key of the recipe, as in --set steps=2000; repeatable.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where to compute.",
)
def train(folder: Path, recipe: str, run: Path, overrides: tuple[str, ...], device: str) -> None:
    """Train a restorer on a folder of photos. The same command again goes on where it stopped."""
    from restore.training import load_recipe
    from restore.training import train as run_training

    checkpoint = run_training(load_recipe(recipe, overrides), folder, run, device=device)
    click.echo(f"{folder} -> {checkpoint}")
