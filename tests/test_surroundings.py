import cv2
import numpy as np
import pytest

from restore.degradations.noise import FilmGrain
from restore.surroundings import MOST, Grain, add_grain, find_blur, find_grain

SIZE = (320, 384)


def draw_shapes(seed: int = 0) -> np.ndarray:
    """Return a sharp photo of plain shapes, one upon the other."""
    rng = np.random.default_rng(seed)
    photo = np.full((*SIZE, 3), 128, np.uint8)
    for _ in range(40):
        corners = rng.integers(0, SIZE[::-1], (4, 2)).astype(np.int32)
        cv2.fillConvexPoly(photo, cv2.convexHull(corners), rng.integers(50, 206, 3).tolist())
    return photo


def add_noise(photo: np.ndarray, sigma: float, channels: int = 3) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, sigma, (*photo.shape[:2], channels))
    return np.clip(np.rint(photo + noise), 0, 255).astype(np.uint8)


def hole(share: float = 0.5) -> np.ndarray:
    mask = np.zeros(SIZE, np.uint8)
    mask[96:224, 128 : 128 + round(256 * share)] = 1
    return mask


def strength(pixels: np.ndarray, where: np.ndarray) -> float:
    levels = pixels.astype(np.float32)
    inner = cv2.erode(where, np.ones((21, 21), np.uint8))
    return float((levels - cv2.GaussianBlur(levels, (0, 0), 3))[inner > 0].std())


@pytest.mark.parametrize("noise", [0, 2])
@pytest.mark.parametrize("sigma", [1, 2, 3])
def test_blur_is_found(sigma: float, noise: float) -> None:
    photo = add_noise(cv2.GaussianBlur(draw_shapes(), (0, 0), sigma), noise)
    found = find_blur(photo, 1 - hole())
    assert found == pytest.approx(np.hypot(sigma, 0.7), rel=0.2)


def test_sharp_and_plain_photos_are_sharp() -> None:
    known = 1 - hole()
    assert find_blur(draw_shapes(), known) < 0.8
    assert find_blur(np.full((*SIZE, 3), 90, np.uint8), known) == pytest.approx(0.7)
    assert find_blur(add_noise(np.full((*SIZE, 3), 90, np.uint8), 1), known) < 0.8
    assert find_blur(draw_shapes()[:9, :9], known[:9, :9]) == pytest.approx(0.7)


def test_grain_is_found_and_added_by_brightness() -> None:
    photo = np.full((*SIZE, 3), 70, np.float64)
    photo[:, 192:] = 180
    noise = np.random.default_rng(1).normal(0, 1, photo.shape)
    noise *= np.where(np.arange(SIZE[1]) < 192, 4, 7)[None, :, None]
    known = np.ones(SIZE, np.uint8)
    grain = find_grain(np.clip(np.rint(photo + noise), 0, 255).astype(np.uint8), known)
    assert grain is not None
    dark, bright = (grain.strengths[len(grain.strengths) * level // 256] for level in (70, 180))
    assert bright > 1.15 * dark
    half = len(grain.strengths) // 2
    steep = Grain(np.repeat([0.0, 8.0], half), grain.samples)
    plain = np.full((*SIZE, 3), 40, np.uint8)
    plain[:, 192:] = 220
    drawn = add_grain(plain, known, steep, np.random.default_rng(2))
    assert (drawn[:, :150] == 40).all() and drawn[:, 240:].std() > 5


@pytest.mark.parametrize("sigma", [3, 8])
def test_grain_is_found_as_strong_as_it_is(sigma: float) -> None:
    grain = find_grain(add_noise(draw_shapes(), sigma), 1 - hole())
    assert grain is not None
    assert grain.strengths == pytest.approx(sigma, rel=0.15)


def test_what_is_clean_or_texture_all_over_has_no_grain() -> None:
    known = 1 - hole()
    assert find_grain(draw_shapes(), known) is None
    assert find_grain(add_noise(draw_shapes(), 1.5 * MOST), known) is None
    assert find_grain(draw_shapes()[:20, :20], known[:20, :20]) is None
    uneven = (
        np.linspace(2, 10, SIZE[1])[None, :, None] * np.linspace(0.3, 1, SIZE[0])[:, None, None]
    )
    rough = add_noise(draw_shapes(), 1) + uneven * np.random.default_rng(3).normal(0, 1, (*SIZE, 3))
    assert find_grain(np.clip(rough, 0, 255).astype(np.uint8), known) is None, "no two are alike"
    white = np.full((*SIZE, 3), 255, np.uint8)
    assert find_grain(add_noise(white, 8), known) is None, "it is cut off there"


def test_what_lay_in_the_hole_does_not_matter() -> None:
    photo, mask = add_noise(draw_shapes(), 6), hole()
    other = photo.copy()
    other[mask == 1] = 255
    ours, theirs = (find_grain(pixels, 1 - mask) for pixels in (photo, other))
    assert ours is not None and theirs is not None
    assert np.array_equal(ours.strengths, theirs.strengths)
    assert find_blur(photo, 1 - mask) == find_blur(other, 1 - mask)


def matched(photo: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, Grain]:
    """Return a photo whose hole was filled with plain gray and got the photo's grain."""
    grain = find_grain(photo, 1 - mask)
    assert grain is not None
    filled = photo.copy()
    filled[mask == 1] = 120
    return add_grain(filled, mask, grain, np.random.default_rng(2)), grain


def test_a_plain_fill_gets_as_much_grain_as_the_photo_has() -> None:
    photo, mask = add_noise(draw_shapes(), 8), hole()
    result, grain = matched(photo, mask)
    assert np.array_equal(result[mask == 0], photo[mask == 0])
    assert strength(result, mask) == pytest.approx(8, rel=0.15)
    again = add_grain(result, mask, grain, np.random.default_rng(3))
    assert strength(again, mask) < 1.15 * strength(result, mask), "it lacked none"
    other, _ = matched(photo, mask)
    assert np.array_equal(result, other)


def test_grain_has_the_colours_and_the_size_of_that_of_the_photo() -> None:
    mask = hole(1)
    gray, _ = matched(add_noise(np.full((*SIZE, 3), 128, np.uint8), 6, channels=1), mask)
    fill = gray[mask == 1].astype(int)
    assert np.ptp(fill, axis=1).max() <= 1
    coarse = FilmGrain(strength=(12, 12), size=(1.2, 1.2))
    photo = coarse(np.full((*SIZE, 3), 128, np.uint8), np.random.default_rng(0))
    film, _ = matched(photo, mask)

    def alike(pixels: np.ndarray) -> float:
        levels = pixels[..., 0].astype(np.float32)
        part = (levels - cv2.GaussianBlur(levels, (0, 0), 3))[110:210, 140:370]
        return float((part[:, 1:] * part[:, :-1]).mean() / part.var())

    white, _ = matched(add_noise(np.full((*SIZE, 3), 128, np.uint8), 6), mask)
    assert alike(film) == pytest.approx(alike(photo), abs=0.15)
    assert abs(alike(white)) < 0.1 < alike(film)
