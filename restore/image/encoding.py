"""How a file is encoded: what of it Pillow is told, so that it is written as it was."""

import os
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile, PngInfo
from PIL.TiffImagePlugin import PREDICTOR, TiffImageFile

from restore.image.content import Content, own_value
from restore.image.exif import read_orientation
from restore.image.jpeg import HALF_HEIGHT
from restore.image.resources import APP13, drop_from_segments, hides_thumbnail
from restore.image.turning import cuts_blocks
from restore.image.xmp import EXTENSION, PNG_XMP, hides_picture

LOSSY: dict[str, dict[str, Any]] = {  # where a file's own settings can't be kept
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    "HEIF": {"quality": 95, "chroma": 444},
}
LOSSLESS_WEBP = {"lossless": True, "exact": True}  # exact: keep the colour under alpha 0
# In the encoding of a JPEG: as what its pixels have to be written.
STORED_ORIENTATION = "orientation"
FINE_TABLE = 369  # sum of the luma table that Pillow calls quality 95
# How sRGB is named: by primaries and curve (ITU-T H.273), and in a PNG's gAMA and cHRM (PNG 3).
_SRGB_CODE, _UNKNOWN_CODE = (1, 13), (2, 2)
_SRGB_GAMMA = (45_455,)
_SRGB_CORNERS = (31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)
NEAR_SRGB = 500  # of 100,000, by which programs round
# Texts of a PNG that are written from Photo.exif and .xmp.
WRITTEN_APART = {"Raw profile type exif", "Raw profile type xmp", "exif", PNG_XMP}
# Texts that say nothing of the picture, or go where Photo.resources go.
NOT_MISSED = {"Software", "Raw profile type iptc", "Raw profile type 8bim"}
TIFF_COLOURS = (318, 319)  # white point and primaries
# In the encoding of an AVIF or HEIC: which primaries and curve it has, by number (ITU-T H.273).
NCLX = "nclx"
HEIF_COLOURS = ("color_primaries", "transfer_characteristics")  # the same for pillow-heif


def read_encoding(picture: Image.Image, content: Content) -> dict[str, Any]:
    """Return the options with which Pillow writes this format as the file had it."""
    match picture:
        case JpegImageFile():
            return _jpeg_encoding(picture)
        case PngImageFile():
            return {"pnginfo": _png_chunks(picture, content)}
        case TiffImageFile():
            return _tiff_encoding(picture)
    if picture.format == "WEBP" and _is_lossless_webp(content):
        return {**LOSSLESS_WEBP}
    if picture.format == "AVIF" and (code := _read_nclx(content)):
        return LOSSY["AVIF"] | {NCLX: code}
    if picture.format == "HEIF" and (nclx := picture.info.get("nclx_profile")):
        named = {name: int(nclx[name]) for name in HEIF_COLOURS}
        return LOSSY["HEIF"] | named | {NCLX: struct.pack(">HH", *named.values())}
    return {**LOSSY.get(str(picture.format), {})}


def _is_lossless_webp(content: Content) -> bool:
    """Tell VP8L from VP8 data by walking the file's chunks (RFC 9649, section 2)."""
    with content.open() as file:
        file.seek(12)
        while len(header := file.read(8)) == 8:
            if header[:4] in {b"VP8L", b"VP8 "}:
                return header[:4] == b"VP8L"
            length = struct.unpack("<L", header[4:])[0]
            # A frame is a head of 16 bytes and chunks.
            file.seek(16 if header[:4] == b"ANMF" else length + length % 2, os.SEEK_CUR)
    return False


def encode_finely(encoding: dict[str, Any], *, colours: bool = False) -> dict[str, Any]:
    """Return the encoding of a JPEG without coarse tables and their subsampling.

    They would put the blocks back into a photo that has been rid of them.

    Args:
        encoding: as `read_encoding` gives it.
        colours: no subsampling beside fine tables either.
    """
    if sum(encoding.get("qtables", [()])[0]) <= FINE_TABLE:
        return encoding | {"subsampling": 0} if colours else encoding
    kept = {name: value for name, value in encoding.items() if name != "qtables"}
    return kept | LOSSY["JPEG"]


def _jpeg_encoding(picture: JpegImageFile) -> dict[str, Any]:
    """Return tables and subsampling, transposed where the picture will be, and further markers.

    A picture whose blocks would be cut by turning it stays turned: it has `STORED_ORIENTATION`.
    """
    resources = drop_from_segments([data for name, data in picture.applist if name == "APP13"])
    kept = [(APP13, part) for part in resources]
    if not hides_picture(picture):
        kept += [(0xE1, data) for _, data in picture.applist if data.startswith(EXTENSION)]
    encoding: dict[str, Any] = {
        "progressive": bool(picture.info.get("progressive")),
        "comment": picture.info.get("comment", b""),
        "extra": b"".join(struct.pack(">BBH", 255, code, len(d) + 2) + d for code, d in kept),
    }
    if len(picture.layer) == 4:  # CMYK, which becomes RGB
        return encoding | LOSSY["JPEG"]
    orientation = read_orientation(picture)
    if cuts_blocks(picture.size, _block(picture.layer), orientation):
        encoding[STORED_ORIENTATION] = orientation
    swapped = orientation >= 5 and STORED_ORIENTATION not in encoding
    tables = [picture.quantization[layer[3]] for layer in picture.layer]
    if len(tables) == 3 and tables[1] == tables[2]:
        del tables[2]
    if swapped:
        tables = [np.reshape(table, (8, 8)).T.ravel().tolist() for table in tables]
    encoding["qtables"] = tables
    if len(picture.layer) == 3:
        ids = bytes(layer[0] for layer in picture.layer)
        transform = picture.info.get("adobe_transform")
        marked = ids == b"RGB" if transform is None else transform == 0
        is_rgb = marked and "jfif" not in picture.info  # which says YCbCr, and goes first
        encoding["keep_rgb"] = is_rgb
        encoding["subsampling"] = 0 if is_rgb else _subsampling(picture.layer, swapped)
    return encoding


def _block(layers: Sequence[tuple[int, int, int, int]]) -> tuple[int, int]:
    """Return the width and height of the pixels that a JPEG stores together."""
    if len(layers) == 1:  # whose sampling says nothing (ITU-T T.81, A.2.2)
        return 8, 8
    return 8 * max(layer[1] for layer in layers), 8 * max(layer[2] for layer in layers)


def _subsampling(layers: Sequence[tuple[int, int, int, int]], swapped: bool) -> int | str:
    """Return the strongest that loses no more than the file: 4:4:4 (0), 4:2:2 (1), 4:2:0 (2).

    Or 4:4:0, which a turned 4:2:2 needs.
    """
    across = layers[0][1] // max(layers[1][1], layers[2][1])
    down = layers[0][2] // max(layers[1][2], layers[2][2])
    across, down = (down, across) if swapped else (across, down)
    if across < 2:
        return 0 if down < 2 else HALF_HEIGHT
    return 1 if down < 2 else 2


def _png_chunks(picture: PngImageFile, content: Content) -> PngInfo:
    """Return the text and the colour description (gamma, primaries, intent, cICP) of a PNG."""
    chunks = PngInfo()
    if code := _read_cicp(content):
        chunks.add(b"cICP", code)
    if (intent := own_value(picture, "srgb", int)) is not None:
        chunks.add(b"sRGB", struct.pack("B", intent))
    if gamma := own_value(picture, "gamma", float):
        chunks.add(b"gAMA", struct.pack(">L", round(gamma * 100_000)))
    if corners := own_value(picture, "chromaticity", tuple):
        chunks.add(b"cHRM", struct.pack(">8L", *(round(v * 100_000) for v in corners)))
    for key, text in picture.text.items():
        if key not in WRITTEN_APART and not hides_thumbnail(picture, key):
            chunks.add_text(key, text)
    return chunks


def names_colours(encoding: dict[str, Any]) -> bool:
    """Tell whether a file says by numbers that its colours are others than those of sRGB."""
    code = encoding.get(NCLX, b"")
    if code and struct.unpack(">HH", code) not in {_SRGB_CODE, _UNKNOWN_CODE}:
        return True
    chunks = encoding["pnginfo"].chunks if "pnginfo" in encoding else []
    known = {name: content for name, content, *_ in chunks}
    if b"cICP" in known:
        return tuple(known[b"cICP"][:2]) != _SRGB_CODE
    if b"sRGB" in known:
        return False
    for name, wanted in ((b"gAMA", _SRGB_GAMMA), (b"cHRM", _SRGB_CORNERS)):
        values = struct.unpack(f">{len(wanted)}L", known[name]) if name in known else wanted
        if max(abs(v - w) for v, w in zip(values, wanted, strict=True)) > NEAR_SRGB:
            return True
    return False


def list_texts(encoding: dict[str, Any]) -> list[str]:
    """Return the keywords of a PNG's texts without marks of programs, or a JPEG's "comment"."""
    chunks = encoding["pnginfo"].chunks if "pnginfo" in encoding else []
    keys = [
        bytes(content).partition(b"\0")[0].decode("latin-1")
        for name, content, *_ in chunks
        if name in {b"tEXt", b"zTXt", b"iTXt"}
    ]
    own = [key for key in keys if key not in NOT_MISSED and not key.startswith("date:")]
    return own + (["comment"] if encoding.get("comment") else [])


def _read_cicp(content: Content) -> bytes:
    """Return which colours and curves a PNG has by number (PNG 3, 11.3.2.6), which Pillow omits."""
    with content.open() as file:
        file.seek(8)
        while len(header := file.read(8)) == 8 and header[4:] != b"IDAT":
            length = struct.unpack(">L", header[:4])[0]
            if header[4:] == b"cICP":
                return file.read(length)
            file.seek(length + 4, os.SEEK_CUR)
    return b""


def _read_nclx(content: Content) -> bytes:
    with content.open() as file:
        _, found, code = file.read(65_536).partition(b"colrnclx")
    return code[:4] if found else b""


def set_nclx(avif: bytes, code: bytes) -> bytes:
    """Return an AVIF that says other primaries and another curve; Pillow says sRGB's."""
    before, found, after = avif.partition(b"colrnclx")
    return before + found + code + after[4:] if found else avif


def _tiff_encoding(picture: TiffImageFile) -> dict[str, Any]:
    """Return the compression; a lossy or a 1-bit one becomes deflate, so that pixels stay."""
    name = picture.info.get("compression", "raw")
    predictor = picture.tag_v2.get(PREDICTOR, 1)
    if name not in {"raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "zstd"}:
        name, predictor = "tiff_adobe_deflate", 2
    kept = {tag: picture.tag_v2[tag] for tag in TIFF_COLOURS if tag in picture.tag_v2}
    kept |= {PREDICTOR: 2} if predictor == 2 else {}
    return {"compression": name} | ({"tiffinfo": kept} if kept else {})
