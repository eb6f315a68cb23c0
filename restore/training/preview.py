"""Preview grids and the held-out score of a restorer."""

import torch
from torch import Tensor, nn

from restore.data import Batch
from restore.device import autocast
from restore.draw import make_grid
from restore.image import to_pixels
from restore.losses import counted_share
from restore.lpips import Lpips
from restore.metrics import psnr
from restore.nets import RestorerGenerator
from restore.training.recipe import RestorerRecipe
from restore.training.task import Look

SHOWN = 6  # rows of the grid
SEEDS = (0, 1)


class Preview:
    """Draws and scores held-out photos."""

    def __init__(self, recipe: RestorerRecipe, lpips: Lpips | None) -> None:
        self.recipe, self.lpips = recipe, lpips

    def look(self, generator: nn.Module, batch: Batch, device: torch.device) -> Look:
        """Return the scores and a sheet: damaged, two restored, clean."""
        assert isinstance(generator, RestorerGenerator)
        fills = [self._restore(generator, batch, seed, device) for seed in SEEDS]
        rows = [
            [to_pixels(column[n : n + 1]) for column in (batch.damaged, *fills, batch.clean)]
            for n in range(min(SHOWN, len(batch.clean)))
        ]
        sheet = make_grid(rows, ("damaged", *(f"seed {s}" for s in SEEDS), "clean"))
        return Look(self._score(batch, fills), sheet)

    def _restore(
        self, generator: RestorerGenerator, batch: Batch, seed: int, device: torch.device
    ) -> Tensor:
        batch = batch.to(device)
        count, _, height, width = batch.clean.shape
        shape = generator.noise_shape(count, height, width)
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(device)
        with torch.no_grad(), autocast(device, self.recipe.precision):
            return generator(batch.damaged, batch.mask, noise).clamp(0, 1).cpu()

    def _score(self, batch: Batch, fills: list[Tensor]) -> dict[str, float]:
        """Return PSNR, L1 in the hole, LPIPS by share of hole, and how far two seeds differ."""
        share = counted_share(batch.mask)
        error = (fills[0] - batch.clean).abs().mean((1, 2, 3)) / share
        scores = {"held_out_l1": float(error.mean())}
        scores["held_out_psnr"] = float(psnr(fills[0], batch.clean).clamp_max(60).mean())
        if self.lpips is not None:
            place = self.lpips.shift.device
            first, second, clean = (photos.to(place) for photos in (*fills, batch.clean))
            with torch.no_grad():
                distance = self.lpips(first, clean).cpu() / share
                apart = self.lpips(first, second).cpu() / share
            scores |= {
                "held_out_lpips": float(distance.mean()),
                "held_out_diversity": float(apart.mean()),
            }
        return {name: round(value, 5) for name, value in scores.items()}
