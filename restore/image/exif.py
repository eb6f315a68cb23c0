"""EXIF: what a photo says of itself, and how it lies in its file."""

import struct
from collections.abc import Iterator
from contextlib import suppress
from math import isfinite
from typing import Any

from PIL import ExifTags, Image, TiffTags
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import (
    IMAGELENGTH,
    IMAGEWIDTH,
    RESOLUTION_UNIT,
    X_RESOLUTION,
    Y_RESOLUTION,
    ImageFileDirectory_v2,
    TiffImageFile,
)

from restore.image.content import own_value, read_raw_profile
from restore.image.resources import IPTC
from restore.image.thumbnails import wipe_in_exif

# Tags of a TIFF's first directory that describe the photo and not how the file stores it.
DESCRIPTION = {269, 270, 271, 272, 285, 305, 306, 315, 316, 18246, 18249, 33432, 33723}
DESCRIPTION |= {*range(40091, 40096)}
DIRECTORIES = {34665, 34853}  # EXIF and GPS
INTEROPERABILITY = 0xA005  # a directory inside EXIF
EXIF_HEADER = b"Exif\0\0"
ONLY_EXIF = {"WEBP", "AVIF", "HEIF"}  # formats that have their resolution in EXIF alone
# Their type says nothing of what they hold (EXIF 2.32, table 8); Pillow does not know that, and
# would write them as BYTE, which is for numbers.
for _tag in (37121, 37500, 37510, 41728, 41729):
    TiffTags.TAGS_V2_GROUPS[ExifTags.IFD.Exif][_tag] = TiffTags.TagInfo(
        _tag, ExifTags.TAGS[_tag], TiffTags.UNDEFINED, 1
    )

# EXIF 2.32, tables 4 and 8: ImageWidth and PixelXDimension, ImageLength and PixelYDimension.
_EXIF_TABLE, _WIDTHS, _HEIGHTS, _LONG = 0x8769, (0x0100, 0xA002), (0x0101, 0xA003), 4
_SHORT = {"<": b"\3\0", ">": b"\0\3"}  # the type, in either byte order
_KINDS = {1: "B", 3: "H", 4: "L", 7: "B"}  # how values of a type are packed
ORDERS = {b"II": "<", b"MM": ">"}  # how struct is told of the byte order


def read_exif(picture: Image.Image) -> bytes:
    """Return the EXIF data of the photo as displayed: orientation 1, its size, no thumbnail.

    Every other byte is as it was, but for TIFF.
    """
    if isinstance(picture, TiffImageFile):
        with suppress(Exception):  # what can't be read can't be kept, and the photo is still there
            exif = _tiff_description(picture)
            as_stored = tuple(picture.tag_v2[tag] for tag in (IMAGEWIDTH, IMAGELENGTH))
            return exif if picture.size == as_stored else set_exif_size(exif, *picture.size)
        return b""
    upright = set_orientation(_stored_exif(picture), 1)
    turned = read_orientation(picture) >= 5
    return set_exif_size(upright, picture.height, picture.width) if turned else upright


def _stored_exif(picture: Image.Image) -> bytes:
    """Return the EXIF of a file that is no TIFF, from its byte order on; b"" where it has none."""
    exif = own_value(picture, "exif", bytes) or read_raw_profile(picture, "exif")
    while exif.startswith(EXIF_HEADER):  # some programs write it twice
        exif = exif.removeprefix(EXIF_HEADER)
    return exif if exif.startswith((b"II*\0", b"MM\0*")) else b""


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
    order = ORDERS.get(exif[:2])
    if order is None:
        return exif
    data = bytearray(exif)
    try:
        start = struct.unpack_from(f"{order}L", data, 4)[0]
        for tag, place in _list_entries(data, start, order):
            if tag == ExifTags.Base.Orientation:
                struct.pack_into(f"{order}HLHH", data, place + 2, 3, 1, orientation, 0)
        end = start + 2 + 12 * struct.unpack_from(f"{order}H", data, start)[0]
        wipe_in_exif(data, order, end)
    except struct.error:
        pass  # cut short: what could be set is set
    return bytes(data)


def set_exif_size(exif: bytes, width: int, height: int) -> bytes:
    """Return EXIF whose tags of the photo's size, as far as it has any, say this one.

    Every other byte stays as it was.
    """
    order = ORDERS.get(exif[:2])
    if order is None:
        return exif
    data = bytearray(exif)
    try:
        entries = dict(_list_entries(data, struct.unpack_from(f"{order}L", data, 4)[0], order))
        if _EXIF_TABLE in entries:
            inner = struct.unpack_from(f"{order}L", data, entries[_EXIF_TABLE] + 8)[0]
            entries |= dict(_list_entries(data, inner, order))
        for tags, side in ((_WIDTHS, width), (_HEIGHTS, height)):
            for place in (entries[tag] for tag in tags if tag in entries):
                short, long = (struct.unpack_from(order + f, data, place + 8)[0] for f in "HL")
                if side != (short if data[place + 2 : place + 4] == _SHORT[order] else long):
                    struct.pack_into(f"{order}HLL", data, place + 2, _LONG, 1, side)
    except struct.error:
        return exif
    return bytes(data)


def _list_entries(data: bytes | bytearray, start: int, order: str) -> Iterator[tuple[int, int]]:
    """Yield the tag of each entry of a directory and its place.

    Raises:
        struct.error: the directory is cut short; what is there has been yielded.
    """
    for number in range(struct.unpack_from(f"{order}H", data, start)[0]):
        place = start + 2 + 12 * number
        yield struct.unpack_from(f"{order}H", data, place)[0], place


def read_orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1, upright, where there is none or another number.

    That of XMP, which Pillow takes in its place, turns the photo in no browser and few programs.
    Only a TIFF is turned by it, as Pillow does so by itself.
    """
    found = None
    if not isinstance(picture, TiffImageFile):
        found = _find_orientation(picture)
    else:
        with suppress(Exception):  # a damaged tag is no reason to refuse the photo
            found = int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    return found if found and 1 <= found <= 8 else 1


def _find_orientation(picture: Image.Image) -> int | None:
    """Return the orientation that EXIF has, whatever is wrong with its other values.

    Pillow gives up at the first one that lies nowhere.
    """
    with suppress(Exception):  # Pillow's own, of any kind
        picture.getexif()  # a PNG may have it behind its pixels, and is read on then
    exif = _stored_exif(picture)
    order = ORDERS.get(exif[:2], "<")
    with suppress(struct.error):
        for tag, place in _list_entries(exif, struct.unpack_from(f"{order}L", exif, 4)[0], order):
            if tag == ExifTags.Base.Orientation:
                kind = struct.unpack_from(f"{order}H", exif, place + 2)[0]
                form = _KINDS.get(kind, "H")
                return int(struct.unpack_from(f"{order}{form}", exif, place + 8)[0])
    return None


def read_dpi(picture: Image.Image) -> tuple[float, float] | None:
    """Return the dots per inch, across and down, if the file says any."""
    if isinstance(picture, TiffImageFile) and X_RESOLUTION not in picture.tag_v2:
        return None  # Pillow says 1
    dpi = own_value(picture, "dpi", tuple)
    # Where a JPEG itself has no unit, Pillow takes 72, or one side of EXIF's for both.
    unitless = isinstance(picture, JpegImageFile) and picture.info.get("jfif_unit") not in {1, 2}
    if picture.format in ONLY_EXIF or unitless:
        dpi = _read_exif_dpi(picture)
    if dpi is None or not all(isfinite(side) and 0.5 <= side <= 65_535 for side in dpi):
        return None  # 0/0 is met with, and no format takes it; a JPEG has 16 bits for it
    return dpi


def _read_exif_dpi(picture: Image.Image) -> tuple[float, float] | None:
    """Return the resolution that EXIF tells, in dots per inch (EXIF 2.32, tags 282, 283, 296)."""
    try:
        exif = picture.getexif()
        across, down = (float(exif[tag]) for tag in (X_RESOLUTION, Y_RESOLUTION))
        inch = 2.54 if exif.get(RESOLUTION_UNIT, 2) == 3 else 1.0
    except Exception:  # none, or damaged
        return None
    return across * inch, down * inch


def add_exif_dpi(known: bytes | None, dpi: tuple[float, float]) -> bytes:
    """Return EXIF that tells the resolution, too, for formats that have it nowhere else."""
    exif = Image.Exif()
    stays = EXIF_HEADER + (known or b"")
    try:
        if known:
            exif.load(stays)
        if X_RESOLUTION in exif:
            return stays
        exif[X_RESOLUTION], exif[Y_RESOLUTION], exif[RESOLUTION_UNIT] = *dpi, 2
        return exif.tobytes()
    except Exception:  # Pillow's own, of any kind: damaged, and kept as it is
        return stays


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
