"""DiffAugment: the discriminator sees photos only through random, differentiable changes.

It can't learn few photos by heart then (Zhao et al., eq. 4 and 5, arXiv:2006.10738). Real and fake
of one photo are changed alike, so that their features stay comparable.
"""

import kornia.geometry.transform as transform
import torch
from torch import Tensor

from restore.training.team import Noise

FEW_PHOTOS = 10_000  # below, "auto" augments
BRIGHTNESS = 0.2  # largest shift, in [0, 1]
CONTRAST = 0.3  # largest change of the factor from 1
SATURATION = 0.6
SHIFT = 0.125  # of the side


def is_augmented(augment: str, count: int | None) -> bool:
    """Tell whether to augment; without a count, as in an estimate, "auto" does not."""
    return augment == "on" or (augment == "auto" and count is not None and count < FEW_PHOTOS)


class Augment:
    """One draw of random changes for each photo of a batch."""

    def __init__(self, count: int, size: int, noise: Noise) -> None:
        drawn = 2 * noise.uniform(count, 5, 1, 1) - 1
        self.brightness = drawn[:, :1] * BRIGHTNESS
        self.saturation = 1 + drawn[:, 1:2] * SATURATION
        self.contrast = 1 + drawn[:, 2:3] * CONTRAST
        self.shift = (drawn[:, 3:, 0, 0] * SHIFT * size).round()  # (N, 2) pixels

    def __call__(self, image: Tensor) -> Tensor:
        """Return the changed photos (N, 3 or 1, H, W); gradients flow through.

        Nothing is cut off at 0 and 1, so that they flow from what lies beyond, too.
        """
        image = image + self.brightness
        image = torch.lerp(image.mean(1, keepdim=True), image, self.saturation)
        image = torch.lerp(image.mean((1, 2, 3), keepdim=True), image, self.contrast)
        return self.move(image)

    def move(self, image: Tensor) -> Tensor:
        """Return only shifted pictures (N, C, H, W), as the mask has to be; zeros come in."""
        # In half precision a shift is no whole number of pixels any more.
        with torch.autocast(image.device.type, enabled=False):
            return transform.translate(image, self.shift, mode="nearest", align_corners=True)
