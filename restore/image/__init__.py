"""Photos as files: read with everything the file must keep, written back whole or not at all."""

from restore.image.deep import is_inverted, to_eight_bits
from restore.image.enlarging import cover_hidden, enlarge, enlarge_samples
from restore.image.files import check_target, part_prefix, real_path, write_bytes
from restore.image.holding import check_held, tell_lost
from restore.image.metadata import LOSSY, encode_finely
from restore.image.photo import (
    ACCEPTED,
    FORMATS,
    HEIC,
    LONGEST_SIDE,
    PICTURES,
    AnyPixels,
    DeepPixels,
    Mask,
    Photo,
    Pixels,
    Plane,
    check_alpha,
    check_pixels,
    compose,
    drop_extension,
    extension_of,
    format_of,
    to_pixels,
    to_tensor,
    with_extension,
)
from restore.image.reading import (
    MAX_PIXELS,
    open_picture,
    read_image,
    read_pixels,
    read_samples,
    to_upright,
)
from restore.image.replacing import match_samples, replace_pixels
from restore.image.shrinking import shrink_known
from restore.image.writing import (
    encode_gif,
    encode_image,
    encode_png,
    write_image,
)

__all__ = [
    "ACCEPTED",
    "FORMATS",
    "HEIC",
    "LONGEST_SIDE",
    "LOSSY",
    "MAX_PIXELS",
    "PICTURES",
    "AnyPixels",
    "DeepPixels",
    "Mask",
    "Photo",
    "Pixels",
    "Plane",
    "check_alpha",
    "check_held",
    "check_pixels",
    "check_target",
    "compose",
    "cover_hidden",
    "drop_extension",
    "encode_finely",
    "encode_gif",
    "encode_image",
    "encode_png",
    "enlarge",
    "enlarge_samples",
    "extension_of",
    "format_of",
    "is_inverted",
    "match_samples",
    "open_picture",
    "part_prefix",
    "read_image",
    "read_pixels",
    "read_samples",
    "real_path",
    "replace_pixels",
    "shrink_known",
    "tell_lost",
    "to_eight_bits",
    "to_pixels",
    "to_tensor",
    "to_upright",
    "with_extension",
    "write_bytes",
    "write_image",
]
