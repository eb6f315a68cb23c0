"""XMP: what programs say of a photo, in XML."""

import json
import re
from contextlib import suppress

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import XMP, TiffImageFile

from restore.image.content import own_value, read_raw_profile
from restore.image.thumbnails import drop_from_xmp

PNG_XMP = "XML:com.adobe.xmp"
EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"  # how a JPEG's segments of long XMP begin
_PLACE = len(EXTENSION) + 40  # of its part of the XMP in such a segment
# What holds a picture there, mostly the photo as it was before the camera changed it.
_PICTURES = (b"GImage:Data", b"xmpGImg:image", b":Thumbnails")
# What says that a video, a gain map or long XMP follows.
_CLAIMS = (
    re.compile(
        rb"\s(?:GCamera:(?:MotionPhoto|MicroVideo)\w*|hdrgm:Version)=(?:\"[^\"]*\"|'[^']*')"
    ),
    re.compile(rb"<(GCamera:(?:MotionPhoto|MicroVideo)\w*|hdrgm:Version)>[^<]*</\1>"),
    re.compile(rb"<(Container:Directory)>.*?</\1>", re.DOTALL),
)
_EXTENDED = re.compile(
    rb"\sxmpNote:HasExtendedXMP=(?:\"[^\"]*\"|'[^']*')|<(xmpNote:HasExtendedXMP)>[^<]*</\1>"
)


def read_xmp(picture: Image.Image) -> bytes:
    """Return the XMP packet with orientation 1, without thumbnails, else as it was."""
    xmp = own_value(picture, "xmp", bytes) or picture.info.get(PNG_XMP)  # in a plain text of a PNG
    if isinstance(picture, TiffImageFile):
        xmp = picture.tag_v2.get(XMP)  # from the above Pillow has cut the orientation out
    data = xmp.encode() if isinstance(xmp, str) else xmp or read_raw_profile(picture, "xmp")
    if hides_picture(picture):
        data = end_xmp(data)
    return drop_claims(drop_from_xmp(set_xmp_orientation(data, 1)))


def end_xmp(xmp: bytes) -> bytes:
    """Return XMP that does not tell that more of it follows, as only a JPEG's may."""
    return _EXTENDED.sub(b"", xmp)


def hides_picture(picture: Image.Image) -> bool:
    """Tell whether the long XMP of a JPEG holds another picture, which would show what was filled.

    It is not written then.
    """
    if not isinstance(picture, JpegImageFile):
        return False
    parts = [part[_PLACE:] for _, part in picture.applist if part.startswith(EXTENSION)]
    whole = b"".join(parts)
    return any(name in whole for name in _PICTURES)


def drop_claims(xmp: bytes) -> bytes:
    """Return XMP that does not tell of a video or gain map behind the photo, which is not written.

    Who trusts it would look for one at a place that is no longer there.
    """
    for claim in _CLAIMS:
        xmp = claim.sub(b"", xmp)
    return xmp


def set_xmp_orientation(xmp: bytes, orientation: int) -> bytes:
    """Return XMP of another orientation, as far as it has any; every other byte stays."""
    return re.sub(rb"(tiff:Orientation(?:=[\"']|>))[1-8]", rb"\g<1>%d" % orientation, xmp)


def decode_xmp(xmp: bytes) -> str:
    """Return an XMP packet as text: UTF-8 as a rule, UTF-16 and UTF-32 as the standard allows."""
    for encoding in ("utf-8", json.detect_encoding(xmp)):
        with suppress(UnicodeDecodeError):
            return xmp.decode(encoding)
    return xmp.decode("latin-1")
