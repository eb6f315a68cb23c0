"""`restore evaluate`: what a restorer, a detector or a sampler scores on one's own pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from restore.commands.messages import say
from restore.commands.options import FILE, device_option, overwrite_option, seed_option
from restore.commands.scores import show_detection, show_means, show_resemblance
from restore.errors import UsageError

if TYPE_CHECKING:
    from restore.cases import Case
    from restore.detection import Detection
    from restore.evaluation import Evaluation
    from restore.resemblance import Resemblance

SHEET_ROWS = 8
EXAMPLES = """\b
Examples:
  restore evaluate inpaint photos/ --mask wide
  restore evaluate runs/mine photos/ --mask masks/ --sheet sheet.png
  restore evaluate mend photos/ --degrade noisy
  restore evaluate mend clean/ --damaged damaged/
  restore evaluate scratches photos/ --degrade scratched
  restore evaluate faces faces/ --last 400 --sheet sheet.png
"""
DRAWN = 1000  # pictures of a sampler


class Kind(NamedTuple):
    """What models of a task do, and which options are for them."""

    does: str
    takes: set[str]


KINDS = {
    "generate": Kind("draws pictures and restores none", {"count", "features", "fid"}),
    "detect": Kind("finds damage", {"degrade"}),
    "mend": Kind("mends whole photos", {"degrade", "damaged", "cases", "also", "fid"}),
    "inpaint": Kind("fills holes", {"mask", "biharmonic", "cases", "also", "fid"}),
}


class Peer(click.ParamType):
    """Another program's name and the folder of its results."""

    name = "NAME=FOLDER"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, Path]:
        """Return both."""
        name, sign, folder = str(value).partition("=")
        if not (name and sign and folder):
            self.fail(f"'{value}' is not of the form NAME=FOLDER, as lama=out/.", param, ctx)
        return name, Path(folder)


@click.command(epilog=EXAMPLES, short_help="Score a restorer, a detector or a sampler.")
@click.argument("model", metavar="NAME|FILE|RUN")
@click.argument("data", metavar="DATA", type=FILE)
@click.option(
    "--mask",
    metavar="PRESET|FOLDER",
    help="For a restorer, the holes: a preset, drawn anew for each photo, or a folder of masks, "
    "white = hole, that the photos take in turn, both sorted by name.",
)
@click.option(
    "--degrade",
    metavar="PRESET|FILE",
    help="For a restorer of whole photos or a detector, how to spoil them: a preset of "
    "`restore degrade`.",
)
@click.option(
    "--damaged",
    metavar="FOLDER",
    type=FILE,
    help="For a restorer of whole photos, instead of --degrade: the damaged photos, each under the "
    "relative path of its clean one in DATA.",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the first N pictures.")
@click.option(
    "--last",
    type=click.IntRange(1),
    metavar="N",
    help="Only the last N pictures, for instance if the others were trained on.",
)
@seed_option("For the holes or the damage of a preset, or the noise of a sampler.")
@click.option(
    "--cases",
    type=FILE,
    metavar="FOLDER",
    help="For a restorer: also write the damaged photos and masks that it gets, photos/ and masks/ "
    "in FOLDER, for other programs.",
)
@click.option(
    "--also",
    type=Peer(),
    multiple=True,
    metavar="NAME=FOLDER",
    help="For a restorer: score what another program made of these photos, too; repeatable.",
)
@click.option("--biharmonic", is_flag=True, help="Compare with biharmonic filling too; it is slow.")
@click.option(
    "--count",
    type=click.IntRange(1),
    metavar="N",
    help=f"For a sampler: how many pictures to draw. [default: {DRAWN}]",
)
@click.option(
    "--features",
    metavar="NAME|FILE",
    help="For a sampler: the network to compare by, 'squeeze' or a classifier. "
    "[default: the shipped classifier of the sampler's labels, or else squeeze]",
)
@click.option("--fid", is_flag=True, help="FID and KID as well, through torch-fidelity.")
@click.option("--sheet", type=FILE, metavar="FILE", help="A contact sheet of the first photos.")
@overwrite_option
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print the table as one JSON object.")
def evaluate(
    model: str,
    data: Path,
    mask: str | None,
    degrade: str | None,
    damaged: Path | None,
    limit: int | None,
    last: int | None,
    seed: int,
    cases: Path | None,
    also: tuple[tuple[str, Path], ...],
    biharmonic: bool,
    count: int | None,
    features: str | None,
    fid: bool,
    sheet: Path | None,
    overwrite: bool,
    device: str,
    as_json: bool,
) -> None:
    """Score a restorer or a detector on clean photos, or a sampler beside real pictures.

    A restorer, by size of the hole, beside Telea and Navier-Stokes: PSNR, SSIM and L1 are over
    whole photos, "hole PSNR" over the hole alone. Texture is how far the histograms of gradients
    in the hole are apart, in levels of 255; seam how strong the step across the rim is, 1 as in the
    clean photo. LPIPS is that of the squeeze network; diversity is the LPIPS between the fills of
    two seeds.

    A restorer of whole photos, beside the damaged photos themselves: the same, over whole photos.

    A detector, by how sure it has to be of a pixel: the share of what it finds that is damaged
    (precision) and of the damage that it finds (recall), both in one (F1), also with a tolerance of
    one pixel; and how much of the clean photos it takes for damaged.

    A sampler: Fréchet and kernel distance, precision and recall by the features of a network, the
    share of labels that a classifier reads as asked, LPIPS over pairs. DATA is a folder of
    pictures, a folder for each class, idx files as of MNIST, or torchvision:NAME.
    """
    from restore.assets import checkpoint_path
    from restore.checkpoint import read_header

    task = read_header(checkpoint_path(model)).task
    given: dict[str, object] = {
        "mask": mask,
        "degrade": degrade,
        "damaged": damaged,
        "biharmonic": biharmonic,
        "cases": cases,
        "also": also,
        "count": count,
        "features": features,
        "fid": fid,
    }
    _check_request(model, task, given)
    from restore.assets import preset_names

    masks = None if mask in preset_names() else mask
    read = [Path(path) for path in (masks, damaged) if path and Path(path).is_dir()]
    _check_folders(data, read, cases, also)
    if sheet is not None:
        from restore.draw import check_sheet

        inputs = [Path(path) for path in (data, mask, damaged) if path]
        check_sheet(sheet, *inputs, overwrite=overwrite)
    reading: dict[str, Any] = {"limit": limit, "last": last, "warn": say}
    rows = SHEET_ROWS if sheet else 0
    scored: Detection | Evaluation | Resemblance
    if task == "generate":
        from restore.resemblance import score_sampler

        drawing: dict[str, Any] = {"count": count or DRAWN, "seed": seed}
        scored = score_sampler(
            model, data, features, fidelity=fid, device=device, **drawing, **reading
        )
        show_resemblance(scored, as_json)
    elif task == "detect":
        scored = _score_detector(model, device, data, degrade or "", rows, seed=seed, **reading)
        show_detection(scored, as_json)
    else:
        scored = _score_restorer(
            model,
            device,
            _read_cases(data, mask, degrade, damaged, seed, reading),
            ["telea", "ns", *["biharmonic"] * biharmonic] if mask else ["damaged"],
            also,
            cases,
            overwrite,
            seeds=2 if mask else 1,
            sheet_rows=rows,
            fidelity=fid,
        )
        show_means(scored, "hole" if mask else "damage", as_json)
    if sheet is not None:
        from restore.draw import write_sheet

        write_sheet(sheet, scored.sheet)


def _score_detector(
    model: str, device: str, data: Path, degrade: str, rows: int, **reading: Any
) -> "Detection":
    from restore.detection import read_damaged, score_detector
    from restore.detector import Detector

    detector = Detector.load(model, device=device)
    return score_detector(
        detector, read_damaged(data, degrade, **reading), sheet_rows=rows, warn=say
    )


def _read_cases(
    data: Path,
    mask: str | None,
    degrade: str | None,
    damaged: Path | None,
    seed: int,
    reading: dict[str, Any],
) -> "Iterator[Case]":
    from restore.cases import read_cases, read_paired_cases, read_spoiled_cases

    if damaged is not None:
        return read_paired_cases(data, damaged, **reading)
    if degrade:
        return read_spoiled_cases(data, degrade, seed=seed, **reading)
    return read_cases(data, mask or "", seed=seed, **reading)


def _score_restorer(
    model: str,
    device: str,
    cases: "Iterator[Case]",
    baselines: list[str],
    also: tuple[tuple[str, Path], ...],
    out: Path | None,
    overwrite: bool,
    **wishes: Any,
) -> "Evaluation":
    """Score a restorer on cases, which go to `out` for other programs, beside theirs in `also`."""
    from restore.cases import Results, without_twins, write_cases
    from restore.evaluation import ANOTHER, BASELINES, OURS, score_restorer
    from restore.restorer import Restorer

    for name, _ in also:
        if name in {*BASELINES, OURS, ANOTHER}:
            raise UsageError(f"'{name}' stands in the table already; name it otherwise.")
    results = [Results(name, folder) for name, folder in also]
    restorer = Restorer.load(model, device=device)
    if out or results:
        cases = without_twins(cases, say)
    if out:
        cases = write_cases(out, cases, overwrite=overwrite)
    return score_restorer(restorer, cases, baselines, peers=results, warn=say, **wishes)


def _check_folders(
    data: Path, read: list[Path], cases: Path | None, also: tuple[tuple[str, Path], ...]
) -> None:
    """Refuse folders among the photos, whose pictures would be taken for photos.

    So each photo after them would get another hole. Refuse also to write cases into, or around,
    what is read.
    """
    from restore.image import real_path

    for written in () if cases is None else (cases / "photos", cases / "masks"):
        for folder in (data, *read):
            one, other = real_path(written), real_path(folder)
            if one.is_relative_to(other) or other.is_relative_to(one):
                raise UsageError(
                    f"Cases would go into {written}, and {folder} is read; name another --cases."
                )
    for folder in filter(None, (cases, *(folder for _, folder in also))):
        if real_path(folder).is_relative_to(real_path(data)):
            raise UsageError(f"{folder} lies among the photos of {data}; name another folder.")
    names = [name for name, _ in also]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"--also names {', '.join(sorted(twice))} twice.")


def _check_request(model: str, task: str, given: dict[str, object]) -> None:
    """Refuse what is for another kind of model, and ask for what this one needs."""
    if task == "classify":
        raise UsageError(
            f"{model} is a classifier and has no scores; compare samplers by it, with --features."
        )
    kind = KINDS[task]
    wrong = [f"--{name}" for name, value in given.items() if value and name not in kind.takes]
    if wrong:
        raise UsageError(f"{model} {kind.does}; leave out {' and '.join(wrong)}.")
    if task == "detect" and not given["degrade"]:
        raise UsageError(f"{model} finds damage; say how to damage photos: --degrade scratched.")
    if task == "mend" and bool(given["degrade"]) == bool(given["damaged"]):
        raise UsageError(
            f"{model} mends whole photos; say how to spoil them, --degrade PRESET, or where the "
            "damaged ones are, --damaged FOLDER."
        )
    if task == "inpaint" and not given["mask"]:
        raise UsageError(
            f"{model} fills holes; say which to score with: --mask PRESET, or a folder of masks."
        )
