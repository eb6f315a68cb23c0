"""Networks that begin with small pictures: progressive growing."""

from typing import Protocol, runtime_checkable

from torch import nn


@runtime_checkable
class Growing(Protocol):
    """A network that can stop at any of its levels."""

    def grow(self, size: int, fade: float) -> None:
        """Draw or take pictures of `size` from now on, its own level counting by `fade`.

        Karras et al., section 2, arXiv:1710.10196.
        """


def grow(network: nn.Module, size: int, fade: float) -> None:
    """Let a network that can grow do so, see `Growing`; leave others as they are."""
    if isinstance(network, Growing):
        network.grow(size, fade)
