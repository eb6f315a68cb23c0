"""Which generator learns most in the same minutes of a CPU: a table of rivals of `gated`.

    python benchmarks/search.py ../shared/data/photos --minutes 12 --runs ~/runs/search

Each is trained by the losses of the recipe `inpaint` at 128 × 128, from random weights, for as many
steps as fit into the minutes, and then fills holes of kodak256 (see `quality.py`): LPIPS-squeeze as
a ratio to the better of Telea and NS, PSNR in the hole (dB), and the distance of textures, which no
loss has seen. A rival differs from `gated` in its body at 1/8 of the size; the rest is the same. A
run that is there already is only scored. Runs at the same time, one thread each, are comparable:
`--only NAME` in two shells.
"""

import argparse
from pathlib import Path
from statistics import fmean

import torch
import torch.nn.functional as F
from quality import Cache, read_set, score_beside, table_row
from torch import Tensor, nn
from training import make_step, time_step

from restore.checkpoint import NetworkSettings
from restore.data import MaskedPhotos, make_batch
from restore.evaluation import Score, fill, fixer_methods
from restore.nets import RESTORERS
from restore.nets.blocks import CoarseBlocks, GatedBlock, PixelNorm, zero_init
from restore.nets.gated import GatedGenerator
from restore.restorer import Restorer
from restore.training import load_recipe, train
from restore.training.photos import check_source, load_holes_or_spoiling
from restore.training.recipe import RestorerRecipe, to_plain

SIZE, BATCH = 128, 8
BANDS = (15, 35, 55)


class LargeKernelBlock(nn.Module):
    """Residual block of a large depthwise kernel and a gated pair of 1 × 1 (arXiv:2201.03545)."""

    def __init__(self, channels: int, side: int = 13) -> None:
        super().__init__()
        self.norm = PixelNorm(channels)
        self.spread = nn.Conv2d(channels, channels, side, padding=side // 2, groups=channels)
        self.widen = nn.Conv2d(channels, 4 * channels, 1)
        self.join = zero_init(nn.Conv2d(2 * channels, channels, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        return features + self.join(F.glu(self.widen(self.spread(self.norm(features))), dim=1))


class FourierBlock(nn.Module):
    """Residual block that sees the whole picture by its spectrum (arXiv:2109.07161, section 2.1).

    A 1 × 1 convolution over real and imaginary parts, beside a gated 3 × 3 convolution.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.near = GatedBlock(channels)
        self.norm = PixelNorm(channels)
        self.enter = nn.Conv2d(channels, channels // 2, 1)
        self.mix = nn.Conv2d(channels, channels, 1)
        self.join = zero_init(nn.Conv2d(channels // 2, channels, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        features = self.near(features)
        inside = self.enter(F.silu(self.norm(features)))
        spectrum = torch.fft.rfft2(inside.float(), norm="ortho")
        parts = F.silu(self.mix(torch.cat([spectrum.real, spectrum.imag], dim=1))).float()
        spectrum = torch.complex(*(part.contiguous() for part in parts.chunk(2, dim=1)))
        size = (features.shape[-2], features.shape[-1])
        far = torch.fft.irfft2(spectrum, s=size, norm="ortho").to(inside.dtype)
        return features + self.join(inside + far)


class LargeKernels(GatedGenerator):
    """`gated` with large depthwise kernels instead of dilated ones."""

    def __init__(self, blocks: int = 8) -> None:
        super().__init__()
        self.body = nn.ModuleList(LargeKernelBlock(224) for _ in range(blocks))


class Fourier(GatedGenerator):
    """`gated` with Fourier blocks instead of dilations and attention."""

    def __init__(self, blocks: int = 7) -> None:
        super().__init__(attention=())
        self.body = nn.ModuleList(FourierBlock(224) for _ in range(blocks))


class CoarseThenFine(GatedGenerator):
    """`gated` whose body first works at 1/16 of the size, then at 1/8."""

    def __init__(self, fine: int = 2) -> None:
        super().__init__(attention=(1,))
        coarse = CoarseBlocks(224, 256, (1, 2, 1, 2, 1))
        self.body = nn.ModuleList([coarse, *(GatedBlock(224) for _ in range(fine))])


KINDS = {"large-kernels": LargeKernels, "fourier": Fourier, "coarse": CoarseThenFine}
RIVALS = {
    "gated": NetworkSettings(kind="gated"),
    "no attention": NetworkSettings(kind="gated", arguments={"attention": ()}),
    "more attention": NetworkSettings(kind="gated", arguments={"attention": (2, 4, 6, 8)}),
    "large kernels": NetworkSettings(kind="large-kernels"),
    "fourier": NetworkSettings(kind="fourier"),
    "coarse, then fine": NetworkSettings(kind="coarse"),
}


def main() -> None:
    """Train and score the rivals, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--minutes", type=float, default=12.0)
    parser.add_argument("--runs", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--only", choices=RIVALS, action="append", help="these rivals alone")
    data = Path(__file__).resolve().parents[2] / "shared" / "data" / "eval"
    parser.add_argument("--data", type=Path, default=data, help="holds kodak24 and masks")
    options = parser.parse_args()
    RESTORERS.update(KINDS)
    cache = Cache(options.runs)
    print("| generator | parameters | steps |", end="")
    print("".join(f" ratio {b} % |" for b in BANDS), "PSNR | textures |")
    for name in options.only or RIVALS:
        run = options.runs / name.replace(", ", "-").replace(" ", "-")
        recipe = make_recipe(name, options.minutes, options.photos, run)
        restorer = Restorer.load(train(recipe, options.photos, run))
        scores = score(restorer, options.data, cache)
        cache.save()
        parameters = sum(p.numel() for p in restorer.generator.parameters()) / 1e6
        print(f"| {name} | {parameters:.2f} M | {recipe.steps} |", end="")
        print("".join(f" {value:.3f} |" for value in scores), flush=True)


def make_recipe(name: str, minutes: float, photos: Path, run: Path) -> RestorerRecipe:
    """Return the recipe for a rival, with the steps that fit; that of its run where it is there."""
    if (run / "recipe.toml").is_file():
        recipe = load_recipe(run / "recipe.toml")
        if recipe != build_recipe(name, recipe.steps):
            raise SystemExit(f"{run} was trained by another recipe; name another folder.")
        return recipe
    recipe = build_recipe(name, 1)
    some = list(check_source(recipe, photos).photos.values())[:BATCH]
    dataset = MaskedPhotos(some, load_holes_or_spoiling(recipe), SIZE, recipe.seed)
    batch = make_batch([dataset[index] for index in range(BATCH)])
    step = make_step(recipe)
    return build_recipe(name, max(1, round(60 * minutes / sum(time_step(step, batch)))))


def build_recipe(name: str, steps: int) -> RestorerRecipe:
    """Return the recipe `inpaint` for a rival and a short run at one size."""
    changes = {
        "name": "rival",
        "steps": steps,
        "stages": [{"size": SIZE, "batch": BATCH, "share": 1.0}],
        "generator": RIVALS[name].model_dump(),
        "warmup": min(100, steps // 10),
        "cooldown": 0.4,
        "augment": "off",
        "save_seconds": 10**6,
        "preview_seconds": 10**6,
    }
    return RestorerRecipe.model_validate(to_plain(load_recipe("inpaint")) | changes)


def score(restorer: Restorer, data: Path, cache: Cache) -> list[float]:
    """Return the ratio of each band, then PSNR and distance of textures, means over the bands."""
    rows = []
    for band in BANDS:
        scores: list[Score] = []
        for case in read_set("kodak256", data, [band]):
            answers = {m: fill(f, case) for m, f in fixer_methods(restorer).items()}
            scores += score_beside(case, answers, cache)
        rows.append(table_row(scores))
    values = [
        [float(row[key] or "nan") for row in rows] for key in ("ratio", "dB ours", "tex ours")
    ]
    return [*values[0], *map(fmean, values[1:])]


if __name__ == "__main__":
    main()
