"""Thumbnails in EXIF and XMP, which would go on showing a photo as it was."""

import struct

# EXIF 2.32, tables 9 and 4: place and length of a thumbnail that is a JPEG, and of one's strips.
_PLACE, _LENGTH, _STRIPS, _LENGTHS = 0x0201, 0x0202, 0x0111, 0x0117
_JPEG = b"\xff\xd8"  # how one begins


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
    end = start + 2 + 12 * count
    found = {}
    for place in range(start + 2, end, 12):
        (tag,) = struct.unpack_from(f"{order}H", data, place)
        if tag in {_PLACE, _LENGTH, _STRIPS, _LENGTHS}:
            found[tag] = _read_values(data, order, place)
    # A wrong place must not cost what lies there.
    for first, size in zip(found.get(_PLACE, ()), found.get(_LENGTH, ()), strict=False):
        if data[first : first + 2] == _JPEG and first + size <= len(data):
            data[first : first + size] = bytes(size)
    for first, size in zip(found.get(_STRIPS, ()), found.get(_LENGTHS, ()), strict=False):
        if end <= first and first + size <= len(data):  # behind all directories, as a rule
            data[first : first + size] = bytes(size)


def _read_values(data: bytearray, order: str, place: int) -> tuple[int, ...]:
    """Return the whole numbers of an entry; a count that can't be is cut."""
    kind, count = struct.unpack_from(f"{order}HL", data, place + 2)
    code, size = ("H", 2) if kind == 3 else ("L", 4)
    at = place + 8 if count * size <= 4 else struct.unpack_from(f"{order}L", data, place + 8)[0]
    count = min(count, max(0, len(data) - at) // size)
    return struct.unpack_from(f"{order}{count}{code}", data, at) if count else ()


def drop_from_xmp(xmp: bytes) -> bytes:
    """Return an XMP packet without thumbnails (XMP 1, 8.4), every other byte as it was."""
    for prefix in (b"xmp", b"xap"):
        opening, closing = b"<%b:Thumbnails>" % prefix, b"</%b:Thumbnails>" % prefix
        first, *rest = xmp.split(opening)
        kept = [first]
        for part in rest:
            _, found, behind = part.partition(closing)
            kept.append(behind if found else opening + part)
        xmp = b"".join(kept)
    return xmp
