"""Thumbnails in EXIF and XMP, which would go on showing a photo as it was."""

import struct

_PLACE, _LENGTH, _JPEG = 0x0201, 0x0202, b"\xff\xd8"  # EXIF 2.32, table 9; how a JPEG begins


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
    entries = (struct.unpack_from(f"{order}HHLL", data, start + 2 + 12 * n) for n in range(count))
    values = {tag: value for tag, _, _, value in entries}
    first, size = values.get(_PLACE, 0), values.get(_LENGTH, 0)
    # A wrong place must not cost what lies there.
    if data[first : first + 2] == _JPEG and first + size <= len(data):
        data[first : first + size] = bytes(size)


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
