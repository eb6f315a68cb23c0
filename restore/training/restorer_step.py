"""One training step of a restorer: a batch in, one update of both networks."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.data import Batch
from restore.device import autocast
from restore.losses import Adversarial, Outputs
from restore.lpips import Lpips
from restore.nets import Discriminator, RestorerGenerator
from restore.training.recipe import OptimizerSettings, Recipe

HINT_EVERY = 4  # a step with hints has them in one photo of so many

OPTIMIZERS = {
    "adamw": lambda p, lr, s: torch.optim.AdamW(
        p, lr, betas=s.betas, weight_decay=s.weight_decay, fused=True
    ),
    "adam": lambda p, lr, s: torch.optim.Adam(
        p, lr, betas=s.betas, weight_decay=s.weight_decay, fused=True
    ),
    "sgd": lambda p, lr, s: torch.optim.SGD(
        p, lr, momentum=s.betas[0], weight_decay=s.weight_decay, fused=True
    ),
}


def make_optimizer(
    parameters: Iterable[nn.Parameter], lr: float, settings: OptimizerSettings
) -> torch.optim.Optimizer:
    """Return the optimiser that `settings` describe."""
    return OPTIMIZERS[settings.kind](list(parameters), lr, settings)


class RestorerStep:
    """The networks of a restorer, their optimisers, and how one batch updates them.

    Both networks learn from the same forward pass of the discriminator: its own loss is derived by
    its weights, the generator's by the restored photo.
    """

    def __init__(
        self,
        generator: RestorerGenerator,
        discriminator: Discriminator,
        recipe: Recipe,
        lpips: Lpips | None,
    ) -> None:
        self.recipe, self.lpips = recipe, lpips
        self.generator, self.discriminator = generator, discriminator
        self.generator_weights = list(generator.parameters())
        self.discriminator_weights = list(discriminator.parameters())
        rates = recipe.optimizer
        self.generator_optimizer = make_optimizer(self.generator_weights, rates.lr, rates)
        self.discriminator_optimizer = make_optimizer(
            self.discriminator_weights, rates.discriminator_lr, rates
        )

    def set_rate(self, factor: float) -> None:
        """Set both learning rates to `factor` times the recipe's."""
        rates = self.recipe.optimizer
        for group in self.generator_optimizer.param_groups:
            group["lr"] = rates.lr * factor
        for group in self.discriminator_optimizer.param_groups:
            group["lr"] = rates.discriminator_lr * factor

    def update(self, batch: Batch, number: int, noise: torch.Generator) -> dict[str, Tensor]:
        """Update both networks by one batch; return the losses and accuracies as scalars.

        Args:
            number: of the step, counted from 0; lazy losses go by it.
            noise: draws the noise.
        """
        due = [n for n, s in self.recipe.losses.items() if s.weight and number % s.every == 0]
        outputs = self._run_networks(batch, noise, due)
        adversarial = self.recipe.losses.get("adversarial")
        logs = {}
        if isinstance(adversarial, Adversarial) and outputs.fake_logits is not None:
            logs["discriminator"] = adversarial.discriminator(outputs)
            self._update_discriminator(logs["discriminator"], outputs, logs)
        losses = {name: self.recipe.losses[name](outputs) for name in due}
        weights = {n: self.recipe.losses[n].weight * self.recipe.losses[n].every for n in due}
        total = torch.stack([weights[name] * losses[name] for name in due]).sum()
        total.backward(inputs=self.generator_weights)
        logs["gradient"] = nn.utils.clip_grad_norm_(self.generator_weights, self.recipe.clip)
        self.generator_optimizer.step()
        self.generator_optimizer.zero_grad()
        if adversarial and outputs.fake_logits is not None:
            self.discriminator_optimizer.step()
            self.discriminator_optimizer.zero_grad()
        return {name: value.detach() for name, value in (logs | losses).items()}

    def _run_networks(self, batch: Batch, noise: torch.Generator, due: list[str]) -> Outputs:
        clean, mask = batch.clean, batch.mask
        another = lpips = real_logits = fake_logits = None
        real_features: list[Tensor] = []
        fake_features: list[Tensor] = []
        with autocast(clean.device, self.recipe.precision):
            base = self._make_base(batch, noise)
            restored = self.generator.improve(base, mask, self._draw_noise(batch, noise))
            if "diversity" in due:
                another = self.generator.improve(base, mask, self._draw_noise(batch, noise))
            if "adversarial" in due or "feature_matching" in due:
                real_logits, real_features = self.discriminator(clean, mask)
                fake_logits, fake_features = self.discriminator(restored, mask)
            if "perceptual" in due and self.lpips is not None:
                lpips = self.lpips(restored, clean)
        return Outputs(
            clean,
            mask,
            restored,
            another,
            real_logits,
            fake_logits,
            real_features,
            fake_features,
            lpips,
        )

    def _make_base(self, batch: Batch, noise: torch.Generator) -> Tensor:
        """Return the generator's base; by chance `hint`, a photo's hole shows it at low resolution.

        So the network also learns to give a coarse fill detail, as large holes need it.
        """
        with torch.no_grad():
            base = self.generator.make_base(batch.damaged, batch.mask)
            chance, scale = torch.rand(2, generator=noise).tolist()
            if chance >= self.recipe.hint * HINT_EVERY:
                return base
            count = max(1, len(base) // HINT_EVERY)
            factor = 2 if scale < 0.5 else 4
            small = F.avg_pool2d(batch.clean[:count], factor)
            coarse = F.interpolate(small, scale_factor=factor, mode="bicubic", align_corners=False)
            mask = batch.mask[:count]
            base[:count] = batch.clean[:count] * (1 - mask) + coarse * mask
            return base

    def _draw_noise(self, batch: Batch, noise: torch.Generator) -> Tensor:
        count, _, height, width = batch.clean.shape
        shape = self.generator.noise_shape(count, height, width)
        return torch.randn(shape, generator=noise).to(batch.clean.device)

    def _update_discriminator(
        self, loss: Tensor, outputs: Outputs, logs: dict[str, Tensor]
    ) -> None:
        """Set the discriminator's gradients; its weights move after the generator's are set."""
        weights = self.discriminator_weights
        gradients = torch.autograd.grad(loss, weights, retain_graph=True)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        nn.utils.clip_grad_norm_(weights, self.recipe.clip)
        assert outputs.real_logits is not None and outputs.fake_logits is not None
        logs["real_accuracy"] = (outputs.real_logits > 0).float().mean()
        logs["fake_accuracy"] = (outputs.fake_logits < 0).float().mean()
