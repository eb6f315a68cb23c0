"""Building blocks that the generators share; all run channels_last and under bf16 autocast."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2  # of leaky ReLU in discriminators and samplers


class PixelNorm(nn.Module):
    """Scale each pixel's feature vector to unit mean square, then by a learned gain.

    RMSNorm (Zhang and Sennrich, eq. 4, arXiv:1910.07467) over channels: a pixel's result depends on
    no other pixel, so a network keeps its bounded receptive field and any picture size is alike.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape and precision."""
        last = features.permute(0, 2, 3, 1)  # (N, H, W, C), no copy in channels_last
        # F.rms_norm makes float32 copies of everything; this makes one of a number per pixel.
        length = torch.linalg.vector_norm(last, dim=-1, keepdim=True).float()
        scale = torch.rsqrt(length.square() / last.shape[-1] + 1e-6).to(last.dtype)
        return (last * scale * self.gain.to(last.dtype)).permute(0, 3, 1, 2)


def zero_init(layer: nn.Conv2d) -> nn.Conv2d:
    """Set a convolution to zero: its residual branch starts as no change (arXiv:1901.09321)."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class PlainBlock(nn.Module):
    """Residual block of two dense convolutions, x + W2 relu(W1 x), without any normalisation.

    EDSR, figure 2 (arXiv:1707.02921): statistics of a photo are part of what is restored.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = zero_init(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        return features + self.second(F.relu(self.first(features), inplace=True))


class GatedBlock(nn.Module):
    """Residual block with a gated dilated convolution.

    x + W2(a · sigmoid(b)), (a, b) = W1(silu(norm x)). Gated convolution: Yu et al.,
    eq. 3, arXiv:1806.03589.
    """

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.norm = PixelNorm(channels)
        self.spread = nn.Conv2d(channels, 2 * channels, 3, padding=dilation, dilation=dilation)
        self.join = zero_init(nn.Conv2d(channels, channels, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        return features + self.join(F.glu(self.spread(F.silu(self.norm(features))), dim=1))


class CoarseBlocks(nn.Module):
    """Gated blocks at half the size, whose result is added to what they began with.

    There a dilation reaches twice as far for a quarter of the cost. The way back starts at zero.

    Args:
        channels: of what comes in and goes out.
        wide: channels at half the size.
        dilations: one gated block for each.
    """

    def __init__(self, channels: int, wide: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.down = nn.Conv2d(4 * channels, wide, 1)
        self.blocks = nn.Sequential(*(GatedBlock(wide, dilation) for dilation in dilations))
        self.up = zero_init(nn.Conv2d(wide, 4 * channels, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W), H and W even, to the same shape."""
        coarse = self.blocks(self.down(F.pixel_unshuffle(features, 2)))
        return features + F.pixel_shuffle(self.up(coarse), 2)


class CopyAttention(nn.Module):
    """Let every 2 × 2 cell look at all others and copy their features whole, known ones preferred.

    Queries and keys are averages over the cell, values are the cell's four feature vectors side by
    side, so what is copied keeps its detail. Keys in the hole are damped by a learned factor. After
    contextual attention (Yu et al., section 3, arXiv:1801.07892).
    """

    def __init__(self, channels: int, heads: int = 4, width: int = 32) -> None:
        super().__init__()
        self.heads, self.width = heads, width
        self.norm = PixelNorm(channels)
        self.ask = nn.Conv2d(channels, 2 * heads * width, 1)
        self.value = nn.Conv2d(channels, channels // 2, 1)
        self.join = zero_init(nn.Conv2d(channels // 2, channels, 1))
        self.damp = nn.Parameter(torch.full((heads,), 2.0))

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Map (N, C, H, W), H and W even, with `mask` (N, 1, H, W) the share of hole per pixel."""
        count, _, height, width = features.shape
        normed = self.norm(features)
        # Channels last throughout: no pass over the features turns them round.
        ask = self.ask(F.avg_pool2d(normed, 2)).permute(0, 2, 3, 1)  # (N, H/2, W/2, 2·heads·width)
        ask = ask.reshape(count, -1, 2, self.heads, self.width)
        query, key = ask.permute(2, 0, 3, 1, 4).unbind(0)  # each (N, heads, T, width)
        value = F.pixel_unshuffle(self.value(normed), 2).permute(0, 2, 3, 1)  # (N, H/2, W/2, 2C)
        value = value.reshape(count, query.shape[2], self.heads, -1).transpose(1, 2)
        hole = F.avg_pool2d(mask, 2).reshape(count, 1, -1, 1)  # (N, 1, T, 1)
        bias = (-F.softplus(self.damp).view(1, -1, 1, 1) * hole).to(key.dtype)  # (N, heads, T, 1)
        # The bias is one more channel of the product, and softmax, which sums in float32 in any
        # precision, is kept from autocast: each pass over T × T numbers costs as much as a layer.
        query = torch.cat([query * self.width**-0.5, torch.ones_like(bias)], dim=3)
        logits = query @ torch.cat([key, bias], dim=3).mT
        with torch.autocast(logits.device.type, enabled=False):
            weight = torch.softmax(logits, dim=-1)
        copied = (weight @ value).transpose(1, 2)  # (N, T, heads, 2C / heads)
        copied = copied.reshape(count, height // 2, width // 2, -1).permute(0, 3, 1, 2)
        return features + self.join(F.pixel_shuffle(copied, 2))
