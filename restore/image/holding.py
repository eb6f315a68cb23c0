"""What a format can hold of a photo, and what it can't."""

from pathlib import Path

from restore.errors import UsageError
from restore.image.encoding import list_texts, names_colours
from restore.image.photo import FORMATS, Photo, Pixels, check_sides, extension_of, format_of
from restore.image.resources import find_iptc
from restore.image.xmp import EXTENSION

LONGEST_EXIF, LONGEST_XMP = 65_527, 65_504  # bytes that fit into a segment of a JPEG
DEEP = {"PNG", "TIFF"}  # formats that are written with 16 bits per channel
IPTC_FORMATS = {"JPEG", "TIFF"}
# What formats keep but for colours and transparency; a BMP has none of it.
PACKETS = {"icc": "colour profile", "exif": "EXIF", "xmp": "XMP"}


def check_held(path: Path, shape: tuple[int, ...], like: Photo, alpha: Pixels | None) -> None:
    """Refuse what the format of a file can't hold of a photo; before the work, if possible.

    Args:
        path: the file; its extension says the format, see `format_of`.
        shape: (H, W, ...) of the result.
        like: the photo whose metadata it gets.
        alpha: (H, W) uint8 of the result, or None.

    Raises:
        UsageError: it holds no transparency, or no metadata of such length.
        RestoreError: it holds no picture of such size.
    """
    format = format_of(path, like)
    check_sides(path, format, shape)
    if format != "JPEG":
        return
    if alpha is not None and alpha.min() < 255:
        raise UsageError("A JPEG can't keep transparency; write a PNG instead.")
    _check_lengths(path, like)


def _check_lengths(path: Path, like: Photo) -> None:
    """Refuse metadata that is too long for a segment of a JPEG."""
    for name, packet, most in (("XMP", like.xmp, LONGEST_XMP), ("EXIF", like.exif, LONGEST_EXIF)):
        if len(packet) > most:
            raise UsageError(
                f"A JPEG can't keep {name} metadata of {len(packet) // 1000} KB; write "
                f"{path.stem}.png instead."
            )


def tell_lost(path: Path, like: Photo) -> str:
    """Return what is not kept of a photo, and a format unlike the name, in sentences, or ""."""
    format = format_of(path, like)
    if format == like.format:
        named = FORMATS.get(extension_of(path.name).lower(), format)
        unlike = f"{path} is written as {format}, as the photo is one whatever its name says."
        return "" if named == format else unlike
    told = []
    if like.deep is not None and format not in DEEP:
        told.append(f"{path} is written with 8 bits per channel instead of 16.")
    lost = [what for name, what in PACKETS.items() if getattr(like, name)]
    if format == "BMP" and lost:
        told.append(f"{path} keeps no {' and no '.join(lost)}, as a BMP has none.")
    if not like.icc and names_colours(like.encoding):
        told.append(
            f"{path} does not say which colours its numbers mean, as the {like.format} did; they "
            "may look otherwise."
        )
    if EXTENSION in like.encoding.get("extra", b""):
        told.append(f"{path} keeps the beginning of the XMP alone, which is longer in the JPEG.")
    if texts := list_texts(like.encoding):
        told.append(f"{path} keeps no texts of the {like.format} ({', '.join(texts)}).")
    if format not in IPTC_FORMATS and find_iptc(like.resources):
        told.append(f"{path} keeps no IPTC (caption, keywords, rights), as a {format} has none.")
    return " ".join(told)
