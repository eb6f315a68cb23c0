"""Pictures in sRGB, by the profile that they have."""

import struct
from io import BytesIO

from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def dated_bytes(profile: ImageCms.ImageCmsProfile) -> bytes:
    """Return a profile of 1 January 2026 (ICC.1:2022, 7.2.1), so that equal ones are equal files.

    That of a profile made here is when the program started.
    """
    data = bytearray(profile.tobytes())
    data[24:36] = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    return bytes(data)


def to_srgb(picture: Image.Image, icc: bytes) -> Image.Image:
    """Return a CMYK or gray picture as RGB that looks alike.

    Raises:
        ValueError: the profile is none, or one of other colours.
    """
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        converted = ImageCms.profileToProfile(
            picture,
            profile,
            SRGB,
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            "RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,  # so that the darkest ink is black
        )
    except (ImageCms.PyCMSError, OSError) as error:
        raise ValueError(str(error)) from None
    assert converted is not None, "only in place there is no result"
    return converted
