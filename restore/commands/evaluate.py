"""`restore evaluate`: what a restorer or a sampler scores on pictures of one's own."""

from pathlib import Path

import click

from restore.commands.messages import say
from restore.commands.options import FILE, device_option, seed_option
from restore.commands.scores import show_means, show_resemblance
from restore.errors import UsageError

SHEET_ROWS = 8
EXAMPLES = """\b
Examples:
  restore evaluate inpaint photos/ --mask wide
  restore evaluate runs/mine photos/ --mask masks/ --sheet sheet.png
  restore evaluate faces faces/ --last 400 --sheet sheet.png
"""
DRAWN = 1000  # pictures of a sampler


@click.command(epilog=EXAMPLES)
@click.argument("model", metavar="NAME|FILE|RUN")
@click.argument("data", metavar="DATA", type=FILE)
@click.option(
    "--mask",
    metavar="PRESET|FOLDER",
    help="For a restorer, the holes: a preset, drawn anew for each photo, or a folder of masks, "
    "white = hole.",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the first N pictures.")
@click.option(
    "--last",
    type=click.IntRange(1),
    metavar="N",
    help="Only the last N pictures, as where those before were trained on.",
)
@seed_option("For the holes of a preset, or the noise of a sampler.")
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
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print the table as one JSON object.")
def evaluate(
    model: str,
    data: Path,
    mask: str | None,
    limit: int | None,
    last: int | None,
    seed: int,
    biharmonic: bool,
    count: int | None,
    features: str | None,
    fid: bool,
    sheet: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Score a restorer on clean photos, or a sampler beside real pictures.

    A restorer, by size of the hole, beside Telea and Navier-Stokes: PSNR, SSIM and L1 are over
    whole photos, "hole PSNR" over the hole alone. Texture is how far the histograms of gradients
    in the hole are apart, in levels of 255; seam how strong the step across the rim is, 1 as in the
    clean photo. LPIPS is that of the squeeze network; diversity is the LPIPS between the fills of
    two seeds.

    A sampler: Fréchet and kernel distance, precision and recall by the features of a network, the
    share of labels that a classifier reads as asked, LPIPS over pairs. DATA is a folder of
    pictures, a folder for each class, or idx files as of MNIST.
    """
    from restore.assets import checkpoint_path
    from restore.checkpoint import read_header

    is_sampler = read_header(checkpoint_path(model)).task == "generate"
    _check_request(model, is_sampler, mask is not None, biharmonic, count or features)
    if is_sampler:
        from restore.resemblance import score

        scored = score(
            *(model, data, features),
            limit=limit,
            last=last,
            count=count or DRAWN,
            seed=seed,
            fidelity=fid,
            sheet=sheet,
            device=device,
            warn=say,
        )
        show_resemblance(scored, as_json)
        return
    from restore.evaluation import evaluate as run_evaluation
    from restore.evaluation import read_cases, write_sheet
    from restore.restorer import Restorer

    restorer = Restorer.load(model, device=device)
    cases = read_cases(data, mask or "", seed=seed, limit=limit, last=last, warn=say)
    baselines = ("telea", "ns", "biharmonic") if biharmonic else ("telea", "ns")
    found = run_evaluation(
        restorer, cases, baselines, sheet_rows=SHEET_ROWS if sheet else 0, fidelity=fid
    )
    if sheet is not None:
        write_sheet(sheet, found)
    show_means(found, as_json)


def _check_request(
    model: str, is_sampler: bool, has_mask: bool, biharmonic: bool, drawing: object
) -> None:
    """Refuse what is for the other kind of model."""
    if is_sampler and (has_mask or biharmonic):
        raise UsageError(f"{model} draws pictures and fills no holes; leave out --mask.")
    if not is_sampler and drawing:
        raise UsageError(f"{model} restores photos; --count and --features are for samplers.")
    if not is_sampler and not has_mask:
        raise UsageError("Say what holes to score with: --mask PRESET, or a folder of masks.")
