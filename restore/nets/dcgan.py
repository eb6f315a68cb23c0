"""The convolutional sampler and its discriminator, of any number of levels, that may grow."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.nets.blocks import SLOPE
from restore.nets.contracts import SamplerGenerator
from restore.nets.judge import Head, Judge
from restore.nets.levels import (
    Doubling,
    Kind,
    Norm,
    first_side,
    level_sizes,
    level_widths,
    make_downs,
    make_norm,
    make_ups,
    wrap_if,
)


class DcganGenerator(SamplerGenerator):
    """Draw pictures: a dense layer to 4 × 4 or 7 × 7, then a block for each doubling of the size.

    DCGAN (Radford et al., section 3, arXiv:1511.06434); labels are embedded and joined to the noise
    (Mirza and Osindero, section 3.2, arXiv:1411.1784). Features at full size are dear, so with
    `direct` the last doubling leads straight to the picture.

    Args:
        size, channels, classes: see `SamplerGenerator`.
        latent: dimensions of the noise.
        width: feature channels at full size, doubling with every halving of it, up to `widest`.
        blocks: what a level is made of.
        norm: of the features; "pixel" is each pixel's alone.
        doubling: by transposed convolutions, or nearest neighbours and convolutions.
        dropout: share of the feature maps left out in training.
        direct: leave out the last level, unless they are `growing`.
        growing: draw a picture at every level and add them up, so that `grow` can stop at any.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        classes: int = 0,
        latent: int = 100,
        width: int = 32,
        widest: int = 256,
        blocks: Kind = "plain",
        norm: Norm = "batch",
        doubling: Doubling = "transposed",
        dropout: float = 0.0,
        direct: bool = False,
        growing: bool = False,
    ) -> None:
        super().__init__()
        self.size, self.channels, self.classes, self.latent = size, channels, classes, latent
        self.first, direct = first_side(size), direct and not growing
        widths = level_widths(size, width, widest)
        widths = widths[:-1] if direct else widths
        self.embedding = nn.Embedding(classes, latent) if classes else None
        self.enter = nn.Linear(2 * latent if classes else latent, widths[0] * self.first**2)
        self.levels = make_ups(widths, blocks, norm, doubling, dropout)
        self.heads = nn.ModuleList(
            _Head(wide, channels, norm if blocks == "residual" else "none", direct, new=number > 0)
            for number, wide in enumerate(widths if growing else widths[-1:])
        )
        self.shown, self.fade = size, 1.0

    def grow(self, size: int, fade: float) -> None:
        """Draw pictures of `size` from now on, its own level counting by `fade` (0 to 1).

        Progressive growing (Karras et al., section 2, arXiv:1710.10196), over summed pictures.
        """
        self.shown, self.fade = size, fade

    def forward(
        self, noise: Tensor, label: Tensor | None = None, truncation: float = 1.0
    ) -> Tensor:
        """Draw pictures (N, channels, size, size) in [0, 1] from noise (N, latent)."""
        entered = noise * truncation
        if self.embedding is not None:
            entered = torch.cat([entered, self.embedding(label)], dim=1)
        features = self.enter(entered).unflatten(1, (-1, self.first, self.first))
        features = features.contiguous(memory_format=torch.channels_last)
        if len(self.heads) > 1:
            return _to_unit(self._draw_growing(features))
        for level in self.levels:
            features = level(features)
        return _to_unit(self.heads[0](features))

    def _draw_growing(self, features: Tensor) -> Tensor:
        image = self.heads[0](features)
        for level, head in zip(self.levels, self.heads[1:], strict=True):
            if image.shape[-1] >= self.shown:
                break
            features = level(features)
            image = F.interpolate(image, scale_factor=2.0, mode="bilinear", align_corners=False)
            part = self.fade if image.shape[-1] == self.shown else 1.0
            image = image + part * head(features)
        return image


class _Head(nn.Module):
    """From features to a picture of their size, or of twice their size.

    A `new` one, of a size that pictures grow to, adds nothing until it has learned.
    """

    def __init__(self, wide: int, channels: int, norm: str, direct: bool, new: bool) -> None:
        super().__init__()
        self.norm = make_norm(norm, wide)
        self.conv: nn.ConvTranspose2d | nn.Conv2d = (
            nn.ConvTranspose2d(wide, channels, 4, 2, padding=1)
            if direct
            else nn.Conv2d(wide, channels, 3, padding=1)
        )
        if new:
            for weight in self.conv.parameters():
                nn.init.zeros_(weight)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, wide, H, W) to (N, channels, H, W), or twice as high and wide."""
        return self.conv(F.relu(self.norm(features)))


def _to_unit(image: Tensor) -> Tensor:
    """Return a picture of any values as one in [0, 1]."""
    return (torch.tanh(image.float()) + 1) / 2


class DcganDiscriminator(Judge):
    """Tell real pictures from fake ones by a block for each halving of the size.

    DCGAN, section 3; for labels see `Judge`.

    Args:
        size, channels, classes, head: see `Judge`.
        width: feature channels at full size, doubling with every halving of it, up to `widest`.
        blocks: what a level is made of.
        norm: of the features; a gradient penalty wants "none".
        spectral: divide the weights by their largest singular value, but for those that only tell
            it the label or guess one.
        dropout: share of the feature maps left out in training.
        shuffle: see the picture at half its size, 2 × 2 pixels as channels, unless `growing`.
        deviation: join how much the pictures of a batch differ (arXiv:1710.10196, section 3).
        growing: take pictures of every level's size, see `grow`.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        classes: int = 0,
        head: Head = "join",
        width: int = 32,
        widest: int = 256,
        blocks: Kind = "plain",
        norm: Norm = "none",
        spectral: bool = False,
        dropout: float = 0.0,
        shuffle: bool = False,
        deviation: bool = False,
        growing: bool = False,
    ) -> None:
        widths = level_widths(size, width, widest)
        inner = widths[0]
        super().__init__(classes, head, inner, spectral)
        self.deviation = deviation
        self.shuffle = shuffle and not growing
        widths = widths[:-1] if self.shuffle else widths
        wrap = wrap_if(spectral)
        seen = (4 if self.shuffle else 1) * channels + self.joined
        entered = reversed(widths if growing else widths[-1:])
        self.enters = nn.ModuleList(wrap(nn.Conv2d(seen, w, 3, padding=1)) for w in entered)
        self.levels = make_downs(widths, blocks, norm, spectral, dropout)
        cells = first_side(size) ** 2
        self.leave = wrap(nn.Linear((inner + deviation) * cells, inner))
        self.sides = list(reversed(level_sizes(size)))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear) and not spectral:
                nn.init.kaiming_normal_(layer.weight, SLOPE)  # what it sees stays of one size
        self.shown, self.fade = size, 1.0

    def grow(self, size: int, fade: float) -> None:
        """Take pictures of `size` from now on, its own level counting by `fade` (0 to 1)."""
        self.shown, self.fade = size, fade

    def find_features(self, image: Tensor, label: Tensor | None) -> list[Tensor]:
        """Return the feature maps of all levels, then a vector (N, F)."""
        image = F.pixel_unshuffle(image * 2 - 1, 2) if self.shuffle else image * 2 - 1
        image = self.join_planes(image, label).contiguous(memory_format=torch.channels_last)
        start = self.sides.index(self.shown) if len(self.enters) > 1 else 0
        features = F.leaky_relu(self.enters[start](image), SLOPE)
        found = [features]
        for number, level in enumerate(self.levels[start:]):
            features = level(features)
            if number == 0 and self.fade < 1:
                small = self.enters[start + 1](F.avg_pool2d(image, 2))
                features = torch.lerp(F.leaky_relu(small, SLOPE), features, self.fade)
            found.append(features)
        if self.deviation:
            # Not 0, of which the square root has no slope.
            spread = features.float().var(dim=0, correction=0).add(1e-8).sqrt().mean()
            plane = spread.to(features.dtype).expand(len(image), 1, *features.shape[2:])
            features = torch.cat([features, plane], dim=1)
        return [*found, F.leaky_relu(self.leave(features.flatten(1)), SLOPE)]
