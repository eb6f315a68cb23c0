"""XMP: what programs say of a photo, in XML."""

import json
import re
from contextlib import suppress

from PIL import Image
from PIL.TiffImagePlugin import XMP, TiffImageFile

from restore.image.thumbnails import drop_from_xmp

PNG_XMP = "XML:com.adobe.xmp"


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


def decode_xmp(xmp: bytes) -> str:
    """Return an XMP packet as text: UTF-8 as a rule, UTF-16 and UTF-32 as the standard allows."""
    for encoding in ("utf-8", json.detect_encoding(xmp)):
        with suppress(UnicodeDecodeError):
            return xmp.decode(encoding)
    return xmp.decode("latin-1")
