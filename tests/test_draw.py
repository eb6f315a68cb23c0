"""Contact sheets hold every picture untouched, in its place."""

import numpy as np
import pytest

from restore.draw import GAP, INK, PAPER, draw_mask, make_grid, shrink


def picture(shade: int, height: int = 20, width: int = 30) -> np.ndarray:
    pixels = np.full((height, width, 3), shade, np.uint8)
    pixels[0, 0] = (255, 0, 0)
    return pixels


def count(sheet: np.ndarray, shade: int) -> int:
    return int((sheet == shade).all(axis=2).sum())


def test_every_picture_is_there_in_reading_order() -> None:
    sheet = make_grid([[picture(10), picture(20)], [picture(30), picture(60)]])
    assert [count(sheet, shade) for shade in (10, 20, 30, 60)] == [20 * 30 - 1] * 4
    corners = {
        int(sheet[y, x + 1, 0]): (y, x) for y, x in np.argwhere((sheet == (255, 0, 0)).all(2))
    }
    assert corners[20] == (corners[10][0], corners[10][1] + 30 + GAP)
    assert corners[30] == (corners[10][0] + 20 + GAP, corners[10][1])


def test_short_rows_leave_paper_and_small_pictures_are_centred() -> None:
    sheet = make_grid([[picture(10), picture(20)], [picture(30, 10, 10)]])
    assert count(sheet, 30) == 99
    rows, columns = np.nonzero((sheet == 30).all(2))
    first_rows, first_columns = np.nonzero((sheet == 10).all(2))
    assert columns.min() - first_columns.min() == 10
    assert rows.min() - first_rows.max() == GAP + 1 + 5


def test_words_need_room_of_their_own() -> None:
    plain = make_grid([[picture(10)]])
    sheet = make_grid([[picture(10)]], titles=["T"], labels=["a photo\nof words"])
    assert sheet.shape[0] > plain.shape[0] and sheet.shape[1] > plain.shape[1]
    assert count(sheet, 10) == count(plain, 10)
    assert count(sheet, INK[0]) > 0


def test_a_long_title_stays_above_its_picture() -> None:
    sheet = make_grid([[picture(10), picture(20)]], titles=["an endless title " * 9, ""])
    right = np.nonzero((sheet == 20).all(2))[1].min()
    top = np.nonzero((sheet == 20).all(2))[0].min()
    assert (sheet[: top - 1, right:] == PAPER).all()


@pytest.mark.parametrize(("opacity", "expected"), [(1.0, (0, 200, 0)), (0.5, (50, 150, 50))])
def test_the_mask_is_painted_over_the_hole_only(
    opacity: float, expected: tuple[int, int, int]
) -> None:
    mask = np.zeros((20, 30), np.uint8)
    mask[5:9, 3:7] = 1
    drawn = draw_mask(picture(100), mask, (0, 200, 0), opacity)
    assert drawn.dtype == np.uint8
    assert (drawn[mask == 1] == expected).all()
    assert (drawn[mask == 0] == picture(100)[mask == 0]).all()


def test_a_long_picture_shrinks_to_one_pixel_and_not_to_none() -> None:
    assert shrink(np.zeros((3000, 2, 3), np.uint8), 320).shape == (320, 1, 3)
    small = np.zeros((20, 30, 3), np.uint8)
    assert shrink(small, 320) is small
