"""What a fix changes and what it can't: any photo, any mask, by a restorer that only paints."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from restore.image import Photo, read_image, write_image

SHAPES = st.sampled_from([(1, 1), (1, 5000), (5000, 1), (7, 513), (513, 7)]) | st.tuples(
    st.integers(1, 70), st.integers(1, 70)
)
LOSSLESS = {"png", "tif", "bmp", "webp"}


@dataclass(frozen=True)
class Kind:
    """A kind of file: format, mode of Pillow, and bits per channel."""

    extension: str
    mode: str = "RGB"
    bits: int = 8


KINDS = [
    *(Kind(ext, mode) for ext in ("png", "tif") for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
    *(Kind(ext, mode, 16) for ext in ("png", "tif") for mode in ("L", "RGB", "RGBA")),
    *(Kind("bmp", mode) for mode in ("L", "RGB")),
    *(Kind("webp", mode) for mode in ("RGB", "RGBA")),
    *(Kind("jpg", mode) for mode in ("L", "RGB")),
]


def encode(kind: Kind, height: int, width: int, rng: np.random.Generator) -> bytes:
    samples = rng.integers(0, 2**kind.bits, (height, width, 4))
    if kind.bits == 16:
        channels = {"L": 1, "RGB": 3, "RGBA": 4}[kind.mode]
        return cv2.imencode(f".{kind.extension}", samples[..., :channels].astype(np.uint16))[
            1
        ].tobytes()
    file = BytesIO()
    picture = Image.fromarray(samples.astype(np.uint8)).convert("RGBA")
    picture = picture.convert("RGB") if kind.mode == "P" else picture
    options = {"lossless": True, "exact": True} if kind.extension == "webp" else {}
    name = {"jpg": "JPEG", "tif": "TIFF"}.get(kind.extension, kind.extension)
    picture.convert(kind.mode).save(file, name, **options)
    return file.getvalue()


def draw_mask(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    return (rng.random((height, width)) < rng.random()).astype(np.uint8)


def all_samples(photo: Photo) -> np.ndarray:
    """Return everything that the pixels hold (H, W, C), at the depth of the file."""
    if photo.deep is not None:
        return photo.deep
    return photo.pixels if photo.alpha is None else np.dstack([photo.pixels, photo.alpha])


@settings(max_examples=150)
@given(st.sampled_from(KINDS), SHAPES, st.integers(0, 9999))
@example(Kind("png", "RGBA", 16), (1, 5000), 0)
@example(Kind("jpg", "L"), (7, 513), 0)
def test_a_file_stays_itself_but_for_the_hole(
    tmp_path_factory: pytest.TempPathFactory, kind: Kind, shape: tuple[int, int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    folder: Path = tmp_path_factory.getbasetemp()
    path, out = folder / f"whole.{kind.extension}", folder / f"fixed.{kind.extension}"
    path.write_bytes(encode(kind, *shape, rng))
    photo, mask = read_image(path), draw_mask(*shape, rng)
    fill = rng.integers(0, 256, (*shape, 1 if photo.gray else 3)).astype(np.uint8)
    fixed = np.where(mask[..., None] == 1, fill, photo.pixels)
    write_image(out, fixed, photo, overwrite=True)
    again = read_image(out)
    assert again.pixels.shape == (*shape, 3)
    assert (again.format, again.gray) == (photo.format, photo.gray)
    assert (again.alpha is None) == (photo.alpha is None)
    assert (again.deep is None) == (kind.bits == 8)
    if kind.extension in LOSSLESS:
        assert np.array_equal(all_samples(again)[mask == 0], all_samples(photo)[mask == 0])
        assert np.array_equal(again.pixels, fixed)
