"""How well whole photos are mended: noise, JPEG, low size, by PSNR and LPIPS-squeeze.

    python benchmarks/mend.py --json scores.json
    python benchmarks/mend.py --plot docs/faithful-natural.svg

Every task has three rows. "once" is the protocol of the papers: noise is neither clipped nor
rounded, and the network is called once on the tensor of the whole photo. "float" is the same, but
faithful weights take the mean of the photo and its mirror, as `fix` has them do. "file" is what a
user gets: the damaged photo is rounded to 8 bits and goes through `Restorer.fix`. Each row has the
damaged photo's own score. PSNR is the mean over photos, over RGB, of the result clipped to [0, 1];
for JPEG over gray, for ×4 over luma (Y of ITU-R BT.601 at 16 to 235) without 4 pixels at the rim.
Tasks:

    noise25 noise50  CBSD68, Gaussian noise, σ of 255, seeds by photo
    jpeg10           Classic5, gray JPEG of quality 10
    x4               Set14, cropped to multiples of 4, shrunk to a quarter bicubically, 8 bits
    x2 x2-jpeg       the same, shrunk to a half; and kept as a JPEG of quality 75; "file" alone
    clean            Kodak, nothing wrong: how much is changed that should not be

The plot has PSNR and LPIPS of noise50 and x4 for `--natural` from 0 to 1.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from restore.assets import checkpoint_path
from restore.degradations.contract import to_levels
from restore.degradations.noise import add_gaussian_noise
from restore.folders.report import hash_file
from restore.image import Pixels, enlarge_samples, read_image, to_tensor
from restore.metrics import lpips, psnr
from restore.restorer import Restorer
from restore.windows import Window

RIM = 4  # pixels that don't count for ×4 and ×2
ONLY_FILE = {"x2", "x2-jpeg"}  # they are not enlarged by their factor alone
NATURAL = (0.0, 0.25, 0.5, 0.75, 1.0)
LEAST = {  # PSNR, dB; for x2 and x2-jpeg that of bicubic interpolation
    "noise25": 30.7,
    "noise50": 27.4,
    "jpeg10": 29.0,
    "x4": 27.6,
    "x2": 30.3,
    "x2-jpeg": 29.2,
    "clean": 38.0,
}
PUBLISHED = {
    "noise25": "CBM3D 30.71, NLM 27.7, DnCNN 31.24",
    "noise50": "CBM3D 27.38, DnCNN 27.95",
    "jpeg10": "ARCNN 29.03, DnCNN-3 29.40",
    "x4": "bicubic 26.0, CARN 28.60",
    "x2": "bicubic 30.2, CARN 33.52",
    "x2-jpeg": "-",
    "clean": "-",
}
Values = NDArray[np.float32]  # (H, W, 3), levels of 255


class Case(NamedTuple):
    """A photo, what the network is given for it, and what `fix` is given."""

    clean: Pixels
    values: Values  # neither rounded nor clipped where the papers don't
    pixels: Pixels  # as a file has them; where the photo shall be larger, enlarged bicubically
    small: Pixels | None = None  # where the photo shall be larger, what is enlarged


class Scored(NamedTuple):
    """PSNR (dB) and LPIPS of damaged photos and of what became of them."""

    damaged: float
    psnr: float
    damaged_lpips: float
    lpips: float


def main() -> None:
    """Score each task and print the table, or draw the plot."""
    options = parse_options()
    if options.plot:
        options.plot.write_text(draw_plot(options))
        return
    weights = hash_file(checkpoint_path(options.model))  # a run that goes on writes others
    restorer = Restorer.load(options.model, options.device, options.natural, options.tta)
    if not restorer.mends:
        raise SystemExit(f"{options.model} fills holes; score it by quality.py.")
    scores, failed = {}, []
    print(f"{'':16} photos  damaged     ours  at least  LPIPS  ours    published")
    for task in options.tasks:
        cases = list(TASKS[task](options))
        for way, run in WAYS.items():
            if way != "file" and task in ONLY_FILE:
                continue
            found = score(restorer, task, cases, run)
            line = f"{task} {way}"
            print(
                f"{line:16} {len(cases):6} {found.damaged:8.2f} {found.psnr:8.2f} "
                f"{LEAST[task]:9.1f} {found.damaged_lpips:6.3f} {found.lpips:5.3f}    "
                f"{PUBLISHED[task]}",
                flush=True,
            )
            scores[line] = found._asdict()
            failed += [line] * (way == _first_way(task) and found.psnr < LEAST[task])
    print(f"below what was wanted: {', '.join(failed) or 'nothing'}")
    if options.json:
        how = {"limit": options.limit, "natural": options.natural, "tta": options.tta}
        how["sha256"] = weights
        brief = {
            f"PSNR {t}": round(scores[f"{t} {_first_way(t)}"]["psnr"], 2) for t in options.tasks
        }
        options.json.write_text(
            json.dumps(how | {"scores": brief, "tasks": scores}, indent=1) + "\n"
        )


def _first_way(task: str) -> str:
    """Return the row that is held against what was wanted."""
    return "file" if task in ONLY_FILE else "float"


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    data = Path(__file__).resolve().parents[2] / "shared" / "data" / "eval"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="mend", help="shipped name, checkpoint or run folder")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--natural", type=float, default=0.0)
    parser.add_argument("--tta", action="store_true", help="mend mirrored photos, too")
    parser.add_argument("--data", type=Path, default=data, help="holds cbsd68, classic5, …")
    parser.add_argument("--tasks", type=lambda s: s.split(","), default=list(TASKS))
    parser.add_argument("--limit", type=int, help="photos per task, for a quick look")
    parser.add_argument("--json", type=Path, help="write the scores to this file")
    parser.add_argument("--plot", type=Path, help="draw faithful against natural as an SVG")
    options = parser.parse_args()
    if unknown := {*options.tasks} - {*TASKS}:
        parser.error(f"unknown {unknown}; tasks: {', '.join(TASKS)}")
    if not options.data.is_dir():
        parser.error(f"there is no folder {options.data}; name the one with cbsd68 by --data")
    return options


def read_photos(options: argparse.Namespace, name: str) -> Iterator[Pixels]:
    """Yield the photos of a set by name."""
    paths = sorted(path for path in (options.data / name).iterdir() if path.is_file())
    for path in paths[: options.limit]:
        yield read_image(path).pixels


def noisy(sigma: float, options: argparse.Namespace) -> Iterator[Case]:
    """Yield CBSD68 with Gaussian noise."""
    for index, clean in enumerate(read_photos(options, "cbsd68")):
        values = add_gaussian_noise(clean, sigma, np.random.default_rng([int(sigma), index]))
        yield Case(clean, values, to_levels(values))


def compressed(options: argparse.Namespace) -> Iterator[Case]:
    """Yield Classic5 as gray JPEG."""
    for clean in read_photos(options, "classic5"):
        data = cv2.imencode(".jpg", clean[..., 0], [cv2.IMWRITE_JPEG_QUALITY, 10])[1]
        gray = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
        pixels = np.repeat(gray[..., None], 3, axis=2)
        yield Case(clean, pixels.astype(np.float32), pixels)


def shrunk(options: argparse.Namespace, factor: int, quality: int | None = None) -> Iterator[Case]:
    """Yield Set14 as it comes back from a smaller size, enlarged bicubically.

    `quality`: of the JPEG as which it was kept; None: without loss.
    """
    for photo in read_photos(options, "set14"):
        height, width = (side // 4 * 4 for side in photo.shape[:2])
        clean = np.ascontiguousarray(photo[:height, :width])
        size = (width // factor, height // factor)
        small = np.asarray(Image.fromarray(clean).resize(size, Image.Resampling.BICUBIC))
        if quality is not None:
            data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
            small = np.ascontiguousarray(decoded[..., ::-1])
        large = [
            Image.fromarray(small[..., n].astype(np.float32)).resize(
                (width, height), Image.Resampling.BICUBIC
            )
            for n in range(3)
        ]
        values = np.dstack([np.asarray(plane) for plane in large])
        yield Case(clean, values, enlarge_samples(small, factor), small)


def unharmed(options: argparse.Namespace) -> Iterator[Case]:
    """Yield Kodak as it is."""
    for clean in read_photos(options, "kodak24"):
        yield Case(clean, clean.astype(np.float32), clean)


TASKS: dict[str, Callable[[argparse.Namespace], Iterator[Case]]] = {
    "noise25": lambda options: noisy(25, options),
    "noise50": lambda options: noisy(50, options),
    "jpeg10": compressed,
    "x4": lambda options: shrunk(options, 4),
    "x2": lambda options: shrunk(options, 2),
    "x2-jpeg": lambda options: shrunk(options, 2, quality=75),
    "clean": unharmed,
}


def run_network(restorer: Restorer, case: Case) -> Tensor:
    """Return the network's result for the tensor of the whole photo, (1, 3, H, W)."""
    height, width = case.clean.shape[:2]
    step = restorer.generator.multiple_of
    rims = ((0, -height % step), (0, -width % step), (0, 0))
    padded = np.pad(case.values, rims, mode="edge") / np.float32(255)
    damaged = torch.from_numpy(padded).permute(2, 0, 1)[None]
    shape = restorer.generator.noise_shape(1, *damaged.shape[2:])
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    ones = torch.ones_like(damaged[:, :1])
    (restored,) = restorer.restore([Window(damaged, ones, torch.zeros_like(ones), noise)])
    return restored[..., :height, :width]


def run_once(restorer: Restorer, case: Case) -> Tensor:
    """Return the network's result for the tensor of the whole photo, seen as it is alone."""
    return run_network(replace(restorer, ways=1), case)


def run_fix(restorer: Restorer, case: Case) -> Tensor:
    """Return what `fix` makes of the photo's 8 bits, (1, 3, H, W)."""
    if case.small is None:
        return to_tensor(restorer.fix(case.pixels))
    scale = case.clean.shape[0] // case.small.shape[0]
    return to_tensor(replace(restorer, upscale=scale).fix(case.small))


WAYS: dict[str, Callable[[Restorer, Case], Tensor]] = {
    "once": run_once,
    "float": run_network,
    "file": run_fix,
}


def score(
    restorer: Restorer,
    task: str,
    cases: list[Case],
    run: Callable[[Restorer, Case], Tensor],
) -> Scored:
    """Return the mean scores of a task."""
    found = []
    for case in cases:
        clean = to_tensor(case.clean)
        values = case.values if run is not run_fix else case.pixels.astype(np.float32)
        damaged = torch.from_numpy(values / np.float32(255)).permute(2, 0, 1)[None]
        restored = run(restorer, case).clamp(0, 1)
        numbers = [
            measure(task, image, clean)
            for measure in (peak, distance)
            for image in (damaged, restored)
        ]
        found.append(Scored(*numbers))
    return Scored(*(fmean(column) for column in zip(*found, strict=True)))


def peak(task: str, image: Tensor, clean: Tensor) -> float:
    """Return the PSNR that the papers give for a task, dB; 99 at most."""
    if task == "jpeg10":
        image = image.mean(1, keepdim=True)
        clean = clean.mean(1, keepdim=True)
    if task in {"x4", "x2", "x2-jpeg"}:
        weights = torch.tensor([65.481, 128.553, 24.966]).view(1, 3, 1, 1) / 255
        image, clean = ((x * weights).sum(1, keepdim=True) for x in (image, clean))
        image, clean = (x[..., RIM:-RIM, RIM:-RIM] for x in (image, clean))
    return min(99.0, float(psnr(image, clean)))


def distance(_: str, image: Tensor, clean: Tensor) -> float:
    """Return LPIPS-squeeze; NaN where its backbone is absent."""
    return float(lpips(image.clamp(0, 1), clean))


def draw_plot(options: argparse.Namespace) -> str:
    """Return an SVG: PSNR over LPIPS along `--natural`, a line for each of two tasks."""
    parts, width, height = [], 320, 240
    for column, task in enumerate(("noise50", "x4")):
        cases = list(TASKS[task](options))
        points = []
        for natural in NATURAL:
            restorer = Restorer.load(options.model, options.device, natural)
            found = score(restorer, task, cases, run_network)
            print(f"{task} natural {natural:g}: PSNR {found.psnr:.2f}, LPIPS {found.lpips:.3f}")
            points.append((found.lpips, found.psnr))
        parts.append(draw_line(task, points, column * width, width, height))
    size = f'width="{2 * width}" height="{height}" font-family="sans-serif" font-size="11"'
    paper = '<rect width="100%" height="100%" fill="white"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{paper}\n{"".join(parts)}</svg>\n'


def draw_line(
    title: str, points: list[tuple[float, float]], left: int, width: int, height: int
) -> str:
    """Return the SVG of one task's line, its points named by their share of natural, and a list."""
    (x0, x1), (y0, y1) = ((min(axis), max(axis)) for axis in zip(*points, strict=True))
    places = [
        (
            left + 50 + (x - x0) / (x1 - x0 or 1) * (width - 90),
            30 + (y1 - y) / (y1 - y0 or 1) * (height - 90),
        )
        for x, y in points
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#06c"/>'
        f'<text x="{x + 5:.1f}" y="{y + 14:.1f}">{natural:g}</text>\n'
        for (x, y), natural in zip(places, NATURAL, strict=True)
    ]
    table = [
        f'<text x="{left + 185}" y="{110 + 16 * row}">{natural:g}: {p:.2f} dB, {d:.3f}</text>\n'
        for row, (natural, (d, p)) in enumerate(zip(NATURAL, points, strict=True))
    ]
    return (
        f'<text x="{left + 50}" y="16" font-weight="bold">{title}</text>\n'
        f'<polyline points="{line}" fill="none" stroke="#06c"/>\n{"".join(dots)}{"".join(table)}'
        f'<text x="{left + 50}" y="{height - 8}">LPIPS, to the left is more real; '
        f"PSNR upwards</text>\n"
    )


if __name__ == "__main__":
    main()
