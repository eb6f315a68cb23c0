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
from restore.data.gallery import (
    PREFIX,
    Gallery,
    PictureBatch,
    Squares,
    find_idx,
    folder_names,
    load_pictures,
    open_idx,
    open_photos,
    open_torchvision,
)
from restore.data.sources import Pair, Photo, PhotoSet, find_photos, list_photos
from restore.data.spoiling import Spoiling

__all__ = [
    "PREFIX",
    "Batch",
    "Facts",
    "Gallery",
    "Item",
    "MaskedPhotos",
    "Pair",
    "Photo",
    "PhotoSet",
    "PictureBatch",
    "Report",
    "Spoiling",
    "Squares",
    "Turns",
    "check_photos",
    "draw_crop",
    "draw_item",
    "find_idx",
    "find_photos",
    "folder_names",
    "list_photos",
    "load_batches",
    "load_facts",
    "load_pictures",
    "make_batch",
    "open_idx",
    "open_photos",
    "open_torchvision",
    "read_training_photo",
    "save_facts",
    "shuffle",
    "usable",
]
