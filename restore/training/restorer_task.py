"""The training of a restorer: photos with holes or damage, and previews of held-out ones."""

from math import ceil
from pathlib import Path

import torch
from torch import nn

from restore.checkpoint import build_network
from restore.data import Batch, Report
from restore.device import memory_errors
from restore.errors import RestoreError, UsageError
from restore.losses import Penalty, Perceptual
from restore.lpips import load_lpips
from restore.nets import RESTORERS, Discriminator
from restore.training.augment import is_augmented
from restore.training.photo_task import HELD_OUT, PhotoTask
from restore.training.photos import (
    check_begins_with_photo,
    check_source,
    gather_photos,
    load_holes_or_spoiling,
)
from restore.training.preview import Preview
from restore.training.recipe import RestorerRecipe, Stage
from restore.training.restorer_step import RestorerStep
from restore.training.task import Look, Say, Source, build_discriminator
from restore.training.team import Noise, Team


class RestorerTask(PhotoTask):
    """What a run of a restorer needs."""

    recipe: RestorerRecipe
    step: RestorerStep
    networks = RESTORERS
    goals = ("-held_out_lpips", "-held_out_l1")

    def __init__(self, recipe: RestorerRecipe, team: Team, found: Report | None, say: Say) -> None:
        super().__init__(recipe, found, load_holes_or_spoiling(recipe))
        torch.manual_seed(recipe.seed)
        generator = build_network(RESTORERS, recipe.generator).to(team.device)
        discriminator = build_discriminator(recipe, team.device)
        if discriminator is not None:
            _check_sizes(discriminator, recipe, team.device)
        lpips = load_lpips()
        weighted = [loss for loss in recipe.losses.values() if loss.weight]
        if lpips is None and any(isinstance(loss, Perceptual) for loss in weighted):
            if all(isinstance(loss, Penalty | Perceptual) for loss in weighted):
                raise RestoreError(
                    "The LPIPS backbone is absent, and without it there is nothing to learn by; "
                    "fetch it with: restore models --fetch lpips."
                )
            say(
                "The LPIPS backbone is absent, so training goes on without that term, by which "
                "restorers learn most; stop, and fetch it with: restore models --fetch lpips."
            )
        elif lpips is not None:
            lpips = lpips.to(team.device).to(memory_format=torch.channels_last)
        augmented = is_augmented(recipe.augment, None if found is None else len(found.photos))
        self.step = RestorerStep(generator, discriminator, recipe, lpips, team, augmented)
        self.preview = Preview(recipe, lpips)

    @classmethod
    def gather(cls, recipe: RestorerRecipe, source: Source, run: Path, say: Say) -> Report:
        """Find and check the photos for a run."""
        _check_kind(recipe, source)
        return gather_photos(recipe, source, run, say)

    @classmethod
    def check(cls, recipe: RestorerRecipe, source: Source) -> Report:
        """Return what is wrong with the photos."""
        load_holes_or_spoiling(recipe)  # an unknown preset is told as a run would
        _check_kind(recipe, source)
        return check_source(recipe, source)

    def look(self, average: nn.Module, stage: Stage) -> Look:
        """Restore the held-out photos, few of them with several holes or sorts of damage."""
        batch = self.draw_held_out(stage.size, ceil(HELD_OUT / max(1, len(self.held_out))))
        if batch is None:
            return Look({}, None)
        return self.preview.look(average, batch, self.device, stage.batch)

    def run_generator(self, probe: Batch, noise: Noise) -> None:
        """Restore the first photo."""
        size = probe.clean.shape[-1]
        drawn = noise.normal(*self.step.generator.noise_shape(1, size, size))
        self.step.generator(probe.damaged[:1], probe.mask[:1], drawn)


def _check_sizes(
    discriminator: Discriminator, recipe: RestorerRecipe, device: torch.device
) -> None:
    """Refuse photos that a discriminator of so many layers or scales can't take."""
    assert recipe.discriminator is not None
    for side in sorted({stage.size for stage in recipe.stages}):
        photo = torch.zeros(1, 3, side, side, device=device)
        try:
            with memory_errors(), torch.no_grad():
                discriminator.eval()(photo, photo[:, :1])
        except RuntimeError as error:
            raise UsageError(
                f"The discriminator '{recipe.discriminator.kind}' takes no photos of {side} × "
                f"{side} pixels; give it fewer scales or strides, or the stages larger photos."
            ) from error
    discriminator.train()


def _check_kind(recipe: RestorerRecipe, source: Source) -> None:
    """Refuse a recipe for holes where whole photos are damaged."""
    if isinstance(source, tuple) or recipe.degrade:
        check_begins_with_photo(recipe)
