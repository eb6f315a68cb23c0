"""Old photos: their damage is found or given, and filled, and then the whole is mended."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from restore.errors import UsageError
from restore.fixing import LARGEST_HOLE, Finder, Fixer, find_damage, find_unknown, see_hole
from restore.image import AnyPixels, Mask, Photo, Pixels, cover_hidden, to_eight_bits
from restore.masks import grow_mask

GROW = 2  # pixels by which what is found is widened, since damage has soft rims
NOISY = 10.0  # levels of noise from which on a photo is filled once more when it is mended
TONE = 8.0  # pixels; what is larger is tone, not noise


@dataclass(frozen=True, eq=False)
class Repairer:
    """Goes by the name of its filler, and fixes photos whose damage is found or given.

    Attributes:
        finder: marks the damage; None where that is given.
        filler: fills what is marked.
        mender: mends the filled photo as a whole; None leaves the rest as it is.
        grow: pixels by which a mark is widened.
        threshold: how sure the finder has to be of a pixel, 0 to 1; None is its own.
        damage: (H, W) {0, 1} of the photo that it has looked at, see `look_at`, or that is given;
            1 is the hole.
        alpha: (H, W) uint8 of that photo, 0 is transparent; None where all of it is to be seen.
    """

    finder: Finder | None
    filler: Fixer
    mender: Fixer | None = None
    grow: int = GROW
    threshold: float | None = None
    damage: Mask | None = None
    alpha: Pixels | None = None
    mends = True

    @property
    def name(self) -> str:
        """Return the names of the restorers that take part."""
        return self.filler.name if self.mender is None else f"{self.filler.name}+{self.mender.name}"

    def look_at(self, photo: Photo) -> "Repairer":
        """Return what fixes this photo, with its damage found once for fills of any seed.

        Raises:
            UsageError: nearly everything is damage.
        """
        assert self.finder is not None, "or the damage is given"
        hole = find_damage(self.finder, photo, threshold=self.threshold, grow=self.grow)
        if (share := see_hole(hole, photo.alpha)[1]) > LARGEST_HOLE:
            less = "widen it by less, " if self.grow else ""
            raise UsageError(
                f"What is taken for damage is {share:.1%} of the photo, and at most "
                f"{LARGEST_HOLE:.0%} can be filled; raise --threshold, {less}or mark it with a "
                "mask."
            )
        return replace(self, damage=hole, alpha=photo.alpha)

    @property
    def share(self) -> float:
        """The share of the photo that it has looked at and takes for damage."""
        return 0.0 if self.damage is None else see_hole(self.damage, self.alpha)[1]

    def fix(self, photo: AnyPixels, mask: Mask | None = None, seed: int = 0) -> AnyPixels:
        """Return the photo (H, W, 3) with its damage filled, and mended where there is a mender.

        Args:
            photo: RGB, uint8 or uint16; what is filled has 8 bits.
            mask: None: damage is found, unless it has looked at the photo already.
            seed: another seed, another fill.

        Returns:
            The same array where there is nothing to do.

        Raises:
            UsageError: nearly everything is damage.
        """
        assert mask is None, "what a mask marks is `damage`"
        hole = self.look_at(Photo(_show(photo))).damage if self.damage is None else self.damage
        assert hole is not None, "since it has looked"
        filled = self._fill(photo, hole, seed) if hole.any() else photo
        if self.mender is None:
            return filled
        mended = self.mender.fix(filled, None, seed=seed)
        if mended.shape == photo.shape and hole.any() and is_noisy(filled, mended, hole):
            wider = grow_mask(hole, 1)
            known = see_hole(wider, self.alpha)[1] <= LARGEST_HOLE
            return self._fill(mended, wider if known else hole, seed)
        return mended

    def _fill(self, photo: AnyPixels, hole: Mask, seed: int) -> AnyPixels:
        """Return the photo with a hole filled; what that took is freed before it is mended."""
        # What is invisible has the colour of what is beside it, and that may be damage.
        filled = self.filler.fix(_show(photo), find_unknown(hole, self.alpha), seed=seed)
        scale = photo.dtype.type(np.iinfo(photo.dtype).max // 255)
        return cover_hidden(np.where(hole[..., None] == 1, filled * scale, photo), self.alpha)


def _show(photo: AnyPixels) -> Pixels:
    """Return a photo with 8 bits, as what finds and fills takes it."""
    return to_eight_bits(photo) if photo.dtype == np.uint16 else photo


def is_noisy(filled: AnyPixels, mended: AnyPixels, hole: Mask) -> bool:
    """Tell whether mending changed much of the detail that was not filled, as it takes noise.

    What fills has learned from clean photos. From noise it goes on with combs and grit, which stay
    when it is mended (benchmarks/README.md).

    Args:
        filled: (H, W, 3) uint8 or uint16, before it was mended.
        mended: of the same size and type.
        hole: (H, W) {0, 1}, 1 was filled.
    """
    known = 1 - hole
    mean_square = 0.0
    for channel in range(3):  # one at a time, as a large photo's floats are gigabytes
        change = mended[..., channel].astype(np.float32)
        change -= filled[..., channel]
        change[hole == 1] = cv2.mean(change, known)[0]
        change -= cv2.GaussianBlur(change, (0, 0), TONE)  # which a faded photo gets anew
        mean_square += cv2.norm(change, cv2.NORM_L2SQR, known) / (3 * int(known.sum()))
    return mean_square >= (NOISY * np.iinfo(filled.dtype).max / 255) ** 2
