"""A photo in memory, the formats it may have as a file, and its way to torch and back."""

import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import features

from restore.errors import RestoreError, UsageError

if TYPE_CHECKING:
    import torch

Pixels = NDArray[np.uint8]  # (H, W, 3) RGB
Mask = NDArray[np.uint8]  # (H, W) {0, 1}, 1 is the hole: this pixel may change
Plane = NDArray[np.float32]  # (H, W), or (H, W, C)
DeepPixels = NDArray[np.uint16]
AnyPixels = NDArray[Any]  # uint8 or uint16

FORMATS = {  # by extension
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
if features.check("avif"):
    FORMATS[".avif"] = "AVIF"
# Pixels that can be written and read again.
LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383, "AVIF": 32_768}
HEIC = (".heic", ".heif", ".hif")
with suppress(ImportError):  # HEIC needs a package that is not ours to ask for
    import pillow_heif

    pillow_heif.register_heif_opener()
    FORMATS |= dict.fromkeys(HEIC, "HEIF")
# By name a picture, also where it can't be read: nobody's photos shall be left out in silence.
PICTURES = {
    *FORMATS,
    *HEIC,
    *(".gif", ".avif", ".jp2", ".jxl", ".psd", ".tga", ".ppm", ".pgm", ".pbm", ".pnm"),
    *(".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".raf", ".orf", ".rw2"),
    *(".rwl", ".pef", ".srw", ".3fr", ".fff", ".iiq", ".erf", ".kdc", ".dcr", ".mef", ".mos"),
    *(".x3f", ".crw"),
}
ACCEPTED = (
    "gray, RGB and RGBA pictures as PNG or TIFF of 8 or 16 bits per channel, JPEG, WebP, BMP or "
    'AVIF, and HEIC after pip install "restore-gan[heic]"'
)


def check_pixels(photo: AnyPixels, *, deep: bool = False) -> None:
    """Refuse what is no photo: (H, W, 3) uint8 with a pixel or more; if `deep`, also uint16.

    Raises:
        UsageError: another shape or type.
    """
    if not isinstance(photo, np.ndarray):
        raise UsageError(
            f"A photo must be a NumPy array of pixels, not {type(photo).__name__}; those of a file "
            "are read_image(path).pixels."
        )
    kinds = ("uint8", "uint16") if deep else ("uint8",)
    if photo.ndim != 3 or photo.shape[2] != 3 or not photo.size or photo.dtype not in kinds:
        raise UsageError(
            f"A photo must be (height, width, 3) {' or '.join(kinds)}, not {photo.shape} "
            f"{photo.dtype}."
        )


def check_alpha(alpha: Pixels | None, shape: tuple[int, ...]) -> None:
    """Refuse what is no transparency of pixels (H, W, ...): (H, W) uint8, or None.

    Raises:
        UsageError: another shape or type.
    """
    if alpha is None:
        return
    if not isinstance(alpha, np.ndarray) or alpha.shape != shape[:2] or alpha.dtype != np.uint8:
        given = f"{alpha.shape} {alpha.dtype}" if isinstance(alpha, np.ndarray) else repr(alpha)
        raise UsageError(
            f"The transparency of a photo of {shape[:2]} must be (height, width) uint8 of its "
            f"size, not {given}."
        )


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo as displayed, and what its file must keep.

    Its arrays are not to be written to, and those of most files can't be: change a copy, and take
    that for a photo like this one (`dataclasses.replace`).
    """

    pixels: Pixels = field(repr=False)  # (H, W, 3) uint8 RGB, orientation applied
    alpha: Pixels | None = field(default=None, repr=False)  # (H, W) uint8, 0 is transparent
    gray: bool = False  # the file holds gray; pixels have R = G = B
    # (H, W, C) uint16, all samples, where the file has 16 bits
    deep: DeepPixels | None = field(default=None, repr=False)
    format: str = "PNG"  # one of FORMATS, by content
    extension: str = ""  # of the file's name in lower case, ".jpg"
    icc: bytes = field(default=b"", repr=False)
    # TIFF structure without the "Exif" prefix, orientation 1, no thumbnail
    exif: bytes = field(default=b"", repr=False)
    xmp: bytes = field(default=b"", repr=False)
    resources: bytes = field(default=b"", repr=False)  # Photoshop's, so IPTC, without thumbnails
    dpi: tuple[float, float] | None = None
    # Pillow's save options, same format
    encoding: dict[str, Any] = field(default_factory=dict, repr=False)
    permissions: int = 0o666  # a new file of it gets no more (POSIX)
    warning: str = ""  # a sentence where the file can't be written back as it was

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def deep_rgb(self) -> DeepPixels | None:
        """The pixels (H, W, 3) uint16 RGB where the file has 16 bits."""
        if self.deep is None:
            return None
        colours = self.deep[..., : 1 if self.gray else 3]
        return np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:2], 3)))


def check_sides(path: str | Path, format: str, shape: tuple[int, ...]) -> None:
    """Refuse a picture of `shape` (H, W, ...) that is too wide or high for its format.

    Raises:
        RestoreError: naming the format's limit.
    """
    longest = LONGEST_SIDE.get(format, 2**31 - 1)
    if max(shape[:2]) > longest:
        raise RestoreError(
            f"{path} would be {shape[1]} x {shape[0]} pixels, and a {format} has at most "
            f"{longest} across or down; write a PNG or TIFF."
        )


def format_of(path: str | Path, like: Photo) -> str:
    """Return the format of a photo that is written to `path`: the one that its extension names.

    Where there is none, or the one that `like` was read under, it is the format of `like`: a PNG
    that goes by the name of photo.jpg stays a PNG.

    Raises:
        UsageError: the extension is that of no format that is written here.
    """
    extension = extension_of(Path(path).name).lower()
    return like.format if extension in {"", like.extension} else format_named(path)


def format_named(path: str | Path) -> str:
    """Return the format that the extension of a path names.

    Raises:
        UsageError: it is that of no format that is written here.
    """
    extension = extension_of(Path(path).name).lower()
    if extension in FORMATS:
        return FORMATS[extension]
    if extension in HEIC:
        raise UsageError(f'{path}: {extension} needs pillow-heif; pip install "restore-gan[heic]".')
    known = ", ".join(FORMATS)
    raise UsageError(f"{path}: pictures are not written as {extension}; known: {known}.")


def to_tensor(pixels: AnyPixels) -> "torch.Tensor":
    """Return pixels (H, W, 3) uint8 or uint16 as (1, 3, H, W) float32 in [0, 1], channels last."""
    import torch

    most = np.iinfo(pixels.dtype).max
    values = torch.from_numpy(pixels.astype(np.float32)).div_(most)  # (H, W, 3)
    return values.permute(2, 0, 1).unsqueeze(0)


def to_pixels(tensor: "torch.Tensor") -> Pixels:
    """Return a tensor (1, 3, H, W) in [0, 1] as pixels (H, W, 3) uint8, clamped and rounded."""
    import torch

    levels = tensor.detach()[0].float().clamp(0, 1).mul(255).round().to(torch.uint8)
    result: Pixels = levels.permute(1, 2, 0).contiguous().cpu().numpy()
    return result


def compose(name: str) -> str:
    """Return a name in one form: a Mac may write é as e with an accent, other systems as é."""
    return unicodedata.normalize("NFC", name)


def drop_extension(name: str) -> str:
    """Return a name or path without its extension, see `extension_of`."""
    return name.removesuffix(extension_of(name))


def stem_of(name: str) -> str:
    """Return a name or path without its extension, in one form: photos and masks meet by it."""
    return compose(drop_extension(name))


def with_extension(path: Path, extension: str | None) -> Path:
    """Return a path with another extension, as ".png"; itself for None."""
    return path if extension is None else path.with_name(drop_extension(path.name) + extension)


def extension_of(name: str) -> str:
    """Return what a name or path ends with from its last dot on, "" where that is no extension.

    What begins with a digit or holds a space is none: scan.1, scan.1-fixed, "Mr. Smith"; but .3fr,
    as a camera calls its files.
    """
    extension = PurePosixPath(name).suffix
    if extension.lower() in PICTURES:
        return extension
    return "" if extension[1:2].isdigit() or " " in extension else extension
