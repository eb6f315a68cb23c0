"""What a photo's file must keep besides pixels: EXIF, text, colour description, encoding."""

import json
import os
import re
import struct
from collections.abc import Sequence
from contextlib import suppress
from math import isfinite
from typing import Any

import numpy as np
from PIL import ExifTags, Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile, PngInfo
from PIL.TiffImagePlugin import (
    IMAGELENGTH,
    IMAGEWIDTH,
    PREDICTOR,
    RESOLUTION_UNIT,
    X_RESOLUTION,
    XMP,
    Y_RESOLUTION,
    ImageFileDirectory_v2,
    TiffImageFile,
)

from restore.image.content import Content
from restore.image.jpeg import HALF_HEIGHT
from restore.image.resources import APP13, IPTC, drop_from_segments
from restore.image.thumbnails import drop_from_xmp, wipe_in_exif
from restore.image.turning import cuts_blocks

# Tags of a TIFF's first directory that describe the photo and not how the file stores it.
DESCRIPTION = {269, 270, 271, 272, 285, 305, 306, 315, 316, 18246, 18249, 33432, 33723}
DESCRIPTION |= {*range(40091, 40096)}
DIRECTORIES = {34665, 34853}  # EXIF and GPS
INTEROPERABILITY = 0xA005  # a directory inside EXIF
EXIF_HEADER = b"Exif\0\0"
ONLY_EXIF = {"WEBP", "AVIF", "HEIF"}  # formats that have their resolution in EXIF alone
PNG_XMP = "XML:com.adobe.xmp"

# EXIF 2.32, tables 4 and 8: ImageWidth and PixelXDimension, ImageLength and PixelYDimension.
_EXIF_TABLE, _WIDTHS, _HEIGHTS, _LONG = 0x8769, (0x0100, 0xA002), (0x0101, 0xA003), 4
_SHORT = {"<": b"\3\0", ">": b"\0\3"}  # the type, in either byte order


def read_exif(picture: Image.Image) -> bytes:
    """Return the EXIF data with orientation 1, every other byte as it was (but for TIFF).

    Where that turns the photo by 90 degrees, the width and height in it are those it has then.
    """
    exif = picture.info.get("exif") or b""
    try:
        if isinstance(picture, TiffImageFile):
            exif = _tiff_description(picture)
            as_stored = picture.size == tuple(
                picture.tag_v2[tag] for tag in (IMAGEWIDTH, IMAGELENGTH)
            )
            return exif if as_stored else set_exif_size(exif, *picture.size)
        raw = picture.info.get("Raw profile type exif")  # ImageMagick's way in older PNGs
        if not exif and isinstance(raw, str):
            exif = bytes.fromhex("".join(raw.split("\n")[3:]))
    except Exception:  # what can't be read can't be kept, and the photo is still there
        return b""
    while exif.startswith(EXIF_HEADER):  # some programs write it twice
        exif = exif.removeprefix(EXIF_HEADER)
    if not exif.startswith((b"II*\0", b"MM\0*")):
        return b""
    upright = set_orientation(exif, 1)
    if 5 <= read_orientation(picture) <= 8:
        return set_exif_size(upright, picture.height, picture.width)
    return upright


def _tiff_description(picture: TiffImageFile) -> bytes:
    exif, source = Image.Exif(), picture.getexif()
    found = (DESCRIPTION | DIRECTORIES) & set(source)
    for tag in found & DESCRIPTION:
        value = source[tag]
        if tag == IPTC:  # some programs call its bytes numbers, of which Pillow gives the first
            value = picture.tag_v2._tagdata[IPTC]
        if isinstance(value, str | bytes | int):
            exif[tag] = value
    for tag in found & DIRECTORIES:
        exif.get_ifd(tag).update(read_directory(source, tag))
    return exif.tobytes().removeprefix(EXIF_HEADER) if found else b""


def read_directory(exif: Image.Exif, tag: int) -> dict[int, Any]:
    """Return a directory of EXIF, the one inside it as such and not as where it lay."""
    directory = dict(exif.get_ifd(tag))
    if INTEROPERABILITY in directory:
        directory[INTEROPERABILITY] = exif.get_ifd(INTEROPERABILITY)
    return directory


def set_orientation(exif: bytes, orientation: int) -> bytes:
    """Return EXIF of another orientation, as far as it has any, and without the thumbnail.

    Every other byte stays.
    """
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return exif
    data = bytearray(exif)
    try:
        start = struct.unpack_from(f"{order}L", data, 4)[0]
        end = start + 2 + 12 * struct.unpack_from(f"{order}H", data, start)[0]
        for entry in range(start + 2, end, 12):
            if struct.unpack_from(f"{order}H", data, entry)[0] == ExifTags.Base.Orientation:
                struct.pack_into(f"{order}HLHH", data, entry + 2, 3, 1, orientation, 0)
        wipe_in_exif(data, order, end)
    except struct.error:
        pass  # cut short: what could be set is set
    return bytes(data)


def set_exif_size(exif: bytes, width: int, height: int) -> bytes:
    """Return EXIF whose tags of the photo's size, as far as it has any, say this one.

    Every other byte stays as it was.
    """
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return exif
    data = bytearray(exif)
    try:
        first = _find_entries(data, struct.unpack_from(f"{order}L", data, 4)[0], order)
        entries = dict(first)
        if _EXIF_TABLE in entries:
            inner = struct.unpack_from(f"{order}L", data, entries[_EXIF_TABLE] + 8)[0]
            entries |= _find_entries(data, inner, order)
        for tags, side in ((_WIDTHS, width), (_HEIGHTS, height)):
            for place in (entries[tag] for tag in tags if tag in entries):
                short, long = (struct.unpack_from(order + f, data, place + 8)[0] for f in "HL")
                if side != (short if data[place + 2 : place + 4] == _SHORT[order] else long):
                    struct.pack_into(f"{order}HLL", data, place + 2, _LONG, 1, side)
    except struct.error:
        return exif
    return bytes(data)


def _find_entries(data: bytearray, start: int, order: str) -> dict[int, int]:
    """Return the place of each entry of a directory by its tag."""
    count = struct.unpack_from(f"{order}H", data, start)[0]
    places = [start + 2 + 12 * n for n in range(count)]
    return {struct.unpack_from(f"{order}H", data, place)[0]: place for place in places}


def read_xmp(picture: Image.Image) -> bytes:
    """Return the XMP packet with orientation 1, without thumbnails, else as it was."""
    xmp = picture.info.get("xmp") or picture.info.get(PNG_XMP)  # in a plain text of a PNG
    if isinstance(picture, TiffImageFile):
        xmp = picture.tag_v2.get(XMP)  # from the above Pillow has cut the orientation out
    data = xmp.encode() if isinstance(xmp, str) else xmp or b""
    return drop_from_xmp(set_xmp_orientation(data, 1))


def set_xmp_orientation(xmp: bytes, orientation: int) -> bytes:
    """Return XMP of another orientation, as far as it has any; every other byte stays."""
    return re.sub(rb"(tiff:Orientation(?:=[\"']|>))[1-8]", rb"\g<1>%d" % orientation, xmp)


def read_dpi(picture: Image.Image) -> tuple[float, float] | None:
    """Return the dots per inch, across and down, if the file says any."""
    if isinstance(picture, TiffImageFile) and X_RESOLUTION not in picture.tag_v2:
        return None  # Pillow says 1
    dpi: tuple[float, float] | None = picture.info.get("dpi")
    if picture.format in ONLY_EXIF:
        dpi = _read_exif_dpi(picture)
    if dpi is None or not all(isfinite(side) and 0.5 <= side <= 65_535 for side in dpi):
        return None  # 0/0 is met with, and no format takes it; a JPEG has 16 bits for it
    return dpi


def _read_exif_dpi(picture: Image.Image) -> tuple[float, float] | None:
    """Return the resolution that EXIF tells, in dots per inch (EXIF 2.32, tags 282, 283, 296)."""
    try:
        exif = picture.getexif()
        sides = [float(exif[tag]) for tag in (X_RESOLUTION, Y_RESOLUTION)]
    except Exception:  # none, or damaged
        return None
    inch = 2.54 if exif.get(RESOLUTION_UNIT, 2) == 3 else 1.0
    return sides[0] * inch, sides[1] * inch


def add_exif_dpi(known: bytes | None, dpi: tuple[float, float]) -> bytes:
    """Return EXIF that tells the resolution, too, for formats that have it nowhere else."""
    exif = Image.Exif()
    if known:
        exif.load(EXIF_HEADER + known)
    if X_RESOLUTION in exif:
        return EXIF_HEADER + (known or b"")
    exif[X_RESOLUTION], exif[Y_RESOLUTION], exif[RESOLUTION_UNIT] = *dpi, 2
    return exif.tobytes()


def decode_xmp(xmp: bytes) -> str:
    """Return an XMP packet as text: UTF-8 as a rule, UTF-16 and UTF-32 as the standard allows."""
    for encoding in ("utf-8", json.detect_encoding(xmp)):
        with suppress(UnicodeDecodeError):
            return xmp.decode(encoding)
    return xmp.decode("latin-1")


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
    return {**LOSSY.get(str(picture.format), {})}


LOSSY: dict[str, dict[str, Any]] = {  # where a file's own settings can't be kept
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    "HEIF": {"quality": 95, "chroma": 444},
}
LOSSLESS_WEBP = {"lossless": True, "exact": True}  # exact: keep the colour under alpha 0


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


# In the encoding of a JPEG: as what its pixels have to be written.
STORED_ORIENTATION = "orientation"
FINE_TABLE = 369  # sum of the luma table that Pillow calls quality 95


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
    kept += [(0xE1, data) for _, data in picture.applist if data.startswith(_XMP_EXTENSION)]
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


_XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"


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
    info = picture.info
    if "srgb" in info:
        chunks.add(b"sRGB", struct.pack("B", info["srgb"]))
    if "gamma" in info:
        chunks.add(b"gAMA", struct.pack(">L", round(info["gamma"] * 100_000)))
    if "chromaticity" in info:
        chunks.add(b"cHRM", struct.pack(">8L", *(round(v * 100_000) for v in info["chromaticity"])))
    for key, text in picture.text.items():
        if key not in {"Raw profile type exif", PNG_XMP}:  # written from Photo.exif and .xmp
            chunks.add_text(key, text)
    return chunks


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


NCLX = "nclx"  # in an AVIF's encoding: which primaries and curve it has, by number (ITU-T H.273)


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
    return {"compression": name} | ({"tiffinfo": {PREDICTOR: 2}} if predictor == 2 else {})


def read_orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1, upright, where there is none."""
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF is no reason to refuse the photo
        return 1


def add_exif(directory: ImageFileDirectory_v2, exif: bytes) -> None:
    """Put what EXIF tells of the photo into a TIFF's directory; what is damaged is left out."""
    source = Image.Exif()
    with suppress(Exception):  # Pillow's own, of any kind
        source.load(exif)
    for tag in (DESCRIPTION | DIRECTORIES) & set(source) - set(directory):
        with suppress(Exception):
            probe = ImageFileDirectory_v2()
            probe[tag] = read_directory(source, tag) if tag in DIRECTORIES else source[tag]
            probe.tobytes()
            directory[tag] = probe[tag]
