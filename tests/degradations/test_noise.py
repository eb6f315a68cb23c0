import numpy as np
import pytest

from restore.degradations.noise import (
    FilmGrain,
    GaussianNoise,
    add_film_grain,
    add_gaussian_noise,
    add_iso_noise,
    add_poisson_noise,
)


def deviation(spoiled: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    return np.subtract(spoiled, pixels, dtype=float)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("sigma", [2, 10, 25])
def test_gaussian_noise_has_its_sigma(sigma: float, flat: np.ndarray, rng) -> None:
    noise = deviation(add_gaussian_noise(flat, sigma, rng), flat)
    assert noise.std() == pytest.approx(sigma, rel=0.03)
    assert noise.mean() == pytest.approx(0, abs=0.05 * sigma)
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.05


def test_gray_noise_is_the_same_in_all_channels(flat: np.ndarray, rng) -> None:
    noise = deviation(GaussianNoise(gray=1)(flat, rng), flat)
    assert (noise[..., 0] == noise[..., 2]).all()
    assert (GaussianNoise(gray=0)(flat, rng)[..., 0] != flat[..., 0]).any()


def test_poisson_noise_grows_with_the_square_root_of_brightness(flat: np.ndarray, rng) -> None:
    for level in (30, 120, 180):
        noise = deviation(add_poisson_noise(flat * 0 + np.uint8(level), 400, rng), level)
        assert noise.std() == pytest.approx(np.sqrt(level * 255 / 400), rel=0.03)
        assert noise.mean() == pytest.approx(0, abs=0.3)
    assert (add_poisson_noise(flat * 0, 400, rng) == 0).all()


def test_iso_noise_has_the_variance_of_a_sensor(flat: np.ndarray, rng) -> None:
    shot, read = 0.002, 0.01
    for level in (90, 160, 220):
        spoiled = add_iso_noise(flat * 0 + np.uint8(level), shot, read, 0, rng)
        light = (spoiled / 255) ** 2.2
        expected = np.sqrt(shot * (level / 255) ** 2.2 + read**2)
        assert light.std() == pytest.approx(expected, rel=0.06)
    assert np.array_equal(add_iso_noise(flat, 0, 0, 1, rng), flat)


def test_blotches_are_coarse(flat: np.ndarray, rng) -> None:
    def coarse(blotches: float) -> float:
        noise = deviation(add_iso_noise(flat, 0.01, 0, blotches, rng), flat)
        return noise.reshape(30, 4, 40, 4, 3).mean(axis=(1, 3)).std()

    assert coarse(1) > 1.8 * coarse(0)


@pytest.mark.parametrize("size", [0.3, 1, 2])
def test_grain_is_gray_and_has_its_strength_in_the_midtones(size: float, rng) -> None:
    midtone = np.full((400, 400, 3), 128, np.uint8)
    noise = deviation(add_film_grain(midtone, 10, size, rng), midtone)
    assert (noise[..., 0] == noise[..., 1]).all()
    assert noise.std() == pytest.approx(10, rel=0.1)
    dark = midtone // 4
    assert deviation(add_film_grain(dark, 10, size, rng), dark).std() < 0.95 * noise.std()


def test_larger_grain_is_smoother(flat: np.ndarray, rng) -> None:
    def roughness(size: float) -> float:
        kind = FilmGrain(strength=(10, 10), size=(size, size))
        return np.abs(np.diff(deviation(kind(flat, rng), flat)[..., 0], axis=1)).mean()

    assert roughness(2) < 0.6 * roughness(0.3)
