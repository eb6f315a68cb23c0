"""From level to level: blocks that double or halve the size of feature maps, for samplers."""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from restore.nets.blocks import SLOPE, PixelNorm, zero_init
from restore.tables import look_up

Kind = Literal["plain", "residual", "dense"]
Norm = Literal["none", "batch", "pixel"]
Doubling = Literal["transposed", "nearest"]
Wrap = Callable[[nn.Module], nn.Module]

NORMS: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda _: nn.Identity(),
    "batch": nn.BatchNorm2d,
    "pixel": PixelNorm,
}


def first_side(size: int) -> int:
    """Return the side of the smallest feature map for pictures of `size`: 7 or 4.

    Raises:
        ValueError: the size is neither 7 nor 4 doubled a few times.
    """
    for side in (7, 4):
        if size in (side * 2**doublings for doublings in range(1, 7)):
            return side
    raise ValueError(f"no pictures of {size} pixels; try 28, 32, 56, 64, 112 or 128")


def level_sizes(size: int) -> list[int]:
    """Return the sides of the feature maps, from the smallest to `size`."""
    sides = [first_side(size)]
    while sides[-1] < size:
        sides.append(2 * sides[-1])
    return sides


def level_widths(size: int, width: int, widest: int) -> list[int]:
    """Return the channels at each of `level_sizes`: `width` at the last, before it twice as many.

    There are at most `widest`.
    """
    count = len(level_sizes(size))
    return [min(widest, width * 2 ** (count - 1 - level)) for level in range(count)]


class PlainUp(nn.Module):
    """Double the size by one convolution, normalise, ReLU (DCGAN, arXiv:1511.06434, section 3)."""

    def __init__(
        self, before: int, after: int, norm: str, doubling: Doubling, dropout: float
    ) -> None:
        super().__init__()
        self.transposed = doubling == "transposed"
        if self.transposed:
            self.conv: nn.Module = nn.ConvTranspose2d(before, after, 4, 2, padding=1)
        else:
            self.conv = nn.Conv2d(before, after, 3, padding=1)
        self.norm, self.dropout = make_norm(norm, after), nn.Dropout2d(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, before, H, W) to (N, after, 2H, 2W)."""
        if not self.transposed:
            features = F.interpolate(features, scale_factor=2.0, mode="nearest")
        return self.dropout(F.relu(self.norm(self.conv(features))))


class ResidualUp(nn.Module):
    """Double the size beside a shortcut (SNGAN, arXiv:1802.05957, figure 9)."""

    def __init__(
        self, before: int, after: int, norm: str, doubling: Doubling, dropout: float
    ) -> None:
        super().__init__()
        self.enlarge = PlainUp(before, after, norm, doubling, dropout)
        self.norm = make_norm(norm, before)
        self.join = zero_init(nn.Conv2d(after, after, 3, padding=1))
        self.pass_on = nn.Conv2d(before, after, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, before, H, W) to (N, after, 2H, 2W)."""
        change = self.join(self.enlarge(F.relu(self.norm(features))))
        same = F.interpolate(self.pass_on(features), scale_factor=2.0, mode="nearest")
        return same + change


class DenseUp(nn.Module):
    """Double the size; two layers see all before them (DenseNet, arXiv:1608.06993, eq. 2)."""

    def __init__(
        self, before: int, after: int, norm: str, doubling: Doubling, dropout: float
    ) -> None:
        super().__init__()
        grown = max(1, after // 2)
        self.enlarge = PlainUp(before, after, norm, doubling, dropout)
        self.layers = nn.ModuleList(
            nn.Conv2d(after + number * grown, grown, 3, padding=1) for number in range(2)
        )
        self.join = nn.Conv2d(after + 2 * grown, after, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, before, H, W) to (N, after, 2H, 2W)."""
        seen = self.enlarge(features)
        for layer in self.layers:
            seen = torch.cat([seen, F.relu(layer(seen))], dim=1)
        return self.join(seen)


UPS: dict[str, type[nn.Module]] = {"plain": PlainUp, "residual": ResidualUp, "dense": DenseUp}


class PlainDown(nn.Module):
    """Halve the size by one convolution, normalise, leaky ReLU (DCGAN, section 3)."""

    def __init__(self, before: int, after: int, norm: str, wrap: Wrap, dropout: float) -> None:
        super().__init__()
        self.conv = wrap(nn.Conv2d(before, after, 4, 2, padding=1))
        self.norm, self.dropout = make_norm(norm, after), nn.Dropout2d(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, before, 2H, 2W) to (N, after, H, W)."""
        return self.dropout(F.leaky_relu(self.norm(self.conv(features)), SLOPE))


class ResidualDown(nn.Module):
    """Halve the size beside a shortcut (SNGAN, figure 9)."""

    def __init__(self, before: int, after: int, norm: str, wrap: Wrap, dropout: float) -> None:
        super().__init__()
        self.keep = wrap(nn.Conv2d(before, before, 3, padding=1))
        self.halve = PlainDown(before, after, norm, wrap, dropout)
        self.pass_on = wrap(nn.Conv2d(before, after, 1, bias=False))

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, before, 2H, 2W) to (N, after, H, W)."""
        change = self.halve(F.leaky_relu(self.keep(features), SLOPE))
        return (self.pass_on(F.avg_pool2d(features, 2)) + change) * 0.5**0.5


class DenseDown(nn.Module):
    """Two layers see all before them, then the size is halved (DenseNet, eq. 2)."""

    def __init__(self, before: int, after: int, norm: str, wrap: Wrap, dropout: float) -> None:
        super().__init__()
        grown = max(1, before // 2)
        self.layers = nn.ModuleList(
            wrap(nn.Conv2d(before + number * grown, grown, 3, padding=1)) for number in range(2)
        )
        self.halve = PlainDown(before + 2 * grown, after, norm, wrap, dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, before, 2H, 2W) to (N, after, H, W)."""
        for layer in self.layers:
            features = torch.cat([features, F.leaky_relu(layer(features), SLOPE)], dim=1)
        return self.halve(features)


DOWNS: dict[str, type[nn.Module]] = {
    "plain": PlainDown,
    "residual": ResidualDown,
    "dense": DenseDown,
}


def make_norm(norm: str, width: int) -> nn.Module:
    """Return a normalisation by its name.

    Raises:
        UsageError: there is none of that name.
    """
    return look_up(NORMS, norm, "norm")(width)


def make_ups(
    widths: list[int], blocks: str, norm: str, doubling: Doubling, dropout: float
) -> nn.ModuleList:
    """Return the blocks from each width to the next one."""
    kind = look_up(UPS, blocks, "kind of blocks")
    return nn.ModuleList(kind(a, b, norm, doubling, dropout) for a, b in pairwise(widths))


def make_downs(
    widths: list[int], blocks: str, norm: str, spectral: bool, dropout: float
) -> nn.ModuleList:
    """Return the blocks from each width to the one before it, the widest end last."""
    kind, wrap = look_up(DOWNS, blocks, "kind of blocks"), wrap_if(spectral)
    backwards = pairwise(reversed(widths))
    return nn.ModuleList(kind(a, b, norm, wrap, dropout) for a, b in backwards)


def wrap_if(spectral: bool) -> Wrap:
    """Return what divides a layer's weight by its largest singular value, or what keeps it."""
    return spectral_norm if spectral else _keep


def _keep(layer: nn.Module) -> nn.Module:
    return layer
