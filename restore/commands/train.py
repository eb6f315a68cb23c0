"""`restore train`: a new restorer or sampler from a folder of photos."""

import os
from pathlib import Path

import click

from restore.commands.messages import say, to_printable
from restore.commands.options import FILE, device_option
from restore.errors import UsageError

EXAMPLES = """\b
Examples:
  restore train photos/ --out runs/mine
  restore train photos.zip --check
  restore train photos/ --from inpaint --out runs/mine --set optimizer.lr=1e-4
  restore train animals/ --recipe dcgan --set conditional=true --out runs/animals
  restore train torchvision:MNIST --download --recipe digits --out runs/digits
  accelerate launch -m restore train photos/ --out runs/mine
  restore fix photo.jpg --mask mask.png --model runs/mine
"""


@click.command(epilog=EXAMPLES, short_help="Train a model on pictures, as a recipe says.")
@click.argument("photos", metavar="[PHOTOS]", required=False, type=FILE)
@click.option(
    "--pairs",
    nargs=2,
    metavar="DAMAGED CLEAN",
    type=FILE,
    help="Instead of PHOTOS: learn to turn damaged photos into clean ones of the same relative "
    "path, whatever the extension.",
)
@click.option(
    "--recipe",
    default="inpaint",
    show_default=True,
    metavar="NAME|FILE",
    help="What to train and how: inpaint, mend, mend-natural, scratches, one that draws pictures "
    "(see above), or a TOML file.",
)
@click.option(
    "--out",
    "run",
    metavar="RUN",
    type=FILE,
    help="Folder of the run: log, previews, checkpoints, state.",
)
@click.option(
    "--from",
    "start",
    metavar="NAME|FILE|RUN",
    help="Start from a checkpoint's weights, its discriminator's too, instead of from nothing.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only print the resolved recipe, and what it would take on this machine.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Only list what is wrong with the photos: unreadable, tiny, small, gray, equal or alike.",
)
@click.option(
    "--download",
    is_flag=True,
    help="Let torchvision fetch the data set that was named, if it isn't on disk.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a key of the recipe, as in --set steps=2000; repeatable.",
)
@device_option
def train(
    photos: Path | None,
    pairs: tuple[Path, Path] | None,
    recipe: str,
    run: Path | None,
    start: str | None,
    dry_run: bool,
    check: bool,
    download: bool,
    overrides: tuple[str, ...],
    device: str,
) -> None:
    """Train what the recipe names on PHOTOS. Run again, the same command goes on where it stopped.

    PHOTOS is a folder of any depth, a zip or tar of one, or a folder of tars (WebDataset shards).
    Photos that can't be read, or are there twice, are named and left out. For recipes that draw
    pictures (mlp, dcgan, cgan, vae, style, digits, faces) it may also be a folder with a folder for
    each class, a folder of idx files as MNIST's, or torchvision:NAME.
    """
    if dry_run and check:
        raise UsageError("--dry-run looks at the recipe, --check at the photos; name one.")
    if not dry_run:
        _check_request(photos, pairs, run, check)
    from restore.assets import checkpoint_path
    from restore.checkpoint import read_header
    from restore.training import check_data, load_recipe, plan
    from restore.training import train as run_training

    settings = load_recipe(recipe, overrides)
    if start is not None:
        checkpoint_path(start)  # an unknown name shall be told before anything slow is done
    if download:
        if settings.task != "generate":
            raise UsageError(
                "--download fetches a data set for samplers; name the recipe of one, as in "
                "--recipe digits."
            )
        if photos is not None and not str(photos).startswith("torchvision:"):
            raise UsageError(
                f"--download lets torchvision fetch a data set, and {photos} is none; name one as "
                "torchvision:MNIST."
            )
        settings = load_recipe(recipe, (*overrides, "download=true"))
    if dry_run:
        for line in plan(settings, device):
            click.echo(line)
        return
    source = photos or pairs
    assert source is not None, "checked above"
    if run is None or check:
        for line in check_data(settings, source).lines():
            click.echo(to_printable(line))
        return
    checkpoint = run_training(settings, source, run, device=device, start=start)
    place = " and ".join(map(str, pairs or [photos]))
    alone = os.environ.get("WORLD_SIZE", "1") == "1"
    is_first = alone or os.environ.get("RANK", "0") == "0"  # of the processes of a run
    if is_first:
        click.echo(to_printable(f"{place} -> {checkpoint}"))
    done = read_header(checkpoint).steps
    if done < settings.steps:
        if is_first:
            say(f"Stopped at step {done} of {settings.steps}; the same command goes on from there.")
        raise click.Abort


def _check_request(
    photos: Path | None, pairs: tuple[Path, Path] | None, run: Path | None, check: bool
) -> None:
    """Refuse what makes no sense before anything slow is imported."""
    if bool(photos) == bool(pairs):
        raise click.UsageError("Name a folder or zip of photos, or two with --pairs DAMAGED CLEAN.")
    if run is None and not check:
        raise click.UsageError("Missing option '--out'.")
    if run is not None and run.is_file():
        raise UsageError(
            f"{run} is a file where the folder of a run should go; name another --out."
        )
