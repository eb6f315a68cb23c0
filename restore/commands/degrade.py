"""`restore degrade`: spoil clean photos."""

from pathlib import Path

import click

from restore.commands.messages import report, say, to_printable
from restore.commands.options import (
    FILE,
    check_choice,
    choice_options,
    overwrite_option,
    seed_option,
)

EXAMPLES = """\b
Examples:
  restore degrade photo.jpg --preset old-photo --seed 1 --out old.jpg
  restore degrade photos/ --preset mixed --out damaged/
"""


@click.command(epilog=EXAMPLES, short_help="Spoil photos, for training and tests.")
@click.argument("source", metavar="PHOTO|FOLDER", type=FILE)
@click.option(
    "--preset",
    metavar="NAME|FILE",
    required=True,
    help="What happens: blurry, mixed, noisy, old-photo, phone, scratched, upscale, web, or a "
    "TOML file.",
)
@seed_option("Another seed, other damage; each photo's depends on the seed and its path.")
@click.option(
    "--out",
    required=True,
    metavar="FILE|FOLDER/",
    help="Where the result goes; photos of a folder keep their relative paths.",
)
@overwrite_option
@choice_options
def degrade(
    source: Path,
    preset: str,
    seed: int,
    out: str,
    overwrite: bool,
    only: tuple[str, ...],
    skip: tuple[str, ...],
) -> int:
    """Spoil a photo, or all photos of a folder, to make pairs for training and tests."""
    from restore.degradations import load_chain
    from restore.degrading import degrade_photos
    from restore.listing import Choice
    from restore.outputs import Failure

    check_choice(only, skip, source)
    codes = []
    results = degrade_photos(
        source,
        out,
        load_chain(preset),
        seed=seed,
        overwrite=overwrite,
        warn=say,
        choice=Choice(only, skip),
    )
    for result in results:
        if isinstance(result, Failure):
            codes.append(report(result.error, result.photo))
        else:
            click.echo(to_printable(f"{result.photo} -> {result.out}"))
    return codes[0] if codes and not source.is_dir() else int(bool(codes))
