"""`restore fix`: mend photos, or a folder of them."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from restore.commands.folder import fix_plan, show_plan
from restore.commands.messages import Sign, report, tell_share, to_printable
from restore.commands.options import (
    FILE,
    FiniteRange,
    Numbers,
    Sectioned,
    check_choice,
    choice_options,
    device_option,
    grow_option,
    mask_is_option,
    max_megabytes_option,
    max_megapixels_option,
    overwrite_option,
    quality_option,
    read_limits,
    seed_option,
    threshold_option,
)
from restore.errors import RestoreError, UsageError, sentence_of

if TYPE_CHECKING:
    from restore.folders import Record
    from restore.outputs import Failure

EXAMPLES = """\b
Examples:
  restore fix photo.jpg --mask mask.png
  restore fix photo.jpg --box 120,80,200,60
  restore fix photo.jpg --mask mask.png --count 2 --out tries/
  restore fix cut-out.png --mask-is alpha
  restore fix old.jpg
  restore fix old.jpg --find scratches
  restore fix small.jpg --upscale 2 --out large.png
  restore fix photos/ --mask masks/ --out fixed/
  restore fix album/ --find scratches --out mended/
"""
JOBS = 2  # photos of a folder that are in hand beside those that are filled


SECTIONS = {
    "What is filled": ("mask", "mask_is", "boxes", "find", "threshold", "grow", "adapt"),
    "How whole photos are mended (without a mask, or with --find or --mend)": (
        "mend",
        "upscale",
        "natural",
        "strength",
        "tta",
        "keep_fading",
    ),
    "Results": ("out", "extension", "quality", "overwrite", "seed", "count", "as_json"),
    "For a folder of photos": (
        "mask_pattern",
        "only",
        "skip",
        "dry_run",
        "resume",
        "watch",
        "jobs",
        "shard",
        "ray",
    ),
}


@click.command(
    cls=Sectioned,
    sections=SECTIONS,
    epilog=EXAMPLES,
    short_help="Fill what a mask marks; mend or enlarge whole photos.",
)
@click.argument("photos", metavar="PHOTO...|FOLDER", nargs=-1, required=True, type=FILE)
@click.option(
    "--mask",
    type=FILE,
    metavar="FILE|FOLDER",
    help="Picture whose white marks what to fill, in the photo's proportions; restore mask and "
    "restore paint make one. "
    "For a folder of photos: one for all, or a folder of masks with the photos' relative paths. "
    "If neither it nor --mask-pattern, --box or --mask-is alpha says what to fill, the whole "
    "photo is mended.",
)
@click.option(
    "--mask-pattern",
    metavar="PATTERN",
    help="How masks are named, '{stem}-mask' for photo-mask.png, beside photo.jpg "
    "or in the folder that --mask names.",
)
@mask_is_option(
    "What white means in the mask: the hole, or what is known and stays. 'alpha': what is "
    "transparent is the hole, in the mask or, without one, in the photo."
)
@click.option(
    "--box",
    "boxes",
    type=Numbers("X,Y,W,H", ","),
    multiple=True,
    help="Instead of a mask: a box to fill, left, top, width, height in pixels; a left or top "
    "below 0 counts from the right or bottom edge. Repeatable.",
)
@click.option(
    "--mend",
    is_flag=True,
    help="Once the hole is filled, mend the whole photo, as without a mask.",
)
@grow_option("Widen the hole, for masks that are cut too tight.")
@click.option(
    "--find",
    metavar="NAME|FILE|RUN",
    help="Instead of a mask: fill what a detector finds, 'scratches' for damage of old prints, "
    "then mend the whole.",
)
@threshold_option
@click.option(
    "--upscale",
    type=click.Choice(["1", "2", "4"]),
    default="1",
    show_default=True,
    help="Make the photo this many times wider and higher; results above 179 megapixels need "
    "--max-megapixels.",
)
@click.option(
    "--natural",
    type=FiniteRange(0, 1),
    default=0,
    show_default=True,
    metavar="0..1",
    help="0 is faithful to the photo, 1 makes up detail that looks real.",
)
@click.option(
    "--strength",
    type=FiniteRange(0, 1),
    default=1,
    show_default=True,
    metavar="0..1",
    help="How much the photo is mended; 0.5 leaves half of its grain and noise. With --upscale, "
    "before it is enlarged.",
)
@click.option(
    "--tta",
    is_flag=True,
    help="Mend the photo mirrored in all ways and take the mean; a little better, "
    "and takes twice as long, with --natural four times.",
)
@click.option(
    "--keep-fading",
    is_flag=True,
    help="Leave a photo that looks faded as pale as it is.",
)
@click.option(
    "--out",
    metavar="FILE|FOLDER/",
    help="Where the result goes; the file's extension decides the format. "
    "[default: NAME-fixed.EXT beside the photo]",
)
@click.option(
    "--format",
    "extension",
    type=click.Choice(["png", "jpg", "webp", "tif", "bmp", "avif", "heic"]),
    help="Format of results in a folder or beside the photo, instead of the photo's own.",
)
@quality_option
@overwrite_option
@choice_options
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only list the photos that would be fixed, with masks and results.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Keep what report.jsonl says is done and make only the rest.",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Keep looking for photos that arrive, until Ctrl-C.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 32),
    metavar="N",
    help=f"Photos that are read or written while others are filled. [default: {JOBS}]",
)
@click.option(
    "--shard",
    metavar="K/N",
    help="Fix only part K of N, as on the Kth of N machines; its report is report-K-of-N.jsonl.",
)
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Let the workers of a Ray cluster do it, which see the same folders; 'auto' "
    'is the cluster that this machine belongs to. Needs pip install "restore-gan[ray]".',
)
@seed_option(
    "An even and an odd seed give fills that differ visibly, two even ones differ in grain; the "
    "same seed, the same file."
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
    "--adapt",
    type=FiniteRange(0, min_open=True),
    metavar="SECONDS",
    help="First let the restorer practise this long on the rest of each photo: better fills in "
    "fabrics and facades. 30 or 60 are good; needs `restore models --fetch lpips` once. Not with "
    "--find or --mend.",
)
@click.option(
    "--model",
    metavar="NAME|FILE|RUN",
    help="A name that `restore models` lists, a checkpoint file, or the folder of a training run. "
    "[default: inpaint where something is filled, else mend]",
)
@device_option
@max_megapixels_option
@max_megabytes_option
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each result.")
def fix(
    photos: tuple[Path, ...],
    mask: Path | None,
    mask_pattern: str | None,
    mask_is: Literal["hole", "known", "alpha"],
    boxes: tuple[tuple[int, int, int, int], ...],
    mend: bool,
    grow: int | None,
    find: str | None,
    threshold: float | None,
    upscale: str,
    natural: float,
    strength: float,
    tta: bool,
    keep_fading: bool,
    out: str | None,
    extension: str | None,
    quality: int | None,
    overwrite: bool,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    dry_run: bool,
    resume: bool,
    watch: bool,
    jobs: int | None,
    shard: str | None,
    ray: str | None,
    seed: int,
    count: int,
    adapt: float | None,
    model: str | None,
    device: str,
    max_megapixels: int | None,
    max_megabytes: int | None,
    as_json: bool,
) -> int:
    """Fill the holes that a mask marks in photos; what is not marked stays as it is.

    Without a mask, mend photos as a whole: noise, blur, JPEG blocks, and fading where neither black
    nor white is left (a hazy photo may look so; --keep-fading).

    A FOLDER is fixed with all folders in it, into --out FOLDER, where report.jsonl tells what
    became of each photo; one that can't be fixed does not stop the others.
    """
    from restore.folders import FixOptions, Shard, Tree, fix_photos, plan_folder
    from restore.listing import Choice
    from restore.outputs import check_folder_name

    options = FixOptions(
        mask=mask,
        mask_pattern=mask_pattern,
        mask_is=mask_is,
        boxes=boxes,
        mend=mend,
        grow=grow,
        upscale=int(upscale),
        natural=natural,
        strength=strength,
        seed=seed,
        count=count,
        overwrite=overwrite,
        find=find,
        threshold=threshold,
        adapt=adapt or 0.0,
        tta=tta,
        keep_fading=keep_fading,
        quality=quality,
        extension=extension and f".{extension}",
        **read_limits(max_megapixels, max_megabytes),
    )
    if len(photos) == 1 and photos[0].is_dir():
        if out is None:
            raise UsageError(f"{photos[0]} is a folder; say where results go with --out FOLDER.")
        check_folder_name(out, photos[0])
        if dry_run and (resume or watch or as_json):
            raise UsageError("--dry-run only lists; leave out --resume, --watch and --json.")
        part = Shard.parse("1/1" if shard is None else shard)
        choice = Choice(only, skip)
        tree = Tree(photos[0], Path(out), options, resume, part, choice)
        plan = plan_folder(tree, may_be_empty=watch)
        if dry_run:
            return show_plan(plan)
        return fix_plan(
            plan,
            model=model,
            device=device,
            jobs=jobs or JOBS,
            watch=watch,
            ray=ray,
            as_json=as_json,
        )
    several = any(option is not None for option in (mask_pattern, jobs, shard, ray))
    several = several or dry_run or resume or watch
    if not photos[0].exists() and (several or only or skip or (mask is not None and mask.is_dir())):
        raise RestoreError(f"There is no folder {photos[0]}.")
    if several:
        raise UsageError(
            "--mask-pattern, --dry-run, --resume, --watch, --jobs, --shard and --ray are for a "
            "folder of photos."
        )
    check_choice(only, skip, None)
    sign = Sign(f"Fixing {photos[0]} …" if len(photos) == 1 else f"Fixing {len(photos)} photos …")
    results = fix_photos(photos, out, options, model=model, device=device, warn=sign.say)
    codes = _print_results(results, sign, as_json, find is not None)
    return codes[0] if codes and len(photos) == 1 else int(bool(codes))


def _print_results(
    results: "Iterable[Record | Failure]", sign: Sign, as_json: bool, finds: bool
) -> list[int]:
    """Tell of each result; return the exit codes of those that failed."""
    from restore.folders import Record
    from restore.outputs import Failure

    codes = []
    for result in _under(sign, results):
        if isinstance(result, Failure):
            codes.append(report(result.error, result.photo))
            if as_json:
                told = dict.fromkeys(field.name for field in fields(Record))
                told |= {"photo": result.photo, "status": "failed"}
                click.echo(json.dumps(told | {"sentence": sentence_of(result.error)}, default=str))
        elif as_json:
            click.echo(json.dumps(asdict(result) | {"status": "done"}, default=str))
        else:
            found = f"{_tell_found(result.hole or 0.0)}, " if finds else ""
            line = f"{result.photo} -> {result.out} ({found}{result.seconds:.1f} s)"
            click.echo(to_printable(line))
    return codes


def _under(sign: Sign, results: "Iterable[Record | Failure]") -> "Iterator[Record | Failure]":
    """Yield results as they come, with the sign shown in between."""
    try:
        sign.show()
        for result in results:
            sign.clear()
            yield result
            sign.show()
    finally:
        sign.clear()


def _tell_found(share: float) -> str:
    return f"{tell_share(share)} filled" if share else "no damage found"
