"""Pictures in sRGB, by the profile that they have."""

from io import BytesIO

from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


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
