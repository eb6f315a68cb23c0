"""One training step of a restorer: a batch in, one update of both networks."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.data import Batch
from restore.device import autocast
from restore.losses import Adversarial, Outputs, Penalty
from restore.lpips import Lpips
from restore.nets import Discriminator, RestorerGenerator
from restore.training.augment import Augment
from restore.training.optimizers import make_optimizer, set_rate
from restore.training.recipe import Recipe
from restore.training.team import Noise, Team


class RestorerStep:
    """The networks of a restorer, their optimisers, and how one batch updates them.

    Both networks learn from the same forward pass of the discriminator: its own loss is derived by
    its weights, the generator's by the restored photo.

    Args:
        generator: what is trained.
        discriminator: its adversary.
        recipe: losses, rates, and so on.
        lpips: for the perceptual loss; without it, that loss is 0.
        team: the processes that share the batches.
        augmented: let the discriminator see photos through `Augment`.
    """

    def __init__(
        self,
        generator: RestorerGenerator,
        discriminator: Discriminator,
        recipe: Recipe,
        lpips: Lpips | None,
        team: Team,
        augmented: bool = False,
    ) -> None:
        self.recipe, self.lpips, self.team, self.augmented = recipe, lpips, team, augmented
        self.generator, self.discriminator = generator, discriminator
        self.generator_weights = list(generator.parameters())
        self.discriminator_weights = list(discriminator.parameters())
        rates = recipe.optimizer
        self.generator_optimizer = make_optimizer(self.generator_weights, rates.lr, rates)
        self.discriminator_optimizer = make_optimizer(
            self.discriminator_weights, rates.discriminator_lr, rates
        )

    @property
    def parts(self) -> dict[str, Any]:
        """Networks and optimisers by name: what is saved and resumed."""
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }

    def set_rate(self, factor: float) -> None:
        """Set both learning rates to `factor` times the recipe's."""
        set_rate(self.generator_optimizer, factor * self.recipe.optimizer.lr)
        set_rate(self.discriminator_optimizer, factor * self.recipe.optimizer.discriminator_lr)

    def update(self, batch: Batch, number: int, noise: Noise) -> dict[str, Tensor]:
        """Update both networks by one batch; return the losses and accuracies as scalars.

        Args:
            batch: clean photos and masks.
            number: of the step, counted from 0; lazy losses go by it.
            noise: draws the noise and all else that is random.
        """
        due = [n for n, s in self.recipe.losses.items() if s.weight and number % s.every == 0]
        for _ in range(self.recipe.discriminator_steps - 1):
            outputs = self._run_networks(batch, noise, [n for n in due if self._is_played(n)])
            self._set_discriminator_gradients(outputs, due)
            self._move_discriminator()
        outputs = self._run_networks(batch, noise, due)
        logs = self._set_discriminator_gradients(outputs, due)
        losses = {n: self.recipe.losses[n](outputs) for n in due if not self._is_penalty(n)}
        self._weigh(losses).backward(inputs=self.generator_weights)
        self.team.average([weight.grad for weight in self.generator_weights])
        logs["gradient"] = nn.utils.clip_grad_norm_(self.generator_weights, self.recipe.clip)
        self.generator_optimizer.step()
        self.generator_optimizer.zero_grad()
        if outputs.fake_logits is not None:
            self._move_discriminator()
        logs = {name: value.detach().float() for name, value in (logs | losses).items()}
        self.team.average(list(logs.values()))
        return logs

    def _is_penalty(self, name: str) -> bool:
        return isinstance(self.recipe.losses[name], Penalty)

    def _is_played(self, name: str) -> bool:
        return self._is_penalty(name) or name == "adversarial"

    def _weigh(self, losses: dict[str, Tensor]) -> Tensor:
        settings = self.recipe.losses
        terms = [settings[n].weight * settings[n].every * loss for n, loss in losses.items()]
        return torch.stack(terms).sum()

    def _run_networks(self, batch: Batch, noise: Noise, due: list[str]) -> Outputs:
        clean, mask = batch.clean, batch.mask
        found: dict[str, Any] = {}
        with autocast(clean.device, self.recipe.precision):
            base = self._make_base(batch, noise)
            restored = self.generator.improve(base, mask, self._draw_noise(batch, noise))
            if "diversity" in due:
                noise_again = self._draw_noise(batch, noise)
                found["another"] = self.generator.improve(base, mask, noise_again)
            if "adversarial" in due or "feature_matching" in due:
                found |= self._judge(clean, restored, mask, noise)
            if "perceptual" in due and self.lpips is not None:
                found["lpips"] = self.lpips(restored, clean)
        found |= self._find_slopes(clean, restored, mask, noise, due)
        return Outputs(clean, mask, restored, weights=self.generator_weights, **found)

    def _judge(self, clean: Tensor, restored: Tensor, mask: Tensor, noise: Noise) -> dict[str, Any]:
        """Return the discriminator's logits and features of real and fake."""
        if self.augmented:
            change = Augment(len(clean), clean.shape[-1], noise)
            clean, restored, mask = change(clean), change(restored), change.move(mask)
        real_logits, real_features = self.discriminator(clean, mask)
        fake_logits, fake_features = self.discriminator(restored, mask)
        return {
            "real_logits": real_logits,
            "real_features": real_features,
            "fake_logits": fake_logits,
            "fake_features": fake_features,
            "judged": mask,
        }

    def _find_slopes(
        self,
        clean: Tensor,
        restored: Tensor,
        mask: Tensor,
        noise: Noise,
        due: list[str],
    ) -> dict[str, Tensor]:
        """Return the gradients' lengths that the penalties of this step need, in fp32."""
        slopes = {}
        fake = restored.detach()
        if "r1" in due:
            slopes["real_slope"] = find_slope(self.discriminator, clean, mask)
        if "r2" in due:
            slopes["fake_slope"] = find_slope(self.discriminator, fake, mask)
        if "gradient_penalty" in due:
            part = noise.uniform(len(clean), 1, 1, 1)
            slopes["mixed_slope"] = find_slope(
                self.discriminator, torch.lerp(clean, fake, part), mask
            )
        return slopes

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
                base[hinted] = torch.lerp(clean, coarse, mask)
            return base

    def _draw_noise(self, batch: Batch, noise: Noise) -> Tensor:
        count, _, height, width = batch.clean.shape
        shape = self.generator.noise_shape(count, height, width)
        return noise.normal(*shape)

    def _set_discriminator_gradients(self, outputs: Outputs, due: list[str]) -> dict[str, Tensor]:
        """Derive the discriminator's loss; its weights move after the generator's gradients."""
        adversarial = self.recipe.losses.get("adversarial")
        if not isinstance(adversarial, Adversarial) or outputs.fake_logits is None:
            return {}
        assert outputs.real_logits is not None
        loss = adversarial.discriminator(outputs)
        penalties = {n: self.recipe.losses[n](outputs) for n in due if self._is_penalty(n)}
        whole = loss + self._weigh(penalties) if penalties else loss
        weights = self.discriminator_weights
        gradients = torch.autograd.grad(whole, weights, retain_graph=True)
        self.team.average(gradients)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        nn.utils.clip_grad_norm_(weights, self.recipe.clip)
        accuracy = {
            "real_accuracy": (outputs.real_logits > 0).float().mean(),
            "fake_accuracy": (outputs.fake_logits < 0).float().mean(),
        }
        return {"discriminator": loss, **accuracy, **penalties}

    def _move_discriminator(self) -> None:
        self.discriminator_optimizer.step()
        self.discriminator_optimizer.zero_grad()


def find_slope(discriminator: Discriminator, image: Tensor, mask: Tensor) -> Tensor:
    """Return the length of the gradient of each photo's summed logits by the photo, (N,)."""
    image = image.detach().requires_grad_()
    logits, _ = discriminator(image, mask)
    (gradient,) = torch.autograd.grad(logits.sum(), image, create_graph=True)
    return torch.linalg.vector_norm(gradient.flatten(1), dim=1)
