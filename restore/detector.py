"""The detector: a photo in, a mask of its scratches, cracks, folds and spots out."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from restore.assets import checkpoint_path
from restore.checkpoint import Header, check_task, load_network
from restore.device import autocast, memory_errors, pick_device
from restore.image import check_pixels, to_tensor
from restore.masks import Mask, grow_mask
from restore.nets import DETECTORS, DetectorNetwork
from restore.windows import Box, split_box

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]

THRESHOLD = 0.6  # probability from which on a pixel counts as damaged; best F1 on held-out photos
GROW = 0  # pixels
LARGEST_TILE = 1024  # pixels, side, without the overlap
LEAST_SIDE = 256  # pixels, that of training; no size looked at has a shorter side below it
SHRINK = 2**-0.5  # from one size that is looked at to the next


@dataclass(frozen=True)
class Detector:
    """A detector that is ready to use: `Detector.load("scratches").find(photo)`."""

    name: str
    settings: Header
    network: DetectorNetwork
    device: torch.device

    @classmethod
    def load(cls, name: str | Path = "scratches", device: str = "auto") -> "Detector":
        """Load a shipped checkpoint by name, a .safetensors file, or a run's folder.

        Raises:
            UsageError: an unknown name or device, or a checkpoint that finds nothing.
            RestoreError: the file is missing or is no whole checkpoint of this program.
        """
        path = checkpoint_path(name)
        place = pick_device(device)
        check_task(path, "detect")
        settings, network = load_network(path, DETECTORS)
        return cls(settings.name, settings, network.to(place), place)

    def find(self, photo: Pixels, *, threshold: float = THRESHOLD, grow: int = GROW) -> Mask:
        """Return a mask of the damage (H, W) uint8 {0, 1}, 1 is the hole: it should be filled.

        Args:
            photo: (H, W, 3) uint8 RGB, of any size.
            threshold: probability from which on a pixel counts, 0 to 1; lower finds more, also of
                what is none.
            grow: pixels by which the mask is widened. To fill what was found, take 2: damage has
                soft rims.

        Raises:
            UsageError: the photo has another shape or type.
        """
        return grow_mask((self.rate(photo) >= threshold).view(np.uint8), grow)

    def rate(self, photo: Pixels) -> Plane:
        """Return for each pixel the probability that it is damaged, (H, W) float32 in [0, 1].

        A large photo is also looked at in smaller sizes, where wide scratches are as thin as those
        that were learned from. What was found at any size counts; for half of it, together with
        what was found at the sizes next to it, since what stands out at one size alone is mostly
        no damage.

        Raises:
            UsageError: the photo has another shape or type.
        """
        check_pixels(photo)
        height, width = photo.shape[:2]
        rated = [self._rate_both(smaller) for smaller in _shrink(photo)]  # each of its own size
        found = np.zeros((height, width), np.float32)
        for n, here in enumerate(rated):
            mean = 2 * here
            for other in (rated[max(n - 1, 0)], rated[min(n + 1, len(rated) - 1)]):
                mean += _resize(other, here.shape)
            mean /= 4
            np.maximum(found, _resize(mean, found.shape), out=found)
        return found

    def _rate_both(self, photo: Pixels) -> Plane:
        """Return the mean of the probabilities of a photo as it is and as in a mirror."""
        rated = self._rate_alone(photo)
        rated += self._rate_alone(np.ascontiguousarray(photo[:, ::-1]))[:, ::-1]
        rated /= 2
        return rated

    def _rate_alone(self, photo: Pixels) -> Plane:
        """Return the probabilities of one size, tile by tile; as if there were no tiles."""
        height, width = photo.shape[:2]
        step = self.network.multiple_of
        padding = ((0, -height % step), (0, -width % step), (0, 0))
        padded = np.pad(photo, padding, mode="edge")
        found = np.empty(padded.shape[:2], np.float32)
        for core, window in self._tiles(padded.shape[0], padded.shape[1]):
            pixels = to_tensor(padded[window.slices]).to(self.device)  # (1, 3, h, w)
            with memory_errors(), torch.inference_mode(), autocast(self.device):
                rated = torch.sigmoid(self.network(pixels))[0, 0].cpu().numpy()
            found[core.slices] = rated[core.inside(window).slices]
        return found[:height, :width]

    def _tiles(self, height: int, width: int) -> Iterator[tuple[Box, Box]]:
        """Yield (what a tile decides, what it sees), both on the network's grid of cells."""
        step = self.network.multiple_of
        overlap = step * -(-self.network.reach // step)
        for cells in split_box(Box(0, 0, height // step, width // step), LARGEST_TILE // step):
            core = Box(
                *(step * edge for edge in (cells.top, cells.left, cells.bottom, cells.right))
            )
            yield core, core.widen(overlap, 0, height, width)


def _shrink(photo: Pixels) -> Iterator[Pixels]:
    """Yield a photo in all sizes that it is looked at in, the largest first."""
    yield photo
    height, width = photo.shape[:2]
    scale = SHRINK
    while min(height, width) * scale >= LEAST_SIDE:
        size = (round(width * scale), round(height * scale))
        yield np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
        scale *= SHRINK


def _resize(rated: Plane, shape: tuple[int, ...]) -> Plane:
    """Return probabilities at a size (height, width)."""
    if rated.shape == shape:
        return rated
    method = cv2.INTER_AREA if rated.shape[0] > shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rated, shape[::-1], interpolation=method), np.float32)
