"""The restorer generator: gated dilated blocks at 1/8 of the size, with attention that copies."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.nets.blocks import CoarseBlocks, CopyAttention, GatedBlock, PixelNorm, zero_init
from restore.nets.contracts import RestorerGenerator

CONTEXT_DILATIONS = (1, 2, 4)


class GatedGenerator(RestorerGenerator):
    """Restore a damaged photo: base + mask · net(base, mask, noise).

    Most of the work is done by wide convolutions at 1/8 of the size, where they cost least; the
    way there and back is `pixel_unshuffle` and `pixel_shuffle` over 1/4. The last convolution
    starts at zero, so an untrained generator returns its base.

    Args:
        base: what the network improves; "fill" is the push-pull fill of the hole, "damaged" the
            photo itself (for damage of the photo as a whole, with a mask of ones).
        channels: feature channels at 1/4 and at 1/8 of the size.
        dilations: one gated block at 1/8 for each.
        attention: numbers of the blocks that a `CopyAttention` follows, counted from 1; () keeps
            the receptive field bounded.
        context: channels at 1/16 of the size, where three more blocks see far in the middle of the
            body; 0 is without them.
        blocks: gated blocks at 1/4 before and after the body.
        noise_channels: channels of the noise, which has 1/4 of the photo's size.
    """

    multiple_of = 16

    def __init__(
        self,
        base: Literal["fill", "damaged"] = "fill",
        channels: tuple[int, int] = (96, 224),
        dilations: tuple[int, ...] = (1, 2, 4, 8, 1, 2, 4, 8),
        attention: tuple[int, ...] = (3, 6),
        context: int = 0,
        blocks: tuple[int, int] = (1, 2),
        noise_channels: int = 4,
    ) -> None:
        super().__init__()
        if not {*attention} <= {*range(1, len(dilations) + 1)}:
            raise ValueError(
                f"attention follows blocks 1 to {len(dilations)}, as many as there are dilations, "
                f"not {attention}"
            )
        if context and len(dilations) < 2:
            raise ValueError("context lies between two blocks, so it needs 2 dilations or more")
        self.base, self.noise_channels = base, noise_channels
        fine, coarse = channels
        self.stem = nn.Conv2d(4 * 16 + noise_channels, fine, 3, padding=1)
        self.enter = nn.Sequential(*(GatedBlock(fine) for _ in range(blocks[0])))
        self.down = nn.Conv2d(4 * fine, coarse, 1)
        self.body = nn.ModuleList(GatedBlock(coarse, dilation) for dilation in dilations)
        self.attention = nn.ModuleDict({str(n): CopyAttention(coarse) for n in attention})
        self.middle = len(dilations) // 2
        self.context = CoarseBlocks(coarse, context, CONTEXT_DILATIONS) if context else None
        self.up = nn.Conv2d(coarse, 4 * fine, 1)
        self.leave = nn.Sequential(*(GatedBlock(fine) for _ in range(blocks[1])), PixelNorm(fine))
        self.head = zero_init(nn.Conv2d(fine, 3 * 16, 3, padding=1))

    def noise_shape(self, count: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Return the shape of the noise for `count` photos of height × width pixels."""
        return count, self.noise_channels, height // 4, width // 4

    def predict(self, base: Tensor, mask: Tensor, noise: Tensor) -> Tensor:
        """Return the change of the base, (N, 3, H, W)."""
        seen = torch.cat([base * 2 - 1, mask], dim=1)
        fine = torch.cat([F.pixel_unshuffle(seen, 4), noise], dim=1)  # (N, 64 + noise, H/4, W/4)
        fine = self.enter(self.stem(fine.contiguous(memory_format=torch.channels_last)))
        coarse = self.down(F.pixel_unshuffle(fine, 2))  # (N, coarse, H/8, W/8)
        hole = F.avg_pool2d(mask, 8)
        for number, block in enumerate(self.body, start=1):
            coarse = block(coarse)
            if str(number) in self.attention:
                coarse = self.attention[str(number)](coarse, hole)
            if self.context is not None and number == self.middle:
                coarse = self.context(coarse)
        fine = fine + F.pixel_shuffle(self.up(coarse), 2)
        return F.pixel_shuffle(self.head(F.silu(self.leave(fine))), 4)
