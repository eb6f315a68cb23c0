"""Masks: drawn at random for training and tests, or read and made for one photo.

A mask is (H, W) uint8 with values {0, 1}, and 1 is the hole: this pixel may change.
"""

from restore.masks.given import (
    TOLERANCE,
    check_growth,
    encode_mask,
    fit_mask,
    grow_mask,
    is_shaped_as,
    mask_from_alpha,
    mask_from_boxes,
    mask_from_chances,
    mask_from_color,
    read_box,
    read_color,
    read_mask,
    read_whole_mask,
    to_mask,
    write_mask,
)
from restore.masks.kinds import MASKS, Blobs, Boxes, FreeForm, Irregular, Kind, Scratches, Strokes
from restore.masks.preset import Part, Preset, hole_share, load_preset

__all__ = [
    "MASKS",
    "TOLERANCE",
    "Blobs",
    "Boxes",
    "FreeForm",
    "Irregular",
    "Kind",
    "Part",
    "Preset",
    "Scratches",
    "Strokes",
    "check_growth",
    "encode_mask",
    "fit_mask",
    "grow_mask",
    "hole_share",
    "is_shaped_as",
    "load_preset",
    "mask_from_alpha",
    "mask_from_boxes",
    "mask_from_chances",
    "mask_from_color",
    "read_box",
    "read_color",
    "read_mask",
    "read_whole_mask",
    "to_mask",
    "write_mask",
]
