"""Losses of one network alone: how its pictures, its weights or its findings should be."""

from collections.abc import Callable
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from restore.losses.contract import (
    DRAWING,
    FINDING,
    PICTURES,
    RESTORING,
    Loss,
    Outputs,
    counted_share,
    hole_mean,
)


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


class Reconstruction(Loss):
    """Distance to the clean photo, mean over hole pixels; known ones are the photo's own."""

    distance: Literal["l1", "l2", "charbonnier"] = "l1"

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the mean distance."""
        values = DISTANCES[self.distance](outputs.restored - outputs.clean)
        return hole_mean(values, outputs.mask)


class Perceptual(Loss):
    """LPIPS to the clean photo by its share of hole (Zhang et al., eq. 1, arXiv:1801.03924)."""

    tasks: ClassVar[frozenset[str]] = RESTORING
    needs: ClassVar[frozenset[str]] = frozenset({"lpips"})

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

    tasks: ClassVar[frozenset[str]] = RESTORING
    needs: ClassVar[frozenset[str]] = frozenset({"another"})
    target: float = Field(0.02, gt=0)  # mean absolute difference over the hole, in [0, 1]

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the mean of max(0, 1 - difference / target); 0 without a second fill."""
        if outputs.another is None:
            return outputs.restored.new_zeros(())
        apart = F.avg_pool2d(outputs.restored - outputs.another, 4).abs().mean((1, 2, 3))
        return F.relu(1 - apart / counted_share(outputs.mask) / self.target).mean()


class Repulsion(Loss):
    """Hinge that wants each picture of a batch to differ from all others (see `Diversity`)."""

    tasks: ClassVar[frozenset[str]] = DRAWING
    target: float = Field(0.13, gt=0)  # mean absolute difference, in [0, 1]

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the sum of max(0, 1 - difference / target) over pairs, for each picture."""
        small = F.avg_pool2d(outputs.restored.float(), 4).flatten(1)  # as grain alone won't do
        apart = torch.cdist(small, small, p=1) / small.shape[1]
        return F.relu(1 - apart / self.target).triu(1).sum() / len(small)


class TotalVariation(Loss):
    """Mean absolute difference of neighbours in the hole and at its rim (Rudin et al., 1992)."""

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the mean across plus the mean down of pairs that touch the hole."""
        restored, mask = outputs.restored, outputs.mask
        across = hole_mean(restored.diff(dim=3).abs(), F.max_pool2d(mask, (1, 2), 1))
        down = hole_mean(restored.diff(dim=2).abs(), F.max_pool2d(mask, (2, 1), 1))
        return across + down


class KlDivergence(Loss):
    """How far the noise found for a picture is from N(0, 1) (Kingma and Welling, arXiv:1312.6114).

    Appendix B: KL = ½ Σ (μ² + σ² - 1 - log σ²), in nats. A weight of 0 leaves a plain autoencoder.
    """

    tasks: ClassVar[frozenset[str]] = DRAWING

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the mean over pictures."""
        assert outputs.mean is not None and outputs.log_variance is not None
        mean, log_variance = outputs.mean.float(), outputs.log_variance.float()
        terms = mean.square() + log_variance.exp() - 1 - log_variance
        return terms.sum(1).mean() / 2


class WeightSize(Loss):
    """Sum of the generator's absolute or squared weights, a regularisation."""

    tasks: ClassVar[frozenset[str]] = PICTURES | FINDING
    power: Literal[1, 2] = 2
    weight: float = Field(1e-6, ge=0)

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return Σ|w| or Σw²."""
        return torch.stack([w.abs().pow(self.power).sum() for w in outputs.weights]).sum()


class CrossEntropy(Loss):
    """Binary cross-entropy of a detector's logits, damaged pixels counting `damaged` times.

    Without that, finding nothing would be right for nearly all pixels.
    """

    tasks: ClassVar[frozenset[str]] = FINDING
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

    tasks: ClassVar[frozenset[str]] = FINDING

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return 1 - 2 Σ p m / (Σ p² + Σ m²), in [0, 1]."""
        assert outputs.found is not None
        found, mask = torch.sigmoid(outputs.found), outputs.mask
        both = 2 * (found * mask).sum()
        return 1 - both / (found.square().sum() + mask.square().sum()).clamp_min(1)
