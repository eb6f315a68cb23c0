"""Noise: of electronics, of light itself, of a sensor, and the grain of film."""

from typing import Annotated

import cv2
import numpy as np

from restore.degradations.contract import Degradation, to_levels
from restore.image import Pixels, Plane
from restore.seeded import Amounts, Rng, Share, within

GAMMA = 2.2  # of a photo's levels over the light that they stand for
_LIGHT = (np.arange(256, dtype=np.float32) / 255) ** GAMMA  # level -> light


def add_gaussian_noise(pixels: Pixels, sigma: float, rng: Rng, *, gray: bool = False) -> Plane:
    """Add white noise N(0, sigma²), sigma in levels of 255; `gray`: the same to all channels.

    The levels that come back are float32, neither rounded nor clipped, as in the papers.
    """
    height, width = pixels.shape[:2]
    noise = rng.standard_normal((height, width, 1 if gray else 3), np.float32)
    return pixels + np.float32(sigma) * noise


class GaussianNoise(Degradation):
    """White noise of the same strength everywhere."""

    sigma: Amounts = (2, 40)  # levels of 255
    gray: Share = 0.3  # how often all channels have the same noise

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo with noise."""
        return to_levels(self.spoil(pixels, rng))

    def spoil(self, pixels: Pixels, rng: Rng) -> Plane:
        """Return the photo with noise, float32, neither rounded nor clipped."""
        gray = bool(rng.random() < self.gray)
        return add_gaussian_noise(pixels, rng.uniform(*self.sigma), rng, gray=gray)


def add_poisson_noise(pixels: Pixels, photons: float, rng: Rng) -> Pixels:
    """Count photons: white is `photons` of them on average, variance grows with brightness.

    Levels are taken for light, as Real-ESRGAN does; with few photons dark parts, whose counts end
    at 0, become a little lighter. Counts are drawn from the normal distribution of the same mean
    and variance: it takes one number for each pixel, so that equal generators give photos that
    differ somewhere the same noise elsewhere.
    """
    photons = max(photons, 1e-3)
    mean = pixels * np.float32(photons / 255)
    counts = np.rint(mean + np.sqrt(mean) * rng.standard_normal(pixels.shape, np.float32))
    return to_levels(counts * np.float32(255 / photons))


class PoissonNoise(Degradation):
    """The noise of few photons: stronger in light parts, in levels."""

    photons: Annotated[tuple[float, float], within(0, 1e9)] = (20, 400)  # that make white

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo with noise."""
        return add_poisson_noise(pixels, rng.uniform(*self.photons), rng)


def add_iso_noise(pixels: Pixels, shot: float, read: float, blotches: float, rng: Rng) -> Pixels:
    """Add the noise of a sensor to the light: variance shot · light + read², light 0 to 1.

    Source: the variance is that of arXiv:1811.11127, section 3.1, here after the conversion to RGB,
    and where there are blotches it is larger.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        shot: variance that grows with the light.
        read: standard deviation in the dark.
        blotches: coarse colour noise, as in-camera denoising leaves it, relative to the fine one
            before it is enlarged, which takes a third of it.
        rng: draws the noise.
    """
    height, width = pixels.shape[:2]
    light = _LIGHT[pixels]
    noise = rng.standard_normal(pixels.shape, np.float32)
    coarse = rng.standard_normal((height // 4 + 1, width // 4 + 1, 3), np.float32)
    noise += np.float32(blotches) * cv2.resize(coarse, (width, height))
    light += noise * np.sqrt(np.float32(shot) * light + np.float32(read**2))
    levels = 255 * cv2.pow(np.maximum(light, 0), 1 / GAMMA)
    return to_levels(np.asarray(levels, np.float32).reshape(pixels.shape))


class IsoNoise(Degradation):
    """The noise of a sensor at high sensitivity: fine in light and dark, with coarse colour."""

    shot: Amounts = (0.001, 0.012)
    read: Amounts = (0.001, 0.02)
    blotches: Amounts = (0, 0.8)

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo with noise."""
        shot, read, blotches = (rng.uniform(*r) for r in (self.shot, self.read, self.blotches))
        return add_iso_noise(pixels, shot, read, blotches, rng)


def add_film_grain(pixels: Pixels, strength: float, size: float, rng: Rng) -> Pixels:
    """Add gray grain, strongest in the midtones.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        strength: standard deviation in the midtones, levels of 255.
        size: standard deviation of the grains' profile in pixels.
        rng: draws the grain.
    """
    grain = _draw_grain(pixels.shape[:2], size, rng)
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    grain *= np.float32(strength) * (0.4 + 2.4 * luma * (1 - luma))
    return to_levels(pixels + grain[..., None])


def _draw_grain(size: tuple[int, ...], sigma: float, rng: Rng) -> Plane:
    """Return white noise smoothed by a Gaussian, its variance 1 again."""
    noise = rng.standard_normal(size, np.float32)
    radius = int(np.ceil(3 * sigma))
    kernel = cv2.getGaussianKernel(2 * radius + 1, max(sigma, 1e-3), cv2.CV_32F)
    smooth = cv2.sepFilter2D(noise, -1, kernel, kernel)
    return np.asarray(smooth, np.float32).reshape(size) / np.float32(np.square(kernel).sum())


class FilmGrain(Degradation):
    """The grain of film or of a print."""

    strength: Amounts = (3, 14)  # levels of 255
    size: Amounts = (0.4, 1.2)  # pixels

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo with grain."""
        return add_film_grain(pixels, rng.uniform(*self.strength), rng.uniform(*self.size), rng)
