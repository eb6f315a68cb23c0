"""What a person sees when a restorer, a sampler or a detector was scored."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from restore.commands.columns import to_lines
from restore.commands.messages import say

if TYPE_CHECKING:
    from restore.detection import Detection
    from restore.evaluation import Evaluation, Means
    from restore.resemblance import Resemblance

NO_LPIPS = (
    "LPIPS was left out, since its network is missing; fetch it with restore models --fetch lpips."
)
COLUMNS = {  # heading: (key, format)
    "PSNR": ("psnr", "{:.2f}"),
    "hole PSNR": ("hole_psnr", "{:.2f}"),
    "texture": ("texture", "{:.2f}"),
    "seam": ("seam", "{:.2f}"),
    "SSIM": ("ssim", "{:.4f}"),
    "L1": ("l1", "{:.4f}"),
    "LPIPS": ("lpips", "{:.4f}"),
    "diversity": ("diversity", "{:.4f}"),
}
LABEL_COLUMNS = {"read right": ("right", "{:.1%}"), "distance / real": ("spread", "{:.2f}")}
DETECTION = {  # heading: (key, format)
    "threshold": ("threshold", "{:.2f}"),
    "precision": ("precision", "{:.3f}"),
    "recall": ("recall", "{:.3f}"),
    "F1": ("f1", "{:.3f}"),
    "F1 within a pixel": ("f1_near", "{:.3f}"),
    "found on clean photos": ("found_on_clean", "{:.3%}"),
}
MEASURES = {  # in words: (key, format)
    "Fréchet distance": ("frechet", "{:.4g}"),
    "kernel distance": ("kernel", "{:.4g}"),
    "precision": ("precision", "{:.1%}"),
    "recall": ("recall", "{:.1%}"),
    "label read right": ("right", "{:.1%}"),
    "classes among them": ("modes", "{:.0f}"),
    "diversity (LPIPS)": ("diversity", "{:.4f}"),
    "pairs nearly equal": ("alike", "{:.3%}"),
    "distance in a label": ("spread", "{:.4f}"),
    "FID": ("fid", "{:.4g}"),
    "KID": ("kid", "{:.4g}"),
}


def show_means(found: "Evaluation", group: str, as_json: bool) -> None:
    """Print what a restorer scored, as a table by `group` or as one JSON object."""
    if as_json:
        means = [asdict(row) for row in found.means]
        click.echo(json.dumps({"means": means, **found.fidelity}, default=str))
        return
    columns = {
        heading: column
        for heading, column in COLUMNS.items()
        if any(column[0] in means.values for means in found.means)
    }
    headings = [group, "photos", "method", *columns, "s/photo"]
    for line in to_lines([headings, *(_row(means, columns) for means in found.means)]):
        click.echo(line)
    for name, value in found.fidelity.items():
        click.echo(f"{name.upper()} {value:.4g}")
    if not any("lpips" in row.values for row in found.means):
        say(NO_LPIPS)


def show_resemblance(found: "Resemblance", as_json: bool) -> None:
    """Print what a sampler scored, as tables or as one JSON object."""
    if as_json:
        told = {name: value for name, value in asdict(found).items() if name != "sheet"}
        click.echo(json.dumps(told))
        return
    for line in to_lines(_measures(found)):
        click.echo(line)
    if found.labels:
        click.echo()
        for line in to_lines(_labels(found)):
            click.echo(line)
    if "diversity" not in found.values:
        say(NO_LPIPS)


def show_detection(found: "Detection", as_json: bool) -> None:
    """Print what a detector scored, by how sure it has to be, as a table or as one JSON object."""
    rows = [
        {
            "threshold": threshold,
            "precision": exact.precision,
            "recall": exact.recall,
            "f1": exact.f1,
            "f1_near": near.f1,
            "found_on_clean": found.false_share(threshold),
        }
        for threshold, exact, near in found.by_threshold()
    ]
    seconds = found.seconds / found.photos
    if as_json:
        scores = {"photos": found.photos, "seconds": seconds, "thresholds": rows}
        click.echo(json.dumps(scores))
        return
    cells = [[f.format(row[k]) for k, f in DETECTION.values()] for row in rows]
    for line in to_lines([[*DETECTION], *cells]):
        click.echo(line)
    click.echo(f"{found.photos} photos, {seconds:.2f} s each")


def _row(means: "Means", columns: Mapping[str, tuple[str, str]]) -> list[str]:
    cells = [f.format(means.values[k]) if k in means.values else "-" for k, f in columns.values()]
    seconds = "-" if means.seconds is None else f"{means.seconds:.2f}"
    return [means.group, str(means.count), means.method, *cells, seconds]


def _measures(found: "Resemblance") -> list[tuple[str, str, str]]:
    rows = [
        (f"by {found.features}", found.model, "real"),
        ("pictures", str(found.pictures), str(found.real_pictures)),
    ]
    for words, (key, form) in MEASURES.items():
        if key in found.values:
            form = f"{form} of {found.classes}" if key == "modes" else form
            theirs = form.format(found.real[key]) if key in found.real else "-"
            rows.append((words, form.format(found.values[key]), theirs))
    return rows


def _labels(found: "Resemblance") -> list[tuple[str, ...]]:
    rows = [("label", *LABEL_COLUMNS)]
    for label, values in found.labels.items():
        columns = LABEL_COLUMNS.values()
        rows.append((label, *(f.format(values[k]) if k in values else "-" for k, f in columns)))
    return rows
