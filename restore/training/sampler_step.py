"""One training step of a sampler: real pictures in, one update of its networks."""

from typing import Any

import torch
from torch import Tensor

from restore.data import PictureBatch
from restore.device import autocast
from restore.losses import Outputs
from restore.nets import Autoencoder, Discriminator, SamplerGenerator
from restore.nets.growing import grow
from restore.nets.judge import Judge
from restore.nets.style import StyleGenerator
from restore.training.augment import Augment
from restore.training.recipe import SamplerRecipe
from restore.training.step import AdversarialStep
from restore.training.team import Noise, Team


class GanStep(AdversarialStep[PictureBatch]):
    """A sampler that learns against a discriminator, and how one batch updates both.

    A batch holds the pictures for all updates of the discriminator in a step.

    Args:
        generator: what is trained.
        discriminator: its adversary, if the losses need one.
        recipe: losses, rates, and so on.
        team: the processes that share the batches.
        augmented: let the discriminator see pictures through `Augment`.
    """

    recipe: SamplerRecipe

    def __init__(
        self,
        generator: SamplerGenerator,
        discriminator: Discriminator | None,
        recipe: SamplerRecipe,
        team: Team,
        augmented: bool = False,
    ) -> None:
        super().__init__(generator, discriminator, recipe, team)
        self.generator, self.augmented = generator, augmented

    def update(self, batch: PictureBatch, number: int, noise: Noise) -> dict[str, Tensor]:
        """Update both networks by one batch; return what is logged, as scalars."""
        size, fade = self.recipe.growth_at(number)
        for network in self.networks.values():
            grow(network, size, fade)
        parts = batch.split(self.recipe.discriminator_steps)
        return self.play(parts, self.due_losses(number), noise)

    def draw(self, batch: PictureBatch, noise: Noise) -> dict[str, Any]:
        """Return what the generator makes of a batch, as parts of `Outputs`; draws pictures."""
        drawn = noise.normal(*self.generator.noise_shape(len(batch)))
        with autocast(batch.image.device, self.recipe.precision):
            if self.recipe.mixing and isinstance(self.generator, StyleGenerator):
                other = noise.normal(*drawn.shape)
                cut = 1 + noise.one_of(max(1, self.generator.shown_layers - 1))
                mixed = noise.uniform(len(batch)) < self.recipe.mixing
                return {"restored": self.generator.mix(drawn, other, cut, mixed, batch.label)}
            return {"restored": self.generator(drawn, batch.label)}

    def run_networks(
        self, batch: PictureBatch, noise: Noise, due: list[str], *, learns: bool
    ) -> Outputs:
        """Return real and drawn pictures with what the discriminator says of them."""
        with torch.set_grad_enabled(learns):
            drawn = self.draw(batch, noise)
        real, fake, label = batch.image, drawn["restored"], batch.label
        found: dict[str, Any] = {}
        if self.discriminator is not None:
            with autocast(real.device, self.recipe.precision):
                found = self._judge(real, fake, label, noise)
            found |= self.find_slopes(real, fake, label, noise, self.find_needs(due))
        mask = torch.ones_like(real[:, :1])
        return Outputs(real, mask, label=label, weights=self.generator_weights, **(drawn | found))

    def _judge(
        self, real: Tensor, fake: Tensor, label: Tensor | None, noise: Noise
    ) -> dict[str, Any]:
        assert self.discriminator is not None
        if self.augmented:
            change = Augment(len(real), real.shape[-1], noise)
            real, fake = change(real), change(fake)
        found = self.judge(real, fake, label)
        if isinstance(self.discriminator, Judge):
            found["real_guess"] = self.discriminator.classify(found["real_features"])
            found["fake_guess"] = self.discriminator.classify(found["fake_features"])
        return found


class VaeStep(GanStep):
    """An autoencoder, with or without a discriminator, and how one batch updates it.

    Its pictures are the real ones, drawn again from the noise that was found for them.
    """

    generator: Autoencoder

    def draw(self, batch: PictureBatch, noise: Noise) -> dict[str, Any]:
        """Return what the generator makes of a batch; draws the pictures of it again.

        Where the divergence has a weight, the noise is drawn from what was found (Kingma and
        Welling, eq. 10, arXiv:1312.6114); else it is what was found.
        """
        with autocast(batch.image.device, self.recipe.precision):
            mean, log_variance = self.generator.find_noise(batch.image, batch.label)
            found = mean
            if "kl" in self.recipe.losses and self.recipe.losses["kl"].weight:
                found = mean + noise.normal(*mean.shape) * (log_variance / 2).exp()
            restored = self.generator(found, batch.label)
        return {"restored": restored, "mean": mean, "log_variance": log_variance}
