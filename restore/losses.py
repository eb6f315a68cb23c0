"""Losses: what training pulls towards, each from its paper, each weighted by the recipe.

A loss is a settings class whose call maps `Outputs` to a scalar; `LOSSES` at the foot lists them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
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
    lpips: distance of restored to clean (N,), or None where its backbone is absent.
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


def hole_share(mask: Tensor) -> Tensor:
    """Return each photo's share of hole, (N,), at least `LEAST_SHARE`."""
    return mask.mean((1, 2, 3)).clamp_min(LEAST_SHARE)


def hole_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over hole pixels of `values` (N, C, H, W), each photo counting the same."""
    inside = (values * mask).mean((1, 2, 3))
    return (inside / hole_share(mask)).mean()


def absolute(difference: Tensor) -> Tensor:
    """Return |d|."""
    return difference.abs()


def squared(difference: Tensor) -> Tensor:
    """Return d²."""
    return difference.square()


def charbonnier(difference: Tensor) -> Tensor:
    """Return √(d² + ε²), ε = 1e-3 (Lai et al., eq. 2, arXiv:1704.03915)."""
    return torch.sqrt(difference.square() + 1e-6)


DISTANCES: dict[str, Callable[[Tensor], Tensor]] = {
    "l1": absolute,
    "l2": squared,
    "charbonnier": charbonnier,
}


class Loss(Settings):
    """The settings that every loss has."""

    weight: float = Field(1.0, ge=0)
    every: int = Field(
        1, ge=1
    )  # steps; a lazy loss is computed in each n-th step, n times as heavy

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the loss, a scalar before weighting."""
        raise NotImplementedError


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
    """Return the share of hole under each logit, (N, 1, h, w)."""
    return F.adaptive_avg_pool2d(mask, (logits.shape[-2], logits.shape[-1]))


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return the mean of `values` by `weight`; 0 where all weights are 0."""
    return (values * weight).sum() / weight.sum().clamp_min(1e-6)


class Adversarial(Loss):
    """Non-saturating GAN loss over patches of the hole.

    Goodfellow et al., section 3, arXiv:1406.2661. A patch counts by its share of hole, so that
    known patches, alike in both, teach nothing wrong.
    """

    def discriminator(self, outputs: Outputs) -> Tensor:
        """Return softplus(-D(real)) + softplus(D(fake)), mean over hole patches."""
        assert outputs.real_logits is not None and outputs.fake_logits is not None
        share = patch_shares(outputs.mask, outputs.fake_logits)
        real = F.softplus(-outputs.real_logits.float())
        fake = F.softplus(outputs.fake_logits.float())
        return weighted_mean(real + fake, share)

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return softplus(-D(fake)), mean over hole patches."""
        assert outputs.fake_logits is not None
        share = patch_shares(outputs.mask, outputs.fake_logits)
        return weighted_mean(F.softplus(-outputs.fake_logits.float()), share)


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
        return (outputs.lpips / hole_share(outputs.mask)).mean()


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
        return F.relu(1 - apart / hole_share(outputs.mask) / self.target).mean()


LOSSES: dict[str, type[Loss]] = {
    "reconstruction": Reconstruction,
    "adversarial": Adversarial,
    "feature_matching": FeatureMatching,
    "perceptual": Perceptual,
    "diversity": Diversity,
}
