"""How photos are fixed: what is asked for, whichever photos they are."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from restore.folders.repairer import GROW
from restore.image import MAX_PIXELS

MAX_BYTES = 2**30  # of a photo's file or a mask's
MENDING = ("upscale", "natural", "strength", "tta", "keep_fading")  # of what mends whole photos
MENDING_FLAGS = "--upscale, --natural, --strength, --tta and --keep-fading"

MaskIs = Literal["hole", "known", "alpha"]
Sides = tuple[int, int, int, int]  # left, top, width, height of a box in pixels


@dataclass(frozen=True)
class FixOptions:
    """How photos are fixed.

    Attributes:
        mask: picture of the hole, in the photo as displayed. For a folder of photos it may be a
            folder of masks. None to mend the photo as a whole, or where it marks its own hole.
        mask_is: what white in the mask means, "hole" or "known"; or "alpha": the transparent pixels
            of the mask are the hole; without a mask those of the photo, which come back opaque.
        boxes: instead of a mask: the hole, in the photo as displayed, see
            `restore.masks.mask_from_boxes`.
        mend: whether the whole photo is mended once its hole is filled.
        grow: by how many pixels the hole is widened; None is `GROW` for what a detector finds, else
            0.
        upscale: how many times wider and higher a photo is made while it is mended: 1, 2 or 4.
        natural: 0 mends faithfully to the photo, 1 towards photos that look real, see
            `restore.restorer.Restorer.load`.
        strength: 0 to 1, by how much photos are mended, see `restore.restorer.Restorer.load`.
        seed: of the first result of a photo; the next ones take seed + 1, seed + 2, ...
        count: results for each photo; more than one are called NAME-1.EXT, NAME-2.EXT, ...
        overwrite: whether results that exist are replaced.
        max_pixels: width times height of a photo, mask or result at most, so that memory suffices.
        max_bytes: size of their files at most.
        find: a detector by name, file or run, which marks the damage; what it finds is filled, and
            then the whole is mended where "mend" is installed.
        threshold: how sure the detector has to be of a pixel, 0 to 1; None is its own.
        adapt: seconds for which the restorer practises on a photo before it fills its hole.
        tta: whether photos are mended mirrored in all ways and the mean is taken, see
            `restore.restorer.Restorer.load`.
        keep_fading: whether photos that are mended and look faded stay so.
        quality: of results that are lossy, see `restore.image.write_image`.
        extension: that results get instead of the photo's, as ".png"; None keeps that.
        mask_pattern: for a folder of photos, how masks are called in that of `mask` or beside the
            photo, with "{stem}" for its name without extension; None is "{stem}" in that of `mask`.
    """

    mask: Path | None = None
    mask_is: MaskIs = "hole"
    boxes: tuple[Sides, ...] = ()
    mend: bool = False
    grow: int | None = None
    upscale: int = 1
    natural: float = 0.0
    strength: float = 1.0
    seed: int = 0
    count: int = 1
    overwrite: bool = False
    max_pixels: int = MAX_PIXELS
    max_bytes: int = MAX_BYTES
    find: str | None = None
    threshold: float | None = None
    adapt: float = 0.0
    tta: bool = False
    keep_fading: bool = False
    quality: int | None = None
    extension: str | None = None
    mask_pattern: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether photos are mended as a whole: nothing says what the hole is."""
        given = (self.mask, self.mask_pattern) != (None, None) or self.boxes
        return not given and self.mask_is != "alpha"

    @property
    def repairs(self) -> bool:
        """Whether holes are filled and then the whole photo is mended."""
        return self.find is not None or self.mend

    @property
    def mending(self) -> dict[str, Any]:
        """What is set for photos that are mended as a whole, as `Restorer.load` takes it."""
        return {name: getattr(self, name) for name in MENDING}

    @property
    def tunes_mending(self) -> bool:
        """Whether any of it is not what it is by default."""
        return self.mending != FixOptions().mending

    @property
    def settings(self) -> dict[str, object]:
        """What a result depends on beside photo, mask, seed and restorer."""
        apart = {"mask", "mask_pattern", "seed", "count", "overwrite", "extension"}
        apart |= {"max_pixels", "max_bytes"}
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in apart}
        return found | {"grow": self.margin, "boxes": [list(box) for box in self.boxes]}

    @property
    def margin(self) -> int:
        """By how many pixels the hole is widened."""
        if self.grow is not None:
            return self.grow
        return 0 if self.find is None else GROW
