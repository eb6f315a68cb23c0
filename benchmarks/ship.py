"""Put a run's checkpoint among the shipped ones, with its scores and the licence of its data.

    python benchmarks/ship.py ~/runs/inpaint --scores scores.json --data "…" --licence "…"

`scores.json` is what `benchmarks/quality.py --json` wrote for this checkpoint, for a mender
`benchmarks/mend.py --json`, for a detector `benchmarks/detector.py --json`, for a sampler
`restore evaluate --json`. Prints the line for the table in checkpoints/README.md.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from restore.assets import checkpoint_path, checkpoints_folder, discriminator_path
from restore.checkpoint import load_network, read_header, save_checkpoint
from restore.folders.report import hash_file
from restore.nets import DETECTORS, DISCRIMINATORS, RESTORERS, SAMPLERS

NETWORKS: dict[str, Mapping[str, type[nn.Module]]] = {
    "inpaint": RESTORERS,
    "mend": RESTORERS,
    "generate": SAMPLERS,
    "detect": DETECTORS,
}
BY_FEATURES = ("frechet", "precision", "recall")  # scores of a sampler that name the features
ALONE = ("right", "alike")
UNLIKE = ("limit", "natural", "tta", "adapt", "preset", "seed")  # options that make scores differ
WHOLE = "mean ratio 6-35"  # in the report of a set whose bands were all measured


def main() -> None:
    """Copy the network with its scores in the header, and its discriminator, if it has one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="name, file or folder; ./NAME for a folder")
    parser.add_argument("--scores", type=Path, required=True)
    parser.add_argument("--data", default="")
    parser.add_argument("--licence", default="")
    options = parser.parse_args()
    source = checkpoint_path(options.run)
    check_measured(options.scores, source)
    header, generator = load_network(source, NETWORKS[read_header(source).task])
    facts = {"data": options.data, "licence": options.licence}
    target = checkpoints_folder() / f"{header.name}.safetensors"
    if discriminator_path(target).exists() and not discriminator_path(source).exists():
        raise SystemExit(f"{source} has no discriminator beside it, and the shipped one has.")
    scored = header.model_copy(update={**facts, "scores": read_scores(options.scores)})
    save_checkpoint(target, generator, scored)
    written = [target]
    if discriminator_path(source).is_file():
        header, discriminator = load_network(discriminator_path(source), DISCRIMINATORS)
        written.append(discriminator_path(target))
        save_checkpoint(written[1], discriminator, header.model_copy(update=facts))
    for path in written:
        digest = hash_file(path)
        print(f"| {path.name} | {path.stat().st_size / 1e6:.1f} MB | {digest} |")


def check_measured(scores: Path, checkpoint: Path) -> None:
    """Refuse scores that were measured with other weights, as far as they tell."""
    report = json.loads(scores.read_text())
    measured, model = report.get("sha256"), report.get("model")
    other = measured not in (None, hash_file(checkpoint))
    if other or (measured is None and model not in (None, read_header(checkpoint).name)):
        raise SystemExit(f"{scores} was measured with other weights than {checkpoint}.")


def read_scores(path: Path) -> dict[str, float]:
    """Return a detector's or a sampler's scores, or a restorer's: its LPIPS ratio on each set.

    That is the mean over the smaller bands, of sets that were measured whole.
    """
    report = json.loads(path.read_text())
    if unlike := {key for key in UNLIKE if report.get(key)}:
        raise SystemExit(
            f"{path} was measured with --{', --'.join(sorted(unlike))}; measure without."
        )
    if isinstance(report.get("scores"), dict):
        return report["scores"]
    if "features" in report:
        known = {f"{key} {report['features']}": report["values"][key] for key in BY_FEATURES}
        alone = {key: report["values"][key] for key in ALONE if key in report["values"]}
        return {name: float(f"{value:.4g}") for name, value in (known | alone).items()}
    sets = {name: part for name, part in report.items() if isinstance(part, dict)}
    found = {name: part[WHOLE] for name, part in sets.items() if WHOLE in part}
    if not found:
        raise SystemExit(f"{path} has no set of which all bands were measured, with LPIPS.")
    return {f"ratio {name}": round(value, 3) for name, value in found.items()}


if __name__ == "__main__":
    main()
