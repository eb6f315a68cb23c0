"""The detector: a photo in, a mask of its scratches, cracks, folds, flakes and spots out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import sqrt
from numbers import Real
from pathlib import Path

import cv2
import numpy as np
import torch

from restore.assets import checkpoint_path
from restore.checkpoint import Header, check_task, load_network
from restore.device import autocast, memory_errors, pick_device, sentence_on_memory, to_device
from restore.errors import UsageError
from restore.fixing import check_photo, find_damage
from restore.image import Mask, Photo, Pixels, Plane, check_pixels, to_tensor
from restore.masks import check_growth, grow_mask, mask_from_chances
from restore.nets import DETECTORS, DetectorNetwork
from restore.windows import Box, split_box

THRESHOLD = 0.5  # probability from which on a pixel counts as damaged
LARGEST_SIDE = 640  # pixels; see `largest_side`, of a checkpoint that does not tell
SMALLEST_SIDE = 256  # pixels; real scratches of a photo of this size are found best as it is
LARGEST = 2**24  # pixels that a small photo is enlarged to
MOST_ENLARGED = 8  # times; in smaller ones nothing is found, and strips would become huge
LARGEST_TILE = 1024  # pixels, side, without the overlap


@dataclass(frozen=True, eq=False)
class Detector:
    """A detector that is ready to use: `Detector.load("scratches").find(photo)`."""

    name: str
    settings: Header = field(repr=False)
    network: DetectorNetwork = field(repr=False)
    device: torch.device

    @property
    def largest_side(self) -> int:
        """The shorter side of the largest photos that its training knew parts of, in pixels."""
        zoom = self.settings.zoom
        return LARGEST_SIDE if zoom is None else round(self.settings.size * zoom)

    @classmethod
    def load(
        cls, name: str | Path = "scratches", device: str | torch.device = "auto"
    ) -> "Detector":
        """Load a shipped checkpoint by name, a .safetensors file, or a run's folder.

        Raises:
            UsageError: an unknown name or device, or a checkpoint that finds nothing.
            RestoreError: the file is missing or is no whole checkpoint of this program.
        """
        path = checkpoint_path(name)
        place = pick_device(device)
        check_task(path, "detect")
        settings, network = load_network(path, DETECTORS)
        return cls(settings.name, settings, to_device(network, place), place)

    def find(self, photo: Pixels, *, threshold: float | None = None, grow: int = 0) -> Mask:
        """Return a mask of the damage (H, W) uint8 {0, 1}, 1 is the hole: it should be filled.

        Args:
            photo: (H, W, 3) uint8 RGB, of any size.
            threshold: probability from which on a pixel counts, 0 to 1, None is `THRESHOLD`; lower
                finds more, also of what is none. Where damage is certain, it is followed further,
                see `restore.masks.mask_from_chances`.
            grow: pixels by which the mask is widened. To fill what was found, take 2: damage has
                soft rims.

        Raises:
            UsageError: the photo has another shape or type, or the threshold or `grow` makes no
                sense.
            RestoreError: there is not enough memory.
        """
        threshold = THRESHOLD if threshold is None else threshold
        if not isinstance(threshold, Real) or not 0 <= threshold <= 1:
            raise UsageError(f"A threshold is a probability, 0 to 1, not {threshold!r}.")
        check_growth(grow)
        chances = self.rate(photo)
        with sentence_on_memory():
            return grow_mask(mask_from_chances(chances, threshold), grow)

    def find_photo(self, photo: Photo, *, threshold: float | None = None, grow: int = 0) -> Mask:
        """Return a mask of the damage of what is visible of a photo; else as `find`."""
        check_photo(photo, "Detector.find")
        return find_damage(self, photo, threshold=threshold, grow=grow)

    def rate(self, photo: Pixels) -> Plane:
        """Return for each pixel the probability that it is damaged, (H, W) float32 in [0, 1].

        A large photo is also looked at in halves of its size, where wide scratches are as thin as
        those that were learned from; what was found at any size counts. A small one is looked at
        enlarged, since photos smaller than those seem to be full of specks.

        Raises:
            UsageError: the photo has another shape or type.
            RestoreError: there is not enough memory.
        """
        check_pixels(photo)
        with sentence_on_memory():
            return self._rate_sizes(photo)

    def _rate_sizes(self, photo: Pixels) -> Plane:
        """Return the probabilities of a photo by all sizes that it is looked at in."""
        height, width = photo.shape[:2]
        if (larger := self._enlarge(photo)) is not photo:
            found = cv2.resize(
                self._rate_both(larger), (width, height), interpolation=cv2.INTER_AREA
            )
            return np.asarray(found, np.float32)
        found = self._rate_both(photo)
        while min(photo.shape[:2]) > self.largest_side:
            photo = _halve(photo)
            smaller = cv2.resize(self._rate_both(photo), (width, height))
            np.maximum(found, np.asarray(smaller, np.float32), out=found)
        return found

    def _enlarge(self, photo: Pixels) -> Pixels:
        """Return a photo, enlarged where it is smaller than all that were learned from."""
        height, width = photo.shape[:2]
        side = min(SMALLEST_SIDE, self.settings.size)
        factor = min(side / min(height, width), MOST_ENLARGED, sqrt(LARGEST / (height * width)))
        if factor <= 1:
            return photo
        size = (round(factor * width), round(factor * height))
        return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_CUBIC), np.uint8)

    def _rate_both(self, photo: Pixels) -> Plane:
        """Return the mean of the probabilities of a photo as it is and mirrored at its diagonal."""
        rated = self._rate_alone(photo)
        rated += self._rate_alone(np.ascontiguousarray(photo.swapaxes(0, 1))).T
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
            with memory_errors(), torch.inference_mode(), autocast(self.device):
                pixels = to_tensor(padded[window.slices]).to(self.device)  # (1, 3, h, w)
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


def _halve(photo: Pixels) -> Pixels:
    size = (-(-photo.shape[1] // 2), -(-photo.shape[0] // 2))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
