"""How well holes are filled: a restorer beside Telea and NS, by LPIPS-squeeze.

    python benchmarks/quality.py --model inpaint --sheet sheet.png --json scores.json

Protocol: photo i (by name, as text) takes mask i (by file number) of those of a band that are
there of the irregular test masks of arXiv:1804.07723. The tables in this project are by every 20th
of its 12,000 (00000, 00020, …), 100 in a band; with all of them photos get others. The score is
LPIPS-squeeze on the whole 8-bit photo after filling; the ratio of a band is mean(ours) / mean(per
photo the better of Telea and NS). Sets:

    kodak512     Kodak, centre 512 × 512
    kodak256     the same, photo scaled to 256 × 256 by area, mask by nearest pixel
    cbsd68       CBSD68 whole, the mask cropped from its top left
    freeform512  kodak512 with holes of 60 to 70 % drawn by the preset free-form from fixed seeds
    freeform256  kodak256 with such holes
    grainy512    kodak512 with Gaussian noise of sigma 8: does the fill get it, too?
    soft1024     kodak512 enlarged bicubically, as many large photos are: is the fill as soft?
    textures512  brick, grass and gravel of scikit-image: is more of the same filled in?

"Tex" and "seam" are explained in restore/hole_metrics.py: what no loss of training has seen.
"Differ" is the LPIPS between the fills of two seeds, in the 25 % band and for free-form holes.
Scores of the baselines do not depend on the restorer; they are kept in `--cache`, by content.
"""

import argparse
import hashlib
import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
import skimage.data

from restore import hole_metrics, lpips, metrics
from restore.assets import checkpoint_path
from restore.cases import BLANK, Case, crop_mask
from restore.draw import write_sheet
from restore.evaluation import (
    BASELINES,
    OURS,
    RADIUS,
    Filled,
    Score,
    SheetRow,
    average,
    fill,
    fixer_methods,
    lpips_ratio,
    make_sheet,
    score_case,
    sheet_row,
)
from restore.folders.report import hash_file
from restore.image import Mask, Pixels, read_image
from restore.masks import load_preset, read_whole_mask
from restore.metrics import knows_lpips
from restore.restorer import Restorer

BANDS = {6: 0, 15: 2000, 25: 4000, 35: 6000, 44: 8000, 55: 10000}  # percent: number of first mask
MASKS_PER_BAND = 2000  # file numbers
MEASURES = (hole_metrics, lpips, metrics)  # whose code scores of baselines go by
SMALL, LARGE = (6, 15, 25, 35), (44, 55)  # the bands whose ratios are averaged
SEEDED_BAND = 25  # also filled with another seed
SLOW_BAND = 6  # the only one that biharmonic is fast enough for
TEXTURES = ("brick", "grass", "gravel")
SETS = (
    "kodak512",
    "kodak256",
    "cbsd68",
    "freeform512",
    "freeform256",
    "grainy512",
    "soft1024",
    "textures512",
)
GRAIN = 8  # levels


def main() -> None:
    """Score a restorer, print the table, write what was asked for."""
    options = parse_options()
    weights = hash_file(checkpoint_path(options.model))  # a run that goes on writes others
    restorer = Restorer.load(options.model, options.device)
    if restorer.mends:
        raise SystemExit(f"{options.model} mends whole photos; score it by mend.py.")
    cache = Cache(options.cache)
    report: dict[str, object] = {"model": options.model, "sha256": weights}
    everything: list[Score] = []
    rows: list[SheetRow] = []
    for name in options.sets:
        scores: list[Score] = []
        for index, case in enumerate(read_set(name, options.data, options.bands, options.limit)):
            used = restorer
            if options.adapt:
                used = restorer.adapt(case.damaged, case.mask, options.adapt)
            answers = {m: fill(f, case) for m, f in fixer_methods(used, seeds(case)).items()}
            scores += score_beside(case, answers, cache)
            if options.sheet and index % options.sheet_every == 0:
                fast = {baseline: fill(BASELINES[baseline], case) for baseline in ("telea", "ns")}
                shown = fast | {OURS: answers[OURS]}
                rows.append(sheet_row(case, shown, options.sheet_side))
        cache.save()
        report[name] = print_table(name, scores)
        everything += scores
    if options.json:
        report |= {"limit": options.limit, "adapt": options.adapt}
        report["scores"] = [asdict(score) for score in everything]
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    if rows:
        sheet = make_sheet(rows, ["telea", "ns", OURS])
        write_sheet(options.sheet, sheet)


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    home = Path.home() / ".cache" / "restore-benchmarks"
    data = Path(__file__).resolve().parents[2] / "shared" / "data" / "eval"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="inpaint", help="shipped name, checkpoint or run folder")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data", type=Path, default=data, help="holds kodak24, cbsd68, masks")
    parser.add_argument("--sets", type=lambda s: s.split(","), default=list(SETS))
    parser.add_argument("--bands", type=lambda s: [int(b) for b in s.split(",")], default=[*BANDS])
    parser.add_argument("--limit", type=int, help="photos per band, for a quick look")
    parser.add_argument("--adapt", type=float, help="seconds to practise on each photo before")
    parser.add_argument("--cache", type=Path, default=home, help="folder for baseline scores")
    parser.add_argument("--json", type=Path, help="write every score to this file")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet to this file")
    parser.add_argument("--sheet-every", type=int, default=11, help="show each n-th case")
    parser.add_argument("--sheet-side", type=int, default=320, help="pixels")
    options = parser.parse_args()
    if unknown := {*options.sets} - {*SETS} or {*options.bands} - {*BANDS}:
        parser.error(f"unknown {unknown}; sets: {', '.join(SETS)}; bands: {[*BANDS]}")
    if not options.data.is_dir():
        parser.error(f"there is no folder {options.data}; name the one with kodak24 by --data")
    return options


def read_set(
    name: str, data: Path, bands: Iterable[int] = BANDS, limit: int | None = None
) -> Iterator[Case]:
    """Yield the cases of a set, band by band; the group is "SET BAND"."""
    photos = list(islice(read_photos(name, data), limit))
    if name.startswith("freeform"):
        preset = load_preset("free-form").model_copy(update={"area": (0.6, 0.7)})
        for index, (stem, clean) in enumerate(photos):
            mask = preset.draw(clean.shape[0], clean.shape[1], np.random.default_rng([60, index]))
            yield Case(stem, f"{name} 60-70", clean, mask)
        return
    for band in bands:
        masks = band_masks(data / "masks", band)
        for (stem, clean), path in zip(photos, masks, strict=False):
            mask = mask_for(read_whole_mask(path), clean.shape[:2], name)
            yield Case(stem, f"{name} {band:02d}", clean, mask)


def read_photos(name: str, data: Path) -> Iterator[tuple[str, Pixels]]:
    """Yield name and pixels of each photo of a set."""
    if name == "textures512":
        for texture in TEXTURES:
            gray = getattr(skimage.data, texture)()
            yield texture, np.repeat(gray[..., None], 3, axis=2)
        return
    folder = data / ("cbsd68" if name == "cbsd68" else "kodak24")
    for index, path in enumerate(sorted(folder.glob("*.png"))):
        yield path.stem, prepare(read_image(path).pixels, name, index)


def prepare(pixels: Pixels, name: str, index: int) -> Pixels:
    """Bring photo number `index` to the size of a set."""
    if name == "cbsd68":
        return pixels
    top, left = (pixels.shape[0] - 512) // 2, (pixels.shape[1] - 512) // 2
    centre = np.ascontiguousarray(pixels[top : top + 512, left : left + 512])
    if name.startswith("grainy"):
        noise = np.random.default_rng([GRAIN, index]).normal(0, GRAIN, centre.shape)
        return np.clip(np.rint(centre + noise), 0, 255).astype(np.uint8)
    if name.startswith("soft"):
        return np.asarray(cv2.resize(centre, (1024, 1024), interpolation=cv2.INTER_CUBIC), np.uint8)
    if name.endswith("512"):
        return centre
    return np.asarray(cv2.resize(centre, (256, 256), interpolation=cv2.INTER_AREA), np.uint8)


def band_masks(folder: Path, band: int) -> list[Path]:
    """Return the masks of a band by file number."""
    numbers = range(BANDS[band], BANDS[band] + MASKS_PER_BAND)
    paths = sorted(folder.glob("*.png"), key=lambda path: int(path.stem))
    return [path for path in paths if int(path.stem) in numbers]


def mask_for(mask: Mask, size: tuple[int, ...], name: str) -> Mask:
    """Scale (kodak256, soft1024) or crop (cbsd68) a 512 × 512 test mask to a photo."""
    if name in ("kodak256", "soft1024"):
        return np.asarray(cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
    return crop_mask(mask, (size[0], size[1]))


def seeds(case: Case) -> int:
    """Return how many seeds a case is filled with."""
    return 2 if case.group.endswith((f" {SEEDED_BAND}", "60-70")) else 1


def score_beside(case: Case, answers: Mapping[str, Filled], cache: "Cache") -> list[Score]:
    """Score what methods made of a case, and the baselines beside them."""
    baselines = ["telea", "ns", *["biharmonic"] * case.group.endswith(f" {SLOW_BAND:02d}")]
    return score_case(case, answers) + [cache.score(case, baseline) for baseline in baselines]


class Cache:
    """Scores of the baselines, in one file, by the content of the case and of what scores it."""

    def __init__(self, folder: Path) -> None:
        code = "".join(map(inspect.getsource, MEASURES))
        self.code = hashlib.sha256(code.encode()).hexdigest()
        self.path = folder / "baselines.json"
        self.known = json.loads(self.path.read_text()) if self.path.exists() else {}

    def score(self, case: Case, baseline: str) -> Score:
        """Return the score of a baseline, measured now or before."""
        facts = f"{case.clean.shape} {RADIUS} {BLANK}".encode()
        content = hashlib.sha256(facts + case.clean.tobytes() + case.mask.tobytes()).hexdigest()
        versions = f"{cv2.__version__} {version('scikit-image')} lpips {knows_lpips()}"
        key = f"{baseline} {versions} {self.code} {content}"
        if key not in self.known:
            score = score_case(case, {baseline: fill(BASELINES[baseline], case)})[0]
            self.known[key] = asdict(score)
        return replace(Score(**self.known[key]), name=case.name, group=case.group)

    def save(self) -> None:
        """Write the file, all of it or nothing."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.known))
        part.replace(self.path)


def table_row(scores: list[Score]) -> dict[str, str | float | None]:
    """Return the line of one band; None where something was not measured."""
    methods = {line.method: line for line in average(scores)}
    row: dict[str, str | float | None] = {"band": scores[0].group.split()[-1]}
    row["photos"] = methods[OURS].count
    for value, short in (("lpips", ""), ("hole_psnr", "dB "), ("texture", "tex ")):
        for method in ("telea", "ns", "biharmonic", OURS):
            known = methods[method].values if method in methods else {}
            row[short + method] = known.get(value)
    row["seam"] = methods[OURS].values.get("seam")
    row["ratio"] = lpips_ratio(scores)
    row["differ"] = methods[OURS].values.get("diversity")
    row["s/photo"] = methods[OURS].seconds
    return row


def print_table(name: str, scores: list[Score]) -> dict[str, object]:
    """Print the lines of a set and the mean ratios, and return both."""
    groups = sorted({score.group for score in scores})
    rows = [table_row([s for s in scores if s.group == group]) for group in groups]
    print(f"\n{name}: LPIPS-squeeze; in the hole PSNR (dB) and distance of textures (tex)")
    print(" ".join(f"{column:>{width(column)}}" for column in rows[0]))
    for row in rows:
        print(" ".join(f"{cell(value):>{width(column)}}" for column, value in row.items()))
    report: dict[str, object] = {"rows": rows}
    ratios = {row["band"]: row["ratio"] for row in rows}
    for bands in (SMALL, LARGE):
        found = [ratios.get(f"{band:02d}") for band in bands]
        known = [ratio for ratio in found if isinstance(ratio, float)]
        if len(known) == len(bands):
            report[f"mean ratio {bands[0]}-{bands[-1]}"] = fmean(known)
            print(f"mean ratio over {', '.join(map(str, bands))} %: {fmean(known):.3f}")
    return report


def cell(value: object) -> str:
    """Return what a cell of the table says: four digits, nothing where nothing was measured."""
    return "" if value is None else f"{value:#.4g}" if isinstance(value, float) else str(value)


def width(column: str) -> int:
    """Return the width of a column in characters."""
    return max(len(column), 6)


if __name__ == "__main__":
    main()
