"""Mend pictures: fill holes, restore whole photos, train restorers, draw pictures from noise.

The public names are looked up on first use, so that `import restore` does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from restore.detector import Detector as Detector
    from restore.errors import RestoreError as RestoreError
    from restore.errors import UsageError as UsageError
    from restore.fixing import Fixer as Fixer
    from restore.fixing import fix_with as fix_with
    from restore.image import Photo as Photo
    from restore.image import encode_image as encode_image
    from restore.image import read_image as read_image
    from restore.image import write_image as write_image
    from restore.masks import encode_mask as encode_mask
    from restore.masks import grow_mask as grow_mask
    from restore.masks import load_preset as load_preset
    from restore.masks import mask_from_boxes as mask_from_boxes
    from restore.masks import read_mask as read_mask
    from restore.masks import write_mask as write_mask
    from restore.restorer import Restorer as Restorer
    from restore.sampler import Sampler as Sampler

__version__ = "0.1.0"

_HOME = {
    "Detector": "restore.detector",
    "Fixer": "restore.fixing",
    "Photo": "restore.image",
    "RestoreError": "restore.errors",
    "Restorer": "restore.restorer",
    "Sampler": "restore.sampler",
    "UsageError": "restore.errors",
    "encode_image": "restore.image",
    "encode_mask": "restore.masks",
    "fix_with": "restore.fixing",
    "grow_mask": "restore.masks",
    "load_preset": "restore.masks",
    "mask_from_boxes": "restore.masks",
    "read_image": "restore.image",
    "read_mask": "restore.masks",
    "write_image": "restore.image",
    "write_mask": "restore.masks",
}

__all__ = ["__version__", *_HOME]


if not TYPE_CHECKING:  # which would take any name for a public one

    def __getattr__(name: str) -> Any:
        """Import the module that holds a public name when the name is first used."""
        if name not in _HOME:
            raise AttributeError(f"module 'restore' has no attribute '{name}'")
        value = getattr(import_module(_HOME[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """List the public names, also those that are not imported yet."""
    return sorted({*globals(), *_HOME})
