"""Whether a photo got its colour and depth back when it was mended."""

import numpy as np
import pytest
from skimage import data

from restore.degradations.fading import fade
from restore.folders.tones import is_unfaded
from restore.image import Photo, Pixels


@pytest.fixture
def clean() -> Pixels:
    return data.astronaut()[:256, :256].copy()


def test_a_faded_photo_that_got_another_tone_is_unfaded(clean: Pixels) -> None:
    faded = Photo(fade(clean, 0.4))
    assert is_unfaded(faded, Photo(clean))
    assert not is_unfaded(faded, faded)
    assert not is_unfaded(Photo(clean), Photo(clean // 2))


def test_a_long_photo_is_not_looked_at_too_small(clean: Pixels) -> None:
    long = np.tile(clean, (1, 16, 1))
    assert is_unfaded(Photo(fade(long, 0.4)), Photo(long))


def test_white_scratches_are_none_of_its_whites(clean: Pixels) -> None:
    pixels, damage = fade(clean, 0.4), np.zeros((256, 256), np.uint8)
    damage[::32, :] = 1
    pixels[damage == 1] = (255, 255, 255)
    pixels[::64] = 0
    assert not is_unfaded(Photo(pixels), Photo(clean)), "else the test shows nothing"
    assert is_unfaded(Photo(pixels), Photo(clean), damage)


def test_what_is_invisible_is_not_looked_at(clean: Pixels) -> None:
    alpha = np.full((256, 256), 255, np.uint8)
    alpha[:, :160] = 0
    faded = fade(clean, 0.4)
    faded[alpha == 0] = clean[alpha == 0] = 0
    assert is_unfaded(Photo(faded, alpha=alpha), Photo(clean, alpha=alpha))
