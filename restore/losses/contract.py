"""What losses are: settings whose call maps what a training step computed to a scalar."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from restore.config import Settings

RESTORING = frozenset({"inpaint", "mend"})
DRAWING = frozenset({"generate"})
PICTURES = RESTORING | DRAWING
FINDING = frozenset({"detect"})

# Of the photo; smaller holes count as this large where a loss divides by the hole.
LEAST_SHARE = 0.05


@dataclass(frozen=True)
class Outputs:
    """All that one training step computed, for the losses to read.

    clean, restored, another: (N, 3, H, W) in [0, 1]; `another` is a second fill of the same photo
    from other noise, or None in steps that draw none. mask: (N, 1, H, W), 1 is the hole. Logits:
    (N, K, h, w), high for real, of K scales; features: one (N, C, h, w) for each layer of the
    discriminator.
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


class Loss(Settings, ABC):
    """The settings that every loss has.

    Attributes:
        tasks: of recipes that may have it.
        needs: fields of `Outputs` that a step computes only where a loss that is due needs them.
    """

    tasks: ClassVar[frozenset[str]] = PICTURES
    needs: ClassVar[frozenset[str]] = frozenset()
    weight: float = Field(1.0, ge=0)
    every: int = Field(1, ge=1)  # steps; a lazy loss is computed in each nth, n times as heavy

    @abstractmethod
    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the loss, a scalar before weighting."""


def counted_share(mask: Tensor) -> Tensor:
    """Return each photo's share of hole, (N,), at least `LEAST_SHARE`."""
    return mask.mean((1, 2, 3)).clamp_min(LEAST_SHARE)


def hole_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over hole pixels of `values` (N, C, H, W), each photo counting the same."""
    inside = (values * mask).mean((1, 2, 3))
    return (inside / counted_share(mask)).mean()
