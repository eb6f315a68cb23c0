"""A photo as it was read, fixed by a restorer, with its transparency, 16 bits and size."""

from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from restore.errors import UsageError
from restore.image import (
    AnyPixels,
    Mask,
    Photo,
    Pixels,
    check_alpha,
    check_pixels,
    cover_hidden,
    encode_finely,
    enlarge,
    match_samples,
    replace_pixels,
)
from restore.masks import grow_mask, hole_share, to_mask
from restore.seeded import read_seed

LARGEST_HOLE = 0.95  # share of a photo: above it there is nothing to go by
UNSEEN = 192  # pixels from a hole within which what is transparent counts as unknown


class Fixer(Protocol):
    """What fixes pixels: a restorer, one that many threads share, or several in turn.

    Where there is nothing to do it may return the same array.
    """

    @property
    def name(self) -> str:
        """The restorer's name."""

    @property
    def mends(self) -> bool:
        """Whether it mends photos, which may have 16 bits; what fills holes takes 8."""

    def fix(self, photo: AnyPixels, mask: Mask | None = None, seed: int = 0) -> AnyPixels:
        """See `restore.restorer.Restorer.fix`."""


class Finder(Protocol):
    """What finds damage: a `Detector`."""

    def find(self, photo: Pixels, *, threshold: float | None = None, grow: int = 0) -> Mask:
        """See `restore.detector.Detector.find`."""


def find_damage(
    finder: Finder, photo: Photo, *, threshold: float | None = None, grow: int = 0
) -> Mask:
    """Return the damage of what is visible of a photo, (H, W) {0, 1}, 1 is the hole."""
    shown = cover_hidden(photo.pixels, photo.alpha)
    found = finder.find(shown, threshold=threshold, grow=grow)
    return found if photo.alpha is None else found & (photo.alpha > 0)


def check_photo(photo: Photo, for_arrays: str) -> None:
    """Refuse what is no photo as `read_image` gives it; `for_arrays` names what takes arrays.

    Raises:
        UsageError: in a sentence.
    """
    if not isinstance(photo, Photo):
        raise UsageError(
            f"The photo has to be what read_image returns, not {type(photo).__name__}; "
            f"{for_arrays} takes arrays."
        )
    check_pixels(photo.pixels)
    check_alpha(photo.alpha, photo.pixels.shape)


def see_hole(mask: Mask, alpha: Pixels | None) -> tuple[Mask, float]:
    """Return what is visible of a hole, (H, W) {0, 1}, and its share of all that is visible."""
    if alpha is None:
        return mask, hole_share(mask)
    visible = (alpha > 0).view(np.uint8)
    seen = mask & visible
    return seen, float(seen.sum() / max(1, visible.sum()))


def fix_photo(fixer: Fixer, photo: Photo, mask: Mask | None = None, seed: int = 0) -> Photo:
    """Return the photo fixed, ready to be written; itself where there is nothing to do.

    What is invisible is not looked at and stays. What is mended has 16 bits where the photo has
    them, and a JPEG that is mended is not compressed as strongly as before, which would put back
    what it was rid of.

    Args:
        fixer: a restorer.
        photo: as read.
        mask: (H, W) {0, 1}, 1 is the hole: this pixel may change. None for all of it.
        seed: of the fill.

    Raises:
        UsageError: nearly all that is visible is hole, or as `restore.restorer.Restorer.fix`.
        RestoreError: as that.
    """
    check_alpha(photo.alpha, photo.pixels.shape)
    if mask is not None:
        mask, share = see_hole(mask, photo.alpha)
        if not share:
            return photo
        if share > LARGEST_HOLE and not fixer.mends:
            raise UsageError(
                f"The hole is {share:.1%} of the photo, and at most {LARGEST_HOLE:.0%} can be "
                "filled."
            )
    shown = _show(_take_pixels(fixer, photo), photo.alpha, None if fixer.mends else mask)
    unknown = mask if mask is None else find_unknown(mask, photo.alpha)
    fixed = fixer.fix(shown, unknown, seed=seed)
    if fixed is shown:
        return photo
    result = _put_back(fixer, photo, fixed, mask)
    if fixer.mends and photo.format == "JPEG":
        result = replace(result, encoding=encode_finely(photo.encoding))
    return result


def _show(pixels: AnyPixels, alpha: Pixels | None, hole: Mask | None) -> AnyPixels:
    """Return pixels (H, W, 3) with what is invisible in the colours of what is around it.

    `hole`: what goes, (H, W) {0, 1}, and shall not shine through either.
    """
    if alpha is None or alpha.all():
        return pixels
    return cover_hidden(pixels, alpha if hole is None else np.where(hole == 1, np.uint8(0), alpha))


def _put_back(fixer: Fixer, photo: Photo, fixed: AnyPixels, mask: Mask | None) -> Photo:
    """Return the photo, as large as what was made of it, with that but for what is invisible."""
    factor = len(fixed) // len(photo.pixels)
    # Where pixels are all there is, they need not be enlarged apart.
    ready = fixed if photo.alpha is None and photo.deep is None else None
    like = photo if factor == 1 else enlarge(photo, factor, ready)
    if like.alpha is not None and not like.alpha.all():
        stays = like.alpha == 0 if mask is None else mask == 0
        fixed = np.where(stays[..., None], _take_pixels(fixer, like), fixed)
    return replace_pixels(like, fixed)


def fix_with(
    fixer: Fixer, photo: Photo, mask: NDArray[np.generic] | None = None, seed: int = 0
) -> Photo:
    """Fix a photo as it was read by any network, which changes what the mask marks alone.

    Args:
        fixer: a restorer, or an object with the same `name`, `mends` and `fix`.
        photo: as `read_image` gives it, or one whose pixels were changed or cut since
            (`dataclasses.replace`), with its transparency.
        mask: (H, W); everything but 0 is the hole: this pixel may change. Of what fills holes it is
            at most 95 % of what is visible. None for all of the photo.
        seed: of the fill.

    Returns:
        What `write_image(path, fixed.pixels, like=fixed)` writes; `photo` itself where there is
        nothing to do.

    Raises:
        UsageError: as `Restorer.fix`, or it is no `Photo`, or nearly everything is hole, or the
            fixer returns other pixels than a photo's.
        RestoreError: there is not enough memory.
    """
    from restore.device import sentence_on_memory  # brings torch

    read_seed(seed)
    check_photo(photo, "Restorer.fix")
    hole = None if mask is None else to_mask(mask, photo.pixels.shape[:2])
    with sentence_on_memory():
        return fix_photo(_Checked(fixer), match_samples(photo), hole, seed)


class _Checked:
    """A fixer that is given arrays of its own, and of whose answers the hole alone is taken."""

    def __init__(self, fixer: Fixer) -> None:
        self.fixer, self.name, self.mends = fixer, fixer.name, fixer.mends

    def fix(self, photo: AnyPixels, mask: Mask | None = None, seed: int = 0) -> AnyPixels:
        if mask is None and not self.mends:
            raise UsageError(f"{self.name} fills holes, so it needs a mask.")
        fixed = self.fixer.fix(photo.copy(), None if mask is None else mask.copy(), seed=seed)
        try:
            check_pixels(fixed, deep=self.mends)
        except UsageError as error:
            raise UsageError(f"What {self.name} has returned is no photo. {error}") from None
        factor = 1 if mask is not None else max(1, len(fixed) // len(photo))
        expected = tuple(factor * side for side in photo.shape[:2])
        if fixed.dtype != photo.dtype or fixed.shape[:2] != expected:
            raise UsageError(
                f"{self.name} has made {fixed.shape} {fixed.dtype} of a photo of {photo.shape} "
                f"{photo.dtype}."
            )
        result = fixed if mask is None else np.where(mask[..., None] == 1, fixed, photo)
        # It may have changed its copy in place, so that only the values tell.
        return photo if np.array_equal(result, photo) else result


def _take_pixels(fixer: Fixer, photo: Photo) -> AnyPixels:
    """Return pixels (H, W, 3) of a photo, of 16 bits where it has them and the fixer may."""
    deep = photo.deep_rgb if fixer.mends else None
    return photo.pixels if deep is None else deep


def find_unknown(hole: Mask, alpha: Pixels | None) -> Mask:
    """Return the hole, which is not all that is visible, with what is invisible near it.

    It has the colour of the nearest visible pixel, see `cover_hidden`: a fill goes on better.
    """
    if alpha is None or alpha.all():
        return hole
    unseen = grow_mask(hole, UNSEEN) & (alpha == 0)
    return hole | unseen
