"""The fully connected sampler and its discriminator, for small pictures."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.nets.blocks import SLOPE
from restore.nets.contracts import SamplerGenerator
from restore.nets.judge import Head, Judge
from restore.nets.levels import wrap_if


class MlpGenerator(SamplerGenerator):
    """Draw pictures by dense layers (Goodfellow et al., section 5, arXiv:1406.2661).

    Args:
        size, channels, classes: see `SamplerGenerator`; labels are embedded and joined to the noise
            (Mirza and Osindero, section 3.2, arXiv:1411.1784).
        latent: dimensions of the noise.
        widths: of the hidden layers.
    """

    def __init__(
        self,
        size: int = 28,
        channels: int = 1,
        classes: int = 0,
        latent: int = 100,
        widths: tuple[int, ...] = (256, 512, 1024),
    ) -> None:
        super().__init__()
        self.size, self.channels, self.classes, self.latent = size, channels, classes, latent
        self.embedding = nn.Embedding(classes, latent) if classes else None
        lengths = (2 * latent if classes else latent, *widths)
        self.layers = nn.Sequential(
            *(
                nn.Sequential(nn.Linear(a, b), nn.BatchNorm1d(b), nn.LeakyReLU(SLOPE))
                for a, b in pairwise(lengths)
            )
        )
        self.leave = nn.Linear(lengths[-1], channels * size**2)

    def forward(
        self, noise: Tensor, label: Tensor | None = None, truncation: float = 1.0
    ) -> Tensor:
        """Draw pictures (N, channels, size, size) in [0, 1] from noise (N, latent)."""
        entered = noise * truncation
        if self.embedding is not None:
            entered = torch.cat([entered, self.embedding(label)], dim=1)
        image = torch.tanh(self.leave(self.layers(entered)).float())
        return (image.view(-1, self.channels, self.size, self.size) + 1) / 2


class MlpDiscriminator(Judge):
    """Tell real pictures from fake ones by dense layers.

    Args:
        size, channels: of the pictures.
        classes, head: see `Judge`.
        widths: of the hidden layers.
        spectral: divide the weights by their largest singular value, but for those that only tell
            it the label or guess one.
    """

    def __init__(
        self,
        size: int = 28,
        channels: int = 1,
        classes: int = 0,
        head: Head = "join",
        widths: tuple[int, ...] = (512, 256),
        spectral: bool = False,
    ) -> None:
        super().__init__(classes, head, widths[-1], spectral)
        wrap = wrap_if(spectral)
        lengths = ((channels + self.joined) * size**2, *widths)
        self.layers = nn.ModuleList(wrap(nn.Linear(a, b)) for a, b in pairwise(lengths))

    def find_features(self, image: Tensor, label: Tensor | None) -> list[Tensor]:
        """Return the features of each layer."""
        seen, features = self.join_planes(image * 2 - 1, label).flatten(1), []
        for layer in self.layers:
            seen = F.leaky_relu(layer(seen), SLOPE)
            features.append(seen)
        return features
