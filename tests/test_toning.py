"""Fills of photos without colours of their own get none."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from skimage import data

from restore.toning import drain_colour, find_toning


@pytest.mark.parametrize("inside", [True, False])
def test_a_hole_in_a_stamp_keeps_its_colour(inside: bool) -> None:
    photo, known = np.full((200, 200, 3), 230, np.uint8), np.ones((200, 200), np.uint8)
    photo[90:109, 90:109] = (200, 30, 30)  # 0.9 % of the photo
    place = slice(97, 102) if inside else slice(20, 25)
    known[place, place] = 0
    photo[place, place] = (180, 60, 20)
    drain_colour(photo, known)
    assert (np.ptp(photo[place, place], axis=2).min() > 0) == inside
    assert tuple(photo[91, 91]) == (200, 30, 30)


@pytest.mark.parametrize("colour", [(200, 30, 30), (150, 140, 150)])
def test_a_hole_across_a_coloured_line_keeps_its_colour(colour: tuple[int, int, int]) -> None:
    """Three pixels are few of what lies around it, but strongly coloured and farther away."""
    photo, known = np.full((400, 400, 3), 250, np.uint8), np.ones((400, 400), np.uint8)
    photo[200:203] = colour
    known[150:250, 150:250] = 0
    drain_colour(photo, known)
    assert (np.ptp(photo[201, 200]) > 0) == (np.ptp(colour) > 100)


def make_print(gray: np.ndarray, tones: dict[int, tuple[int, int, int]]) -> np.ndarray:
    """Return a gray photo whose levels have the colours that `tones` has at some of them."""
    levels = [*tones]
    table = [np.interp(np.arange(256), levels, [tones[n][c] for n in levels]) for c in range(3)]
    return np.stack([np.rint(column)[gray] for column in table], axis=2).astype(np.uint8)


SEPIA = {0: (30, 18, 10), 128: (150, 126, 96), 255: (250, 240, 214)}


def as_jpeg(pixels: np.ndarray, quality: int = 80) -> np.ndarray:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


@pytest.mark.parametrize("compressed", [False, True])
def test_a_fill_of_a_sepia_print_is_sepia(compressed: bool) -> None:
    clean = make_print(data.camera()[::2, ::2], SEPIA)
    photo = as_jpeg(clean) if compressed else clean.copy()
    known = np.ones(photo.shape[:2], np.uint8)
    known[100:150, 60:130] = 0
    kept = photo.copy()
    rng = np.random.default_rng(0)
    photo[known == 0] = clean[known == 0] + rng.integers(-20, 20, (3500, 3))  # reddish and so on
    drain_colour(photo, known)
    assert (photo[known == 1] == kept[known == 1]).all()
    filled = photo[known == 0].astype(int)
    level = filled.mean(axis=1, keepdims=True).round().astype(np.uint8)
    off = filled - make_print(level, SEPIA)[:, 0]
    assert np.abs(off - off.mean(axis=1, keepdims=True)).max() <= (8 if compressed else 3)


def test_what_a_sepia_print_has_of_another_colour_keeps_it() -> None:
    photo = make_print(data.camera()[::2, ::2], SEPIA)
    known = np.ones(photo.shape[:2], np.uint8)
    photo[200:224, 200:224] = (40, 60, 200)  # a stamp
    known[208:216, 208:216] = known[20:40, 20:40] = 0
    photo[known == 0] = (60, 90, 180)
    drain_colour(photo, known)
    assert (photo[208:216, 208:216] == (60, 90, 180)).all()
    red, _, blue = photo[20:40, 20:40].astype(int).reshape(-1, 3).T
    assert (red > blue).all()


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_a_photo_in_colour_has_no_tone(name: str) -> None:
    photo = getattr(data, name)()
    known = np.ones(photo.shape[:2], np.uint8)
    known[50:90, 50:90] = 0
    assert find_toning(photo, known) is None
    kept = photo.copy()
    drain_colour(photo, known)
    assert np.array_equal(photo, kept)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 5), (40, 40)])
def test_small_photos_are_no_trouble(size: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    known = np.ones(size, np.uint8)
    known[0, 0] = 0
    drain_colour(photo, known)
    assert find_toning(photo, known) is None
