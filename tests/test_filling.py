from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from restore.filling import (
    COARSE_SIDE,
    CONTEXT,
    LARGEST_DEPTH,
    LEAST_WINDOW,
    PART_DEPTH,
    Canvas,
    _find_deep,
    fill_holes,
)
from restore.nets import RESTORERS, RestorerGenerator
from restore.surroundings import find_grain
from restore.windows import Box, Window, find_groups, follow


@pytest.fixture(scope="module")
def generator() -> RestorerGenerator:
    """Return a small generator that has not been trained: it returns its base."""
    torch.manual_seed(0)
    return RESTORERS["gated"](channels=(8, 16), dilations=(1,), attention=())


def draw_shapes(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    photo = np.full((height, width, 3), 128, np.uint8)
    for _ in range(80):
        corners = rng.integers(0, (width, height), (4, 2)).astype(np.int32)
        cv2.fillConvexPoly(photo, cv2.convexHull(corners), rng.integers(40, 216, 3).tolist())
    return photo


def fill(
    photo: np.ndarray, mask: np.ndarray, generator: RestorerGenerator, seed: int = 0
) -> tuple[np.ndarray, list[Window]]:
    """Return the filled photo, by the base alone, and the windows that were asked for."""
    windows: list[Window] = []

    def restore(window: Window) -> Tensor:
        windows.append(window)
        base = generator.make_base(window.pixels, window.bare)
        return torch.lerp(window.pixels, base, window.unknown)

    return follow(fill_holes(photo, mask, generator, seed), restore), windows


def masks(height: int, width: int) -> Iterator[np.ndarray]:
    for side in (40, height // 2):
        mask = np.zeros((height, width), np.uint8)
        mask[height // 4 : height // 4 + side, width // 3 : width // 3 + side] = 1
        yield mask


def test_a_soft_photo_is_filled_at_a_size_where_it_is_sharp(generator: RestorerGenerator) -> None:
    sharp = draw_shapes(600, 700)
    soft = cv2.resize(sharp[::3, ::3], (700, 600), interpolation=cv2.INTER_CUBIC)
    for mask in masks(600, 700):
        areas = []
        for photo in (sharp, soft):
            fixed, windows = fill(photo, mask, generator)
            assert np.array_equal(fixed[mask == 0], photo[mask == 0])
            areas.append(sum(window.pixels[0, 0].numel() for window in windows))
            assert min(min(window.pixels.shape[2:]) for window in windows) >= LEAST_WINDOW
        if mask.sum() > 40**2:
            assert areas[1] < areas[0] / 2


def test_the_fill_of_a_soft_photo_is_no_sharper_than_the_photo(
    generator: RestorerGenerator,
) -> None:
    soft = cv2.GaussianBlur(draw_shapes(600, 700), (0, 0), 3)
    mask = next(masks(600, 700))

    def rough(window: Window) -> Tensor:
        """Fill with noise from pixel to pixel."""
        drawn = torch.rand(window.pixels.shape, generator=torch.Generator().manual_seed(0))
        return torch.lerp(window.pixels, drawn, window.unknown)

    fixed = follow(fill_holes(soft, mask, generator), rough)
    inside = cv2.Laplacian(fixed.astype(np.float32), -1)[cv2.erode(mask, np.ones((9, 9))) > 0]
    fine = cv2.Laplacian(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8) * 1.0, -1)
    assert np.abs(inside).mean() < np.abs(fine).mean() / 3


def test_what_lay_in_the_hole_of_a_soft_photo_does_not_matter(
    generator: RestorerGenerator,
) -> None:
    soft = cv2.GaussianBlur(draw_shapes(600, 700), (0, 0), 3)
    for mask in masks(600, 700):
        other = soft.copy()
        other[mask == 1] = 255
        assert np.array_equal(fill(soft, mask, generator)[0], fill(other, mask, generator)[0])


def test_a_grainy_photo_gets_a_grainy_fill(generator: RestorerGenerator) -> None:
    noise = np.random.default_rng(0).normal(0, 8, (300, 400, 3))
    photo = np.clip(draw_shapes(300, 400) + noise, 0, 255).astype(np.uint8)
    mask = next(masks(300, 400))
    first, again, other, less = (fill(photo, mask, generator, seed)[0] for seed in (0, 0, 1, 3))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert not np.array_equal(first, less)
    plain = fill(draw_shapes(300, 400), mask, generator)[0]
    step = [np.diff(pixels[mask == 1].astype(float), axis=0).std() for pixels in (plain, first)]
    assert step[1] > step[0] + 4


@pytest.mark.parametrize("box", [Box(192, 192, 320, 320), Box(96, 0, 192, 512)])
def test_a_hole_that_fills_its_cells_is_no_deeper_than_it_is(
    box: Box, generator: RestorerGenerator
) -> None:
    assert min(box.height, box.width) / 2 < LARGEST_DEPTH
    photo, mask = draw_shapes(512, 512), np.zeros((512, 512), np.uint8)
    mask[box.slices] = 1
    windows = fill(photo, mask, generator)[1]
    assert len(windows) == 1 and torch.equal(windows[0].bare, windows[0].unknown)


def test_grain_is_added_once_where_boxes_overlap() -> None:
    noise = np.random.default_rng(0).normal(0, 8, (300, 400, 3))
    photo = np.clip(draw_shapes(300, 400) + noise, 0, 255).astype(np.uint8)
    mask = next(masks(300, 400))
    canvas = Canvas(photo, mask)
    grain = find_grain(photo, canvas.known)
    assert grain is not None
    canvas.fill(Box(0, 0, 300, 400), np.full_like(photo, 128))
    once = []
    for box in (Box(0, 0, 150, 400), Box(60, 0, 300, 400)):
        canvas.add_grain(box, grain, np.random.default_rng(1))
        once.append(canvas.pixels.copy())
    assert (once[0][mask == 1] != 128).any()
    assert np.array_equal(once[0][:150], once[1][:150])


def test_a_smaller_copy_is_as_bright() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    small, _ = Canvas(photo, np.zeros((300, 300), np.uint8)).shrink(Box(0, 0, 300, 300), (100, 97))
    assert small.mean() == pytest.approx(photo.mean(), abs=0.05)


def test_an_odd_seed_has_the_generator_see_a_mirrored_photo(generator: RestorerGenerator) -> None:
    photo = draw_shapes(320, 352)
    for mask in masks(320, 352):
        plain, mirrored = (fill(photo, mask, generator, seed)[1] for seed in (2, 3))
        assert plain
        for one, other in zip(plain, mirrored, strict=True):
            assert torch.equal(other.pixels.flip(3), one.pixels)
            assert torch.equal(other.unknown.flip(3), one.unknown)
            assert torch.equal(other.bare.flip(3), one.bare)


def test_a_mirrored_fill_is_turned_back(generator: RestorerGenerator) -> None:
    photo = draw_shapes(310, 339)
    for mask in masks(310, 339):
        steps = fill_holes(photo, mask, generator, seed=1)
        assert np.array_equal(follow(steps, lambda window: window.pixels), photo)


def draw_texture(height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal((height, width, 3)).astype(np.float32)
    return np.clip(128 + 120 * cv2.GaussianBlur(noise, (0, 0), 1.2), 0, 255).astype(np.uint8)


def test_a_hole_in_a_texture_is_filled_without_the_generator(generator: RestorerGenerator) -> None:
    photo = draw_texture(320, 352)
    for mask in masks(320, 352):
        first, again, other = (fill(photo, mask, generator, seed) for seed in (0, 0, 2))
        assert first[1] == []
        assert np.array_equal(first[0], again[0]) and not np.array_equal(first[0], other[0])
        assert np.array_equal(first[0][mask == 0], photo[mask == 0])
        assert first[0][mask == 1].std() == pytest.approx(photo.std(), rel=0.3)


def test_a_shallow_hole_in_a_texture_and_one_in_a_scene_are_the_generators(
    generator: RestorerGenerator,
) -> None:
    photo, mask = draw_texture(320, 352), np.zeros((320, 352), np.uint8)
    mask[100:120, 30:300] = 1
    assert len(fill(photo, mask, generator)[1]) == 1
    mask[100:140, 30:300] = 1
    assert fill(photo, mask, generator)[1] == []
    assert len(fill(draw_shapes(320, 352), mask, generator)[1]) == 1


def test_a_thin_hole_that_is_none_at_a_smaller_size_asks_for_nothing(
    generator: RestorerGenerator,
) -> None:
    soft = cv2.GaussianBlur(draw_shapes(900, 900), (0, 0), 3)
    mask = np.zeros((900, 900), np.uint8)
    mask[225:450, 300] = 1
    filled, windows = fill(soft, mask, generator)
    assert windows == []
    assert (filled[mask == 0] == soft[mask == 0]).all()
    near = soft[225:450, [299, 301]].astype(float).mean(axis=1)
    assert np.abs(filled[mask == 1] - near).mean() < 4


def test_the_tone_of_a_black_and_white_photo_is_that_of_its_fill(
    generator: RestorerGenerator,
) -> None:
    gray = np.clip(np.repeat(draw_shapes(256, 256)[..., :1], 3, axis=2), 10, 245)
    toned = (gray + np.array([2, 0, -2])).astype(np.uint8)
    mask = next(masks(256, 256))
    filled, _ = fill(toned, mask, generator)
    assert (np.ptp(filled[mask == 1].astype(int) - (2, 0, -2), axis=1) == 0).all()


def test_windows_without_a_hole_are_not_asked_for(generator: RestorerGenerator) -> None:
    photo, mask = draw_shapes(1600, 1600), np.zeros((1600, 1600), np.uint8)
    cv2.line(mask, (20, 20), (1580, 1580), 1, 6)
    filled, windows = fill(photo, mask, generator)
    assert len(find_groups(mask, CONTEXT, LEAST_WINDOW)) == 1
    assert len(windows) < 9 and min(w.shape[2] for w in windows) == LEAST_WINDOW
    assert (filled[mask == 0] == photo[mask == 0]).all()
    assert (filled[mask == 1] != 0).any()


def test_a_long_band_is_sketched_in_parts_no_smaller_than_its_depth_asks_for() -> None:
    mask = np.zeros((512, 2048), np.uint8)
    mask[110:400, 60:2000] = 1
    canvas, group = Canvas(draw_shapes(512, 2048), mask), Box(96, 32, 416, 2016)
    found = _find_deep(canvas, group)
    assert len(found) > 2
    for part, scale in found:
        assert PART_DEPTH / 146 < scale < PART_DEPTH / 138
        seen = max(part.height, part.width) * 5 / 3  # with what is around it
        assert 300 < seen * scale <= COARSE_SIDE + 2
    assert sum(part.area for part, _ in found) >= mask.sum()


def test_a_deep_hole_is_sketched_whole_at_the_size_that_its_depth_asks_for() -> None:
    mask = np.zeros((900, 900), np.uint8)
    mask[300:600, 300:620] = 1
    group = Box(288, 288, 608, 640)
    ((box, scale),) = _find_deep(Canvas(draw_shapes(900, 900), mask), group)
    assert box == group and LARGEST_DEPTH / 151 < scale < LARGEST_DEPTH / 142
    mask[340:600] = 0
    assert _find_deep(Canvas(draw_shapes(900, 900), mask), group) == []


def test_a_deep_hole_is_filled_from_its_sketch(generator: RestorerGenerator) -> None:
    photo, mask = draw_shapes(900, 900), np.zeros((900, 900), np.uint8)
    mask[300:600, 300:620] = 1
    windows: list[Window] = []

    def restore(window: Window) -> Tensor:
        windows.append(window)
        dark = torch.full_like(window.pixels, 64 / 255)
        return torch.lerp(window.pixels, dark, window.unknown)

    follow(fill_holes(photo, mask, generator), restore)
    coarse, fine = windows
    assert max(coarse.shape[2:]) <= COARSE_SIDE and torch.equal(coarse.bare, coarse.unknown)
    assert not fine.bare.any() and fine.unknown.sum() == mask.sum()
    inner = cv2.erode(fine.unknown[0, 0].numpy(), np.ones((25, 25))) > 0
    assert (fine.pixels[0].numpy()[:, inner] * 255).round().max() == 64


def test_scratches_that_lead_into_a_deep_hole_are_not_sketched() -> None:
    mask = np.zeros((1024, 1536), np.uint8)
    mask[500:508, 40:1500] = mask[372:652, 628:908] = 1
    canvas = Canvas(draw_shapes(1024, 1536), mask)
    ((box, scale),) = _find_deep(canvas, Box(352, 32, 672, 1504))
    assert PART_DEPTH / 142 < scale < PART_DEPTH / 132
    assert box.top <= 372 and box.bottom >= 652 and 600 < box.left <= 628 and 908 <= box.right < 936
    assert _find_deep(canvas, Box(480, 32, 512, 600)) == []


@pytest.mark.parametrize("tint", [0, 2])
def test_a_black_and_white_photo_gets_no_coloured_fill(tint: int) -> None:
    torch.manual_seed(0)
    generator = RESTORERS["gated"](channels=(8, 16), dilations=(1,), attention=())
    torch.nn.init.normal_(generator.head.weight, std=0.5)
    photo = np.repeat(draw_shapes(256, 256)[..., :1], 3, axis=2)
    photo[::2, ::2, 0] += np.uint8(tint)
    mask = np.zeros((256, 256), np.uint8)
    mask[100:140, 100:140] = 1
    photo[mask == 1] = (255, 0, 0)  # of a brush

    def restore(window: Window) -> Tensor:
        with torch.no_grad():
            return generator(window.pixels, window.unknown, window.noise)

    filled = follow(fill_holes(photo, mask, generator), restore)
    assert np.ptp(filled[mask == 1], axis=1).max() == 0
    assert (filled[mask == 0] == photo[mask == 0]).all()
    coloured = photo.copy()
    coloured[0, 0] = (200, 100, 100)  # a speck is no colour of the photo's, a patch is
    filled = follow(fill_holes(coloured, mask, generator), restore)
    assert np.ptp(filled[mask == 1], axis=1).max() == 0
    coloured[:40, :40] = (200, 100, 100)
    filled = follow(fill_holes(coloured, mask, generator), restore)
    assert np.ptp(filled[mask == 1], axis=1).max() > 10


def test_a_deep_hole_near_by_does_not_make_a_shallow_one_deep(
    generator: RestorerGenerator,
) -> None:
    photo, mask = draw_texture(800, 800), np.zeros((800, 800), np.uint8)
    mask[400:406, 110:780] = mask[240:310, 300:370] = 1
    assert len(find_groups(mask, CONTEXT, LEAST_WINDOW)) == 2
    assert fill(photo, mask, generator)[1]
