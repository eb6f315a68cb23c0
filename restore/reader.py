"""What a trained network reads in pictures: features that tell them apart, and their classes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restore.assets import classifier_names, classifier_path
from restore.checkpoint import check_task, load_network, read_header
from restore.degradations.color import LUMA
from restore.device import pick_device, sentence_on_memory, to_device
from restore.errors import RestoreError
from restore.image import Pixels, to_tensor
from restore.lpips import Lpips, load_lpips
from restore.nets.classifier import CLASSIFIERS, Classifier
from restore.tables import look_up

SQUEEZE = "squeeze"
SCALE = 11  # root mean square of the squeeze features of photos, for distances near those of FID
ENLARGED_SIDE = 64  # pixels; smaller pictures are enlarged for the squeeze network
BATCH = 64


class Read(NamedTuple):
    """What was read in N pictures."""

    features: Tensor  # (N, D)
    classes: Tensor | None  # (N,) int64, numbers of the reader's labels; None where it has none


class Reader(ABC):
    """A frozen network that looks at pictures (N, H, W, 3) uint8 RGB, or (N, H, W) gray."""

    name: str
    labels: tuple[str, ...]  # of the classes that it tells apart; () if none
    device: torch.device

    @sentence_on_memory()
    def read(self, pictures: Pixels) -> Read:
        """Return the features, and the classes where it tells any, of one picture or more.

        Raises:
            RestoreError: there is not enough memory.
        """
        parts = []
        for start in range(0, len(pictures), BATCH):
            with torch.inference_mode():
                parts.append(self.look(to_images(pictures[start : start + BATCH]).to(self.device)))
        features = torch.cat([part.features for part in parts]).cpu()
        found = [part.classes.cpu() for part in parts if part.classes is not None]
        return Read(features, torch.cat(found) if found else None)

    @abstractmethod
    def look(self, images: Tensor) -> Read:
        """Read a batch (N, C, H, W) in [0, 1], C 1 or 3."""


class SqueezeReader(Reader):
    """Features of SqueezeNet 1.1, the backbone of LPIPS: its last stage, averaged over the picture.

    They are those of ImageNet's classes, 512 numbers divided by 11; distances by them can't be
    compared with FID.
    """

    name, labels = SQUEEZE, ()

    def __init__(self, network: Lpips, device: torch.device) -> None:
        """Take LPIPS, on `device`."""
        self.network, self.device = network, device

    def look(self, images: Tensor) -> Read:
        """Read a batch (N, C, H, W) in [0, 1], C 1 or 3."""
        last = self.network.features(to_seen(images))[-1]  # (N, 512, h, w)
        return Read(last.float().mean((2, 3)) / SCALE, None)


class ClassifierReader(Reader):
    """Features and classes of a classifier of ours."""

    def __init__(
        self, name: str, labels: tuple[str, ...], network: Classifier, device: torch.device
    ) -> None:
        """Take a classifier, on `device`, and the names of its classes."""
        self.name, self.labels, self.network, self.device = name, labels, network, device

    def look(self, images: Tensor) -> Read:
        """Read a batch (N, C, H, W) in [0, 1], C 1 or 3, scaled to what it was trained on."""
        size, channels = self.network.size, self.network.channels
        if channels == 1:
            images = _to_gray(images)
        if images.shape[-2:] != (size, size):
            mode = "area" if images.shape[-1] > size else "bilinear"
            images = F.interpolate(images, (size, size), mode=mode)
        logits, features = self.network(images.expand(-1, channels, -1, -1))
        return Read(features.float(), logits.argmax(1))


def load_reader(
    name: str | Path | None = None, labels: Sequence[str] = (), device: str = "auto"
) -> Reader:
    """Load the network to look through.

    Args:
        name: "squeeze", a shipped classifier, or a classifier's file; None is the shipped
            classifier that tells exactly `labels` apart, in any order, or else "squeeze".
        labels: names of the classes of what will be looked at.
        device: see `restore.device.pick_device`.

    Raises:
        UsageError: an unknown name, or a checkpoint that is no classifier.
        RestoreError: the file can't be loaded, or the squeeze network is not on this machine.
    """
    place = pick_device(device)
    if name is None:
        name = next((n for n in classifier_names() if _tells(n, labels)), SQUEEZE)
    if str(name) == SQUEEZE:
        return SqueezeReader(load_squeeze(place), place)
    if not str(name).endswith(".safetensors"):
        names = dict.fromkeys((SQUEEZE, *classifier_names()))
        look_up(names, str(name), "network to compare by")
    path = classifier_path(name)
    check_task(path, "classify")
    header, network = load_network(path, CLASSIFIERS)
    known = tuple(header.labels or map(str, range(network.classes)))
    return ClassifierReader(header.name, known, to_device(network, place), place)


def load_squeeze(device: torch.device) -> Lpips:
    """Load LPIPS-squeeze.

    Raises:
        RestoreError: its backbone is not on this machine.
    """
    network = load_lpips()
    if network is None:
        raise RestoreError(
            "The squeeze network that such pictures are compared by is not on this machine; "
            "restore models --fetch lpips brings it."
        )
    return to_device(network, device)


def to_images(pictures: Pixels) -> Tensor:
    """Return pictures (N, H, W, 3) or (N, H, W) as (N, 3 or 1, H, W) in [0, 1]."""
    return torch.cat([to_tensor(np.atleast_3d(picture)) for picture in pictures])


def _to_gray(images: Tensor) -> Tensor:
    """Return images (N, 1 or 3, H, W) as gray, by the weights of ITU-R BT.601, as in training."""
    if images.shape[1] == 1:
        return images
    return (images * images.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)


def to_seen(images: Tensor) -> Tensor:
    """Return images (N, C, H, W) as the squeeze network takes them: RGB, 64 pixels or more."""
    images = images.expand(-1, 3, -1, -1)
    side = min(images.shape[2:])
    if side >= ENLARGED_SIDE:
        return images
    size = [round(ENLARGED_SIDE * each / side) for each in images.shape[2:]]
    return F.interpolate(images, size=size, mode="bilinear")


def _tells(name: str, labels: Sequence[str]) -> bool:
    return bool(labels) and {*read_header(classifier_path(name)).labels} == {*labels}
