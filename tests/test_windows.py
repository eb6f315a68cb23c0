import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restore.windows import Box, find_groups, hole_depth, split_box


def _mask(height: int, width: int, *boxes: Box) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    for box in boxes:
        mask[box.slices] = 1
    return mask


def test_holes_far_apart_get_windows_of_their_own() -> None:
    mask = _mask(2000, 3000, Box(100, 100, 150, 180), Box(1800, 2900, 1810, 2920))
    groups = find_groups(mask, context=96, least=256)
    assert len(groups) == 2
    assert groups[0].area < 130 * 150
    assert groups[1].bottom >= 1810 and groups[1].right >= 2920


def test_holes_side_by_side_share_a_window() -> None:
    mask = _mask(600, 600, Box(100, 100, 150, 150), Box(100, 200, 150, 250))
    assert len(find_groups(mask, context=96, least=256)) == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 30), st.integers(0, 2**32))
def test_every_hole_pixel_is_in_a_group_and_no_group_leaves_the_photo(
    height: int, width: int, specks: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    mask[rng.integers(0, height, specks), rng.integers(0, width, specks)] = 1
    covered = np.zeros_like(mask)
    for group in find_groups(mask, context=20, least=64):
        assert 0 <= group.top < group.bottom <= height and 0 <= group.left < group.right <= width
        covered[group.slices] = 1
    assert not (mask > covered).any()


def test_many_specks_are_grouped_quickly_into_few_windows() -> None:
    rng = np.random.default_rng(0)
    mask = np.zeros((4000, 6000), np.uint8)
    mask[rng.integers(0, 4000, 5000), rng.integers(0, 6000, 5000)] = 1
    groups = find_groups(mask, context=96, least=256)
    windows = [group.widen(96, 256, 4000, 6000).area for group in groups]
    assert sum(windows) < 3 * mask.size


def test_a_window_cut_off_by_one_side_reaches_further_on_the_other() -> None:
    assert Box(0, 0, 10, 10).widen(20, 64, 500, 500) == Box(0, 0, 64, 64)
    assert Box(490, 490, 500, 500).widen(20, 64, 500, 500) == Box(436, 436, 500, 500)
    assert Box(2, 2, 5, 5).widen(20, 64, 30, 40) == Box(0, 0, 30, 40)


def test_the_parts_of_a_box_cover_it_once() -> None:
    box = Box(10, 20, 1000, 620)
    parts = split_box(box, 256)
    assert sum(part.area for part in parts) == box.area
    assert max(max(part.height, part.width) for part in parts) <= 256
    assert Box(0, 0, 5, 5).inside(Box(0, 0, 9, 9)) == Box(0, 0, 5, 5)


def test_depth_is_the_distance_to_the_nearest_known_pixel() -> None:
    assert hole_depth(_mask(100, 100, Box(10, 10, 61, 91))) == pytest.approx(26, abs=1.5)
    assert hole_depth(np.zeros((5, 5), np.uint8)) == 0
    assert hole_depth(np.ones((5, 9), np.uint8)) == 9  # nothing is known


def test_sides_are_multiples_of_a_step_where_the_photo_has_room() -> None:
    assert Box(90, 90, 100, 193).widen(20, 40, 300, 310, 32) == Box(63, 61, 127, 221)
    assert Box(0, 0, 9, 300).widen(20, 40, 300, 310, 32) == Box(0, 0, 64, 310)
