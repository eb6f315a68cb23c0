"""Classifiers: what a picture shows, and the features that tell it."""

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Reading(NamedTuple):
    """What a classifier makes of pictures."""

    logits: Tensor  # (N, classes)
    features: Tensor  # (N, D), what the logits are a linear map of


class Classifier(nn.Module):
    """A plain convolutional classifier whose features are averages over the picture.

    Each layer is a convolution, batch norm and ReLU, halving the size where its stride is 2.

    Args:
        classes: kinds of pictures that it tells apart.
        channels: 1 for gray, 3 for RGB.
        size: pixels, side of the squares it takes.
        widths: channels of each layer; the last is the number D of features.
        strides: of each layer.
    """

    def __init__(
        self,
        classes: int,
        channels: int,
        size: int,
        widths: tuple[int, ...] = (16, 32, 64, 128, 128),
        strides: tuple[int, ...] = (1, 2, 1, 2, 1),
    ) -> None:
        super().__init__()
        self.classes, self.channels, self.size = classes, channels, size
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
            for (before, after), stride in zip(pairwise((channels, *widths)), strides, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, image: Tensor) -> Reading:
        """Read pictures (N, channels, size, size) in [0, 1]."""
        hidden = (image * 2 - 1).contiguous(memory_format=torch.channels_last)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            hidden = F.relu(norm(layer(hidden)))
        features = hidden.mean((2, 3))  # (N, D)
        return Reading(self.head(features), features)


CLASSIFIERS: dict[str, type[Classifier]] = {"plain": Classifier}
