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

    def look(self, generator: nn.Module, batch: Batch, device: torch.device, at_once: int) -> Look:
        """Return the scores and a sheet: damaged, two restored, clean; `at_once` photos a pass."""
        assert isinstance(generator, RestorerGenerator)
        fills = [self._restore(generator, batch, seed, device, at_once) for seed in SEEDS]
        rows = [
            [to_pixels(column[n : n + 1]) for column in (batch.damaged, *fills, batch.clean)]
            for n in range(min(SHOWN, len(batch.clean)))
        ]
        sheet = make_grid(rows, ("damaged", *(f"seed {s}" for s in SEEDS), "clean"))
        return Look(self._score(batch, fills, at_once), sheet)

    def _restore(
        self,
        generator: RestorerGenerator,
        batch: Batch,
        seed: int,
        device: torch.device,
        at_once: int,
    ) -> Tensor:
        shape = generator.noise_shape(*batch.mask[:, 0].shape)
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
        parts = zip(*(t.split(at_once) for t in (batch.damaged, batch.mask, noise)), strict=True)
        with torch.no_grad(), autocast(device, self.recipe.precision):
            restored = [generator(*(t.to(device) for t in part)).clamp(0, 1) for part in parts]
        return torch.cat([part.cpu() for part in restored])

    def _score(self, batch: Batch, fills: list[Tensor], at_once: int) -> dict[str, float]:
        """Return PSNR, L1 in the hole, LPIPS by share of hole, and how far two seeds differ."""
        share = counted_share(batch.mask)
        error = (fills[0] - batch.clean).abs().mean((1, 2, 3)) / share
        scores = {"held_out_l1": float(error.mean())}
        scores["held_out_psnr"] = float(psnr(fills[0], batch.clean).clamp_max(60).mean())
        if self.lpips is not None:
            distance = _measure(self.lpips, fills[0], batch.clean, at_once) / share
            apart = _measure(self.lpips, fills[0], fills[1], at_once) / share
            scores |= {
                "held_out_lpips": float(distance.mean()),
                "held_out_diversity": float(apart.mean()),
            }
        return {name: round(value, 5) for name, value in scores.items()}


def _measure(lpips: Lpips, first: Tensor, second: Tensor, at_once: int) -> Tensor:
    """Return LPIPS of each pair (N, 3, H, W), `at_once` of them a pass."""
    place = lpips.shift.device
    parts = zip(first.split(at_once), second.split(at_once), strict=True)
    with torch.no_grad():
        return torch.cat([lpips(one.to(place), other.to(place)).cpu() for one, other in parts])
