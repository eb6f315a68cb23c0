"""Photoshop's image resources, in which a JPEG or TIFF has its IPTC: caption, keywords, rights.

Source: Adobe Photoshop File Formats Specification, "Image Resource Blocks".
"""

import struct
from collections.abc import Iterator
from typing import Any

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from restore.image.content import read_raw_profile

PHOTOSHOP = b"Photoshop 3.0\0"  # before the resources in a JPEG's APP13
APP13 = 0xED
IPTC, RESOURCES = 33723, 34377  # tags of a TIFF
_SEGMENT = 65_533 - len(PHOTOSHOP)  # bytes of resources that one segment holds at most
_BLOCK = b"8BIM"
_IPTC_BLOCK = 0x0404
_THUMBNAILS = (0x0409, 0x040C)  # of Photoshop 4 and of later ones


def read_resources(picture: Image.Image) -> bytes:
    """Return the resources of a JPEG, TIFF or PNG of ImageMagick without thumbnails.

    b"" where there are none.
    """
    if isinstance(picture, JpegImageFile):
        return drop_thumbnails(_join([data for name, data in picture.applist if name == "APP13"]))
    if not isinstance(picture, TiffImageFile):
        found = read_raw_profile(picture, "8bim") or read_raw_profile(picture, "iptc")
        return drop_thumbnails(found) if found.startswith(_BLOCK) else b""
    data: dict[int, bytes] = picture.tag_v2._tagdata  # as stored: some call IPTC's bytes numbers
    resources, iptc = drop_thumbnails(data.get(RESOURCES, b"")), data.get(IPTC, b"")
    if iptc and not find_iptc(resources):
        head = _BLOCK + struct.pack(">HHL", _IPTC_BLOCK, 0, len(iptc))
        resources += head + iptc + bytes(len(iptc) % 2)
    return resources


def hides_thumbnail(picture: Image.Image, key: str) -> bool:
    """Tell whether a text of a PNG holds resources with a thumbnail, as ImageMagick writes them."""
    found = read_raw_profile(picture, key.removeprefix("Raw profile type "))
    return found.startswith(_BLOCK) and drop_thumbnails(found) != found


def find_iptc(resources: bytes) -> bytes:
    """Return the IPTC among the resources, b"" where there is none."""
    for number, block in _list_blocks(resources):
        if number == _IPTC_BLOCK:
            start = 10 + _name_length(block)
            return block[start : start + struct.unpack_from(">L", block, start - 4)[0]]
    return b""


def hold_resources(options: dict[str, Any], resources: bytes, format: str) -> dict[str, Any]:
    """Return Pillow's options with which a JPEG or TIFF is written that has these resources."""
    if format == "TIFF":
        held = {RESOURCES: resources, IPTC: find_iptc(resources)}
        known = {tag: data for tag, data in held.items() if data}
        return options | {"tiffinfo": options.get("tiffinfo", {}) | known}
    segments = [PHOTOSHOP + part for part in _cut(resources)]
    extra = b"".join(struct.pack(">BBH", 255, APP13, len(s) + 2) + s for s in segments)
    return options | {"extra": options.get("extra", b"") + extra}


def drop_thumbnails(resources: bytes) -> bytes:
    """Return the resources without thumbnails, every other byte as it was."""
    return b"".join(block for n, block in _list_blocks(resources) if n not in _THUMBNAILS)


def drop_from_segments(segments: list[bytes]) -> list[bytes]:
    """Return the segments of a JPEG's APP13 without thumbnails; others than Photoshop's stay.

    Segments without one stay as they are. Else they are cut anew.
    """
    whole = _join(segments)
    kept = drop_thumbnails(whole)
    if kept == whole:
        return segments
    others = [part for part in segments if not part.startswith(PHOTOSHOP)]
    return [*(PHOTOSHOP + part for part in _cut(kept)), *others]


def _join(segments: list[bytes]) -> bytes:
    """Return the resources that segments of a JPEG's APP13 hold together."""
    return b"".join(s.removeprefix(PHOTOSHOP) for s in segments if s.startswith(PHOTOSHOP))


def _cut(resources: bytes) -> list[bytes]:
    """Return parts that fit into a segment each, cut between blocks: some readers take one alone.

    A block that is larger than a segment is cut, too.
    """
    parts = [b""]
    for _, block in _list_blocks(resources):
        if parts[-1] and len(parts[-1]) + len(block) > _SEGMENT:
            parts.append(b"")
        parts[-1] += block
    return [part[n : n + _SEGMENT] for part in parts for n in range(0, len(part), _SEGMENT)]


def _list_blocks(resources: bytes) -> Iterator[tuple[int | None, bytes]]:
    """Yield number and bytes of each block; as the last, with None, what follows a damaged one."""
    start = 0
    while (end := _find_end(resources, start)) is not None:
        yield struct.unpack_from(">H", resources, start + 4)[0], resources[start:end]
        start = end
    yield None, resources[start:]


def _find_end(resources: bytes, start: int) -> int | None:
    """Return where the block at `start` ends, None if there is none or it is cut short."""
    if resources[start : start + 4] != _BLOCK or len(resources) < start + 12:
        return None
    data = start + 10 + _name_length(resources[start : start + 7])
    if len(resources) < data:
        return None
    end = data + struct.unpack_from(">L", resources, data - 4)[0]
    return None if end > len(resources) else min(end + (end - data) % 2, len(resources))


def _name_length(block: bytes) -> int:
    """Return how long a block's name is, with its length before it, filled up to be even."""
    return (block[6] + 2) // 2 * 2
