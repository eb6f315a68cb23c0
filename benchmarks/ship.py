"""Put a run's checkpoint among the shipped ones, with its scores and the licence of its data.

    python benchmarks/ship.py ~/runs/inpaint --scores scores.json --data "…" --licence "…"

`scores.json` is what `benchmarks/quality.py --json` wrote for this checkpoint. Prints the line for
the table in checkpoints/README.md.
"""

import argparse
import hashlib
import json
from pathlib import Path

from restore.assets import checkpoint_path, checkpoints_folder
from restore.checkpoint import load_network, save_checkpoint
from restore.nets import DISCRIMINATORS, RESTORERS
from restore.training.loop import discriminator_path

WHOLE = "mean ratio 6-35"  # in the report of a set whose bands were all measured


def main() -> None:
    """Copy generator and discriminator, the former with its scores in the header."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--scores", type=Path, required=True)
    parser.add_argument("--data", default="")
    parser.add_argument("--licence", default="")
    options = parser.parse_args()
    source = checkpoint_path(options.run)
    header, generator = load_network(source, RESTORERS)
    facts = {"data": options.data, "licence": options.licence}
    target = checkpoints_folder() / f"{header.name}.safetensors"
    scored = header.model_copy(update={**facts, "scores": read_scores(options.scores)})
    save_checkpoint(target, generator, scored)
    header, discriminator = load_network(discriminator_path(source), DISCRIMINATORS)
    save_checkpoint(discriminator_path(target), discriminator, header.model_copy(update=facts))
    for path in (target, discriminator_path(target)):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"| {path.name} | {path.stat().st_size / 1e6:.1f} MB | {digest} |")


def read_scores(path: Path) -> dict[str, float]:
    """Return the LPIPS ratio of each set that was measured whole, mean over the smaller bands."""
    report = json.loads(path.read_text())
    found = {name: part[WHOLE] for name, part in report.items() if WHOLE in part}
    return {f"ratio {name}": round(value, 3) for name, value in found.items()}


if __name__ == "__main__":
    main()
