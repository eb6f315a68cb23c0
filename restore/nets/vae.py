"""The autoencoder: finds the noise of a picture, and draws the picture of a noise."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.nets.blocks import SLOPE
from restore.nets.contracts import Autoencoder
from restore.nets.dcgan import DcganGenerator
from restore.nets.levels import Doubling, Kind, Norm, first_side, level_widths, make_downs


class VaeGenerator(Autoencoder):
    """Find noise by convolutions and draw by those of `DcganGenerator`.

    Variational autoencoder (Kingma and Welling, arXiv:1312.6114). A label is given to both halves
    (Sohn et al., section 4, NIPS 2015).

    Args:
        size, channels, classes: see `SamplerGenerator`.
        latent: dimensions of the noise.
        width: feature channels at full size, doubling with every halving of it, up to `widest`.
        blocks, norm, doubling, direct: as of `DcganGenerator`.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        classes: int = 0,
        latent: int = 64,
        width: int = 32,
        widest: int = 256,
        blocks: Kind = "plain",
        norm: Norm = "batch",
        doubling: Doubling = "transposed",
        direct: bool = False,
    ) -> None:
        super().__init__()
        self.size, self.channels, self.classes, self.latent = size, channels, classes, latent
        self.decoder = DcganGenerator(
            size, channels, classes, latent, width, widest, blocks, norm, doubling, direct=direct
        )
        self.direct = direct
        widths = level_widths(size, width, widest)
        widths = widths[:-1] if direct else widths
        self.enter = nn.Conv2d((4 if direct else 1) * channels, widths[-1], 3, padding=1)
        self.levels = make_downs(widths, blocks, norm, False, 0.0)
        self.embedding = nn.Embedding(classes, latent) if classes else None
        found = widths[0] * first_side(size) ** 2
        self.leave = nn.Linear(found + (latent if classes else 0), 2 * latent)

    def find_noise(self, image: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of the variance of the noise, (N, latent) each."""
        image = image * 2 - 1
        image = F.pixel_unshuffle(image, 2) if self.direct else image
        features = self.enter(image.contiguous(memory_format=torch.channels_last))
        features = F.leaky_relu(features, SLOPE)
        for level in self.levels:
            features = level(features)
        found = features.flatten(1)
        if self.embedding is not None:
            found = torch.cat([found, self.embedding(label).to(found.dtype)], dim=1)
        mean, log_variance = self.leave(found).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-20, 10)  # finite where training begins badly

    def forward(
        self, noise: Tensor, label: Tensor | None = None, truncation: float = 1.0
    ) -> Tensor:
        """Draw pictures (N, channels, size, size) in [0, 1] from noise (N, latent)."""
        return self.decoder(noise, label, truncation)
