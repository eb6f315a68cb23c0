"""Textures are told from scenes, and what is copied continues them."""

import cv2
import numpy as np
import pytest

from restore import texture
from restore.hole_metrics import seam
from restore.texture import Level, copy_texture, enlarge, find_nearest, is_texture, propagate


def draw_clouds(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return a texture of blobs a few pixels wide."""
    noise = np.random.default_rng(seed).standard_normal((height, width, 3)).astype(np.float32)
    return np.clip(128 + 160 * cv2.GaussianBlur(noise, (0, 0), 1.5), 0, 255).astype(np.uint8)


def draw_scene(height: int, width: int) -> np.ndarray:
    """Return a texture, half of it in shadow."""
    photo = draw_clouds(height, width)
    photo[:, : width // 2] //= 3
    return photo


def draw_bricks(height: int, width: int) -> np.ndarray:
    y, x = np.indices((height, width))
    joints = (y % 12 < 3) | ((x + 10 * (y // 12 % 2)) % 20 < 3)
    return np.repeat(np.where(joints, 210, 90)[..., None], 3, axis=2).astype(np.uint8)


def dig(height: int, width: int) -> np.ndarray:
    hole = np.zeros((height, width), np.uint8)
    hole[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = 1
    return hole


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_texture_is_one_and_a_scene_is_none() -> None:
    known = 1 - dig(200, 260)
    plain = np.full((200, 260, 3), 77, np.uint8)
    for photo in (draw_clouds(200, 260), draw_bricks(200, 260), plain):
        assert is_texture(photo, known)
    ramp = np.repeat(np.linspace(0, 255, 260).astype(np.uint8)[None, :, None], 200, axis=0)
    for photo in (draw_scene(200, 260), np.repeat(ramp, 3, axis=2)):
        assert not is_texture(photo, known)


def test_only_what_is_known_tells() -> None:
    photo, known = draw_clouds(200, 260), 1 - dig(200, 260)
    photo[known == 0] = 255
    assert is_texture(photo, known)
    scene, half = draw_scene(200, 260), np.zeros((200, 260), np.uint8)
    half[:, 130:] = 1
    assert is_texture(scene, half)


@pytest.mark.parametrize("size", [(5, 300), (23, 23), (50, 80)])
def test_little_tells_nothing(size: tuple[int, int]) -> None:
    assert not is_texture(draw_clouds(*size), np.ones(size, np.uint8))
    assert not is_texture(draw_clouds(300, 300), np.zeros((300, 300), np.uint8))


@pytest.mark.parametrize("size", [(256, 256), (201, 333), (97, 140), (40, 500)])
def test_known_pixels_stay_and_those_of_the_hole_do_not_matter(size: tuple[int, int]) -> None:
    photo, hole = draw_clouds(*size), dig(*size)
    filled = copy_texture(photo, hole, rng())
    assert filled is not None and filled.shape == photo.shape and filled.dtype == np.uint8
    assert np.array_equal(filled[hole == 0], photo[hole == 0])
    other = photo.copy()
    other[hole == 1] = (255, 0, 0)
    assert np.array_equal(copy_texture(other, hole, rng()), filled)
    another = copy_texture(photo, hole, rng(1))
    assert another is not None and (another != filled)[hole == 1].any()


def test_bricks_are_laid_on() -> None:
    photo, hole = draw_bricks(256, 256), dig(256, 256)
    filled = copy_texture(photo, hole, rng())
    assert filled is not None
    inside = hole == 1
    error = np.abs(filled[inside].astype(int) - photo[inside]).mean()
    smooth = cv2.inpaint(photo, hole, 3, cv2.INPAINT_TELEA)
    assert error < np.abs(smooth[inside].astype(int) - photo[inside]).mean() / 4


def test_the_copy_is_as_rough_and_as_bright_as_the_texture() -> None:
    photo, hole = draw_clouds(300, 300), dig(300, 300)
    filled = copy_texture(photo, hole, rng())
    assert filled is not None
    edges = np.abs(cv2.Laplacian(filled.astype(np.float32), -1))
    deep, known = cv2.erode(hole, np.ones((15, 15))) == 1, cv2.dilate(hole, np.ones((5, 5))) == 0
    assert edges[deep].mean() == pytest.approx(edges[known].mean(), rel=0.35)
    assert filled[deep].mean() == pytest.approx(filled[known].mean(), abs=6)
    assert filled[deep].std() == pytest.approx(filled[known].std(), rel=0.2)


@pytest.mark.parametrize("size", [(64, 64), (57, 90)])
def test_sources_are_patches_that_are_wholly_known(size: tuple[int, int]) -> None:
    fine = (2 * size[0], 2 * size[1])
    finer = Level(draw_clouds(*fine).astype(np.float32), dig(*fine))
    level = finer.halve()
    guess = np.where(level.hole[..., None] > 0, np.float32(128), level.pixels)
    sources = find_nearest(level, guess)
    for found, at in (
        (sources, level),
        (propagate(level, sources), level),
        (enlarge(finer, sources), finer),
    ):
        assert at.usable[tuple(found[at.hole == 1].T)].all()
        own = np.argwhere(at.hole == 0)
        assert np.array_equal(found[at.hole == 0], own)


def test_no_step_shows_at_the_rim() -> None:
    photo, hole = draw_clouds(300, 300), dig(300, 300)
    filled = copy_texture(photo, hole, rng())
    assert filled is not None
    assert 0.7 < seam(filled, photo, hole) < 1.3


def test_gray_stays_gray() -> None:
    photo, hole = np.repeat(draw_clouds(256, 256)[..., :1], 3, axis=2), dig(256, 256)
    filled = copy_texture(photo, hole, rng())
    assert filled is not None and (filled == filled[..., :1]).all()


def test_scenes_and_what_would_take_too_long_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photo, hole = draw_clouds(200, 200), dig(200, 200)
    assert copy_texture(draw_scene(200, 200), hole, rng()) is None
    assert copy_texture(photo, hole, rng()) is not None
    for limit in ("LARGEST", "LARGEST_HOLE", "MOST_PAIRS"):
        with monkeypatch.context() as patch:
            patch.setattr(texture, limit, 1000)
            assert copy_texture(photo, hole, rng()) is None


def test_behind_a_mesh_no_patch_is_compared_with_every_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half the size would leave nothing to copy, so the search would be at the photo's own size."""
    photo, mesh = draw_clouds(700, 700), np.zeros((700, 700), np.uint8)
    mesh[::12] = mesh[:, ::12] = 1
    mesh[300:340, 300:340] = 1
    monkeypatch.setattr(texture, "find_nearest", None)
    assert copy_texture(photo, mesh, rng()) is None


def test_where_no_patch_is_known_nothing_is_copied() -> None:
    photo, hole = draw_clouds(300, 300), np.zeros((300, 300), np.uint8)
    hole[::6] = hole[:, ::6] = 1
    assert is_texture(photo, 1 - hole)
    assert copy_texture(photo, hole, rng()) is None
