"""EXIF: what a photo says of itself, and how it lies in its file."""

import struct
from contextlib import suppress
from math import isfinite
from typing import Any

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import (
    IMAGELENGTH,
    IMAGEWIDTH,
    RESOLUTION_UNIT,
    X_RESOLUTION,
    Y_RESOLUTION,
    ImageFileDirectory_v2,
    TiffImageFile,
)

from restore.image.resources import IPTC
from restore.image.thumbnails import wipe_in_exif

# Tags of a TIFF's first directory that describe the photo and not how the file stores it.
DESCRIPTION = {269, 270, 271, 272, 285, 305, 306, 315, 316, 18246, 18249, 33432, 33723}
DESCRIPTION |= {*range(40091, 40096)}
DIRECTORIES = {34665, 34853}  # EXIF and GPS
INTEROPERABILITY = 0xA005  # a directory inside EXIF
EXIF_HEADER = b"Exif\0\0"
ONLY_EXIF = {"WEBP", "AVIF", "HEIF"}  # formats that have their resolution in EXIF alone
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


def read_orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1, upright, where there is none."""
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF is no reason to refuse the photo
        return 1


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
