"""The training of a detector: damaged photos in, where the damage lies out."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from restore.checkpoint import build_network
from restore.data import Batch, Damaging, Report
from restore.degradations import load_damage
from restore.detection import TOLERANCE, Agreement
from restore.device import autocast
from restore.draw import make_grid
from restore.image import to_pixels
from restore.losses import Outputs
from restore.nets import DETECTORS, DetectorNetwork
from restore.training.compiled import Compiled
from restore.training.photo_task import PhotoTask
from restore.training.photos import check_source, gather_photos
from restore.training.recipe import DetectorRecipe, Stage
from restore.training.step import Step
from restore.training.task import Look, Say, Source, need_photos
from restore.training.team import Noise, Team

SHOWN = 6  # rows of the sheet
DRAWS = 2  # times that each held-out photo is damaged anew


class DetectorStep(Step[Batch]):
    """A detector, its optimiser, and how one batch updates them.

    Args:
        network: what is trained.
        recipe: losses, rates, and so on.
        team: the processes that share the batches.
    """

    def __init__(self, network: DetectorNetwork, recipe: DetectorRecipe, team: Team) -> None:
        super().__init__(network, None, recipe, team)
        self.network = network
        self.find = Compiled(network) if recipe.compile else network

    def update(self, batch: Batch, number: int, noise: Noise) -> dict[str, Tensor]:
        """Update the detector by one batch; return the losses as scalars.

        Args:
            batch: damaged photos, and masks of where.
            number: of the step, counted from 0; lazy losses go by it.
            noise: nothing here is random.
        """
        with autocast(batch.damaged.device, self.recipe.precision):
            found = self.find(batch.damaged)
        outputs = Outputs(
            batch.clean, batch.mask, batch.damaged, found=found, weights=self.generator_weights
        )
        return self.share_logs(self.move_generator(outputs, self.due_losses(number)))


class DetectorTask(PhotoTask):
    """What a run of a detector needs."""

    recipe: DetectorRecipe
    step: DetectorStep
    networks = DETECTORS
    goals = ("held_out_f1",)

    def __init__(self, recipe: DetectorRecipe, team: Team, found: Report | None, say: Say) -> None:
        super().__init__(recipe, found, Damaging(load_damage(recipe.degrade), recipe.zoom))
        self.zoom = recipe.zoom
        torch.manual_seed(recipe.seed)
        network = build_network(DETECTORS, recipe.generator).to(team.device)
        self.step = DetectorStep(network, recipe, team)

    @classmethod
    def gather(cls, recipe: DetectorRecipe, source: Source, run: Path, say: Say) -> Report:
        """Find and check the photos for a run."""
        return gather_photos(recipe, need_photos(source, recipe.name), run, say)

    @classmethod
    def check(cls, recipe: DetectorRecipe, source: Source) -> Report:
        """Return what is wrong with the photos."""
        load_damage(recipe.degrade)  # a preset that a run would refuse is told
        return check_source(recipe, need_photos(source, recipe.name))

    def look(self, average: nn.Module, stage: Stage) -> Look:
        """Look for damage on the held-out photos."""
        batch = self.draw_held_out(stage.size, DRAWS)
        if batch is None:
            return Look({}, None)
        with torch.no_grad(), autocast(self.device, self.recipe.precision):
            parts = [average(part.to(self.device)) for part in batch.damaged.split(stage.batch)]
        found = torch.sigmoid(torch.cat(parts)).cpu()
        rows = [
            [to_pixels(batch.damaged[n : n + 1])]
            + [to_pixels(mask[n : n + 1].expand(-1, 3, -1, -1)) for mask in (batch.mask, found)]
            for n in range(min(SHOWN, len(found)))
        ]
        return Look(score(found, batch.mask), make_grid(rows, ("damaged", "where", "found")))

    def run_generator(self, probe: Batch, noise: Noise) -> None:
        """Look at the first photo."""
        self.step.network(probe.damaged[:1])


def score(found: Tensor, mask: Tensor) -> dict[str, float]:
    """Return F1 at a probability of one half, to the pixel and within `TOLERANCE`, by name.

    Args:
        found: (N, 1, H, W) in [0, 1].
        mask: (N, 1, H, W) {0, 1}.
    """
    pairs = [
        ((rated >= 0.5).numpy().view(np.uint8), there.numpy().astype(np.uint8))
        for rated, there in zip(found[:, 0], mask[:, 0], strict=True)
    ]
    scores = {}
    for name, tolerance in (("held_out_f1", 0), (f"held_out_f1_within_{TOLERANCE}", TOLERANCE)):
        total = Agreement()
        for pair in pairs:
            total = total.plus(Agreement.of(*pair, tolerance))
        scores[name] = round(total.f1, 4)
    return scores
