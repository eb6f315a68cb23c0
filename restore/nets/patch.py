"""The patch discriminator: one logit for every 8 × 8 pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from restore.nets.contracts import Discriminator


class PatchDiscriminator(Discriminator):
    """Tell real patches from fake ones, each seen with its surroundings and the mask.

    PatchGAN (Isola et al., section 3.2.2, arXiv:1611.07004) on 2 × 2 cells of pixels, with spectral
    normalisation (Miyato et al., eq. 8, arXiv:1802.05957). A logit stands for 8 × 8 pixels.

    Args:
        channels: feature channels at 1/2, 1/4, 1/8 and again 1/8 of the size.
        spectral: divide every weight by its largest singular value.
    """

    stride = 8

    def __init__(
        self, channels: tuple[int, int, int, int] = (64, 128, 256, 256), spectral: bool = True
    ) -> None:
        super().__init__()
        wrap = spectral_norm if spectral else nn.Identity()
        one, two, three, four = channels
        self.layers = nn.ModuleList(
            wrap(layer)
            for layer in (
                nn.Conv2d(16, one, 3, padding=1),
                nn.Conv2d(one, two, 4, stride=2, padding=1),
                nn.Conv2d(two, three, 4, stride=2, padding=1),
                nn.Conv2d(three, four, 3, padding=1),
            )
        )
        self.verdict = wrap(nn.Conv2d(four, 1, 3, padding=1))

    def forward(
        self, image: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Return logits (N, 1, H/8, W/8), high for real, and the feature maps of each layer."""
        if condition is None:
            condition = torch.ones_like(image[:, :1])
        seen = F.pixel_unshuffle(torch.cat([image * 2 - 1, condition], dim=1), 2)
        seen = seen.contiguous(memory_format=torch.channels_last)
        features = []
        for layer in self.layers:
            seen = F.leaky_relu(layer(seen), 0.2)
            features.append(seen)
        return self.verdict(seen), features
