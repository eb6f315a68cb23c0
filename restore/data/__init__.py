"""Training data: where photos lie, what is wrong with them, and the batches that they become."""

from restore.data.check import Facts, Report, check_photos, load_facts, save_facts, usable
from restore.data.dataset import (
    Batch,
    Item,
    MaskedPhotos,
    Turns,
    draw_crop,
    draw_item,
    load_batches,
    make_batch,
    read_training_photo,
    shuffle,
)
from restore.data.sources import Pair, Photo, PhotoSet, find_photos, list_photos
from restore.data.spoiling import Spoiling

__all__ = [
    "Batch",
    "Facts",
    "Item",
    "MaskedPhotos",
    "Pair",
    "Photo",
    "PhotoSet",
    "Report",
    "Spoiling",
    "Turns",
    "check_photos",
    "draw_crop",
    "draw_item",
    "find_photos",
    "list_photos",
    "load_batches",
    "load_facts",
    "make_batch",
    "read_training_photo",
    "save_facts",
    "shuffle",
    "usable",
]
