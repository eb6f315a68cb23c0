"""What holds for every kind of degradation, by being in the table."""

import pickle
from typing import get_origin

import numpy as np
import pytest

from restore.config import validate
from restore.degradations import DEGRADATIONS, Damage
from restore.errors import UsageError

SIZES = [(1, 1), (1, 150), (150, 1), (5, 211), (64, 48)]
RANGES = [  # every setting that is a range of numbers
    (name, key)
    for name, kind in DEGRADATIONS.items()
    for key, field in kind.model_fields.items()
    if get_origin(field.annotation) is tuple and isinstance(field.default[0], int | float)
]
LOCAL = [name for name, kind in DEGRADATIONS.items() if issubclass(kind, Damage)]


def spoil(name: str, pixels: np.ndarray, seed: int) -> np.ndarray:
    return DEGRADATIONS[name]()(pixels, np.random.default_rng(seed))


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_the_size_stays_and_the_input_is_left_alone(name: str, photo: np.ndarray) -> None:
    for seed in range(5):
        spoiled = spoil(name, photo, seed)
        assert spoiled.shape == photo.shape
        assert spoiled.dtype == np.uint8
        assert not np.shares_memory(spoiled, photo)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", DEGRADATIONS)
def test_any_size_can_be_spoiled(name: str, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    for seed in range(3):
        spoiled, mask = DEGRADATIONS[name]().damage(pixels, np.random.default_rng(seed))
        assert spoiled.shape == pixels.shape
        assert mask.shape == size
        assert mask.dtype == np.uint8


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_the_generator_decides(name: str, photo: np.ndarray) -> None:
    assert np.array_equal(spoil(name, photo, 1), spoil(name, photo, 1))
    assert not np.array_equal(spoil(name, photo, 1), spoil(name, photo, 2))
    assert any((spoil(name, photo, seed) != photo).any() for seed in range(3))


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_spoiling_with_a_mask_is_the_same_spoiling(name: str, photo: np.ndarray) -> None:
    kind = DEGRADATIONS[name]()
    spoiled, mask = kind.damage(photo, np.random.default_rng(4))
    assert np.array_equal(spoiled, kind(photo, np.random.default_rng(4)))
    assert set(np.unique(mask)) <= {0, 1}
    assert name in LOCAL or not mask.any()


@pytest.mark.parametrize("name", LOCAL)
def test_local_damage_lies_where_its_mask_says(name: str) -> None:
    white, black = np.full((128, 128, 3), 255, np.uint8), np.zeros((128, 128, 3), np.uint8)
    for seed in range(8):
        kind = DEGRADATIONS[name]()
        on_white, mask = kind.damage(white, np.random.default_rng(seed))
        on_black, same = kind.damage(black, np.random.default_rng(seed))
        assert np.array_equal(mask, same)
        # What is left of the difference between white and black is how much shows through.
        through = np.subtract(on_white, on_black, dtype=float).mean(axis=2) / 255
        assert (through[mask == 0] > 0.89).all()
        assert (through[mask == 1] < 0.91).all()


@pytest.mark.parametrize("name", LOCAL)
def test_local_damage_marks_something_but_not_everything(name: str, photo: np.ndarray) -> None:
    kind = DEGRADATIONS[name]()
    shares = [kind.damage(photo, np.random.default_rng(s))[1].mean() for s in range(20)]
    assert 0.001 < np.mean(shares) < 0.5


@pytest.mark.parametrize(("name", "key"), RANGES)
def test_both_ends_of_a_range_can_be_drawn(name: str, key: str, photo: np.ndarray) -> None:
    for end in DEGRADATIONS[name].model_fields[key].default:
        kind = validate(DEGRADATIONS[name], {key: [end, end]}, "test")
        assert kind(photo, np.random.default_rng(0)).shape == photo.shape


@pytest.mark.parametrize(("name", "key"), RANGES)
def test_impossible_ranges_are_refused(name: str, key: str) -> None:
    for bounds in ([3, 1], [-1, 1], [-2, -1]):
        with pytest.raises(UsageError, match=r"must be \[smallest, largest\]"):
            validate(DEGRADATIONS[name], {key: bounds}, "test")


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_a_range_may_begin_where_nothing_happens(name: str, photo: np.ndarray) -> None:
    """The smallest numbers that are accepted give a picture, not an error."""
    ranges = [key for kind, key in RANGES if kind == name]
    for least in (0, 0.01, 1):
        try:
            kind = validate(DEGRADATIONS[name], {key: [least, least] for key in ranges}, "test")
        except UsageError:
            continue
        assert kind(photo, np.random.default_rng(0)).shape == photo.shape
        return
    pytest.fail("no common lower end")


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_a_kind_travels_to_loader_processes(name: str) -> None:
    assert pickle.loads(pickle.dumps(DEGRADATIONS[name]())) == DEGRADATIONS[name]()
