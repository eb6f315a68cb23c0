import numpy as np
import pytest
from skimage import data

from restore.degradations import find_fading, unfade
from restore.degradations.fading import fade

GRAY = np.repeat(data.camera()[..., None], 3, axis=2)


def far(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def saturation(pixels: np.ndarray) -> float:
    return float(np.ptp(pixels.astype(int), axis=2).mean())


def test_fading_takes_colour_and_depth(photo: np.ndarray) -> None:
    assert np.array_equal(fade(photo, 0), photo)
    half = fade(photo, 0.5)
    assert saturation(half) < 0.6 * saturation(photo)
    assert half.std() < 0.6 * photo.std()
    assert half.min() > photo.min() + 50
    assert len(np.unique(fade(photo, 1).reshape(-1, 3), axis=0)) == 1


@pytest.mark.parametrize("amount", [0.25, 0.4, 0.55])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "rocket"])
def test_what_faded_is_found_and_given_back(name: str, amount: float) -> None:
    clean = getattr(data, name)()
    faded = fade(clean, amount)
    found = find_fading(faded)
    assert found == pytest.approx(amount, abs=0.05)
    assert far(unfade(faded, found), clean) < 0.3 * far(faded, clean)
    assert far(unfade(faded, amount), clean) < 2


def test_sixteen_bits_are_given_back_alike() -> None:
    clean = data.coffee()
    deep = fade(clean.astype(np.uint16) * 257, 0.4)
    assert deep.dtype == np.uint16 and (deep % 257 != 0).mean() > 0.9
    assert find_fading(deep) == pytest.approx(find_fading(fade(clean, 0.4)), abs=0.01)
    assert far(unfade(deep, 0.4) / 257, clean) < 0.1


def test_a_gray_photo_stays_gray() -> None:
    pale = (GRAY * 0.6 + 0.4 * 186).astype(np.uint8)
    found = find_fading(pale)
    assert found == pytest.approx(0.4, abs=0.05)
    back = unfade(pale, found)
    assert (back == back[..., :1]).all() and far(back, GRAY) < 0.2 * far(pale, GRAY)


@pytest.mark.parametrize(
    "clean",
    [data.astronaut(), data.coffee(), data.chelsea(), data.rocket(), GRAY],
    ids=["astronaut", "coffee", "chelsea", "rocket", "camera"],
)
def test_clean_photos_do_not_look_faded(clean: np.ndarray) -> None:
    assert find_fading(clean) == 0
    assert find_fading(fade(clean, 0.1)) == 0, "too little to be sure"


def test_what_shows_next_to_nothing_does_not_look_faded() -> None:
    flat = np.full((40, 60, 3), 128, np.uint8)
    assert find_fading(flat) == find_fading(flat[:1, :1]) == 0
    assert find_fading(flat + np.arange(60, dtype=np.uint8)[:, None]) == 0


def test_specks_do_not_hide_fading() -> None:
    faded = fade(data.coffee(), 0.4)
    faded[::97, ::89] = 0
    faded[50::97, 50::89] = 255
    assert find_fading(faded) == pytest.approx(0.4, abs=0.1)
