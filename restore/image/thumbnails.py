"""Thumbnails inside metadata, which would go on showing a photo as it was."""

import struct

PHOTOSHOP = b"Photoshop 3.0\0"  # before the image resources in a JPEG's APP13
_SEGMENT = 65_533 - len(PHOTOSHOP)  # bytes of resources that one segment holds at most
_RESOURCE = b"8BIM"
_THUMBNAILS = (0x0409, 0x040C)  # of Photoshop 4 and of later ones
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


def drop_from_resources(resources: bytes) -> bytes:
    """Return Photoshop's image resources without thumbnails, every other byte as it was."""
    return b"".join(_list_kept(resources))


def drop_from_segments(segments: list[bytes]) -> list[bytes]:
    """Return the segments of a JPEG's APP13 without thumbnails; others than Photoshop's stay.

    Segments without one stay as they are. Else they are cut anew, between resources, as some
    readers take each by itself.
    """
    ours = [part.removeprefix(PHOTOSHOP) for part in segments if part.startswith(PHOTOSHOP)]
    whole = b"".join(ours)
    kept = _list_kept(whole)
    if sum(map(len, kept)) == len(whole):
        return segments
    parts = [b""]
    for block in kept:
        if parts[-1] and len(parts[-1]) + len(block) > _SEGMENT:
            parts.append(b"")
        parts[-1] += block
    cut = [part[n : n + _SEGMENT] for part in parts for n in range(0, len(part), _SEGMENT)]
    return [
        *(PHOTOSHOP + part for part in cut),
        *(part for part in segments if not part.startswith(PHOTOSHOP)),
    ]


def _list_kept(resources: bytes) -> list[bytes]:
    """Return the resources that are no thumbnails, and as the last what follows a damaged one.

    Source: Adobe Photoshop File Formats Specification, "Image Resource Blocks".
    """
    kept, start = [], 0
    while (end := _find_end(resources, start)) is not None:
        (number,) = struct.unpack_from(">H", resources, start + 4)
        if number not in _THUMBNAILS:
            kept.append(resources[start:end])
        start = end
    return [*kept, resources[start:]]


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
    for prefix in (b"xmp", b"xap"):
        opening, closing = b"<%b:Thumbnails>" % prefix, b"</%b:Thumbnails>" % prefix
        first, *rest = xmp.split(opening)
        kept = [first]
        for part in rest:
            _, found, behind = part.partition(closing)
            kept.append(behind if found else opening + part)
        xmp = b"".join(kept)
    return xmp
