import numpy as np
import pytest
from skimage import data

from restore.degradations import find_fading, unfade
from restore.degradations.color import lower_contrast, turn_yellow
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


@pytest.mark.parametrize("amount", [0.3, 0.4, 0.55])
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
    assert found[:2] == pytest.approx((0.4, 0.7), abs=0.1)
    assert far(unfade(faded, found), clean) < 0.3 * far(faded, clean)
    assert find_fading(clean) is None


def test_sixteen_bits_are_given_back_alike() -> None:
    clean = data.coffee()
    deep = fade(clean.astype(np.uint16) * 257, 0.4)
    assert deep.dtype == np.uint16 and (deep % 257 != 0).mean() > 0.9
    found, shallow = find_fading(deep), find_fading(fade(clean, 0.4))
    assert found is not None and found == pytest.approx(shallow, abs=0.05)
    assert far(unfade(deep, Faded(0.4)) / 257, clean) < 0.1


@pytest.mark.parametrize("noise", [0, 1])
@pytest.mark.parametrize("amount", [0.3, 0.6])
def test_a_photo_without_colour_gets_none(noise: float, amount: float) -> None:
    shaken = GRAY + np.random.default_rng(0).normal(0, noise, GRAY.shape)
    pale = np.clip(shaken * (1 - amount) + amount * 186, 0, 255).astype(np.uint8)
    pale[0, 0] = 100, 101, 100
    found = find_fading(pale)
    assert found is not None and found.gray
    assert found.amount == pytest.approx(amount, abs=0.05)
    back = unfade(pale, found)
    assert np.ptp(back.mean(axis=(0, 1))) < 3 and saturation(back) <= 3 * saturation(pale)
    assert far(back, GRAY) < 0.2 * far(pale, GRAY)


def test_a_print_without_colour_stays_yellow() -> None:
    print_ = turn_yellow(GRAY, 0.8)
    pale = turn_yellow(fade(GRAY, 0.5), 0.8)
    found = find_fading(pale)
    assert found is not None and found.gray
    back = unfade(pale, found)
    assert far(back, print_) < 0.4 * far(pale, print_)


def test_a_flat_photo_gets_no_cast() -> None:
    flat = lower_contrast(data.astronaut(), 0.5, 0)
    found = find_fading(flat)
    assert found is not None
    middle = unfade(np.full((4, 4, 3), 128, np.uint8), found)
    assert np.ptp(middle.mean(axis=(0, 1))) < 4


def test_warm_light_is_not_taken_for_old_paper() -> None:
    warm = (data.coffee() * np.array((0.9, 0.6, 0.35)) * 0.75 + 45).astype(np.uint8)
    found = find_fading(warm)
    assert found is not None and found.yellow == 0


def test_a_border_is_not_looked_at() -> None:
    faded = fade(data.coffee(), 0.4)
    faded[:8] = faded[-8:] = 255
    faded[:, :8] = 0
    found = find_fading(faded)
    assert found is not None and found.amount == pytest.approx(0.4, abs=0.05)


def test_what_is_in_doubt_is_given_back_in_part() -> None:
    found = [find_fading(fade(data.astronaut(), amount)) for amount in (0.1, 0.16, 0.2, 0.3)]
    amounts = [0 if one is None else one.amount for one in found]
    assert amounts == sorted(amounts) and 0 < amounts[2] < 0.15
    assert amounts[3] == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize(
    "clean",
    [data.astronaut(), data.coffee(), data.chelsea(), data.rocket(), GRAY],
    ids=["astronaut", "coffee", "chelsea", "rocket", "camera"],
)
def test_clean_photos_do_not_look_faded(clean: np.ndarray) -> None:
    assert find_fading(clean) is None
    little = find_fading(fade(clean, 0.1))
    assert little is None or little.amount < 0.05, "not sure enough"


def test_what_shows_next_to_nothing_does_not_look_faded() -> None:
    flat = np.full((200, 150, 3), 128, np.uint8)
    for pixels in (flat, flat[:1, :1], flat + np.arange(150, dtype=np.uint8)[:, None] // 2):
        assert find_fading(pixels) is None
    assert find_fading(fade(data.coffee(), 0.4)[:100]) is None, "too small to be sure"
    assert find_fading(np.full((200, 150, 3), (0, 0, 255), np.uint8)) is None


def test_specks_do_not_hide_fading() -> None:
    faded = fade(data.coffee(), 0.4)
    faded[::97, ::89] = 0
    faded[50::97, 50::89] = 255
    found = find_fading(faded)
    assert found is not None and found.amount == pytest.approx(0.4, abs=0.1)
