"""`restore evaluate`: what a restorer scores on photos of one's own."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from restore.commands.columns import to_lines
from restore.commands.messages import say
from restore.commands.options import FILE, device_option, seed_option

if TYPE_CHECKING:
    from restore.evaluation import Means

SHEET_ROWS = 8
COLUMNS = {  # heading: (key, format)
    "PSNR": ("psnr", "{:.2f}"),
    "hole PSNR": ("hole_psnr", "{:.2f}"),
    "SSIM": ("ssim", "{:.4f}"),
    "L1": ("l1", "{:.4f}"),
    "LPIPS": ("lpips", "{:.4f}"),
    "diversity": ("diversity", "{:.4f}"),
}
EXAMPLES = """\b
Examples:
  restore evaluate inpaint photos/ --mask wide
  restore evaluate runs/mine photos/ --mask masks/ --sheet sheet.png
"""


@click.command(epilog=EXAMPLES)
@click.argument("model", metavar="NAME|FILE|RUN")
@click.argument("folder", metavar="FOLDER", type=FILE)
@click.option(
    "--mask",
    required=True,
    metavar="PRESET|FOLDER",
    help="The holes: a preset, drawn anew for each photo, or a folder of masks, white = hole.",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the first N photos.")
@seed_option("For the holes of a preset.")
@click.option("--biharmonic", is_flag=True, help="Compare with biharmonic filling too; it is slow.")
@click.option("--fid", is_flag=True, help="FID and KID as well, through torch-fidelity.")
@click.option("--sheet", type=FILE, metavar="FILE", help="A contact sheet of the first photos.")
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print the table as one JSON object.")
def evaluate(
    model: str,
    folder: Path,
    mask: str,
    limit: int | None,
    seed: int,
    biharmonic: bool,
    fid: bool,
    sheet: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Score a restorer on clean photos: by size of the hole, beside Telea and Navier-Stokes.

    PSNR, SSIM and L1 are over whole photos, "hole PSNR" over the hole alone. LPIPS is that of the
    squeeze network; diversity is the LPIPS between the fills of two seeds.
    """
    from restore.evaluation import evaluate as run_evaluation
    from restore.evaluation import read_cases, write_sheet
    from restore.restorer import Restorer

    restorer = Restorer.load(model, device=device)
    cases = read_cases(folder, mask, seed=seed, limit=limit, warn=say)
    baselines = ("telea", "ns", "biharmonic") if biharmonic else ("telea", "ns")
    found = run_evaluation(
        restorer, cases, baselines, sheet_rows=SHEET_ROWS if sheet else 0, fidelity=fid
    )
    if sheet is not None:
        write_sheet(sheet, found)
    if as_json:
        means = [asdict(row) for row in found.means]
        click.echo(json.dumps({"means": means, **found.fidelity}, default=str))
        return
    for line in to_lines([_headings(), *map(_row, found.means)]):
        click.echo(line)
    for name, value in found.fidelity.items():
        click.echo(f"{name.upper()} {value:.4g}")
    if not any("lpips" in row.values for row in found.means):
        say("LPIPS was left out, since its backbone is absent; restore models --fetch lpips.")


def _headings() -> list[str]:
    return ["hole", "photos", "method", *COLUMNS, "s/photo"]


def _row(means: "Means") -> list[str]:
    cells = [f.format(means.values[k]) if k in means.values else "-" for k, f in COLUMNS.values()]
    return [means.group, str(means.count), means.method, *cells, f"{means.seconds:.2f}"]
