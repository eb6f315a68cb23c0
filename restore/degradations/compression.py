"""Compression: JPEG and WebP, once, or several times with the blocks lying elsewhere."""

from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field

from restore.degradations.contract import Degradation
from restore.errors import RestoreError
from restore.image import LONGEST_SIDE, Pixels
from restore.seeded import Count, Rng, draw_count, within

Codec = Literal["jpeg", "webp"]
Subsampling = Literal["444", "422", "420"]
Quality = Annotated[tuple[int, int], within(1, 100)]

_SAMPLING: dict[Subsampling, int] = {
    "444": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "422": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "420": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}


def compress(
    pixels: Pixels, codec: Codec, quality: int, subsampling: Subsampling = "420"
) -> Pixels:
    """Return the photo as it comes back from a JPEG or WebP file.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        codec: "jpeg" or "webp".
        quality: 1 to 100.
        subsampling: of the colour of a JPEG; a WebP always has "420".

    Raises:
        RestoreError: a side is too long for the format.
    """
    longest = LONGEST_SIDE[codec.upper()]
    if max(pixels.shape) > longest:
        raise RestoreError(f"A photo with a side over {longest} pixels can't be a {codec}.")
    if codec == "jpeg":
        ending, options = ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality]
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _SAMPLING[subsampling]]
    else:
        ending, options = ".webp", [cv2.IMWRITE_WEBP_QUALITY, quality]
    data = cv2.imencode(ending, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)[1]
    bgr = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def compress_shifted(pixels: Pixels, codec: Codec, quality: int, shift: tuple[int, int]) -> Pixels:
    """Compress with the blocks moved up and left by `shift` (rows, columns) pixels.

    As after a crop: a second compression then cuts through the blocks of the first. They are moved
    by less where the format has no wider or higher pictures.
    """
    longest = LONGEST_SIDE[codec.upper()]
    down, right = (max(0, min(shift[n], longest - pixels.shape[n])) for n in range(2))
    larger = cv2.copyMakeBorder(pixels, down, 0, right, 0, cv2.BORDER_REPLICATE)
    return compress(np.asarray(larger, np.uint8), codec, quality)[down:, right:].copy()


class Jpeg(Degradation):
    """A JPEG file."""

    quality: Quality = (10, 80)
    subsampling: tuple[Subsampling, ...] = Field(("444", "420", "420"), min_length=1)

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo compressed."""
        subsampling = self.subsampling[rng.integers(len(self.subsampling))]
        return compress(pixels, "jpeg", draw_count(rng, self.quality), subsampling)


class Webp(Degradation):
    """A lossy WebP file."""

    quality: Quality = (5, 70)

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo compressed."""
        return compress(pixels, "webp", draw_count(rng, self.quality))


class Recompression(Degradation):
    """Saved over and over: each time another codec, another quality, and blocks elsewhere."""

    times: Count = (2, 3)
    quality: Quality = (20, 80)
    shift: Annotated[tuple[int, int], within(0, 64)] = (0, 7)  # pixels, down and right
    codecs: tuple[Codec, ...] = Field(("jpeg", "jpeg", "webp"), min_length=1)

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo compressed several times."""
        spoiled = pixels.copy()
        for _ in range(draw_count(rng, self.times)):
            codec = self.codecs[rng.integers(len(self.codecs))]
            shift = draw_count(rng, self.shift), draw_count(rng, self.shift)
            spoiled = compress_shifted(spoiled, codec, draw_count(rng, self.quality), shift)
        return spoiled
