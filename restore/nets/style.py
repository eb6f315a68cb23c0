"""The style-based sampler: what is shown enters every layer as a scale of its features."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.nets.blocks import SLOPE
from restore.nets.contracts import SamplerGenerator
from restore.nets.levels import first_side, level_sizes, level_widths

GAIN = 2**0.5  # keeps the variance after it
MEAN_KEEP = 0.995  # share of the old mean style kept in each step


def _make_linear(before: int, after: int) -> nn.Linear:
    """Return a layer whose results differ as much as what enters, so that styles reach the end.

    By PyTorch's own beginning they would differ by less in each layer, to a tenth at the last.
    """
    linear = nn.Linear(before, after)
    nn.init.normal_(linear.weight, std=before**-0.5)
    nn.init.zeros_(linear.bias)
    return linear


class ModulatedConv(nn.Module):
    """A convolution whose input channels a style scales.

    StyleGAN 2, eq. 1 and 3, arXiv:1912.04958. Scaling features instead of weights is the same and
    needs one convolution for the whole batch.
    """

    def __init__(
        self, before: int, after: int, style: int, kernel: int = 3, demodulate: bool = True
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, kernel, kernel))
        self.scale = (before * kernel**2) ** -0.5  # learning rates alike in all layers
        self.affine = _make_linear(style, before)
        nn.init.ones_(self.affine.bias)
        self.demodulate = demodulate

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        """Map (N, before, H, W) to (N, after, H, W), by style (N, S)."""
        scale = self.affine(style)  # (N, before)
        weight = self.weight * self.scale
        padding = weight.shape[-1] // 2
        mapped = F.conv2d(features * scale[:, :, None, None], weight, padding=padding)
        if not self.demodulate:
            return mapped
        power = weight.float().square().sum((2, 3))  # (after, before)
        with torch.autocast(scale.device.type, enabled=False):  # it would round the sum to bf16
            size = (scale.float().square() @ power.T + 1e-8).rsqrt()  # (N, after)
        return mapped * size[:, :, None, None].to(mapped.dtype)


class StyledLayer(nn.Module):
    """Convolution, noise, bias, leaky ReLU (StyleGAN 2, figure 2c)."""

    def __init__(self, before: int, after: int, style: int, double: bool) -> None:
        super().__init__()
        self.conv, self.enlarges = ModulatedConv(before, after, style), double
        self.strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(after))

    def forward(self, features: Tensor, style: Tensor, grain: Tensor) -> Tensor:
        """Map (N, before, h, w) to (N, after, H, W), with `grain` (N, 1, H, W)."""
        if self.enlarges:
            features = F.interpolate(
                features, scale_factor=2.0, mode="bilinear", align_corners=False
            )
        mapped = self.conv(features, style)
        mapped = mapped + (self.strength * grain).to(mapped.dtype)
        mapped = mapped + self.bias[:, None, None].to(mapped.dtype)
        return F.leaky_relu(mapped, SLOPE) * GAIN


class StyleGenerator(SamplerGenerator):
    """Draw pictures by styles: noise becomes a style, styles scale the features of each layer.

    StyleGAN 2 (Karras et al., section 2 and figure 7, arXiv:1912.04958): mapping network, modulated
    convolutions, grain in each layer, pictures of all levels summed. Truncation pulls a style
    towards the mean style (Karras et al., appendix B, arXiv:1812.04948), that of its label.

    Args:
        size, channels, classes: see `SamplerGenerator`; labels are joined to the noise, embedded.
        latent: dimensions of the noise without the grain, and of styles.
        mapping: layers of the mapping network.
        width: feature channels at full size, doubling with every halving of it, up to `widest`.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        classes: int = 0,
        latent: int = 128,
        mapping: int = 4,
        width: int = 32,
        widest: int = 256,
    ) -> None:
        super().__init__()
        self.size, self.channels, self.classes, self.latent = size, channels, classes, latent
        self.sides = level_sizes(size)
        widths = level_widths(size, width, widest)
        self.embedding = nn.Embedding(classes, latent) if classes else None
        lengths = (2 * latent if classes else latent, *[latent] * mapping)
        self.mapping = nn.ModuleList(_make_linear(a, b) for a, b in pairwise(lengths))
        self.register_buffer("mean_style", torch.zeros(max(1, classes), latent))
        self.mean_style: Tensor
        self.constant = nn.Parameter(torch.randn(widths[0], first_side(size), first_side(size)))
        layers = [StyledLayer(widths[0], widths[0], latent, False)]
        for before, after in pairwise(widths):
            layers.append(StyledLayer(before, after, latent, True))
            layers.append(StyledLayer(after, after, latent, False))
        self.body = nn.ModuleList(layers)
        heads = [ModulatedConv(wide, channels, latent, 1, False) for wide in widths]
        for head in heads:
            nn.init.zeros_(head.weight)
        self.heads = nn.ModuleList(heads)
        self.shown, self.fade = size, 1.0

    @property
    def layers(self) -> int:
        """How many layers take a style."""
        return len(self.body)

    @property
    def shown_layers(self) -> int:
        """How many of them draw pictures of the size that is shown, see `grow`."""
        return 1 + 2 * self.sides.index(self.shown)

    def noise_shape(self, count: int) -> tuple[int, int]:
        """Return the shape of the noise: what is shown, then the grain of each layer."""
        return count, self.latent + sum(self._cells())

    def grow(self, size: int, fade: float) -> None:
        """Draw pictures of `size` from now on, its own level counting by `fade` (0 to 1)."""
        self.shown, self.fade = size, fade

    def forward(
        self, noise: Tensor, label: Tensor | None = None, truncation: float = 1.0
    ) -> Tensor:
        """Draw pictures (N, channels, size, size) in [0, 1] from noise of `noise_shape`."""
        mean = self.mean_style if self.embedding is None else self.mean_style[label]
        style = torch.lerp(mean, self.find_style(noise, label), truncation)
        return self._draw([style] * self.layers, noise)

    def mix(
        self, noise: Tensor, other: Tensor, cut: int, mixed: Tensor, label: Tensor | None = None
    ) -> Tensor:
        """Draw pictures whose layers from `cut` on have the style of another noise.

        Style mixing: Karras et al., section 3.1, arXiv:1812.04948.

        Args:
            noise, other: of `noise_shape`.
            cut: number of the first layer that takes the other style.
            mixed: (N,) bool, which pictures are mixed at all.
            label: as in `forward`.
        """
        first, second = self.find_style(noise, label), self.find_style(other, label)
        second = torch.where(mixed[:, None], second, first)
        return self._draw([first] * cut + [second] * (self.layers - cut), noise)

    def find_style(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the style (N, latent) of noise; in training the mean styles follow."""
        style = noise[:, : self.latent]
        if self.embedding is not None:
            style = torch.cat([style, self.embedding(label)], dim=1)
        style = style * style.square().mean(1, keepdim=True).add(1e-8).rsqrt()
        for layer in self.mapping:
            style = F.leaky_relu(layer(style), SLOPE) * GAIN
        style = style.float()
        if self.training:
            self._move_means(style.detach(), label)
        return style

    def _move_means(self, style: Tensor, label: Tensor | None) -> None:
        """Let the mean style of each label that there is, or the only one, follow."""
        places = style.new_zeros(len(style), dtype=torch.long) if label is None else label
        sums = torch.zeros_like(self.mean_style).index_add_(0, places, style)
        counts = torch.bincount(places, minlength=len(sums))[:, None]
        unknown = ~self.mean_style.any(1, keepdim=True)  # what is seen first is the mean so far
        pace = torch.where(unknown, 1.0, 1 - MEAN_KEEP) * (counts > 0)
        self.mean_style.lerp_(sums / counts.clamp(min=1), pace)

    def _cells(self) -> list[int]:
        """Return how many numbers of grain each layer takes."""
        first, *rest = self.sides
        return [first**2, *(side**2 for side in rest for _ in range(2))]

    def _draw(self, styles: list[Tensor], noise: Tensor) -> Tensor:
        grains = noise[:, self.latent :].split(self._cells(), dim=1)
        # A size of `shape` stays open in an exported file, that of `len` would not.
        features = self.constant.expand(noise.shape[0], -1, -1, -1)
        features = features.contiguous(memory_format=torch.channels_last)
        image: Tensor | None = None
        for number, (layer, style, grain) in enumerate(zip(self.body, styles, grains, strict=True)):
            side = round(grain.shape[1] ** 0.5)
            if side > self.shown:
                break
            features = layer(features, style, grain.view(-1, 1, side, side))
            if number % 2 == 0:  # the last layer of its level
                image = self._add(image, self.heads[number // 2](features, style).float())
        assert image is not None
        return (torch.tanh(image) + 1) / 2

    def _add(self, image: Tensor | None, part: Tensor) -> Tensor:
        """Return the sum of an enlarged picture and its next level's, which may be fading in."""
        if image is None:
            return part
        fade = self.fade if part.shape[-1] == self.shown else 1.0
        larger = F.interpolate(image, scale_factor=2.0, mode="bilinear", align_corners=False)
        return larger + fade * part
