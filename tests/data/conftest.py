"""Small photos, each another one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WritePhoto = Callable[..., Path]


@pytest.fixture
def write_photo() -> WritePhoto:
    """Write a smooth photo (H, W, 3) that depends on the seed alone, and return its path."""

    def write(
        path: Path, seed: int = 0, size: tuple[int, int] = (70, 90), **options: object
    ) -> Path:
        small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        photo = Image.fromarray(small).resize(size[::-1], Image.Resampling.BICUBIC)
        photo.save(path, **options)
        return path

    return write
