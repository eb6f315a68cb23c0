"""What the detector finds: F1 on photos damaged here, and old photos before and after.

    python benchmarks/detector.py scratches --photos ../shared/data/eval/kodak24 --json scores.json
    python benchmarks/detector.py scratches --old ../shared/data/eval/oldphotos --sheet old.png

F1 is over the pixels of all photos together, to the pixel and with a tolerance of one: a pixel
that was found counts as right within one pixel of damage, and damage counts as found within one
pixel of what was found. The last column is what is found on the same photos undamaged: all of that
is wrong. `--json` writes the scores at the detector's own threshold, for `ship.py`.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from restore.assets import checkpoint_path
from restore.commands.scores import show_detection
from restore.data import list_photos
from restore.detection import TOLERANCE, Detection, read_damaged, score_detector
from restore.detector import THRESHOLD, Detector
from restore.draw import draw_mask, make_grid, write_sheet
from restore.folders.repairer import GROW
from restore.folders.report import hash_file
from restore.image import Pixels, read_image
from restore.restorer import Restorer

SHEET_ROWS = 8
SHEET_SIDE = 560  # pixels, longer side of an old photo on the sheet


def main() -> None:
    """Score on damaged photos, or draw old ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="name, file or run of a detector")
    parser.add_argument("--photos", type=Path, help="folder of clean photos")
    parser.add_argument("--preset", default="scratched", help="how they are damaged")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--old", type=Path, help="folder of old photos")
    parser.add_argument("--threshold", type=float, default=THRESHOLD, help="for old photos")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    weights = hash_file(checkpoint_path(options.model))  # a run that goes on writes others
    detector = Detector.load(options.model)
    if options.photos:
        cases = read_damaged(options.photos, options.preset, seed=options.seed, limit=options.limit)
        found = score_detector(detector, cases, sheet_rows=SHEET_ROWS if options.sheet else 0)
        show_detection(found, as_json=False)
        if options.sheet:
            write_sheet(options.sheet, found.sheet)
        if options.json:
            given = {key: vars(options)[key] for key in ("limit", "preset", "seed")}
            changed = {k: v for k, v in given.items() if v != parser.get_default(k)}
            report = {"scores": to_scores(found, options.photos.name), **changed}
            report["sha256"] = weights
            options.json.write_text(json.dumps(report))
    elif options.old and options.sheet:
        rows, names = zip(*draw_old(detector, options.old, options.threshold), strict=True)
        write_sheet(options.sheet, make_grid(rows, ("photo", "found", "filled"), names))
    else:
        parser.error("name --photos FOLDER, or --old FOLDER and --sheet FILE")


def to_scores(found: Detection, name: str) -> dict[str, float]:
    """Return F1 at the detector's threshold, for the header of its checkpoint."""
    exact, near = (found.agreements[THRESHOLD, t].f1 for t in (0, TOLERANCE))
    return {f"F1 {name}": round(exact, 3), f"F1 {name} ±{TOLERANCE} px": round(near, 3)}


def draw_old(
    detector: Detector, folder: Path, threshold: float
) -> Iterator[tuple[list[Pixels], str]]:
    """Yield ([photo, what was found, filled], name) of each old photo."""
    restorer = Restorer.load("inpaint")
    for path in list_photos(folder):
        photo = read_image(path).pixels
        mask = detector.find(photo, threshold=threshold, grow=GROW)
        filled = restorer.fix(photo, mask) if mask.any() else photo
        shown = [_fit(pixels) for pixels in (photo, draw_mask(photo, mask), filled)]
        yield shown, f"{path.stem}\n{mask.mean():.2%}"


def _fit(pixels: Pixels) -> Pixels:
    scale = SHEET_SIDE / max(pixels.shape[:2])
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=method), np.uint8)


if __name__ == "__main__":
    main()
