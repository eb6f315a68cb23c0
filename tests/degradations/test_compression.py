import numpy as np
import pytest

from restore.degradations.compression import Recompression, compress, compress_shifted
from restore.errors import RestoreError


def psnr(spoiled: np.ndarray, pixels: np.ndarray) -> float:
    return float(-10 * np.log10(max(1e-9, np.mean((spoiled / 255 - pixels / 255) ** 2))))


@pytest.mark.parametrize("codec", ["jpeg", "webp"])
def test_lower_quality_is_farther_from_the_photo(codec, photo: np.ndarray) -> None:
    scores = [psnr(compress(photo, codec, quality), photo) for quality in (5, 15, 30, 60, 95)]
    assert scores == sorted(scores)
    assert scores[-1] > 30


def test_channels_keep_their_order() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    for codec in ("jpeg", "webp"):
        assert np.abs(compress(red, codec, 90).mean(axis=(0, 1)) - (200, 0, 0)).max() < 8


def test_subsampling_costs_colour(photo: np.ndarray) -> None:
    scores = [psnr(compress(photo, "jpeg", 95, kind), photo) for kind in ("420", "422", "444")]
    assert scores == sorted(scores)


def test_a_shift_moves_the_blocks_and_not_the_photo(photo: np.ndarray) -> None:
    spoiled = compress_shifted(photo, "jpeg", 20, (3, 5))
    assert spoiled.shape == photo.shape
    assert not np.array_equal(spoiled, compress(photo, "jpeg", 20))
    assert psnr(spoiled, photo) == pytest.approx(psnr(compress(photo, "jpeg", 20), photo), abs=1)
    assert np.array_equal(compress_shifted(photo, "jpeg", 20, (0, 0)), compress(photo, "jpeg", 20))


def test_misaligned_blocks_cost_more_than_the_same_again(photo: np.ndarray) -> None:
    once = compress(photo, "jpeg", 20)
    aligned, misaligned = compress(once, "jpeg", 20), compress_shifted(once, "jpeg", 20, (4, 4))
    assert psnr(misaligned, once) < psnr(aligned, once) - 3


def test_saving_no_times_changes_nothing(photo: np.ndarray) -> None:
    assert np.array_equal(Recompression(times=(0, 0))(photo, np.random.default_rng(0)), photo)


def test_a_side_too_long_for_the_format_is_a_sentence() -> None:
    with pytest.raises(RestoreError, match="over 16383 pixels can't be a webp"):
        compress(np.zeros((1, 16384, 3), np.uint8), "webp", 50)


def test_a_shift_makes_no_side_too_long() -> None:
    wide = np.zeros((2, 16380, 3), np.uint8)
    assert compress_shifted(wide, "webp", 50, (7, 7)).shape == wide.shape
