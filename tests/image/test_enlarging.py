import struct

import numpy as np
import pytest

from restore.image import Photo, cover_hidden, enlarge
from restore.image.exif import set_exif_size


@pytest.fixture
def square() -> tuple[np.ndarray, np.ndarray]:
    """A light square whose surroundings are black and invisible."""
    pixels, alpha = np.zeros((24, 30, 3), np.uint8), np.zeros((24, 30), np.uint8)
    pixels[8:16, 10:20], alpha[8:16, 10:20] = 230, 255
    return pixels, alpha


def test_hidden_pixels_get_the_colour_of_the_nearest_visible_one(square) -> None:
    pixels, alpha = square
    pixels[8:16, 10:15] = (10, 20, 30)
    covered = cover_hidden(pixels, alpha)
    assert (covered[alpha == 255] == pixels[alpha == 255]).all()
    assert (covered[:, :10] == (10, 20, 30)).all() and (covered[:, 20:] == 230).all()
    deep = cover_hidden(pixels.astype(np.uint16) * 257, alpha)
    assert np.array_equal(deep, covered.astype(np.uint16) * 257)


def test_where_all_or_nothing_is_visible_there_is_nothing_to_cover(square) -> None:
    pixels, alpha = square
    for same in (None, np.full_like(alpha, 255), np.zeros_like(alpha)):
        assert cover_hidden(pixels, same) is pixels


def test_a_cut_out_is_enlarged_without_a_dark_fringe(square) -> None:
    pixels, alpha = square
    larger = enlarge(Photo(pixels, alpha=alpha), 2)
    assert larger.alpha is not None
    assert (larger.pixels[larger.alpha > 0] == 230).all()


def test_what_is_very_far_from_the_visible_is_covered() -> None:
    pixels, alpha = np.zeros((2, 66_000, 3), np.uint8), np.zeros((2, 66_000), np.uint8)
    pixels[:, :9], alpha[:, :9] = 200, 255
    assert (cover_hidden(pixels, alpha) == 200).all()


def _exif(order: str, kind: int, width: int, height: int) -> bytes:
    """Return EXIF of two tags, the width and height as numbers of a kind: 3 is short, 4 long."""
    value = "HH" if kind == 3 else "L"
    entries = [
        struct.pack(f"{order}HHL{value}", tag, kind, 1, size, *[0][: kind == 3])
        for tag, size in ((0x0100, width), (0x0101, height))
    ]
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}LH", 8, 2)
    return head + b"".join(entries) + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])
def test_the_new_size_is_written_in_either_byte_order(order: str, kind: int) -> None:
    old = _exif(order, kind, 60, 40)
    assert set_exif_size(old, 60, 40) == old
    assert set_exif_size(old, 240, 160) == _exif(order, 4, 240, 160)


def test_pixels_that_are_known_are_taken() -> None:
    known = np.full((8, 10, 3), 7, np.uint8)
    assert enlarge(Photo(np.zeros((4, 5, 3), np.uint8)), 2, known).pixels is known
