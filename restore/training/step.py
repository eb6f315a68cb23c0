"""What every training step is: networks, their optimisers, and how one batch updates them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn

from restore.losses import Adversarial, Outputs, Penalty, Played
from restore.nets import Discriminator
from restore.training.optimizers import make_optimizer, set_rate
from restore.training.recipe import Recipe
from restore.training.team import Noise, Team


class AnyBatch(Protocol):
    """What a step learns from."""

    def __len__(self) -> int:
        """Count the photos."""

    def to(self, device: torch.device) -> Self:
        """Return the batch on `device`."""


B = TypeVar("B", bound=AnyBatch, contravariant=True)


class Step(ABC, Generic[B]):
    """The networks of a run, their optimisers, and how one batch updates them.

    Args:
        generator: what is trained and what the run's checkpoint holds.
        discriminator: its adversary, if the losses need one.
        recipe: losses, rates, and so on.
        team: the processes that share the batches.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: Discriminator | None,
        recipe: Recipe,
        team: Team,
    ) -> None:
        self.recipe, self.team, self.discriminator = recipe, team, discriminator
        self.networks: dict[str, nn.Module] = {"generator": generator}
        rates = recipe.optimizer
        self.generator_weights = list(generator.parameters())
        self.generator_optimizer = make_optimizer(self.generator_weights, rates.lr, rates)
        self.discriminator_weights: list[nn.Parameter] = []
        self.discriminator_optimizer: torch.optim.Optimizer | None = None
        if discriminator is not None:
            self.networks["discriminator"] = discriminator
            self.discriminator_weights = list(discriminator.parameters())
            self.discriminator_optimizer = make_optimizer(
                self.discriminator_weights, rates.discriminator_lr, rates
            )

    @abstractmethod
    def update(self, batch: B, number: int, noise: Noise) -> dict[str, Tensor]:
        """Update the networks by one batch; return the losses and what else is logged.

        Args:
            batch: what to learn from.
            number: of the step, counted from 0; lazy losses go by it.
            noise: draws the noise and all else that is random.
        """

    @property
    def parts(self) -> dict[str, Any]:
        """Networks and optimisers by name: what is saved and resumed."""
        return dict(self.networks) | self.optimizers

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimisers by name."""
        found = {"generator_optimizer": self.generator_optimizer}
        if self.discriminator_optimizer is not None:
            found["discriminator_optimizer"] = self.discriminator_optimizer
        return found

    def set_rate(self, factor: float) -> None:
        """Set the learning rates to `factor` times the recipe's."""
        set_rate(self.generator_optimizer, factor * self.recipe.optimizer.lr)
        if self.discriminator_optimizer is not None:
            set_rate(self.discriminator_optimizer, factor * self.recipe.optimizer.discriminator_lr)

    def due_losses(self, number: int) -> list[str]:
        """Return the names of the losses that step `number` computes."""
        return [n for n, s in self.recipe.losses.items() if s.weight and number % s.every == 0]

    def find_needs(self, due: list[str]) -> set[str]:
        """Return the fields of `Outputs` that only these losses want to have computed."""
        return {field for name in due for field in self.recipe.losses[name].needs}

    def is_penalty(self, name: str) -> bool:
        """Tell whether a loss is of the discriminator alone."""
        return isinstance(self.recipe.losses[name], Penalty)

    def weigh(self, losses: dict[str, Tensor]) -> Tensor:
        """Return the sum of losses by their weights; a lazy one counts for the steps it missed."""
        settings = self.recipe.losses
        terms = [settings[n].weight * settings[n].every * loss for n, loss in losses.items()]
        return torch.stack(terms).sum()

    def move_generator(self, outputs: Outputs, due: list[str]) -> dict[str, Tensor]:
        """Update the generator by the losses that are due and return them, with the gradient.

        Where none is due in this step, or what is due is constant, the generator stays as it is.
        """
        losses = {n: self.recipe.losses[n](outputs) for n in due if not self.is_penalty(n)}
        if not any(loss.requires_grad for loss in losses.values()):
            return losses
        self.weigh(losses).backward(inputs=self.generator_weights)
        self.team.average([weight.grad for weight in self.generator_weights])
        norm = nn.utils.clip_grad_norm_(self.generator_weights, self.recipe.clip)
        self.generator_optimizer.step()
        self.generator_optimizer.zero_grad()
        return {"gradient": norm, **losses}

    def share_logs(self, logs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the logs of all processes together, detached."""
        logs = {name: value.detach().float() for name, value in logs.items()}
        self.team.average(list(logs.values()))
        return logs


class AdversarialStep(Step[B]):
    """A step of a generator that learns from a discriminator, if its losses need one."""

    @abstractmethod
    def run_networks(self, batch: B, noise: Noise, due: list[str], *, learns: bool) -> Outputs:
        """Return what the networks make of a batch for the losses that are due.

        Args:
            batch: what to learn from.
            noise: draws all that is random.
            due: the losses.
            learns: whether the generator learns from it; if not, its gradients aren't needed.
        """

    def play(self, batches: Sequence[B], due: list[str], noise: Noise) -> dict[str, Tensor]:
        """Update the discriminator by each batch, the generator by the last; return its logs.

        Both learn from the same forward pass of the discriminator: its own loss is derived by its
        weights, the generator's by what it made.
        """
        *before, last = batches
        taught = [name for name in due if self.teaches_discriminator(name)]
        for batch in before:
            outputs = self.run_networks(batch, noise, taught, learns=False)
            self.set_discriminator_gradients(outputs, due)
            self.move_discriminator()
            del outputs  # whose graph would live on beside the next
        outputs = self.run_networks(last, noise, due, learns=True)
        logs = self.set_discriminator_gradients(outputs, due)
        logs |= self.move_generator(outputs, due)
        self.move_discriminator()
        return self.share_logs(logs)

    def judge(self, real: Tensor, fake: Tensor, condition: Tensor | None) -> dict[str, Any]:
        """Return the discriminator's logits and features of both, as parts of `Outputs`."""
        assert self.discriminator is not None
        real_logits, real_features = self.discriminator(real, condition)
        fake_logits, fake_features = self.discriminator(fake, condition)
        return {
            "real_logits": real_logits,
            "real_features": real_features,
            "fake_logits": fake_logits,
            "fake_features": fake_features,
        }

    def find_slopes(
        self, real: Tensor, fake: Tensor, condition: Tensor | None, noise: Noise, needs: set[str]
    ) -> dict[str, Tensor]:
        """Return those lengths of the discriminator's gradients that are needed, in fp32."""
        slopes: dict[str, Tensor] = {}
        discriminator, fake = self.discriminator, fake.detach()
        if discriminator is None:
            return slopes
        if "real_slope" in needs:
            slopes["real_slope"] = find_slope(discriminator, real, condition)
        if "fake_slope" in needs:
            slopes["fake_slope"] = find_slope(discriminator, fake, condition)
        if "mixed_slope" in needs:
            part = noise.uniform(len(real), 1, 1, 1)
            mixed = torch.lerp(real, fake, part)
            slopes["mixed_slope"] = find_slope(discriminator, mixed, condition)
        return slopes

    def teaches_discriminator(self, name: str) -> bool:
        """Tell whether a loss takes part in a step of the discriminator alone."""
        return isinstance(self.recipe.losses[name], Penalty | Played)

    def set_discriminator_gradients(self, outputs: Outputs, due: list[str]) -> dict[str, Tensor]:
        """Derive the discriminator's loss; its weights move after the generator's gradients."""
        adversarial = self.recipe.losses.get("adversarial")
        if not isinstance(adversarial, Adversarial) or outputs.fake_logits is None:
            return {}
        assert outputs.real_logits is not None
        game = loss = adversarial.discriminator(outputs)
        for other in (self.recipe.losses[name] for name in due):
            if isinstance(other, Played) and other is not adversarial:
                loss = loss + other.weight * other.every * other.discriminator(outputs)
        gradients = self._derive_for_discriminator(loss)
        for weight, gradient in zip(self.discriminator_weights, gradients, strict=True):
            weight.grad = gradient
        norm = nn.utils.clip_grad_norm_(self.discriminator_weights, self.recipe.clip)
        penalties = self._add_penalties(outputs, due)
        # How far it tells them apart; where the boundary lies depends on the game.
        logits = {
            "real_logit": outputs.real_logits.mean(),
            "fake_logit": outputs.fake_logits.mean(),
        }
        return {"discriminator": game, "discriminator_gradient": norm, **logits, **penalties}

    def _add_penalties(self, outputs: Outputs, due: list[str]) -> dict[str, Tensor]:
        """Add the gradients of the penalties that are due; return these, and the gradients' length.

        They are not clipped: a lazy one is rare and so much the longer, and would lose its weight.
        The length is logged, as it may be infinite where the penalty itself is not.
        """
        penalties = {n: self.recipe.losses[n](outputs) for n in due if self.is_penalty(n)}
        if not penalties:
            return {}
        steep = self._derive_for_discriminator(self.weigh(penalties))
        for weight, gradient in zip(self.discriminator_weights, steep, strict=True):
            if gradient is not None:
                weight.grad = gradient if weight.grad is None else weight.grad + gradient
        found = [gradient for gradient in steep if gradient is not None]
        return penalties | {"penalty_gradient": nn.utils.get_total_norm(found)}

    def _derive_for_discriminator(self, loss: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of a loss by the discriminator's weights, the mean of the team's.

        None where a weight has no part in it, as those of levels that a growing network has not
        reached yet: Adam would count steps of zeros, and its first real ones would be far too long.
        """
        gradients = torch.autograd.grad(
            loss, self.discriminator_weights, retain_graph=True, allow_unused=True
        )
        self.team.average(gradients)
        return gradients

    def move_discriminator(self) -> None:
        """Update the discriminator by the gradients that were set."""
        if self.discriminator_optimizer is not None:
            self.discriminator_optimizer.step()
            self.discriminator_optimizer.zero_grad()


def find_slope(discriminator: Discriminator, image: Tensor, condition: Tensor | None) -> Tensor:
    """Return the length of the gradient of each photo's summed logits by the photo, (N,)."""
    image = image.detach().requires_grad_()
    logits, _ = discriminator(image, condition)
    (gradient,) = torch.autograd.grad(logits.sum(), image, create_graph=True)
    return torch.linalg.vector_norm(gradient.flatten(1), dim=1)
