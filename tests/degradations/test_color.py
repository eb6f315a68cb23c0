import numpy as np
import pytest

from restore.degradations.color import Yellowing, lower_contrast, turn_yellow


def saturation(pixels: np.ndarray) -> float:
    return float(np.ptp(pixels.astype(int), axis=2).mean())


def test_zero_changes_nothing(photo: np.ndarray) -> None:
    assert np.array_equal(turn_yellow(photo, 0), photo)
    assert np.array_equal(lower_contrast(photo, 1, 0), photo)


def test_white_paper_turns_yellow() -> None:
    white = np.full((4, 4, 3), 255, np.uint8)
    red, green, blue = turn_yellow(white, 1)[0, 0]
    assert red == 255
    assert red > green > blue > 100
    assert (turn_yellow(white * 0, 1) == 0).all()


def test_a_yellowed_photo_may_be_black_and_white(photo: np.ndarray) -> None:
    spoiled = Yellowing(gray=1, amount=(0, 0))(photo, np.random.default_rng(0))
    assert saturation(spoiled) == 0


def test_contrast_and_brightness_follow_their_formula(photo: np.ndarray) -> None:
    expected = np.clip(128 + 0.5 * (photo.astype(float) - 128) + 20, 0, 255)
    assert np.abs(lower_contrast(photo, 0.5, 20) - expected).max() <= 0.5 + 1e-3
    assert lower_contrast(photo, 1, 300).min() == 255
    assert lower_contrast(photo, 0, 0) == pytest.approx(128)
