"""Photos of 16 bits per channel, which Pillow cuts down to 8 when it reads or writes them.

OpenCV and tifffile read them. To write one, Pillow makes a file of one pixel with all metadata, and
the samples are put in that pixel's place.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image
from PIL import TiffImagePlugin as tiff
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from restore.errors import RestoreError
from restore.image.photo import DeepPixels, Pixels
from restore.image.turning import turn

_UNCOMPRESSED, _LZW, _DEFLATE, _LZMA = 1, 5, 8, 34925
_PLAIN = {_UNCOMPRESSED, _DEFLATE, 32946, 32773}  # uncompressed, deflate by two numbers, PackBits
_WHITE_IS_ZERO = 0

# Gray with alpha, of which Pillow reads the directory only; it can't decode ";16", so that nobody
# takes half a sample for a pixel.
for _order in (b"II", b"MM"):
    tiff.OPEN_INFO[(_order, 1, (1,), 1, (16, 16), (2,))] = ("LA", "LA;16")


def _write_text(directory: ImageFileDirectory_v2, value: str | bytes | int) -> bytes:
    """Return the bytes of a text as they were read, where Pillow writes "?" for what isn't ASCII.

    It reads Latin-1, so that texts in any encoding come back.
    """
    text = value if isinstance(value, bytes) else str(value).encode("latin-1", "replace")
    return text + b"\0"


ImageFileDirectory_v2._write_dispatch[2] = _write_text


def count_bits(picture: Image.Image) -> int:
    """Return the bits per channel in the file."""
    if isinstance(picture, TiffImageFile):
        return max(int(bits) for bits in picture.tag_v2.get(tiff.BITSPERSAMPLE, (1,)))
    if isinstance(picture, PngImageFile):
        return 16 if any("16" in str(tile.args) for tile in picture.tile) else 8
    return 8


def is_deep(picture: Image.Image) -> bool:
    """Tell whether a picture is one of 16 bits per channel that can be read and written as such."""
    if count_bits(picture) != 16 or picture.mode not in _MODES:
        return False
    if not isinstance(picture, TiffImageFile):
        return True
    plain = picture.tag_v2.get(tiff.PHOTOMETRIC_INTERPRETATION) in {1, 2}
    return plain and not name_oddity(picture)


def name_oddity(picture: Image.Image) -> str:
    """Say what keeps a TIFF's samples from being ours though its colour mode is; "" if nothing."""
    if not isinstance(picture, TiffImageFile):
        return ""
    if is_inverted(picture):
        return "inverted gray, where 0 is white"
    if set(picture.tag_v2.get(tiff.SAMPLEFORMAT, (1,))) != {1}:
        return "signed or fractional samples"
    extra = picture.tag_v2.get(tiff.EXTRASAMPLES, (2,))
    if extra == (1,):
        return "premultiplied alpha"
    return "" if extra == (2,) else "channels besides colours and transparency"


def is_inverted(picture: Image.Image) -> bool:
    """Tell whether 0 is white in the file, which Pillow minds with 8 bits per channel or fewer."""
    if not isinstance(picture, TiffImageFile):
        return False
    return bool(picture.tag_v2.get(tiff.PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO)


_MODES = {"I;16", "I;16B", "LA", "RGB", "RGBA"}
_PIXEL_CHUNKS = {b"IHDR", b"tRNS", b"IDAT", b"IEND"}
_GRAY_PNG = {0, 4}  # colour types, at byte 25 of the file


def read_deep(path: Path, data: bytes, picture: Image.Image, orientation: int) -> DeepPixels:
    """Return the samples (H, W, C) uint16 as displayed; C = 1 to 4: gray or RGB, then alpha.

    Args:
        path: what the sentences of errors call the file.
        data: the content of the file.
        picture: the same, opened.
        orientation: as EXIF has it, 1 to 8.

    Raises:
        RestoreError: it is compressed in a way that isn't read with 16 bits.
        ValueError: the file is damaged.
    """
    if not isinstance(picture, TiffImageFile):
        # OpenCV reserves the memory that a chunk asks for, so it is shown none but whole ones.
        data = _join_png((kind, body) for kind, body in _split_png(data) if kind in _PIXEL_CHUNKS)
        samples = _decode(data, gray=data[25] in _GRAY_PNG)
        samples = turn(_add_alpha(samples, picture.info.get("transparency")), orientation)
    elif picture.mode == "LA" or has_planes(picture):  # OpenCV reads these wrong
        _check_compression(path, picture, _PLAIN | {_LZMA})
        samples = tifffile.TiffFile(BytesIO(data)).pages[0].asarray()
        samples = np.moveaxis(samples, 0, -1) if has_planes(picture) else samples
        samples = turn(samples, orientation)
    else:
        _check_compression(path, picture, _PLAIN | {_LZW})
        samples = _decode(data)  # which has turned it, as Pillow does with its size
    if samples.dtype != np.uint16 or sorted(samples.shape[:2]) != sorted(picture.size):
        raise ValueError("its 16-bit samples can't be decoded")
    return np.ascontiguousarray(np.atleast_3d(samples))


def _check_compression(path: Path, picture: TiffImageFile, known: set[int]) -> None:
    """Refuse a TIFF whose samples can't be unpacked by what reads them here."""
    code = picture.tag_v2.get(tiff.COMPRESSION, _UNCOMPRESSED)
    if code not in known:
        name = str(tiff.COMPRESSION_INFO.get(code, code)).removeprefix("tiff_")
        raise RestoreError(
            f"{path} has 16-bit samples that are compressed by {name}, which isn't read; save it "
            f"with deflate or uncompressed."
        )


def has_planes(picture: TiffImageFile) -> bool:
    """Tell whether each channel lies by itself; of one alone the tag says nothing."""
    tags = picture.tag_v2
    return bool(
        tags.get(tiff.PLANAR_CONFIGURATION, 1) == 2 and tags.get(tiff.SAMPLESPERPIXEL, 1) > 1
    )


def _decode(data: bytes, gray: bool = False) -> DeepPixels:
    """Return OpenCV's BGR or BGRA in our order; gray with alpha comes from it as BGRA."""
    samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None or samples.dtype != np.uint16:
        raise ValueError("its 16-bit samples can't be decoded")
    deep = samples.view(np.uint16)
    if deep.ndim == 2:
        return deep
    order = ([0] if gray else [2, 1, 0]) + ([3] if deep.shape[2] == 4 else [])
    return deep[:, :, order]


def _add_alpha(samples: DeepPixels, transparent: int | None) -> DeepPixels:
    """Return gray (H, W) with the alpha that a transparent level makes; OpenCV does it for RGB."""
    if samples.ndim > 2 or transparent is None:
        return samples
    alpha = np.where(samples == transparent, np.uint16(0), np.uint16(65_535))
    return np.dstack([samples, alpha])


def to_eight_bits(samples: DeepPixels) -> Pixels:
    """Return samples of 16 bits as 8, rounded: 257 v becomes v."""
    return ((samples.astype(np.uint32) * 255 + 32_895) >> 16).astype(np.uint8)


def to_luma(samples: DeepPixels) -> DeepPixels:
    """Return RGB samples (H, W, 3) as gray (H, W, 1) by the weights of ITU-R BT.601."""
    return np.rint(samples @ np.array([[0.299], [0.587], [0.114]])).astype(np.uint16)


def merge(levels: Pixels, samples: DeepPixels) -> DeepPixels:
    """Return 8-bit levels (H, W, C) as 16 bits, with `samples` wherever they show as that level.

    Either may have an alpha channel that the other has not.
    """
    wide = levels.astype(np.uint16) * 257
    (*size, channels), (*other, count) = levels.shape, samples.shape
    if size != other or (channels > 2) != (count > 2):  # gray has no more than one beside its alpha
        return wide
    shared = (..., slice(min(channels, count)))
    same = to_eight_bits(samples[shared]) == levels[shared]
    wide[shared] = np.where(same, samples[shared], wide[shared])
    return wide


def fill_png(frame: bytes, samples: DeepPixels) -> bytes:
    """Return the PNG `frame`, of one pixel, with the samples (H, W, C) in its place."""
    height, width, channels = samples.shape
    filled = {
        b"IHDR": struct.pack(">LLB", width, height, 16) + frame[25:29],
        b"IDAT": _deflate_png(samples, step=2 * channels),
    }
    return _join_png((kind, filled.get(kind, body)) for kind, body in _split_png(frame))


def _split_png(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the type and the content of each chunk of a PNG."""
    place = 8
    while place < len(data):
        length, kind = struct.unpack_from(">L4s", data, place)
        if place + 12 + length > len(data):
            raise ValueError("a chunk is cut short")
        yield kind, data[place + 8 : place + 8 + length]
        if kind == b"IEND":
            return
        place += 12 + length


def _join_png(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, body in chunks:
        checksum = zlib.crc32(body, zlib.crc32(kind))
        parts += struct.pack(">L", len(body)), kind, body, struct.pack(">L", checksum)
    return b"".join(parts)


def _deflate_png(samples: DeepPixels, step: int) -> bytes:
    """Return compressed rows, each byte as its difference to that of the pixel on its left."""
    rows = samples.astype(">u2").view(np.uint8).reshape(len(samples), -1)  # (H, 2 W C)
    filtered = np.ones((len(rows), rows.shape[1] + 1), np.uint8)  # 1 names this filter, Sub
    filtered[:, 1:] = rows
    filtered[:, 1 + step :] -= rows[:, :-step]
    return zlib.compress(filtered.data)


def fill_tiff(directory: ImageFileDirectory_v2, samples: DeepPixels) -> bytes:
    """Describe the samples (H, W, C) in the directory of a TIFF; return its one strip of data.

    What was compressed in any way becomes deflate with differences.
    """
    height, width, channels = samples.shape
    sizes = {
        tiff.IMAGEWIDTH: width,
        tiff.IMAGELENGTH: height,
        tiff.BITSPERSAMPLE: (16,) * channels,
        tiff.ROWSPERSTRIP: height,
    }
    for tag, value in sizes.items():
        directory[tag] = value
    if directory[tiff.COMPRESSION] == _UNCOMPRESSED:
        return samples.astype("<u2").tobytes()
    directory[tiff.COMPRESSION], directory[tiff.PREDICTOR] = _DEFLATE, 2
    deltas = samples.copy()
    deltas[:, 1:] -= samples[:, :-1]
    return zlib.compress(deltas.astype("<u2").tobytes())
