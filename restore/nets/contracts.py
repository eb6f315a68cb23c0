"""What every network of a kind offers, so that the rest of the program needs no names."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class RestorerGenerator(nn.Module, ABC):
    """A network that restores photos: base + mask · net(base, mask, noise)."""

    multiple_of: int  # height and width that it takes are multiples of this

    @abstractmethod
    def noise_shape(self, count: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Return the shape of the noise for `count` photos of height × width pixels."""

    @abstractmethod
    def make_base(self, damaged: Tensor, mask: Tensor) -> Tensor:
        """Return what the network starts from, (N, 3, H, W), made without learning."""

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


class Discriminator(nn.Module, ABC):
    """A network that tells real patches from fake ones."""

    @abstractmethod
    def forward(
        self, image: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Return logits (N, 1, h, w), high for real, and the feature maps of each layer.

        Args:
            image: (N, 3, H, W) in [0, 1].
            condition: the mask (N, 1, H, W); None stands for a mask of ones.
        """
