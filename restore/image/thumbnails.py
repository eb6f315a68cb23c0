"""Thumbnails inside metadata, which would go on showing a photo as it was."""

import re
import struct

PHOTOSHOP = b"Photoshop 3.0\0"  # before the image resources in a JPEG's APP13
_RESOURCE = b"8BIM"
_PICTURES = (0x0409, 0x040C)  # thumbnails of Photoshop 4 and of later ones
# EXIF 2.32, tables 4 and 9: StripOffsets and JPEGInterchangeFormat, and how long what is there is.
_PLACES, _LENGTHS, _SHORT = (0x0111, 0x0201), (0x0117, 0x0202), 3
_XMP = re.compile(rb"<(xmp|xap):Thumbnails\b.*?</\1:Thumbnails>", re.DOTALL)


def wipe_in_exif(data: bytearray, order: str, link: int) -> None:
    """Unlink the second directory of EXIF and put zeros for its thumbnail; all else stays.

    Args:
        data: EXIF without the header of a JPEG's segment.
        order: "<" or ">".
        link: where the first directory tells where the second one is.

    Raises:
        struct.error: cut short; what could be wiped is wiped.
    """
    (start,) = struct.unpack_from(f"{order}L", data, link)
    struct.pack_into(f"{order}L", data, link, 0)
    if not start:
        return
    (count,) = struct.unpack_from(f"{order}H", data, start)
    values: dict[int, int] = {}
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from(f"{order}HHL", data, entry)
        if tag in {*_PLACES, *_LENGTHS} and number == 1:
            (values[tag],) = struct.unpack_from(
                order + ("H" if kind == _SHORT else "L"), data, entry + 8
            )
    for place, length in zip(_PLACES, _LENGTHS, strict=True):
        first, size = values.get(place, 0), values.get(length, 0)
        if start < first < len(data):  # behind its directory: elsewhere it would be a mistake
            data[first : first + size] = bytes(min(size, len(data) - first))


def drop_from_resources(resources: bytes) -> bytes:
    """Return Photoshop's image resources without thumbnails, every other byte as it was.

    Source: Adobe Photoshop File Formats Specification, "Image Resource Blocks". What follows a
    block that is damaged stays as it is.
    """
    kept, start = [], 0
    while (end := _find_end(resources, start)) is not None:
        (number,) = struct.unpack_from(">H", resources, start + 4)
        if number not in _PICTURES:
            kept.append(resources[start:end])
        start = end
    return b"".join([*kept, resources[start:]])


def _find_end(resources: bytes, start: int) -> int | None:
    """Return where the resource at `start` ends, None if there is none or it is cut short."""
    if resources[start : start + 4] != _RESOURCE or len(resources) < start + 12:
        return None
    name = (resources[start + 6] + 2) // 2 * 2  # with its length before it, filled up to be even
    if len(resources) < start + 10 + name:
        return None
    (length,) = struct.unpack_from(">L", resources, start + 6 + name)
    end = start + 10 + name + length
    return None if end > len(resources) else min(end + length % 2, len(resources))


def drop_from_xmp(xmp: bytes) -> bytes:
    """Return an XMP packet without thumbnails (XMP 1, 8.4), every other byte as it was."""
    return _XMP.sub(b"", xmp)
