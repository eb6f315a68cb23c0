"""A photo with more pixels, and colours where it is invisible."""

from dataclasses import replace

import cv2
import numpy as np
from PIL import Image

from restore.image.exif import set_exif_size
from restore.image.photo import AnyPixels, Photo, Pixels


def enlarge(photo: Photo, factor: int, pixels: Pixels | None = None) -> Photo:
    """Return a photo `factor` times as wide and high, by bicubic interpolation (a = −0.5).

    Transparency is enlarged alike; invisible colours don't mix into those that are to be seen.
    The width and height in the EXIF are those of the new pixels; the resolution in dots per inch
    stays, so in print the photo gets larger.

    Args:
        photo: as read.
        factor: a whole number.
        pixels: those of the result, where they are known.
    """
    deep = None if photo.deep is None else cover_hidden(photo.deep, photo.alpha)
    deep = None if deep is None else enlarge_samples(deep, factor)
    alpha = None if photo.alpha is None else enlarge_samples(photo.alpha[..., None], factor)[..., 0]
    if pixels is None:
        pixels = enlarge_samples(cover_hidden(photo.pixels, photo.alpha), factor)
    exif = set_exif_size(photo.exif, pixels.shape[1], pixels.shape[0])
    return replace(photo, pixels=pixels, alpha=alpha, deep=deep, exif=exif)


def enlarge_samples(samples: AnyPixels, factor: int) -> AnyPixels:
    """Return samples (H, W, C) uint8 or uint16 enlarged, in their type."""
    size = (samples.shape[1] * factor, samples.shape[0] * factor)
    most = np.iinfo(samples.dtype).max
    larger = np.empty((size[1], size[0], samples.shape[2]), samples.dtype)
    for channel in range(samples.shape[2]):
        plane = Image.fromarray(samples[..., channel].astype(np.float32))
        values = np.array(plane.resize(size, Image.Resampling.BICUBIC))
        larger[..., channel] = np.rint(np.clip(values, 0, most, out=values), out=values)
    return larger


def cover_hidden(samples: AnyPixels, alpha: Pixels | None) -> AnyPixels:
    """Return samples (H, W, C) with the colour of the nearest visible pixel where `alpha` is 0.

    What lies there, mostly black, is not part of the picture. `alpha`: (H, W) uint8, or None; where
    all of it is visible, or nothing, the same array is returned.
    """
    if alpha is None or alpha.all() or not alpha.any():
        return samples
    hidden = (alpha == 0).view(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(
        hidden, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    visible = np.flatnonzero(hidden == 0)
    # Of the pixel that a label is for; 0 is what lies too far off for OpenCV, over 65,000 pixels.
    place = np.full(len(visible) + 1, visible[0], np.int64)
    place[labels.ravel()[visible]] = visible
    return samples.reshape(-1, samples.shape[2])[place[labels]]
