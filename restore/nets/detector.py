"""The detector network: a light U-Net that says of each pixel whether it is damaged."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.nets.blocks import GatedBlock, PixelNorm
from restore.nets.contracts import DetectorNetwork

RARE = -3.0  # logit of 5 %


class UnetDetector(DetectorNetwork):
    """Thin layers at 1/2 of the size for where lines are, wide ones at 1/8 for what they are.

    After U-Net (arXiv:1505.04597), with `pixel_unshuffle` and `pixel_shuffle` between the sizes and
    sums for skips. No layer looks at the picture as a whole, so a photo may be cut into tiles that
    overlap by `reach`.

    Args:
        channels: feature channels at 1/2, 1/4 and 1/8 of the size.
        dilations: one gated block at 1/8 for each.
        refine: further gated blocks at 1/2 and at 1/4 each, for lines that hardly show.
    """

    multiple_of = 8

    def __init__(
        self,
        channels: tuple[int, int, int] = (24, 48, 96),
        dilations: tuple[int, ...] = (1, 2, 4, 2),
        refine: int = 0,
    ) -> None:
        super().__init__()
        thin, middle, wide = channels
        # Without `refine` 3 cells of 1/2, 2 of 1/4 and as many of 1/8 as the dilations add up to;
        # then the rest of a cell, since what a pixel sees begins where a cell of 1/8 does.
        self.reach = 2 * (3 + refine) + 4 * (2 + refine) + 8 * (sum(dilations) + 1)
        self.stem = nn.Conv2d(3 * 4, thin, 3, padding=1)
        self.refine_thin = nn.Sequential(*(GatedBlock(thin) for _ in range(refine)))
        self.down = nn.Conv2d(4 * thin, middle, 1)
        self.enter = GatedBlock(middle)
        self.refine_middle = nn.Sequential(*(GatedBlock(middle) for _ in range(refine)))
        self.deeper = nn.Conv2d(4 * middle, wide, 1)
        self.body = nn.Sequential(*(GatedBlock(wide, dilation) for dilation in dilations))
        self.back = nn.Conv2d(wide, 4 * middle, 1)
        self.leave = GatedBlock(middle)
        self.up = nn.Conv2d(middle, 4 * thin, 1)
        self.norm = PixelNorm(thin)
        self.blend = nn.Conv2d(thin, thin, 3, padding=1)
        self.head = nn.Conv2d(thin, 4, 3, padding=1)
        # Damage is rare, and a network that begins by knowing it learns sooner.
        nn.init.constant_(cast(Tensor, self.head.bias), RARE)

    def forward(self, photo: Tensor) -> Tensor:
        """Return logits (N, 1, H, W), above 0 for damage, of a photo (N, 3, H, W) in [0, 1]."""
        seen = F.pixel_unshuffle(photo * 2 - 1, 2).contiguous(memory_format=torch.channels_last)
        thin = self.refine_thin(F.silu(self.stem(seen)))  # (N, thin, H/2, W/2)
        middle = self.enter(self.down(F.pixel_unshuffle(thin, 2)))  # (N, middle, H/4, W/4)
        middle = self.refine_middle(middle)
        wide = self.body(self.deeper(F.pixel_unshuffle(middle, 2)))  # (N, wide, H/8, W/8)
        middle = self.leave(middle + F.pixel_shuffle(self.back(wide), 2))
        thin = self.norm(thin + F.pixel_shuffle(self.up(middle), 2))
        return F.pixel_shuffle(self.head(F.silu(self.blend(thin))), 2).float()
