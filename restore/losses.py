"""Losses: what training pulls towards, each from its paper, each weighted by the recipe.

A loss is a settings class whose call maps `Outputs` to a scalar; `LOSSES` at the foot lists them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor

from restore.config import Settings

LEAST_SHARE = (
    0.05  # of the photo; smaller holes count as this large where a loss divides by the hole
)


@dataclass(frozen=True)
class Outputs:
    """All that one training step computed, for the losses to read.

    clean, restored, another: (N, 3, H, W) in [0, 1]; `another` is a second fill of the same photo
    from other noise, or None in steps that draw none. mask: (N, 1, H, W), 1 is the hole. Logits:
    (N, 1, h, w), high for real; features: one (N, C, h, w) for each layer of the discriminator.
    lpips: distance of restored to clean (N,), or None where its backbone is absent. Slopes: length
    of the gradient of a photo's summed logits by the photo (N,), at real, fake and mixed ones.
    weights: of the generator. judged: the mask as the discriminator saw it, if not `mask`. found:
    logits of a detector (N, 1, H, W), above 0 for what it takes for `mask`.

    Of samplers, `clean` are real pictures and `restored` drawn ones, with a mask of ones. label:
    (N,) int64; real_guess, fake_guess: a logit for each class, (N, classes). mean, log_variance: of
    the noise that an autoencoder finds for a picture, (N, D).
    """

    clean: Tensor
    mask: Tensor
    restored: Tensor
    another: Tensor | None = None
    real_logits: Tensor | None = None
    fake_logits: Tensor | None = None
    real_features: list[Tensor] = field(default_factory=list)
    fake_features: list[Tensor] = field(default_factory=list)
    lpips: Tensor | None = None
    real_slope: Tensor | None = None
    fake_slope: Tensor | None = None
    mixed_slope: Tensor | None = None
    weights: Sequence[Tensor] = ()
    judged: Tensor | None = None
    found: Tensor | None = None
    label: Tensor | None = None
    real_guess: Tensor | None = None
    fake_guess: Tensor | None = None
    mean: Tensor | None = None
    log_variance: Tensor | None = None


def counted_share(mask: Tensor) -> Tensor:
    """Return each photo's share of hole, (N,), at least `LEAST_SHARE`."""
    return mask.mean((1, 2, 3)).clamp_min(LEAST_SHARE)


def hole_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over hole pixels of `values` (N, C, H, W), each photo counting the same."""
    inside = (values * mask).mean((1, 2, 3))
    return (inside / counted_share(mask)).mean()


def absolute(difference: Tensor) -> Tensor:
    """Return |d|."""
    return difference.abs()


def squared(difference: Tensor) -> Tensor:
    """Return d²."""
    return difference.square()


def charbonnier(difference: Tensor) -> Tensor:
    """Return √(d² + ε²), ε = 1e-3 (Lai et al., section 3.2, arXiv:1704.03915)."""
    return torch.sqrt(difference.square() + 1e-6)


DISTANCES: dict[str, Callable[[Tensor], Tensor]] = {
    "l1": absolute,
    "l2": squared,
    "charbonnier": charbonnier,
}


class Loss(Settings, ABC):
    """The settings that every loss has."""

    weight: float = Field(1.0, ge=0)
    every: int = Field(1, ge=1)  # steps; a lazy loss is computed in each nth, n times as heavy

    @abstractmethod
    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the loss, a scalar before weighting."""


class Reconstruction(Loss):
    """Distance to the clean photo, mean over hole pixels, and over known ones by `known`."""

    distance: Literal["l1", "l2", "charbonnier"] = "l1"
    known: float = Field(0.0, ge=0)  # weight of known pixels beside the hole's 1

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the mean distance."""
        values = DISTANCES[self.distance](outputs.restored - outputs.clean)
        loss = hole_mean(values, outputs.mask)
        if self.known:
            loss = loss + self.known * hole_mean(values, 1 - outputs.mask)
        return loss


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
    # Arjovsky et al., eq. 2, arXiv:1701.07875; needs "gradient_penalty".
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

    def discriminator(self, outputs: Outputs) -> Tensor:
        """Return the cross entropy of guesses for real pictures, in nats."""
        assert outputs.real_guess is not None and outputs.label is not None
        return F.cross_entropy(outputs.real_guess.float(), outputs.label)

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the cross entropy of guesses for drawn pictures, in nats."""
        assert outputs.fake_guess is not None and outputs.label is not None
        return F.cross_entropy(outputs.fake_guess.float(), outputs.label)


class Divergence(Loss):
    """How far the noise found for a picture is from N(0, 1) (Kingma and Welling, arXiv:1312.6114).

    Appendix B: KL = ½ Σ (μ² + σ² - 1 - log σ²), in nats. A weight of 0 leaves a plain autoencoder.
    """

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the mean over pictures."""
        assert outputs.mean is not None and outputs.log_variance is not None
        mean, log_variance = outputs.mean.float(), outputs.log_variance.float()
        terms = mean.square() + log_variance.exp() - 1 - log_variance
        return terms.sum(1).mean() / 2


class Penalty(Loss):
    """A loss of the discriminator alone, on the gradient of its logits by its input."""


class R1(Penalty):
    """Half the squared gradient at real photos (Mescheder et al., eq. 9, arXiv:1801.04406).

    `weight` is γ. As the sum of a photo's logits is derived, γ goes with the size of the photo.
    """

    weight: float = Field(0.01, ge=0)
    every: int = Field(16, ge=1)

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the mean over photos of |∇|² / 2."""
        assert outputs.real_slope is not None
        return outputs.real_slope.square().mean() / 2


class R2(Penalty):
    """Half the squared gradient at fake photos (Mescheder et al., eq. 10, arXiv:1801.04406)."""

    weight: float = Field(0.01, ge=0)
    every: int = Field(16, ge=1)

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the mean over photos of |∇|² / 2."""
        assert outputs.fake_slope is not None
        return outputs.fake_slope.square().mean() / 2


class GradientPenalty(Penalty):
    """Keeps the gradient between real and fake at 1 (Gulrajani et al., eq. 3, arXiv:1704.00028)."""

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


class Perceptual(Loss):
    """LPIPS to the clean photo by its share of hole (Zhang et al., eq. 1, arXiv:1801.03924)."""

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the mean over photos of LPIPS / share of hole; 0 without LPIPS."""
        if outputs.lpips is None:
            return outputs.restored.new_zeros(())
        return (outputs.lpips / counted_share(outputs.mask)).mean()


class Diversity(Loss):
    """Hinge that wants two fills from different noise to differ.

    After Mao et al., arXiv:1903.05628. Compared at 1/4 of the size, so that pixel
    grain alone doesn't satisfy it.
    """

    target: float = Field(0.02, gt=0)  # mean absolute difference over the hole, in [0, 1]

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the mean of max(0, 1 - difference / target); 0 without a second fill."""
        if outputs.another is None:
            return outputs.restored.new_zeros(())
        apart = F.avg_pool2d(outputs.restored - outputs.another, 4).abs().mean((1, 2, 3))
        return F.relu(1 - apart / counted_share(outputs.mask) / self.target).mean()


class Repulsion(Loss):
    """Hinge that wants each picture of a batch to differ from all others (see `Diversity`)."""

    target: float = Field(0.13, gt=0)  # mean absolute difference, in [0, 1]

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the sum of max(0, 1 - difference / target) over pairs, for each picture."""
        small = F.avg_pool2d(outputs.restored.float(), 4).flatten(1)  # as grain alone won't do
        apart = torch.cdist(small, small, p=1) / small.shape[1]
        return F.relu(1 - apart / self.target).triu(1).sum() / len(small)


class TotalVariation(Loss):
    """Mean absolute difference of neighbours in the hole and at its rim (Rudin et al., 1992)."""

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the mean across plus the mean down, in [0, 1], of pairs that touch the hole."""
        restored, mask = outputs.restored, outputs.mask
        across = hole_mean(restored.diff(dim=3).abs(), F.max_pool2d(mask, (1, 2), 1))
        down = hole_mean(restored.diff(dim=2).abs(), F.max_pool2d(mask, (2, 1), 1))
        return across + down


class WeightSize(Loss):
    """Sum of the generator's absolute or squared weights, a regularisation."""

    power: Literal[1, 2] = 2
    weight: float = Field(1e-6, ge=0)

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return Σ|w| or Σw²."""
        return torch.stack([w.abs().pow(self.power).sum() for w in outputs.weights]).sum()


class CrossEntropy(Loss):
    """Binary cross-entropy of a detector's logits, damaged pixels counting `damaged` times.

    Without that, finding nothing would be right for nearly all pixels.
    """

    damaged: float = Field(4.0, gt=0)

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the mean over pixels."""
        assert outputs.found is not None
        weight = outputs.found.new_tensor(self.damaged)
        return F.binary_cross_entropy_with_logits(outputs.found, outputs.mask, pos_weight=weight)


class Dice(Loss):
    """1 - the overlap of what a detector found and what there is (Milletari et al., section 3).

    Over the pixels of all photos together, so that photos without damage have their say
    (arXiv:1606.04797). It weighs both sides of an error alike, however rare damage is.
    """

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return 1 - 2 Σ p m / (Σ p² + Σ m²), in [0, 1]."""
        assert outputs.found is not None
        found, mask = torch.sigmoid(outputs.found), outputs.mask
        both = 2 * (found * mask).sum()
        return 1 - both / (found.square().sum() + mask.square().sum()).clamp_min(1)


LOSSES: dict[str, type[Loss]] = {
    "reconstruction": Reconstruction,
    "adversarial": Adversarial,
    "r1": R1,
    "r2": R2,
    "gradient_penalty": GradientPenalty,
    "feature_matching": FeatureMatching,
    "perceptual": Perceptual,
    "diversity": Diversity,
    "repulsion": Repulsion,
    "total_variation": TotalVariation,
    "weight_size": WeightSize,
    "cross_entropy": CrossEntropy,
    "dice": Dice,
    "auxiliary": Auxiliary,
    "kl": Divergence,
}
