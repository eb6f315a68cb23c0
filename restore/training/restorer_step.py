"""One training step of a restorer: a batch in, one update of both networks."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from restore.data import Batch
from restore.device import autocast
from restore.losses import Outputs
from restore.lpips import GRID, Lpips
from restore.nets import Discriminator, RestorerGenerator
from restore.training.augment import Augment
from restore.training.compiled import Compiled
from restore.training.recipe import RestorerRecipe
from restore.training.step import AdversarialStep
from restore.training.team import Noise, Team


class RestorerStep(AdversarialStep[Batch]):
    """The networks of a restorer, their optimisers, and how one batch updates them.

    Where the discriminator has several updates in a step, all see the same photos, restored anew
    with other noise.

    Args:
        generator: what is trained.
        discriminator: its adversary, if the losses need one.
        recipe: losses, rates, and so on.
        lpips: for the perceptual loss; without it, that loss is 0.
        team: the processes that share the batches.
        augmented: let the discriminator see photos through `Augment`.
    """

    recipe: RestorerRecipe

    def __init__(
        self,
        generator: RestorerGenerator,
        discriminator: Discriminator | None,
        recipe: RestorerRecipe,
        lpips: Lpips | None,
        team: Team,
        augmented: bool = False,
    ) -> None:
        super().__init__(generator, discriminator, recipe, team)
        self.generator, self.lpips, self.augmented = generator, lpips, augmented
        self.improve: Callable[..., Tensor] = generator.improve
        self.measure: Callable[..., Tensor] | None = lpips
        if recipe.compile:
            self.improve = Compiled(generator.improve)
            self.measure = None if lpips is None else Compiled(lpips)

    def update(self, batch: Batch, number: int, noise: Noise) -> dict[str, Tensor]:
        """Update both networks by one batch; return what is logged, as scalars.

        Args:
            batch: clean photos and masks.
            number: of the step, counted from 0; lazy losses go by it.
            noise: draws the noise and all else that is random.
        """
        batches = [batch] * self.recipe.discriminator_steps
        return self.play(batches, self.due_losses(number), noise)

    def run_networks(self, batch: Batch, noise: Noise, due: list[str], *, learns: bool) -> Outputs:
        """Return the restored photos with what the discriminator and LPIPS say of them."""
        clean, mask = batch.clean, batch.mask
        found: dict[str, Any] = {}
        needs = self.find_needs(due)
        with autocast(clean.device, self.recipe.precision):
            base = self._make_base(batch, noise)
            with torch.set_grad_enabled(learns):
                restored = self.improve(base, mask, self._draw_noise(batch, noise))
            if "another" in needs:
                noise_again = self._draw_noise(batch, noise)
                found["another"] = self.improve(base, mask, noise_again)
            found |= self._judge(clean, restored, mask, noise)
            if "lpips" in needs and self.measure is not None:
                found["lpips"] = self._find_distance(restored, clean, noise)
        found |= self.find_slopes(clean, restored, mask, noise, needs)
        return Outputs(clean, mask, restored, weights=self.generator_weights, **found)

    def _judge(self, clean: Tensor, restored: Tensor, mask: Tensor, noise: Noise) -> dict[str, Any]:
        """Return the discriminator's logits and features of real and fake."""
        if self.discriminator is None:
            return {}
        if self.augmented:
            change = Augment(len(clean), clean.shape[-1], noise)
            clean, restored, mask = change(clean), change(restored), change.move(mask)
        return self.judge(clean, restored, mask) | {"judged": mask}

    def _find_distance(self, restored: Tensor, clean: Tensor, noise: Noise) -> Tensor:
        """Return LPIPS (N,) of both, mirrored at their rims by a random number of pixels.

        LPIPS looks in steps of `GRID` pixels. A generator that draws in cells of as many learns
        where the grid lies and pleases it alone, unless the grid lies elsewhere each time.
        """
        assert self.measure is not None
        left, top = noise.one_of(GRID), noise.one_of(GRID)
        rims = (left, GRID - left, top, GRID - top)
        return self.measure(F.pad(restored, rims, "reflect"), F.pad(clean, rims, "reflect"))

    def _make_base(self, batch: Batch, noise: Noise) -> Tensor:
        """Return the generator's base; by chance `hint`, a photo's hole shows it at low resolution.

        So the network also learns to give a coarse fill detail, as large holes need it.
        """
        with torch.no_grad():
            base = self.generator.make_base(batch.damaged, batch.mask)
            if not self.recipe.hint:
                return base
            factor = (2, 4)[noise.one_of(2)]
            hinted = noise.uniform(len(base)) < self.recipe.hint
            clean, mask = batch.clean[hinted], batch.mask[hinted]
            if len(clean):
                small = F.avg_pool2d(clean, factor)
                coarse = F.interpolate(
                    small, scale_factor=factor, mode="bicubic", align_corners=False
                )
                base = base.clone()  # it may be the batch's own
                base[hinted] = torch.lerp(clean, coarse, mask)
            return base

    def _draw_noise(self, batch: Batch, noise: Noise) -> Tensor:
        count, _, height, width = batch.clean.shape
        shape = self.generator.noise_shape(count, height, width)
        return noise.normal(*shape)
