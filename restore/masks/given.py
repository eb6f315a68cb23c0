"""Masks for one photo: read and written, or made from boxes, a colour or transparency."""

from collections.abc import Iterable, Sequence
from functools import reduce
from numbers import Real
from operator import index
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageColor

from restore.errors import UsageError
from restore.image import (
    LOSSY,
    MAX_PIXELS,
    DeepPixels,
    Mask,
    Photo,
    Pixels,
    encode_image,
    is_inverted,
    open_picture,
    read_samples,
    to_eight_bits,
    to_upright,
    write_image,
)

TOLERANCE = 30  # largest difference of a channel at which a colour is still taken for the same
SOFT_RIM = 8  # pixels that the rim of what is marked may be wide
# Levels of 255 up to which a rim is black, and those that lossy compression makes of black.
FAINT, STAINED = 12, 40
FOLLOWED = 0.55  # of the threshold: chance down to which damage is followed
CERTAIN = 0.8  # chance that a piece of damage has somewhere, if it is followed
RIM = 2  # pixels round likely damage where nothing is followed


def read_mask(
    path: str | Path,
    size: tuple[int, int],
    mask_is: str = "hole",
    *,
    max_pixels: int = MAX_PIXELS,
    data: bytes | None = None,
) -> Mask:
    """Read a picture as a mask (H, W) uint8 {0, 1} for a photo of `size`, 1 is the hole.

    Any picture will do, as it is displayed; what has a channel of 50 % or more counts as white,
    so gray from the middle up and strong colours, with its soft rim, and transparent parts mark
    nothing. Values go up to 1, 255 or 65535, whichever they fit. A picture of another size is
    fitted so that whatever the hole touches is hole.

    Args:
        path: the picture, or its name where `data` is what it holds.
        size: (height, width) of the photo as displayed.
        mask_is: "hole": white marks the hole; "known": white marks what stays, black the hole;
            "alpha": what is transparent is the hole, see `mask_from_alpha`.
        max_pixels: a larger picture is refused, width times height.
        data: the content of a file that lies nowhere.

    Raises:
        UsageError: `mask_is` is something else, or the shape differs from the photo's by over 1 %
            and by more than rounding a side does.
        RestoreError: the file can't be read.
    """
    _check_size(size)
    mask = read_whole_mask(path, mask_is, max_pixels=max_pixels, data=data)
    if not is_shaped_as(mask, size):
        raise UsageError(
            f"The mask {path} is {mask.shape[1]} x {mask.shape[0]} and the photo {size[1]} x "
            f"{size[0]} pixels; a mask needs the shape of the photo as displayed, at any size."
        )
    return fit_mask(mask, size)


def is_shaped_as(mask: Mask, size: tuple[int, int]) -> bool:
    """Return whether a mask has the shape of a photo (height, width), at any size.

    It may differ by 1 %, or by what rounding a side does.
    """
    (height, width), (tall, broad) = mask.shape, size
    rounded = min(abs(width * tall / broad - height), abs(height * broad / tall - width)) <= 0.5
    return rounded or abs(width * tall / (height * broad) - 1) <= 0.01


def read_whole_mask(
    path: str | Path,
    mask_is: str = "hole",
    *,
    max_pixels: int = MAX_PIXELS,
    data: bytes | None = None,
) -> Mask:
    """Read a picture as a mask of its own size; the rest as `read_mask`."""
    if mask_is not in {"hole", "known", "alpha"}:
        raise UsageError(
            f"A mask is 'hole' or 'known', what its white marks, or 'alpha', not '{mask_is}'."
        )
    with open_picture(path, max_pixels, data) as picture:
        deep = read_samples(Path(path), picture, data)
        shown = to_upright(picture) if deep is None else _to_picture(deep)
        if mask_is == "alpha":
            if not shown.has_transparency_data:
                raise UsageError(f"The mask {path} has no transparency that marks a hole.")
            return mask_from_alpha(np.asarray(shown.convert("RGBA").getchannel("A")))
        levels = _read_levels(shown, beneath=0 if mask_is == "hole" else 255)
        is_lossy = picture.format in {*LOSSY, "MPO"}
    if deep is None and not is_lossy and levels.max(initial=0) == 1:  # labels 0 and 1
        levels = levels * np.uint8(255)
    return _cut_softly(
        levels if mask_is == "hole" else 255 - levels, STAINED if is_lossy else FAINT
    )


def _to_picture(deep: DeepPixels) -> Image.Image:
    """Return samples (H, W, C), C = 1 to 4: gray or RGB, then alpha, as a picture of 8 bits.

    They may go up to 255 alone, as of a mask that was given more bits and no larger values.
    """
    most = deep.max(initial=0)
    levels = (
        to_eight_bits(deep) if most > 255 else deep.astype(np.uint8) * (255 if most == 1 else 1)
    )
    return Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)


def _read_levels(picture: Image.Image, beneath: int) -> Pixels:
    """Return the brightest channel (H, W) of a picture, transparent parts laid over `beneath`.

    Not its luma, by which a hole painted in pure red or blue is nearly black.
    """
    if picture.mode in {"I", "F"} or picture.mode.startswith("I;16"):
        values = np.nan_to_num(np.asarray(picture), posinf=0, neginf=0)  # what isn't known: black
        most = values.max(initial=0)  # a mask made smaller may be somewhat over its scale
        scale = next((scale for scale in (1, 255) if most < 2 * scale), 65_535)
        levels = np.clip(np.rint(values * (255 / scale)), 0, 255).astype(np.uint8)
        return 255 - levels if is_inverted(picture) else levels
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, (beneath, beneath, beneath, 255))
        picture = Image.alpha_composite(ground, picture)
    bands = picture.convert("RGB").split() if picture.mode != "L" else [picture]
    return np.asarray(reduce(ImageChops.lighter, bands))


def _cut_softly(levels: Pixels, faint: int) -> Mask:
    """Return what is at least half as bright as white, and the soft rim round it.

    That is all over `faint` within `SOFT_RIM` pixels, of which something would be left else.
    """
    hole = levels >= 128
    soft = (levels > faint) & ~hole
    if soft.any():  # most masks are black and white, and to look around holes takes long
        hole |= soft & (grow_mask(hole.view(np.uint8), SOFT_RIM) == 1)
    return hole.view(np.uint8)


def to_mask(values: NDArray[np.generic], size: tuple[int, ...] | None = None) -> Mask:
    """Return what marks a hole as a mask (H, W) uint8 {0, 1}, 1 is the hole.

    Args:
        values: (H, W) numbers or truth values; everything but 0 is the hole, so 255 is, too.
        size: (H, W) of its photo, where that is known.

    Raises:
        UsageError: it is no such array, or holds what is no number (NaN), or has another size.
    """
    if not isinstance(values, np.ndarray):
        kind = type(values).__name__
        raise UsageError(f"The mask must be an array (height, width), not a {kind}.")
    if values.ndim != 2:
        raise UsageError(f"The mask must be an array (height, width), not {values.shape}.")
    if values.dtype.kind not in "biuf":
        raise UsageError(f"The mask must hold numbers or truth values, not {values.dtype}.")
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise UsageError("The mask holds NaN, which marks neither a hole nor what is known.")
    if size is not None and values.shape != size:
        raise UsageError(
            f"The mask must be (height, width) as the photo, {size}, not {values.shape}."
        )
    return np.asarray(values != 0).astype(np.uint8)


def write_mask(path: str | Path, mask: NDArray[np.generic], *, overwrite: bool = False) -> None:
    """Write a mask, see `to_mask`, as a gray picture: white marks the hole.

    Raises:
        UsageError: the file exists and shall not be replaced, or its format can't be written.
        RestoreError: no permission, a full disk; nothing is left behind.
    """
    white = _to_white(mask)
    write_image(path, white, Photo(white, gray=True), overwrite=overwrite)


def encode_mask(name: str | Path, mask: NDArray[np.generic]) -> bytes:
    """Return what `write_mask` writes to a file of this name, for what lies nowhere.

    Raises:
        UsageError: its format can't be written.
        RestoreError: a size that the format can't hold, or there is not enough memory.
    """
    white = _to_white(mask)
    return encode_image(name, white, Photo(white, gray=True))


def _to_white(mask: NDArray[np.generic]) -> Pixels:
    return (to_mask(mask) * np.uint8(255))[:, :, None].repeat(3, axis=2)


def fit_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    """Return a mask resized to (height, width): a pixel that the hole touches at all is hole."""
    for axis, new in enumerate(size):
        old = mask.shape[axis]
        if old == new:
            continue
        # New pixel i covers the old ones from first to last, whole or in part.
        first = np.arange(new) * old // new
        last = (np.arange(1, new + 1) * old - 1) // new
        counts = np.cumsum(mask, axis=axis, dtype=np.int32)
        before = counts.take(first, axis) - mask.take(first, axis)
        mask = (counts.take(last, axis) > before).view(np.uint8)
    return mask


def mask_from_boxes(size: tuple[int, int], boxes: Iterable[tuple[int, int, int, int]]) -> Mask:
    """Return a mask (H, W) uint8 {0, 1}, 1 is the hole, of boxes (x, y, width, height) in pixels.

    Args:
        size: (height, width) of the photo.
        boxes: an x or y below 0 counts from the right or the bottom edge, so that a date in a
            corner is found in photos of all sizes; what reaches over an edge is cut off.

    Raises:
        UsageError: a box without pixels in the photo, or what is no box or no size.
    """
    _check_size(size)
    mask = np.zeros(size, np.uint8)
    for x, y, width, height in map(read_box, boxes):
        left, top = (
            at + side if at < 0 else at for at, side in zip((x, y), size[::-1], strict=True)
        )
        box = mask[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
        if box.size == 0:
            raise UsageError(
                f"The box {x},{y},{width},{height} (X,Y,WIDTH,HEIGHT) has no pixels in a photo of "
                f"{size[1]} x {size[0]}."
            )
        box[:] = 1
    return mask


def _check_size(size: tuple[int, int]) -> None:
    if len(size) != 2 or min(size) < 1:
        raise UsageError(f"The size of a photo is (height, width), not {tuple(size)}.")


def read_box(box: Sequence[int]) -> tuple[int, int, int, int]:
    """Return a box as plain integers, also of NumPy's: x, y, width, height.

    Raises:
        UsageError: it is no box, or one without pixels in any photo.
    """
    try:
        x, y, width, height = map(index, box)
    except (TypeError, ValueError):
        raise UsageError(f"A box is four whole numbers, not {box!r}.") from None
    if width < 1 or height < 1:
        raise UsageError(
            f"The box {x},{y},{width},{height} (X,Y,WIDTH,HEIGHT) has no pixels; its width and "
            "height are 1 or more."
        )
    return x, y, width, height


def mask_from_color(pixels: Pixels, color: str, tolerance: int = TOLERANCE) -> Mask:
    """Return a mask (H, W) uint8 {0, 1}, 1 is the hole, of the pixels that have a colour.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        color: "#ff0000", "red" or any colour of CSS.
        tolerance: the largest difference in any channel, 0 to 255.

    Raises:
        UsageError: no such colour.
    """
    wanted = read_color(color)
    low, high = (
        np.clip(np.add(wanted, d), 0, 255).astype(np.uint8) for d in (-tolerance, tolerance)
    )
    return (np.asarray(cv2.inRange(pixels, low, high)) > 0).view(np.uint8)


def read_color(color: str) -> tuple[int, int, int]:
    """Return red, green and blue, 0 to 255, of "#ff0000", "red" or any colour of CSS.

    Raises:
        UsageError: no such colour.
    """
    try:
        red, green, blue, *_ = ImageColor.getrgb(color)
    except ValueError:
        raise UsageError(f"'{color}' is no colour; write it as #ff0000 or by name.") from None
    return red, green, blue


def mask_from_chances(chances: NDArray[np.float32], threshold: float) -> Mask:
    """Return a mask (H, W) uint8 {0, 1} of what is likely to be damaged, 1 is the hole.

    These are the pixels from the threshold on, and what goes on from them: a line that is faint in
    places is followed while its pixels are about half as likely, if it is certain somewhere
    ("hysteresis", Canny, IEEE TPAMI 8(6), 1986). Within `RIM` pixels of a likely one nothing is
    added, which would only widen it; a gap of so many pixels is closed when the mask is grown.

    Args:
        chances: (H, W), 0 to 1.
        threshold: 0 to 1.
    """
    likely = (chances >= threshold).view(np.uint8)
    count, pieces = cv2.connectedComponents((chances >= FOLLOWED * threshold).view(np.uint8))
    certain = np.zeros(count, np.uint8)
    certain[pieces[chances >= max(threshold, CERTAIN)]] = 1
    beyond = 1 - grow_mask(likely, RIM)
    return likely | (certain[pieces] & beyond)


def mask_from_alpha(alpha: Pixels) -> Mask:
    """Return a mask (H, W) uint8 {0, 1} of the transparent pixels, 1 is the hole.

    That is at least half transparent, and the rest of the soft rim round it: whatever is not
    opaque within `SOFT_RIM` pixels. Without it, a ring would stay half transparent.
    """
    return _cut_softly(255 - alpha, 0)


def check_growth(pixels: float) -> None:
    """Refuse what no mask can be grown by.

    Raises:
        UsageError: it is no number, or negative.
    """
    if not isinstance(pixels, Real) or not pixels >= 0:
        raise UsageError(f"A mask can be grown by 0 pixels or more, not by {pixels!r}.")


def grow_mask(mask: NDArray[np.generic], pixels: int) -> Mask:
    """Return a mask (H, W) uint8 {0, 1}, 1 is the hole, with the holes grown by some pixels.

    Args:
        mask: see `to_mask`.
        pixels: how far from a hole there is hole then.

    Raises:
        UsageError: it is no mask, or the number is negative.
    """
    hole = to_mask(mask)
    check_growth(pixels)
    if pixels == 0 or not hole.any():
        return hole
    distance = cv2.distanceTransform(1 - hole, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return (distance <= pixels).view(np.uint8)
