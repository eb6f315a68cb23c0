import numpy as np
import pytest
from skimage import data

from restore.degradations import find_fading, unfade
from restore.degradations.color import turn_yellow
from restore.degradations.fading import Faded, fade

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
    assert found is not None and found.yellow == 0
    assert found.amount == pytest.approx(amount, abs=0.05)
    assert far(unfade(faded, found), clean) < 0.3 * far(faded, clean)
    assert far(unfade(faded, Faded(amount)), clean) < 2


def test_what_faded_on_yellow_paper_stays_yellow() -> None:
    clean = turn_yellow(data.coffee(), 0.7)
    faded = turn_yellow(fade(data.coffee(), 0.4), 0.7)
    found = find_fading(faded)
    assert found is not None
    assert found == pytest.approx((0.4, 0.7), abs=0.1)
    assert far(unfade(faded, found), clean) < 0.3 * far(faded, clean)
    assert find_fading(clean) is None


def test_sixteen_bits_are_given_back_alike() -> None:
    clean = data.coffee()
    deep = fade(clean.astype(np.uint16) * 257, 0.4)
    assert deep.dtype == np.uint16 and (deep % 257 != 0).mean() > 0.9
    assert find_fading(deep) == pytest.approx(find_fading(fade(clean, 0.4)), abs=0.01)
    assert far(unfade(deep, Faded(0.4)) / 257, clean) < 0.1


def test_a_gray_photo_stays_gray() -> None:
    pale = (GRAY * 0.6 + 0.4 * 186).astype(np.uint8)
    found = find_fading(pale)
    assert found is not None and found.amount == pytest.approx(0.4, abs=0.05)
    back = unfade(pale, found)
    assert (back == back[..., :1]).all() and far(back, GRAY) < 0.2 * far(pale, GRAY)


@pytest.mark.parametrize(
    "clean",
    [data.astronaut(), data.coffee(), data.chelsea(), data.rocket(), GRAY],
    ids=["astronaut", "coffee", "chelsea", "rocket", "camera"],
)
def test_clean_photos_do_not_look_faded(clean: np.ndarray) -> None:
    assert find_fading(clean) is None
    assert find_fading(fade(clean, 0.1)) is None, "too little to be sure"


def test_what_shows_next_to_nothing_does_not_look_faded() -> None:
    flat = np.full((40, 60, 3), 128, np.uint8)
    for pixels in (flat, flat[:1, :1], flat + np.arange(60, dtype=np.uint8)[:, None]):
        assert find_fading(pixels) is None


def test_specks_do_not_hide_fading() -> None:
    faded = fade(data.coffee(), 0.4)
    faded[::97, ::89] = 0
    faded[50::97, 50::89] = 255
    found = find_fading(faded)
    assert found is not None and found.amount == pytest.approx(0.4, abs=0.1)
