"""What seeded generators draw: numbers of a range, and noise of a grain."""

import numpy as np
import pytest

from restore.config import Settings, validate
from restore.errors import UsageError
from restore.seeded import Length, draw_count, draw_smooth, make_rng, read_seed


class Widths(Settings):
    width: Length


def test_both_ends_of_a_range_are_drawn() -> None:
    rng = np.random.default_rng(0)
    assert {draw_count(rng, (2, 4)) for _ in range(100)} == {2, 3, 4}
    assert draw_count(rng, (3, 3)) == 3


@pytest.mark.parametrize("bounds", [[0.2, 0.1], [-1, 0.1], [0, 11]])
def test_a_range_that_is_none_is_told_with_what_it_may_be(bounds: list[float]) -> None:
    with pytest.raises(UsageError, match=r"'width': must be \[smallest, largest\].* <= 10, not"):
        validate(Widths, {"width": bounds}, "a.toml")


@pytest.mark.parametrize("size", [(60, 200), (1, 1), (3, 500)])
def test_smooth_noise_fills_any_size(size: tuple[int, int]) -> None:
    noise = draw_smooth(*size, 0.1, np.random.default_rng(0))
    assert noise.shape == size and noise.dtype == np.float32


def test_smooth_noise_has_the_grain_that_was_asked_for() -> None:
    fine, coarse = (draw_smooth(300, 300, grain, np.random.default_rng(0)) for grain in (0.02, 0.2))
    slopes = [float(np.abs(np.diff(noise, axis=1)).mean()) for noise in (fine, coarse)]
    assert 5 < slopes[0] / slopes[1] < 20
    assert abs(float(fine.mean())) < 0.1 and 0.5 < float(fine.std()) < 1.2


def test_a_name_with_an_accent_has_one_seed_on_all_systems() -> None:
    composed, apart = (make_rng(3, name).random() for name in ("caf\u00e9.jpg", "cafe\u0301.jpg"))
    assert composed == apart


def test_no_seed_draws_as_another() -> None:
    with pytest.raises(UsageError, match="from 0 to 4294967295"):
        make_rng(1 + 97 * 2**32, "b")


def test_seeds_are_whole_numbers_of_any_kind() -> None:
    assert read_seed(np.uint32(7)) == 7
    for seed in (1.5, "2"):
        with pytest.raises(UsageError, match="whole number, not"):
            read_seed(seed)
