"""Losses of the game between two networks: GAN losses, penalties, what its features say."""

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, Literal, NamedTuple, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor

from restore.losses.contract import DRAWING, Loss, Outputs


def patch_shares(mask: Tensor, logits: Tensor) -> Tensor:
    """Return the share of hole under each logit, (N, C, h, w) as the logits."""
    return F.adaptive_avg_pool2d(mask, (logits.shape[-2], logits.shape[-1])).expand_as(logits)


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return the mean of each photo's mean by `weight`, which is 0 where all its weights are 0."""
    photos = (values * weight).flatten(1).sum(1) / weight.flatten(1).sum(1).clamp_min(1e-6)
    return photos.mean()


class Game(NamedTuple):
    """A GAN loss as three functions of logits, each per patch: what each side pays.

    real and fake: what the discriminator pays for its logit of a real and of a fake patch;
    generator: what the generator pays for the discriminator's logit of its patch.
    """

    real: Callable[[Tensor], Tensor]
    fake: Callable[[Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


GAMES = {
    # Goodfellow et al., arXiv:1406.2661: section 3, and eq. 1 for the saturating form.
    "non-saturating": Game(lambda d: F.softplus(-d), F.softplus, lambda d: F.softplus(-d)),
    "saturating": Game(lambda d: F.softplus(-d), F.softplus, lambda d: -F.softplus(d)),
    # Mao et al., eq. 9, arXiv:1611.04076, with labels 1 and 0.
    "least-squares": Game(lambda d: (d - 1).square(), torch.square, lambda d: (d - 1).square()),
    # Lim and Ye, eq. 3 and 4, arXiv:1705.02894.
    "hinge": Game(lambda d: F.relu(1 - d), lambda d: F.relu(1 + d), torch.neg),
    # Arjovsky et al., eq. 2, arXiv:1701.07875; needs a penalty or `spectral`.
    "wasserstein": Game(torch.neg, lambda d: d, torch.neg),
}


class Played(Loss):
    """A loss that both networks have: the call is what the generator pays."""

    @abstractmethod
    def discriminator(self, outputs: Outputs) -> Tensor:
        """Return what the discriminator pays, a scalar before weighting."""


class Adversarial(Played):
    """A GAN loss over the patches of the hole.

    A patch of a fake counts as fake by its share of hole and, where `known` is set, as real by the
    rest of it: soft labels at the rim. "relativistic" judges each fake patch beside the real one at
    the same place (Jolicoeur-Martineau, section 4.1, arXiv:1807.00734).
    """

    kind: Literal[
        "non-saturating", "saturating", "least-squares", "hinge", "wasserstein", "relativistic"
    ] = "non-saturating"
    known: float = Field(0.0, ge=0)  # weight of known patches, which are real, beside the hole's 1

    @model_validator(mode="after")
    def _check_known(self) -> Self:
        if self.known and self.kind == "relativistic":
            raise ValueError("kind 'relativistic' compares pairs, and 'known' patches have none")
        return self

    def discriminator(self, outputs: Outputs) -> Tensor:
        """Return what the discriminator pays: for real and for fake patches, summed."""
        real, fake, share = self._patches(outputs)
        if self.kind == "relativistic":
            return weighted_mean(F.softplus(fake - real), share)
        game = GAMES[self.kind]
        loss = weighted_mean(game.real(real) + game.fake(fake), share)
        if self.known:
            loss = loss + self.known * weighted_mean(game.real(fake), 1 - share)
        return loss

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return what the generator pays, mean over hole patches."""
        real, fake, share = self._patches(outputs)
        if self.kind == "relativistic":
            return weighted_mean(F.softplus(real.detach() - fake), share)
        return weighted_mean(GAMES[self.kind].generator(fake), share)

    def _patches(self, outputs: Outputs) -> tuple[Tensor, Tensor, Tensor]:
        assert outputs.real_logits is not None and outputs.fake_logits is not None
        fake = outputs.fake_logits.float()
        mask = outputs.mask if outputs.judged is None else outputs.judged
        return outputs.real_logits.float(), fake, patch_shares(mask, fake)


class Auxiliary(Played):
    """Both networks want the label to be guessed right (Odena et al., eq. 3, arXiv:1610.09585).

    The discriminator learns to guess from real pictures alone, as it can't trust drawn ones.
    """

    tasks: ClassVar[frozenset[str]] = DRAWING

    def discriminator(self, outputs: Outputs) -> Tensor:
        """Return the cross entropy of guesses for real pictures, in nats."""
        assert outputs.real_guess is not None and outputs.label is not None
        return F.cross_entropy(outputs.real_guess.float(), outputs.label)

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the cross entropy of guesses for drawn pictures, in nats."""
        assert outputs.fake_guess is not None and outputs.label is not None
        return F.cross_entropy(outputs.fake_guess.float(), outputs.label)


class Penalty(Loss):
    """A loss of the discriminator alone, on the gradient of its logits by its input."""


class R1(Penalty):
    """Half the squared gradient at real photos (Mescheder et al., eq. 9, arXiv:1801.04406).

    `weight` is γ. As the sum of a photo's logits is derived, γ goes with the size of the photo.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"real_slope"})
    weight: float = Field(0.01, ge=0)
    every: int = Field(16, ge=1)

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the mean over photos of |∇|² / 2."""
        assert outputs.real_slope is not None
        return outputs.real_slope.square().mean() / 2


class R2(Penalty):
    """Half the squared gradient at fake photos (Mescheder et al., eq. 10, arXiv:1801.04406)."""

    needs: ClassVar[frozenset[str]] = frozenset({"fake_slope"})
    weight: float = Field(0.01, ge=0)
    every: int = Field(16, ge=1)

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the mean over photos of |∇|² / 2."""
        assert outputs.fake_slope is not None
        return outputs.fake_slope.square().mean() / 2


class GradientPenalty(Penalty):
    """Keeps the gradient between real and fake at 1 (Gulrajani et al., eq. 3, arXiv:1704.00028)."""

    needs: ClassVar[frozenset[str]] = frozenset({"mixed_slope"})
    weight: float = Field(10.0, ge=0)

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the mean over photos of (|∇| - 1)²."""
        assert outputs.mixed_slope is not None
        return (outputs.mixed_slope - 1).square().mean()


class FeatureMatching(Loss):
    """L1 between the features of real and fake (Wang et al., eq. 4, arXiv:1711.11585)."""

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the mean over layers."""
        pairs = zip(outputs.real_features, outputs.fake_features, strict=True)
        layers = [(fake - real.detach()).abs().mean(dtype=torch.float32) for real, fake in pairs]
        return torch.stack(layers).mean()
