"""The generator that mends whole photos: plain residual blocks at 1/2, 1/4 and 1/8 of the size."""

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.nets.blocks import PlainBlock, zero_init
from restore.nets.contracts import RestorerGenerator


class UnetGenerator(RestorerGenerator):
    """Restore a damaged photo: base + mask · net(base, mask, noise).

    A U-Net with additive skips (DRUNet, section III-A, arXiv:2008.13751), two differences: it
    begins on 2 × 2 cells of pixels (FFDNet, section III-A, arXiv:1710.04026), since convolutions at
    the photo's own size cost most, and it is told no noise level. Nothing is averaged over the
    photo, so a pixel depends on those within `reach` of it and a photo may be mended in tiles.
    Their rims are left out by `restore.tiles.MARGIN`, which is less: little comes from farther
    away. The last convolution starts at zero, so an untrained generator returns its base.

    Args:
        base: what the network improves; "damaged" is the photo itself, "fill" the push-pull fill of
            the hole.
        channels: feature channels at 1/2, 1/4 … of the size.
        blocks: residual blocks at each; the last number once, the others on the way down and again
            on the way up.
        noise_channels: channels of the noise, which has the size of the coarsest features.
    """

    def __init__(
        self,
        base: Literal["damaged", "fill"] = "damaged",
        channels: tuple[int, ...] = (64, 128, 192),
        blocks: tuple[int, ...] = (1, 2, 5),
        noise_channels: int = 4,
    ) -> None:
        super().__init__()
        self.base, self.noise_channels = base, noise_channels
        self.multiple_of = 2 ** len(channels)
        self.reach = _find_reach(blocks)
        steps, ways = list(pairwise(channels)), list(zip(channels, blocks, strict=True))[:-1]
        self.stem = nn.Conv2d(4 * 4, channels[0], 3, padding=1)
        self.enter = nn.ModuleList(_make_blocks(*way) for way in ways)
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in steps)
        self.noise = zero_init(nn.Conv2d(noise_channels, channels[-1], 1, bias=False))
        self.body = _make_blocks(channels[-1], blocks[-1])
        self.up = nn.ModuleList(nn.Conv2d(coarse, 4 * fine, 1) for fine, coarse in steps)
        self.leave = nn.ModuleList(_make_blocks(*way) for way in ways)
        self.head = zero_init(nn.Conv2d(channels[0], 3 * 4, 3, padding=1))

    def noise_shape(self, count: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Return the shape of the noise for `count` photos of height × width pixels."""
        step = self.multiple_of
        return count, self.noise_channels, height // step, width // step

    def predict(self, base: Tensor, mask: Tensor, noise: Tensor) -> Tensor:
        """Return the change of the base, (N, 3, H, W)."""
        seen = F.pixel_unshuffle(torch.cat([base * 2 - 1, mask], dim=1), 2)  # (N, 16, H/2, W/2)
        features = self.stem(seen.contiguous(memory_format=torch.channels_last))
        skips = []
        for enter, down in zip(self.enter, self.down, strict=True):
            skips.append(enter(features))
            features = down(skips[-1])
        features = self.body(features + self.noise(noise))
        for up, leave in zip(reversed(self.up), reversed(self.leave), strict=True):
            features = leave(skips.pop() + F.pixel_shuffle(up(features), 2))
        return F.pixel_shuffle(self.head(features), 2)


def _find_reach(blocks: tuple[int, ...]) -> int:
    """Return the pixels that a restored pixel depends on at most, up, down, left and right."""
    sides = [2 ** (level + 1) for level in range(len(blocks))]  # of a cell, in pixels
    convolutions = [4 * count for count in blocks[:-1]] + [2 * blocks[-1]]
    convolutions[0] += 2  # stem and head
    return sum(n * side for n, side in zip(convolutions, sides, strict=True)) + sides[-1]


def _make_blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(PlainBlock(channels) for _ in range(count)))
