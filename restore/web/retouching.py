"""A photo whose holes are filled one after the other, each until it is taken back."""

from dataclasses import replace
from itertools import count
from typing import Any, NamedTuple

import cv2
import numpy as np

from restore.errors import UsageError
from restore.fixing import LARGEST_HOLE, Fixer, fix_photo, see_hole
from restore.image import AnyPixels, Mask, Photo, Pixels
from restore.seeded import SEEDS
from restore.windows import Box


class Fill(NamedTuple):
    """A hole that has been filled, or whose fill was taken back, and what is not shown of it."""

    hole: Mask  # (H, W) {0, 1} of the box, 1 is the hole
    box: Box  # around it
    seed: int
    hidden: "Part"  # the hole as it was before the fill, or filled where that was taken back
    under: "Part"  # the hole before any fill of it

    def is_same(self, other: "Fill") -> bool:
        """Return whether it shows the same in the same hole."""
        return self.hole is other.hole and self.seed == other.seed


class Part(NamedTuple):
    """The pixels of a photo that lie in a hole; others a fill does not change."""

    pixels: Pixels  # (N, 3)
    deep: AnyPixels | None  # (N, C), where the photo has 16 bits
    encoding: dict[str, Any]  # of all of the photo


class Retouching:
    """A photo while its holes are filled.

    Attributes:
        original: the photo as read.
        photo: as it is now.
        fills: what has been filled, in order.
        undone: what has been taken back since the last fill, in order.
    """

    def __init__(self, fixer: Fixer, photo: Photo, seed: int = 0) -> None:
        """Take what fills holes, the photo as read, and the seed of the first fill of a hole."""
        self.fixer, self.seed = fixer, seed
        self.original = self.photo = photo
        self.fills: list[Fill] = []
        self.undone: list[Fill] = []

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the photo."""
        return self.photo.size

    @property
    def filled(self) -> Mask:
        """All that has been filled, (H, W) {0, 1}."""
        mask = np.zeros(self.size, np.uint8)
        for fill in self.fills:
            mask[fill.box.slices] |= fill.hole
        return mask

    def fill(self, hole: Mask) -> Box:
        """Fill a hole, (H, W) {0, 1}: this pixel may change; return the box that it lies in.

        Raises:
            UsageError: nothing is marked, or nearly everything.
            RestoreError: there is not enough memory.
        """
        _, share = see_hole(hole, self.photo.alpha)
        if not hole.any():
            raise UsageError("Nothing is painted; paint over what should go first.")
        if not share:
            raise UsageError("Only what is transparent is painted, and that stays as it is.")
        if share > LARGEST_HOLE:
            raise UsageError(
                f"{share:.1%} of the photo is painted, and at most {LARGEST_HOLE:.0%} can be "
                "filled; erase some of it."
            )
        left, top, width, height = cv2.boundingRect(hole)
        box = Box(top, left, top + height, left + width)
        marked = hole[box.slices].copy()
        hidden = _cut_out(self.photo, box, marked)
        self.photo = fix_photo(self.fixer, self.photo, hole, self.seed)
        self.fills = [*self.fills, Fill(marked, box, self.seed, hidden, hidden)]
        self.undone = []
        return box

    def fill_again(self) -> Box:
        """Fill the last hole by a seed that it was not filled by; return the box that it lies in.

        Raises:
            UsageError: nothing has been filled.
        """
        last = self._last()
        hole = np.zeros(self.size, np.uint8)
        hole[last.box.slices] = last.hole
        tried = {fill.seed for fill in (last, *self.undone) if fill.hole is last.hole}
        seed = next(seed % SEEDS for seed in count(last.seed + 1) if seed % SEEDS not in tried)
        hidden = _cut_out(self.photo, last.box, last.hole)
        bare = _lay(self.photo, last, last.under)
        self.photo = fix_photo(self.fixer, bare, hole, seed)
        self.fills = [*self.fills, last._replace(seed=seed, hidden=hidden)]
        self.undone = []
        return last.box

    def undo(self) -> Box:
        """Take the last fill back; return the box that it lay in.

        Raises:
            UsageError: nothing has been filled.
        """
        last = self._last()
        self.undone = [*self.undone, self._exchange(last)]
        self.fills = self.fills[:-1]
        if not self.fills:
            self.photo = self.original
        return last.box

    def redo(self) -> Box:
        """Put the fill back that was last taken back; return the box that it lies in.

        Raises:
            UsageError: nothing has been taken back since the last fill.
        """
        if not self.undone:
            raise UsageError("Nothing has been taken back.")
        last = self.undone[-1]
        self.fills = [*self.fills, self._exchange(last)]
        self.undone = self.undone[:-1]
        return last.box

    def _exchange(self, fill: Fill) -> Fill:
        """Show what is hidden of a fill, and return the fill with what was shown."""
        shown = _cut_out(self.photo, fill.box, fill.hole)
        self.photo = _lay(self.photo, fill, fill.hidden)
        return fill._replace(hidden=shown)

    def _last(self) -> Fill:
        if not self.fills:
            raise UsageError("Nothing has been filled yet; paint over what should go first.")
        return self.fills[-1]


def _lay(photo: Photo, fill: Fill, part: Part) -> Photo:
    """Return the photo with what was cut out of the hole of a fill."""
    pixels, deep, where = photo.pixels.copy(), photo.deep, fill.hole == 1
    pixels[fill.box.slices][where] = part.pixels
    if deep is not None and part.deep is not None:
        deep = deep.copy()
        deep[fill.box.slices][where] = part.deep
    return replace(photo, pixels=pixels, deep=deep, encoding=part.encoding)


def _cut_out(photo: Photo, box: Box, hole: Mask) -> Part:
    """Return a copy of the pixels in a hole (H, W) {0, 1} of a box."""
    deep = None if photo.deep is None else photo.deep[box.slices][hole == 1]
    return Part(photo.pixels[box.slices][hole == 1], deep, photo.encoding)
