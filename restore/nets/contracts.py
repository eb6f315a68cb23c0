"""What every network of a kind offers, so that the rest of the program needs no names."""

from abc import ABC, abstractmethod
from typing import Literal

from torch import Tensor, nn

from restore.nets.fill import push_pull


class RestorerGenerator(nn.Module, ABC):
    """A network that restores photos: base + mask · net(base, mask, noise)."""

    multiple_of: int  # height and width that it takes are multiples of this
    base: Literal["fill", "damaged"]  # what it starts from: the hole filled smoothly, or the photo

    @abstractmethod
    def noise_shape(self, count: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Return the shape of the noise for `count` photos of height × width pixels."""

    def make_base(self, damaged: Tensor, mask: Tensor) -> Tensor:
        """Return what the network starts from, (N, 3, H, W), made without learning: see `base`."""
        return push_pull(damaged, mask) if self.base == "fill" else damaged

    @abstractmethod
    def predict(self, base: Tensor, mask: Tensor, noise: Tensor) -> Tensor:
        """Return the change of the base, (N, 3, H, W)."""

    def forward(self, damaged: Tensor, mask: Tensor, noise: Tensor) -> Tensor:
        """Return the restored photo, equal to the base where the mask is 0.

        Args:
            damaged: (N, 3, H, W) in [0, 1], H and W multiples of `multiple_of`.
            mask: (N, 1, H, W), 1 is the hole: this pixel may change.
            noise: N(0, 1) of `noise_shape`.

        Returns:
            (N, 3, H, W) float32, about [0, 1], not clamped.
        """
        return self.improve(self.make_base(damaged, mask), mask, noise)

    def improve(self, base: Tensor, mask: Tensor, noise: Tensor) -> Tensor:
        """Return the restored photo, as `forward`, from a base of one's own.

        A base that holds a coarse fill in its hole is given detail.
        """
        return base + mask * self.predict(base, mask, noise).float()


class SamplerGenerator(nn.Module, ABC):
    """A network that draws pictures from noise, of a class where it knows classes.

    Attributes:
        size: side of its pictures, in pixels.
        channels: 1 for gray ones, 3 for RGB.
        classes: how many it knows; 0: it takes no label.
        latent: how many leading dimensions of the noise say what is shown; those after them are
            only grain.
    """

    size: int
    channels: int
    classes: int
    latent: int

    def noise_shape(self, count: int) -> tuple[int, int]:
        """Return the shape of the noise for `count` pictures: a vector for each."""
        return count, self.latent

    @abstractmethod
    def forward(
        self, noise: Tensor, label: Tensor | None = None, truncation: float = 1.0
    ) -> Tensor:
        """Draw pictures; the noise decides all that is random, so equal noise, equal picture.

        In eval mode a picture does not depend on the others of its batch.

        Args:
            noise: N(0, 1) of `noise_shape`.
            label: (N,) int64 below `classes`; None where `classes` is 0.
            truncation: 1 draws as in training, smaller values nearer to the mean picture: fewer
                odd ones, less variety.

        Returns:
            (N, channels, size, size) float32 in [0, 1].
        """


class Autoencoder(SamplerGenerator):
    """A sampler that also finds the noise of a given picture, so that it can draw it again."""

    @abstractmethod
    def find_noise(self, image: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of the variance of the noise that may have drawn a picture.

        Args:
            image: (N, channels, size, size) in [0, 1].
            label: as in `forward`.

        Returns:
            Two tensors of `noise_shape`.
        """

    def encode(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the noise of `noise_shape` from which `forward` draws `image` again."""
        return self.find_noise(image, label)[0]


class Discriminator(nn.Module, ABC):
    """A network that tells real patches from fake ones."""

    @abstractmethod
    def forward(
        self, image: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Return logits (N, K, h, w), high for real, and the feature maps of each layer.

        K is the number of scales, 1 for most.

        Args:
            image: (N, C, H, W) in [0, 1].
            condition: for restorers the mask (N, 1, H, W), None standing for a mask of ones; for
                samplers the labels (N,) int64, None where there are no classes.
        """


class DetectorNetwork(nn.Module, ABC):
    """A network that finds damage."""

    multiple_of: int  # height and width that it takes are multiples of this
    reach: int  # pixels; nothing farther away than this changes what it says of a pixel

    @abstractmethod
    def forward(self, photo: Tensor) -> Tensor:
        """Return logits (N, 1, H, W) float32, above 0 where damage is likelier than not.

        Args:
            photo: (N, 3, H, W) in [0, 1], H and W multiples of `multiple_of`.
        """
