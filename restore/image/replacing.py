"""A photo with other pixels."""

from dataclasses import replace

import cv2
import numpy as np

from restore.image.deep import merge, to_eight_bits, to_luma
from restore.image.photo import AnyPixels, Photo, Pixels

BAND = 256  # rows that are compared at once, to save memory


def replace_pixels(photo: Photo, pixels: AnyPixels) -> Photo:
    """Return a photo with other pixels, in 8 and, where it has them, in 16 bits.

    Args:
        photo: what gives all the rest.
        pixels: (H, W, 3) RGB of its size, uint8 or uint16. Of a photo of 16 bits those samples stay
            that 8 bits show alike; a gray one takes the luma.
    """
    if photo.deep is None:
        return replace(photo, pixels=pixels if pixels.dtype == np.uint8 else to_eight_bits(pixels))
    deep = photo.deep.copy()
    colours = deep[..., : 1 if photo.gray else 3]
    if pixels.dtype == np.uint16:
        colours[:] = to_luma(pixels) if photo.gray else pixels
    else:
        colours[:] = merge(to_gray(pixels) if photo.gray else pixels, colours)
    levels = np.broadcast_to(to_eight_bits(colours), pixels.shape)
    return replace(photo, pixels=np.ascontiguousarray(levels), deep=deep)


def match_samples(photo: Photo) -> Photo:
    """Return a photo whose samples of 16 bits show its pixels; itself where it has none or they do.

    So whoever changes the pixels, or leaves out the transparency, need not think of these: samples
    stay where 8 bits show them alike, and the others become those of the pixels. Of a part that was
    cut out all do, since nothing says where it lay.
    """
    if photo.deep is None:
        return photo
    levels = to_gray(photo.pixels) if photo.gray else photo.pixels
    if photo.alpha is not None:
        levels = np.dstack([levels, photo.alpha])
    if levels.shape == photo.deep.shape and all(
        np.array_equal(to_eight_bits(photo.deep[top : top + BAND]), levels[top : top + BAND])
        for top in range(0, len(levels), BAND)
    ):
        return photo
    return replace(photo, deep=merge(levels, photo.deep[..., : levels.shape[2]]))


def to_gray(pixels: Pixels) -> Pixels:
    """Return pixels (H, W, 3) uint8 RGB as gray (H, W, 1), by the weights of ITU-R BT.601."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], np.uint8)
