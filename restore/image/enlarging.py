"""A photo with more pixels, and what its file says of its size."""

from dataclasses import replace

import numpy as np
from PIL import Image

from restore.image.metadata import set_exif_size
from restore.image.photo import AnyPixels, Photo


def enlarge(photo: Photo, factor: int) -> Photo:
    """Return a photo `factor` times as wide and high, by bicubic interpolation (a = −0.5).

    Transparency is enlarged alike. The width and height in the EXIF are those of the new pixels;
    the resolution in dots per inch stays, so in print the photo gets larger.
    """
    deep = None if photo.deep is None else enlarge_samples(photo.deep, factor)
    alpha = None if photo.alpha is None else enlarge_samples(photo.alpha[..., None], factor)[..., 0]
    pixels = enlarge_samples(photo.pixels, factor)
    exif = set_exif_size(photo.exif, pixels.shape[1], pixels.shape[0])
    return replace(photo, pixels=pixels, alpha=alpha, deep=deep, exif=exif)


def enlarge_samples(samples: AnyPixels, factor: int) -> AnyPixels:
    """Return samples (H, W, C) uint8 or uint16 enlarged, in their type."""
    size = (samples.shape[1] * factor, samples.shape[0] * factor)
    most = np.iinfo(samples.dtype).max
    larger = np.empty((size[1], size[0], samples.shape[2]), samples.dtype)
    for channel in range(samples.shape[2]):
        plane = Image.fromarray(samples[..., channel].astype(np.float32))
        values = np.asarray(plane.resize(size, Image.Resampling.BICUBIC))
        larger[..., channel] = np.rint(np.clip(values, 0, most))
    return larger
