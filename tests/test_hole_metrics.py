"""Numbers about the hole: each tells the fault that it is for, and no other."""

import cv2
import numpy as np
import pytest
from skimage import data

from restore.hole_metrics import HOLE_METRICS, hole_psnr, seam, texture_distance


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[:256, 128:384])


@pytest.fixture(scope="module")
def mask() -> np.ndarray:
    hole = np.zeros((256, 256), np.uint8)
    hole[64:192, 64:192] = 1
    return hole


def fill(photo: np.ndarray, mask: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None] > 0, other, photo)


def test_the_photo_itself_is_best(photo, mask) -> None:
    values = {name: metric(photo, photo, mask) for name, metric in HOLE_METRICS.items()}
    assert values == {"hole_psnr": pytest.approx(100), "texture": 0, "seam": 1}


def test_without_a_hole_nothing_is_measured(photo) -> None:
    none = np.zeros(photo.shape[:2], np.uint8)
    assert all(np.isnan(metric(photo, photo, none)) for metric in HOLE_METRICS.values())


def test_psnr_is_of_the_hole_alone(photo, mask) -> None:
    dark = (photo // 2).astype(np.uint8)
    filled = fill(photo, mask, dark)
    error = (photo[64:192, 64:192].astype(float) - dark[64:192, 64:192]) / 255
    assert hole_psnr(filled, photo, mask) == pytest.approx(-10 * np.log10(np.square(error).mean()))


@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
def test_blur_and_noise_cost_texture(photo, mask, sigma: float) -> None:
    blurred = fill(photo, mask, cv2.GaussianBlur(photo, (0, 0), sigma))
    noise = np.random.default_rng(0).normal(0, 8 * sigma, photo.shape)
    noisy = fill(photo, mask, (photo + noise).clip(0, 255).astype(np.uint8))
    assert texture_distance(blurred, photo, mask) > 1
    assert texture_distance(noisy, photo, mask) > 1


def test_the_same_texture_elsewhere_costs_little(mask) -> None:
    grain = np.random.default_rng(0).normal(128, 20, (2, 256, 256, 1))
    first, second = grain.clip(0, 255).astype(np.uint8).repeat(3, axis=3)
    assert hole_psnr(fill(first, mask, second), first, mask) < 21
    assert texture_distance(fill(first, mask, second), first, mask) < 1.5
    smooth = np.full_like(first, 128)
    assert texture_distance(fill(first, mask, smooth), first, mask) > 15


def test_streaks_cost_texture(mask) -> None:
    grain = np.random.default_rng(0).normal(128, 20, (256, 256, 1))
    photo = grain.clip(0, 255).astype(np.uint8).repeat(3, axis=2)
    streaks = photo[:1].repeat(256, axis=0)
    assert texture_distance(fill(photo, mask, streaks), photo, mask) > 5


def test_a_fill_of_another_brightness_shows_a_seam(photo, mask) -> None:
    brighter = (photo.astype(int) + 40).clip(0, 255).astype(np.uint8)
    assert seam(fill(photo, mask, brighter), photo, mask) > 1.5
    # Away from the rim it is not a seam.
    inner = np.zeros_like(mask)
    inner[80:176, 80:176] = 1
    assert seam(fill(photo, inner, brighter), photo, mask) == 1


def test_steps_that_nobody_sees_make_no_seam(mask) -> None:
    flat = np.full((256, 256, 3), 90, np.uint8)
    speck = flat.copy()
    speck[64, 64] += 2
    assert seam(flat, flat, mask) == seam(fill(flat, mask, flat), speck, mask) == 1
    assert seam(fill(flat, mask, flat + 5), speck, mask) == pytest.approx(10)


def test_a_hole_smaller_than_a_cell_has_no_texture(photo) -> None:
    speck = np.zeros(photo.shape[:2], np.uint8)
    speck[100:104, 100:104] = 1
    assert np.isnan(texture_distance(photo, photo, speck))
    assert seam(photo, photo, speck) == 1
