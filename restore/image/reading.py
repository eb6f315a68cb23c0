"""Reading photos: what is accepted, and one sentence for everything that isn't."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import EXTRASAMPLES, SAMPLEFORMAT, TiffImageFile

from restore.errors import RestoreError, UsageError
from restore.image.colours import SRGB, dated_bytes, to_srgb
from restore.image.content import Content, check_source, own_value
from restore.image.deep import (
    count_bits,
    has_planes,
    is_deep,
    name_oddity,
    read_deep,
    to_eight_bits,
)
from restore.image.encoding import read_encoding
from restore.image.exif import read_dpi, read_exif, read_orientation
from restore.image.files import permissions_for
from restore.image.photo import ACCEPTED, FORMATS, DeepPixels, Photo, Pixels
from restore.image.resources import read_resources
from restore.image.xmp import hides_picture, read_xmp
from restore.quiet import stderr_silenced

MAX_PIXELS = 178_956_970  # the size from which on Pillow, too, refuses

MAX_TEXT = 16 * 2**20  # bytes of a part of a PNG; colour profiles of scanners may have over 1 MiB

_lock = Lock()
_rooms: list[int] = []  # pixels that callers of `_room_for` need now
_usual: tuple[int | None, int] = (None, 0)  # Pillow's limits without them: pixels, bytes of text

# Tags of TIFFs: what only raw files have, and what says that there is more than Pillow shows.
_DNG_VERSION, _NEW_SUBFILE, _SUB_DIRECTORIES = 50706, 254, 330
_LOST = {37724: "Photoshop's layers", 34735: "a place on a map", 301: "a transfer curve"}
_VIDEO = re.compile(rb"\xff\xd9.{0,64}ftyp", re.DOTALL)  # after a JPEG's end: a motion photo

# EXIF orientation -> what makes the stored picture the displayed one (EXIF 2.32, tag 0x0112).
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(
    path: str | Path, *, max_pixels: int = MAX_PIXELS, data: bytes | None = None
) -> Photo:
    """Read a photo in one of FORMATS, recognised by content.

    Palette pictures become RGB, or RGBA where an entry is transparent. CMYK becomes sRGB by the
    file's own profile, which `Photo.warning` tells. The orientation is applied.
    Of a JPEG with several pictures (MPO: depth or gain maps) only the photo is read.

    Args:
        path: the file, or its name where `data` is what it holds.
        max_pixels: a larger photo is refused, width times height.
        data: the content of a file that lies nowhere, as one that was sent; its name is for
            messages alone then, and decides no format.

    Raises:
        UsageError: `path` is no path, or `data` are no bytes.
        RestoreError: missing, not a picture, damaged, cut short, over `max_pixels` (width times
            height), or of a kind that isn't accepted: 32-bit, CMYK without a profile, animated,
            several pages.
    """
    with open_picture(path, max_pixels, data) as picture:
        content = Content(Path(path), data)
        _check_accepted(path, picture)
        deep = read_samples(Path(path), picture, data)
        split = _split(_read_rgb(path, picture)) if deep is None else _split_deep(deep)
        icc = own_value(picture, "icc_profile", bytes) or b""
        return Photo(  # after decoding: a PNG may have metadata behind its pixels
            *split,
            deep=deep,
            format="JPEG" if picture.format == "MPO" else str(picture.format),
            extension=Path(path).suffix.lower() if data is None else "",
            icc=dated_bytes(SRGB) if picture.mode == "CMYK" else icc,
            exif=read_exif(picture),
            xmp=read_xmp(picture),
            resources=read_resources(picture),
            dpi=read_dpi(picture),
            encoding=read_encoding(picture, content),
            permissions=permissions_for(content.path) if data is None else 0o666,
            warning=" ".join(_list_losses(content, picture)),
        )


def read_pixels(name: str, data: bytes, least: int = 0) -> tuple[Pixels, tuple[int, int]]:
    """Return a photo's RGB (H, W, 3) uint8 as displayed, and the height and width in its file.

    It accepts what `read_image` does and gives the same levels; what is transparent is laid over
    white, as what is hidden there is nobody's picture.

    Args:
        name: what the sentences of errors call it.
        data: the content of its file.
        least: a larger JPEG may be scaled down while it is decoded, no side below this; 0: not.

    Raises:
        RestoreError: as `read_image`.
    """
    with open_picture(name, data=data) as picture:
        _check_accepted(name, picture)
        width, height = picture.size  # of a TIFF as displayed
        if least:
            picture.draft("RGB", (least, least))
        deep = read_samples(Path(name), picture, data)
        split = _split(_read_rgb(name, picture)) if deep is None else _split_deep(deep)
        turned = not isinstance(picture, TiffImageFile) and read_orientation(picture) >= 5
    pixels, alpha, _ = split
    shown = pixels if alpha is None or alpha.min() == 255 else _lay_over_white(pixels, alpha)
    return shown, (width, height) if turned else (height, width)


def _lay_over_white(pixels: Pixels, alpha: Pixels) -> Pixels:
    share = alpha[..., None].astype(np.float32) / 255
    return np.rint(255 + (pixels - np.float32(255)) * share).astype(np.uint8)


@contextmanager
def open_picture(
    path: str | Path, max_pixels: int = MAX_PIXELS, data: bytes | None = None
) -> Iterator[Image.Image]:
    """Open a picture file to decode it inside the block; any failure there becomes a sentence.

    Args:
        path: the file, or its name where `data` is what it holds.
        max_pixels: width times height at most.
        data: the content of a file that lies elsewhere, as in an archive.

    Raises:
        RestoreError: missing, not a picture, damaged, cut short, or over `max_pixels`.
    """
    check_source(path, data)
    content = Content(Path(path), data)
    most = f"{max_pixels / 1e6:.{0 if max_pixels >= 1e6 else 3}f}"
    too_large = (
        f"{path} is larger than the {most} megapixels that are accepted; "
        "restore fix, mask and paint take larger ones with --max-megapixels (max_pixels=)."
    )
    try:
        if data is None:
            _check_readable(content.path)
        elif not data:
            raise RestoreError(f"{path} is empty (0 bytes).")
        accepted = (*dict.fromkeys(FORMATS.values()), "GIF", "PPM")
        with (
            _room_for(max_pixels),
            content.open() as file,
            Image.open(file, formats=accepted) as picture,
        ):
            if picture.width * picture.height > max_pixels:
                raise RestoreError(too_large)
            if picture.format == "PNG":  # whose checksums Pillow skips when it decodes
                with content.open() as again:
                    Image.open(again).verify()
            yield picture
    except RestoreError:
        raise
    except UnidentifiedImageError:
        with content.open() as file:
            is_tiff = file.read(4) in {b"II*\0", b"MM\0*"}
        kind = "a TIFF of a kind, as with 32 bits, that can't be" if is_tiff else ""
        message = f"{path} is {kind or 'not a picture that can be'} read; accepted are {ACCEPTED}."
        raise RestoreError(message) from None
    except Image.DecompressionBombError:
        raise RestoreError(too_large) from None
    except MemoryError:
        raise RestoreError(f"There is not enough memory to read {path}.") from None
    except Exception as error:  # Pillow's decoders raise nearly anything for damaged files
        if isinstance(error, OSError) and error.errno:
            raise RestoreError(f"Can't read {path}: {error.strerror}.") from None
        message = f"{path} is damaged or cut short ({str(error).rstrip('.')})."
        raise RestoreError(message) from None


@contextmanager
def _room_for(pixels: int) -> Iterator[None]:
    """Let Pillow take pictures of so many pixels, and PNGs' long texts, inside the block.

    Its limits are those of the whole process, which may be another program's, too; it looks at them
    when it opens pictures and, of some formats, when it decodes them.
    """
    global _usual
    with _lock:
        if not _rooms:
            _usual = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
        _rooms.append(pixels)
        _set_limits()
    try:
        yield
    finally:
        with _lock:
            _rooms.remove(pixels)
            _set_limits()


def _set_limits() -> None:
    """Give Pillow its usual limits, or the largest that are asked for now."""
    usual, text = _usual
    most = max(_rooms, default=0)
    is_enough = usual is None or most <= usual  # above it, it warns
    Image.MAX_IMAGE_PIXELS = usual if is_enough else most
    PngImagePlugin.MAX_TEXT_CHUNK = max(text, MAX_TEXT) if _rooms else text


def _check_readable(path: Path) -> None:
    if str(path) == "-":
        raise UsageError("Pictures are read from files, not from standard input; name a file.")
    if path.is_dir():
        raise RestoreError(f"{path} is a folder, not a picture.")
    if not path.exists():
        raise RestoreError(f"There is no file {path}.")
    if not path.is_file():
        raise RestoreError(f"{path} is not a file.")
    if path.stat().st_size == 0:
        raise RestoreError(f"{path} is empty (0 bytes).")


def _check_accepted(path: str | Path, picture: Image.Image) -> None:
    name, mode = picture.format, picture.mode
    count = 1 if _has_thumbnails_alone(picture) else getattr(picture, "n_frames", 1)
    if name not in {*FORMATS.values(), "MPO"}:
        problem = f"is an animated {name}" if count > 1 else f"is a {name}"
    elif isinstance(picture, TiffImageFile) and _is_raw(picture):
        problem = "is a camera's raw file, of which only a thumbnail can be read; export it first"
    elif count > 1 and name in {"TIFF", "HEIF"}:
        problem = f"has {count} pages"
    elif count > 1 and name != "MPO":
        problem = f"is an animated {name} of {count} frames"
    elif is_deep(picture):
        return
    elif count_bits(picture) > 8:
        reason = name_oddity(picture) or f"the colour mode {mode}"
        problem = f"has {count_bits(picture)} bits per channel and {reason}"
    elif isinstance(picture, TiffImageFile) and {*picture.tag_v2.get(SAMPLEFORMAT, (1,))} - {1, 4}:
        problem = "has samples with a sign"
    elif mode == "LA" and isinstance(picture, TiffImageFile) and has_planes(picture):
        problem = "has gray and transparency in separate planes, which are read with 16 bits alone"
    elif mode == "CMYK" and not picture.info.get("icc_profile"):
        problem = "is CMYK without a colour profile that would say how to make it RGB"
    elif mode not in {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr", "CMYK"}:
        problem = f"has the colour mode {mode}"
    else:
        return
    raise RestoreError(f"{path} {problem}; accepted are {ACCEPTED}, with one page.")


def _is_raw(picture: TiffImageFile) -> bool:
    """Tell whether a TIFF is a DNG, or begins with the thumbnail of what lies in a directory below.

    The latter are NEF and the like (TIFF/EP, ISO 12234-2).
    """
    tags = picture.tag_v2
    return _DNG_VERSION in tags or (_SUB_DIRECTORIES in tags and tags.get(_NEW_SUBFILE, 0) & 1 == 1)


def _has_thumbnails_alone(picture: Image.Image) -> bool:
    """Tell whether all pages of a TIFF but the first are smaller copies of it."""
    if not isinstance(picture, TiffImageFile):
        return False
    try:
        for number in range(1, picture.n_frames):
            picture.seek(number)
            if not picture.tag_v2.get(_NEW_SUBFILE, 0) & 1:
                return False
        return True
    finally:
        picture.seek(0)


def _scale_transparency(picture: Image.Image) -> None:
    """Bring the transparent level of a gray PNG of 2 or 4 bits to the 8 that Pillow reads it in."""
    args = str(picture.tile[0].args) if isinstance(picture, PngImageFile) and picture.tile else ""
    level = picture.info.get("transparency")
    if isinstance(level, str):  # a text of that keyword
        del picture.info["transparency"]
    if args in {"L;2", "L;4"} and isinstance(level, int):
        picture.info["transparency"] = level * 255 // (2 ** int(args[-1]) - 1)


def _read_rgb(path: str | Path, picture: Image.Image) -> Image.Image:
    """Return the picture as displayed; a CMYK one in sRGB, by its own profile."""
    upright = to_upright(picture)
    if upright.mode != "CMYK":
        return upright
    try:
        return to_srgb(upright, picture.info["icc_profile"])
    except ValueError:
        message = f"{path} is CMYK with a colour profile that can't be used; convert it to RGB."
        raise RestoreError(message) from None


def _list_losses(content: Content, picture: Image.Image) -> Iterator[str]:
    """Yield a sentence on each thing that the file will not be again when it is written."""
    path = content.path
    if picture.mode == "1":
        yield f"{path} has 1 bit per pixel and is written with 8."
    if picture.mode in {"P", "PA"}:
        yield f"{path} has a palette and is written with 8 bits per channel instead."
    if picture.mode == "CMYK":
        yield f"{path} is CMYK and is written as RGB (sRGB), converted by its own colour profile."
    maps = picture.format == "HEIF" and (
        picture.info.get("depth_images") or picture.info.get("aux")
    )
    if picture.format == "MPO" or maps:
        yield f"{path} holds more than the photo (a depth or gain map); that is not written."
    if isinstance(picture, TiffImageFile):
        yield from _list_tiff_losses(path, picture)
    if picture.format in {"JPEG", "MPO"}:
        if _VIDEO.search(content.read()):
            yield f"{path} holds a video behind the photo; that is not written."
        if hides_picture(picture):
            yield f"{path} holds another picture in its XMP, which is not written."
    if picture.format in {"AVIF", "HEIF"} and _has_more_bits(content, picture):
        yield f"{path} has more than 8 bits per channel and is written with 8."


def _list_tiff_losses(path: Path, picture: TiffImageFile) -> Iterator[str]:
    if picture.info.get("compression") in {"jpeg", "tiff_jpeg", "webp"}:
        yield f"{path} is a TIFF compressed with loss; TIFFs are written without, and larger."
    if picture.n_frames > 1 or _SUB_DIRECTORIES in picture.tag_v2:
        yield f"{path} holds smaller copies of the photo, which are not written."
    extra = picture.tag_v2.get(EXTRASAMPLES, ())
    if 1 in extra[:1]:
        yield f"{path} has premultiplied transparency, which is written as plain transparency."
    elif extra and extra != (2,):
        yield f"{path} has channels besides colours and transparency; they are not written."
    if lost := [name for tag, name in _LOST.items() if tag in picture.tag_v2]:
        yield f"{path} holds {' and '.join(lost)}, which is not written."


def _has_more_bits(content: Content, picture: Image.Image) -> bool:
    """Tell whether an AVIF or HEIC has more than the 8 bits per channel that Pillow gives."""
    if picture.format == "HEIF":
        return bool(picture.info.get("bit_depth", 8) > 8)
    with content.open() as file:
        _, found, settings = file.read(65_536).partition(b"av1C")
    return bool(found) and len(settings) > 2 and bool(settings[2] & 0x40)  # high_bitdepth


def to_upright(picture: Image.Image) -> Image.Image:
    """Return the picture as displayed: decoded, with its EXIF orientation applied."""
    if isinstance(picture, TiffImageFile):
        with stderr_silenced():
            picture.load()  # which turns it, too
        return picture
    _scale_transparency(picture)
    orientation = read_orientation(picture)
    picture.load()
    return picture.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else picture


def read_samples(path: Path, picture: Image.Image, data: bytes | None = None) -> DeepPixels | None:
    """Return the samples (H, W, C) uint16 of a whole file as displayed; None where it has 8 bits.

    Args:
        path: the file, or its name where `data` is what it holds.
        picture: the same, opened by `open_picture`.
        data: the content of a file that lies elsewhere.
    """
    if not is_deep(picture):
        return None
    orientation = read_orientation(picture)
    with stderr_silenced():
        if picture.format == "PNG":
            picture.load()  # tells what is cut short, which OpenCV doesn't, and reads late metadata
        return read_deep(path, Content(path, data).read(), picture, orientation)


def _split_deep(deep: DeepPixels) -> tuple[Pixels, Pixels | None, bool]:
    levels, channels = to_eight_bits(deep), deep.shape[2]
    gray = channels < 3
    pixels = levels[:, :, :1].repeat(3, axis=2) if gray else levels[:, :, :3]
    alpha = levels[:, :, -1] if channels in {2, 4} else None
    return np.ascontiguousarray(pixels), alpha, gray


def _split(picture: Image.Image) -> tuple[Pixels, Pixels | None, bool]:
    """Return RGB pixels, alpha or None, and whether the picture is gray."""
    gray = picture.mode in {"1", "L", "LA"}
    if picture.has_transparency_data and picture.mode not in {"LA", "RGBA"}:
        picture = picture.convert("LA" if gray else "RGBA")
    alpha = np.asarray(picture.getchannel("A")) if picture.mode in {"LA", "RGBA"} else None
    rgb = picture if picture.mode == "RGB" else picture.convert("RGB")
    return np.asarray(rgb), alpha, gray
