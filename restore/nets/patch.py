"""Patch discriminators: a logit for each small square of a photo."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.nets.blocks import SLOPE
from restore.nets.contracts import Discriminator
from restore.nets.levels import wrap_if


class PatchDiscriminator(Discriminator):
    """Tell real patches from fake ones, each seen with its surroundings and the mask.

    PatchGAN (Isola et al., section 3.2.2, arXiv:1611.07004) on 2 × 2 cells of pixels, with spectral
    normalisation (Miyato et al., eq. 8, arXiv:1802.05957). As it stands a logit is for 8 × 8 pixels
    and sees 56 × 56; with another layer of stride 1 it sees 72 × 72, with one less 40 × 40.

    Args:
        channels: feature channels of each layer.
        strides: of each layer; the first sees the photo at half its size.
        spectral: divide every weight by its largest singular value.
        conditional: see the mask too.
    """

    def __init__(
        self,
        channels: tuple[int, ...] = (64, 128, 256, 256),
        strides: tuple[int, ...] = (1, 2, 2, 1),
        spectral: bool = True,
        conditional: bool = True,
    ) -> None:
        super().__init__()
        self.conditional = conditional
        wrap = wrap_if(spectral)
        widths = (16 if conditional else 12, *channels)
        self.layers = nn.ModuleList(
            # An even kernel where the stride is 2, so that every pixel counts the same.
            wrap(nn.Conv2d(before, after, 2 + stride if stride > 1 else 3, stride, padding=1))
            for (before, after), stride in zip(pairwise(widths), strides, strict=True)
        )
        self.verdict = wrap(nn.Conv2d(channels[-1], 1, 3, padding=1))

    def forward(
        self, image: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Return logits (N, 1, H/8, W/8), high for real, and the feature maps of each layer."""
        seen = image * 2 - 1
        if self.conditional:
            mask = torch.ones_like(image[:, :1]) if condition is None else condition
            seen = torch.cat([seen, mask], dim=1)
        seen = F.pixel_unshuffle(seen, 2).contiguous(memory_format=torch.channels_last)
        features = []
        for layer in self.layers:
            seen = F.leaky_relu(layer(seen), SLOPE)
            features.append(seen)
        return self.verdict(seen), features


class MultiScaleDiscriminator(Discriminator):
    """Patch discriminators on the photo and on smaller copies (arXiv:1711.11585, section 3.2).

    Args:
        scales: copies, each half the size of the one before.
        channels, strides, spectral, conditional: as of `PatchDiscriminator`.
    """

    def __init__(
        self,
        scales: int = 2,
        channels: tuple[int, ...] = (64, 128, 256, 256),
        strides: tuple[int, ...] = (1, 2, 2, 1),
        spectral: bool = True,
        conditional: bool = True,
    ) -> None:
        super().__init__()
        self.scales = nn.ModuleList(
            PatchDiscriminator(channels, strides, spectral, conditional) for _ in range(scales)
        )

    def forward(
        self, image: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Return logits (N, scales, H/8, W/8), coarse ones repeated, and all feature maps."""
        logits: list[Tensor] = []
        features: list[Tensor] = []
        for scale in self.scales:
            verdict, seen = scale(image, condition)
            size = logits[0].shape[-2:] if logits else verdict.shape[-2:]
            logits.append(F.interpolate(verdict, size=size, mode="nearest"))
            features += seen
            image = F.avg_pool2d(image, 2)
            condition = None if condition is None else F.avg_pool2d(condition, 2)
        return torch.cat(logits, dim=1), features
