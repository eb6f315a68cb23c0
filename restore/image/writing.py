"""Writing photos: the way they were read, whole or not at all."""

import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import (
    PREDICTOR,
    STRIPBYTECOUNTS,
    STRIPOFFSETS,
    XMP,
    ImageFileDirectory_v2,
)

from restore.errors import RestoreError, UsageError
from restore.image.colours import to_srgb
from restore.image.deep import fill_png, fill_tiff, merge, to_eight_bits, to_luma
from restore.image.encoding import LOSSLESS_WEBP, LOSSY, NCLX, STORED_ORIENTATION, set_nclx
from restore.image.exif import (
    EXIF_HEADER,
    ONLY_EXIF,
    add_exif,
    add_exif_dpi,
    set_exif_size,
    set_orientation,
)
from restore.image.files import check_target, write_bytes
from restore.image.holding import DEEP, check_held
from restore.image.jpeg import HALF_HEIGHT, fill_jpeg
from restore.image.photo import (
    AnyPixels,
    DeepPixels,
    Photo,
    Pixels,
    check_alpha,
    check_pixels,
    format_of,
)
from restore.image.resources import hold_resources
from restore.image.turning import turn_back
from restore.image.xmp import PNG_XMP, decode_xmp, end_xmp, set_xmp_orientation

FRAME = 100  # milliseconds that a picture of a GIF is shown


def write_image(
    path: str | Path,
    pixels: AnyPixels,
    like: Photo,
    *,
    alpha: Pixels | None = None,
    overwrite: bool = False,
    quality: int | None = None,
) -> None:
    """Write a photo as `like` was read: its colour mode, metadata and, in its format, encoding.

    The file is written beside `path` under another name and renamed once it is whole, so nothing
    is left behind when the disk is full. A link at `path` is replaced, never what it points to.

    Args:
        path: the file; its extension says the format, see `format_of`.
        pixels: (H, W, 3) RGB, uint8 or uint16; written as gray (luma) where `like` is gray. Where
            `like` has 16 bits, PNG and TIFF have them, too: its own where `pixels` are the same as
            its, or all those of `pixels` where these are uint16.
        like: the photo whose file gives everything but the pixels. Of another size, its EXIF tells
            theirs.
        alpha: (H, W) uint8, as large as `pixels`; `like.alpha` by default. A JPEG has none: only an
            opaque one passes.
        overwrite: replace an existing file.
        quality: of what is lossy, 1 to 100, instead of that of the file, or 95. PNG, TIFF and BMP
            have none, nor has a lossless WebP that is written as WebP again.

    Raises:
        UsageError: the file exists, or the format is none of ours or can't hold transparency or
            metadata of such length, or the pixels or the transparency are of another kind or size.
        RestoreError: no such folder, no permission, a full disk, a size the format can't hold.
    """
    path = Path(path)
    check_target(path, overwrite=True)  # whether it may be replaced depends on what is there
    data = _encode_for(path, pixels, like, alpha, quality)
    write_bytes(path, data, overwrite=overwrite, permissions=like.permissions)


def encode_image(
    name: str | Path,
    pixels: AnyPixels,
    like: Photo,
    *,
    alpha: Pixels | None = None,
    quality: int | None = None,
) -> bytes:
    """Return what `write_image` writes to a file of this name, for what lies nowhere.

    Raises:
        UsageError: as `write_image`.
        RestoreError: a size that the format can't hold, or there is not enough memory.
    """
    return bytes(_encode_for(Path(name), pixels, like, alpha, quality))


def _encode_for(
    path: Path, pixels: AnyPixels, like: Photo, alpha: Pixels | None, quality: int | None
) -> memoryview:
    """Return the bytes of the file, once it is known that it can hold all that."""
    if not isinstance(like, Photo):
        raise UsageError(
            f"'like' is what read_image returns, not a {type(like).__name__}; for pixels of no "
            "file take Photo(pixels)."
        )
    quality = None if quality is None else _read_quality(quality)
    format = format_of(path, like)
    alpha = like.alpha if alpha is None else alpha
    check_pixels(pixels, deep=True)  # else they would be written as something else
    check_alpha(alpha, pixels.shape)
    if pixels.shape != like.pixels.shape:
        like = replace(like, exif=set_exif_size(like.exif, pixels.shape[1], pixels.shape[0]))
    check_held(path, pixels.shape, like, alpha)
    if format == "JPEG":
        alpha = None  # an opaque one
    try:
        return _encode(pixels, alpha, like, format, quality)
    except MemoryError:
        raise RestoreError(f"There is not enough memory to write {path}.") from None
    except Exception as error:  # what a format can't hold, Pillow tells with various types
        raise RestoreError(f"Can't write {path} as {format}: {str(error).rstrip('.')}.") from None


def _read_quality(quality: int) -> int:
    """Return a quality as a plain integer, also of NumPy's."""
    whole = isinstance(quality, int | np.integer) and not isinstance(quality, bool)
    if not whole or not 1 <= quality <= 100:
        raise UsageError(f"A quality is a whole number from 1 to 100, not {quality!r}.")
    return int(quality)


def encode_png(pixels: Pixels) -> bytes:
    """Return a PNG of (H, W, 3) uint8 RGB or (H, W) gray, for what is no photo of anybody's."""
    stored = np.ascontiguousarray(pixels[..., ::-1]) if pixels.ndim == 3 else pixels
    return cv2.imencode(".png", stored)[1].tobytes()


def encode_gif(frames: Sequence[Pixels]) -> bytes:
    """Return an endless GIF of pictures (H, W, 3) uint8 RGB or (H, W) gray, each for `FRAME`."""
    first, *others = map(Image.fromarray, frames)
    file = BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others, duration=FRAME, loop=0)
    return file.getvalue()


def _encode(
    pixels: AnyPixels, alpha: Pixels | None, like: Photo, format: str, quality: int | None
) -> memoryview:
    """Return the bytes of the file."""
    if format == like.format and STORED_ORIENTATION in like.encoding:
        pixels, like = _as_stored(pixels, like)
    fine = pixels if pixels.dtype == np.uint16 else None
    pixels = pixels.astype(np.uint8) if fine is None else to_eight_bits(fine)
    picture = Image.fromarray(pixels)
    if like.gray:
        picture = picture.convert("L")  # exactly v where R = G = B = v
        if format in {"WEBP", "AVIF", "HEIF"} and not _is_gray_avif(like, alpha, format):
            picture = _to_rgb(picture, like.icc)  # as these have no gray
    if format == "BMP" and alpha is not None:
        return _encode_bmp(np.asarray(picture.convert("RGB")), alpha, like.dpi)
    if alpha is not None:
        picture.putalpha(Image.fromarray(alpha))
    options = _options_for(picture.mode, like, format, quality)
    if like.deep is not None and format in DEEP:
        deep = merge(np.atleast_3d(np.asarray(picture)), like.deep)
        if fine is not None:
            colours = 1 if like.gray else 3
            deep[..., :colours] = to_luma(fine) if like.gray else fine
        frame = _save(Image.new(picture.mode, (1, 1)), format, options)
        if format == "PNG":
            return memoryview(fill_png(frame.getvalue(), deep))
        return _rewrite_tiff(frame, like.exif, deep)
    if options.get("subsampling") == HALF_HEIGHT:
        frame = _save(Image.new("RGB", (1, 1)), format, options | {"subsampling": 0})
        return memoryview(fill_jpeg(frame.getvalue(), pixels, options["qtables"]))
    nclx = options.pop(NCLX, b"")
    file = _save(picture, format, options)
    if nclx and format == "AVIF":
        return memoryview(set_nclx(file.getvalue(), nclx))
    return _rewrite_tiff(file, like.exif) if format == "TIFF" and like.exif else file.getbuffer()


def _as_stored(pixels: AnyPixels, like: Photo) -> tuple[AnyPixels, Photo]:
    """Return pixels and metadata turned back as the file had them."""
    orientation = like.encoding[STORED_ORIENTATION]
    pixels = np.ascontiguousarray(turn_back(pixels, orientation))
    exif = set_exif_size(like.exif, pixels.shape[1], pixels.shape[0])
    return pixels, replace(
        like,
        encoding={
            name: value for name, value in like.encoding.items() if name != STORED_ORIENTATION
        },
        exif=set_orientation(exif, orientation),
        xmp=set_xmp_orientation(like.xmp, orientation),
    )


def _to_rgb(gray: Image.Image, icc: bytes) -> Image.Image:
    """Return a gray picture as RGB that looks alike; a profile of gray can't go with it."""
    if icc[16:20] == b"GRAY":
        with suppress(ValueError):
            return to_srgb(gray, icc)
    return gray.convert("RGB")


def _save(picture: Image.Image, format: str, options: dict[str, Any]) -> BytesIO:
    file = BytesIO()
    picture.save(file, format, **options)
    return file


def _options_for(mode: str, like: Photo, format: str, quality: int | None) -> dict[str, Any]:
    """Return Pillow's options: the encoding and the metadata."""
    encoding = like.encoding if format == like.format else _default_encoding(like, format)
    options: dict[str, Any] = dict(encoding)
    if quality is not None and format in LOSSY and not _stays_lossless(like, format):
        options = _set_quality(options, quality)
    if like.icc and (mode in {"L", "LA"} or like.icc[16:20] not in {b"GRAY", b"CMYK"}):
        options["icc_profile"] = like.icc
    if format == "AVIF" and mode == "L":
        options["subsampling"] = "4:0:0"
    if like.dpi and not options.get("keep_rgb"):  # its header would say YCbCr; EXIF has it, too
        options["dpi"] = like.dpi
    if format != like.format:
        like = replace(like, xmp=end_xmp(like.xmp))
    _add_metadata(options, like, format)
    if like.resources and (format == "TIFF" or (format == "JPEG" != like.format)):
        return hold_resources(options, like.resources, format)
    return options


def _stays_lossless(like: Photo, format: str) -> bool:
    """Return whether a photo was lossless in a format that may be lossy, and is written in it."""
    return format == like.format and bool(like.encoding.get("lossless"))


def _set_quality(options: dict[str, Any], quality: int) -> dict[str, Any]:
    """Return the options of a lossy format with a quality in the place of their own."""
    own = {"qtables", "lossless", "exact"}
    kept = {name: value for name, value in options.items() if name not in own}
    if kept.get("subsampling") == HALF_HEIGHT:  # written by us, by tables
        kept["subsampling"] = 0
    return kept | {"quality": quality}


def _default_encoding(like: Photo, format: str) -> dict[str, Any]:
    match format:
        case "WEBP" if like.format not in LOSSY:
            return LOSSLESS_WEBP
        case "TIFF":
            return {"compression": "tiff_adobe_deflate", "tiffinfo": {PREDICTOR: 2}}
    return LOSSY.get(format, {})


def _add_metadata(options: dict[str, Any], like: Photo, format: str) -> None:
    """Put EXIF and XMP where the format has them; the EXIF of a TIFF is added afterwards."""
    if like.dpi and format in ONLY_EXIF:
        options["exif"] = add_exif_dpi(like.exif, like.dpi)
    elif like.exif and format != "TIFF":
        options["exif"] = EXIF_HEADER + like.exif
    if not like.xmp:
        return
    match format:
        case "JPEG" | "WEBP" | "AVIF" | "HEIF":
            options["xmp"] = like.xmp
        case "TIFF":
            options["tiffinfo"] = options.get("tiffinfo", {}) | {XMP: like.xmp}
        case "PNG":
            chunks = PngInfo()
            chunks.chunks = [*options["pnginfo"].chunks] if "pnginfo" in options else []
            chunks.add_itxt(PNG_XMP, decode_xmp(like.xmp))
            options["pnginfo"] = chunks


def _is_gray_avif(like: Photo, alpha: Pixels | None, format: str) -> bool:
    """Tell whether a photo is an AVIF without colour, of which there are such without alpha."""
    return format == like.format == "AVIF" and like.gray and alpha is None


def _encode_bmp(pixels: Pixels, alpha: Pixels, dpi: tuple[float, float] | None) -> memoryview:
    """Return a BMP with transparency; its newer header, which says so, is not Pillow's."""
    file = cv2.imencode(".bmp", np.dstack([pixels[:, :, ::-1], alpha]))[1]
    if dpi:
        metres = [round(dots / 0.0254) for dots in dpi]
        file[38:46] = np.frombuffer(struct.pack("<2l", *metres), np.uint8)
    return memoryview(file.data)


def _rewrite_tiff(file: BytesIO, exif: bytes, deep: DeepPixels | None = None) -> memoryview:
    """Return the TIFF with EXIF in its directory and, if given, 16-bit samples (H, W, C) as pixels.

    Pillow can't do the first for a compressed one, and the second not at all. The directory is
    written anew, larger, and the strips of pixels are put behind it again.
    """
    stored = file.getbuffer()
    directory = ImageFileDirectory_v2(bytes(stored[:8]))
    file.seek(directory.next)
    directory.load(file)
    for tag in list(directory):
        directory[tag] = directory[tag]  # decoded: only such values are written
    add_exif(directory, exif)
    places = zip(directory[STRIPOFFSETS], directory[STRIPBYTECOUNTS], strict=True)
    strips = [stored[offset : offset + length] for offset, length in places]
    if deep is not None:
        strips = [memoryview(fill_tiff(directory, deep))]
    lengths = [len(strip) for strip in strips]
    directory[STRIPBYTECOUNTS] = tuple(lengths)
    directory[STRIPOFFSETS] = tuple(accumulate(lengths[:-1], initial=0))
    result = BytesIO()
    directory.save(result)
    for strip in strips:
        result.write(strip)
    return result.getbuffer()
