"""What the discriminators of samplers share: one logit for a picture, and labels in three ways."""

from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from restore.nets.contracts import Discriminator
from restore.nets.levels import wrap_if

PLANES = 4  # that a label becomes where it is joined to a picture

Head = Literal["join", "projection", "auxiliary"]


class Judge(Discriminator):
    """A discriminator of whole pictures.

    Args:
        classes: 0 for pictures without labels.
        head: what becomes of labels. "join": embedded, they are joined to the picture (Mirza and
            Osindero, section 3.2, arXiv:1411.1784); "projection": embedded, they are multiplied
            with the features (Miyato and Koyama, eq. 6, arXiv:1802.05637); "auxiliary": they are
            not told but guessed, see `classify` (Odena et al., section 3, arXiv:1610.09585).
        inner: length of the last features.
        spectral: divide the weights by their largest singular value, but for those that only tell
            it the label or guess one.
    """

    def __init__(self, classes: int, head: Head, inner: int, spectral: bool) -> None:
        super().__init__()
        way = head if classes else "none"
        self.joined = PLANES if way == "join" else 0
        wrap = wrap_if(spectral)
        self.verdict = wrap(nn.Linear(inner, 1))
        self.planes = nn.Embedding(classes, PLANES) if way == "join" else None
        self.project = wrap(nn.Embedding(classes, inner)) if way == "projection" else None
        self.guess = nn.Linear(inner, classes) if way == "auxiliary" else None

    @abstractmethod
    def find_features(self, image: Tensor, label: Tensor | None) -> list[Tensor]:
        """Return the features of each layer, the last of them (N, inner)."""

    def forward(
        self, image: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Return logits (N, 1, 1, 1), high for real, and the features of each layer."""
        features = self.find_features(image, condition)
        logit = self.verdict(features[-1])
        if self.project is not None:
            logit = logit + (self.project(condition) * features[-1]).sum(1, keepdim=True)
        return logit[:, :, None, None], features

    def join_planes(self, image: Tensor, label: Tensor | None) -> Tensor:
        """Return the picture with the label's planes, where labels are joined to it."""
        if self.planes is None:
            return image
        planes = self.planes(label)[:, :, None, None].to(image.dtype)
        return torch.cat([image, planes.expand(-1, -1, *image.shape[2:])], dim=1)

    def classify(self, features: list[Tensor]) -> Tensor | None:
        """Return a logit for each class, (N, classes), from the features of `forward`, or None."""
        return None if self.guess is None else self.guess(features[-1])
