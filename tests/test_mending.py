from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from restore.degradations import find_fading, unfade
from restore.degradations.fading import fade
from restore.errors import RestoreError
from restore.image import enlarge_samples
from restore.mending import BLOCKY, _clipping_shift, find_blocks, keep_tone, mix_by_damage
from restore.restorer import Restorer
from restore.tiles import LEAST_SIDE, MARGIN
from restore.windows import Window, follow


def _photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (7, 513), (513, 7), (64, 64), (203, 100)])
@pytest.mark.parametrize("type_", [np.uint8, np.uint16])
def test_a_whole_photo_is_mended_and_keeps_its_size_and_type(
    mender: Restorer, size: tuple[int, int], type_: type
) -> None:
    photo = _photo(*size).astype(type_)
    kept = photo.copy()
    mended = mender.fix(photo)
    assert mended.shape == photo.shape and mended.dtype == type_
    assert np.array_equal(photo, kept), "the input is not touched"
    assert np.array_equal(mended, mender.fix(photo, None, 0))


def test_sixteen_bits_are_mended_in_float(mender: Restorer) -> None:
    photo = _photo(64, 64)
    shallow = mender.fix(photo).astype(int)
    deep = mender.fix(photo.astype(np.uint16) * 257)
    assert np.abs(deep / 257 - shallow).max() <= 1.25  # which is rounded twice, and with its tone
    assert np.abs(deep / 257 - shallow).mean() < 0.5
    assert (deep % 257 != 0).mean() > 0.5


def test_a_gray_photo_stays_gray(mender: Restorer) -> None:
    gray = np.repeat(_photo(64, 64)[..., :1], 3, axis=2)
    mended = mender.fix(gray)
    assert (mended == mended[..., :1]).all() and (mended != gray).any()
    assert not (mender.fix(_photo(64, 64)) == mended).all()


@pytest.mark.parametrize("size", [(1100, 640), (520, 1500)])
def test_tiles_join_to_what_the_whole_would_be(
    mender: Restorer, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mender.generator.reach <= MARGIN
    photo = np.repeat(np.repeat(_photo(*(side // 10 for side in size)), 10, 0), 10, 1)
    monkeypatch.setattr("restore.mending.pick_side", lambda _: 2000)
    whole = mender.fix(photo, None, 3)
    monkeypatch.setattr("restore.mending.pick_side", lambda _: LEAST_SIDE)
    windows = []
    tiled = follow(
        mender.steps(photo, None, 3), lambda w: windows.append(w) or mender.restore([w])[0]
    )
    assert len(windows) >= 4 and max(windows[0].shape[2:]) <= LEAST_SIDE
    assert (whole != photo).mean() > 0.5
    assert np.abs(whole.astype(int) - tiled).max() <= 1


def test_where_memory_does_not_suffice_tiles_get_smaller_until_one_sentence_tells(
    mender: Restorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restore.mending.pick_side", lambda _: 1280)
    photo = np.repeat(np.repeat(_photo(70, 80), 10, 0), 10, 1)
    tried = []

    def restore(window: Window, most: int) -> torch.Tensor:
        tried.append(max(window.shape[2:]))
        if tried[-1] > most:
            raise MemoryError
        return mender.restore([window])[0]

    mended = follow(mender.steps(photo), lambda window: restore(window, 700))
    assert tried[0] == 800 and max(tried[1:]) <= 640
    assert np.abs(mended.astype(int) - mender.fix(photo)).max() <= 1
    with pytest.raises(
        RestoreError, match=r"not enough memory to mend 800 × 700 pixels, even in tiles of 480"
    ):
        follow(mender.steps(photo), lambda window: restore(window, 100))
    tried.clear()
    with pytest.raises(RestoreError, match="not enough memory"):
        follow(mender.steps(photo[:400, :400]), lambda window: restore(window, 100))
    assert len(tried) == 1, "smaller tiles than the photo there are none"


@pytest.mark.parametrize("upscale", [2, 4])
@pytest.mark.parametrize("size", [(1, 1), (3, 130), (40, 51)])
@pytest.mark.parametrize("type_", [np.uint8, np.uint16])
def test_a_whole_photo_gets_larger_and_keeps_its_type(
    mender: Restorer, size: tuple[int, int], upscale: int, type_: type
) -> None:
    photo = _photo(*size).astype(type_)
    larger = replace(mender, upscale=upscale).fix(photo)
    assert larger.shape == (upscale * size[0], upscale * size[1], 3) and larger.dtype == type_


def test_a_gray_photo_that_gets_larger_stays_gray(mender: Restorer) -> None:
    gray = np.repeat(_photo(32, 32)[..., :1], 3, axis=2)
    larger = replace(mender, upscale=2).fix(gray)
    assert (larger == larger[..., :1]).all() and larger.std() > 0


def test_twice_as_large_is_the_mean_of_four_times_as_large(mender: Restorer) -> None:
    photo = _photo(40, 52) // 4 + 90  # so that nothing is clipped
    four, two = (replace(mender, upscale=n).fix(photo).astype(float) for n in (4, 2))
    means = four.reshape(80, 2, 104, 2, 3).mean(axis=(1, 3))
    assert np.abs(means - two).max() <= 2 and np.abs(means - two).mean() < 0.5, "but for rounding"


@pytest.mark.parametrize("upscale", [2, 4])
def test_tiles_of_a_photo_that_gets_larger_join_to_what_the_whole_would_be(
    mender: Restorer, upscale: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger = replace(mender, upscale=upscale)
    photo = cv2.resize(_photo(27, 16), (161, 273), interpolation=cv2.INTER_CUBIC)
    sides = []

    def fix(side: int) -> np.ndarray:
        monkeypatch.setattr("restore.mending.pick_side", lambda _: side)

        def restore(window: Window) -> torch.Tensor:
            sides.append(max(window.shape[2:]))
            return larger.restore([window])[0]

        return follow(larger.steps(photo), restore).astype(int)

    whole, tiled = fix(2000), fix(LEAST_SIDE)
    assert sides[1] > 1000 and len(sides) > 6 and max(sides[3:]) <= LEAST_SIDE
    assert np.abs(whole - tiled).max() <= 1


def test_a_photo_is_mended_before_it_gets_larger_by_as_much_as_it_needs() -> None:
    photo = _photo(30, 40) // 2
    for change, share in ((0, 0), (2, 0), (3, 0.2), (4, 0.6), (9, 1)):
        mended = photo + np.uint8(change)
        mixed = mix_by_damage(photo, mended)
        assert np.abs(mixed.astype(float) - photo - share * change).max() <= 0.5
        deep = mix_by_damage(photo * np.uint16(257), mended * np.uint16(257))
        assert np.abs(deep / 257 - photo - share * change).max() <= 0.01


def test_blocks_are_mended_by_more_than_noise() -> None:
    rng = np.random.default_rng(0)
    photo = cv2.resize(_photo(12, 16) // 2 + 40, (128, 96), interpolation=cv2.INTER_CUBIC)
    blocks = rng.integers(-5, 6, (12, 16, 1)).repeat(8, 0).repeat(8, 1)
    noise = rng.integers(-3, 4, (96, 128, 1))
    for damage, factor in ((blocks, 2), (noise, 1)):
        damaged = (photo + damage).astype(np.uint8)
        assert (find_blocks(damaged, photo) >= BLOCKY) == (factor > 1)
        assert find_blocks(damaged[3:, 5:], photo[3:, 5:]) < 1.2, "they begin elsewhere"
    deep = (photo + blocks).astype(np.uint16) * 257, photo * np.uint16(257)
    assert np.array_equal(mix_by_damage((photo + blocks).astype(np.uint8), photo), photo)
    assert np.array_equal(mix_by_damage(*deep), deep[1])
    mixed = mix_by_damage((photo + noise).astype(np.uint8), photo)
    assert np.array_equal(mixed, photo + noise), (
        "a change of 2 levels is not too much without blocks"
    )
    assert find_blocks(photo[:7], photo[:7] + 1) == find_blocks(photo, photo) == 1


def test_what_is_enlarged_is_the_photo_with_what_mending_changed(
    mender: Restorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, other = _photo(24, 32), 255 - _photo(24, 32)
    given = []
    monkeypatch.setattr("restore.mending.keep_tone", lambda _, mended: mended)
    monkeypatch.setattr(
        "restore.mending.mix_by_damage", lambda *both: given.append(both) or other.copy()
    )
    larger = replace(mender, upscale=4).fix(photo)
    ((before, mended),) = given
    assert np.array_equal(before, photo) and np.array_equal(mended, mender.fix(photo))
    assert np.array_equal(larger, mender.fix(enlarge_samples(other, 4)))


def _as(photo: np.ndarray, change: np.ndarray | int) -> np.ndarray:
    return np.clip(photo.astype(int) + change, 0, 255).astype(np.uint8)


def test_tone_stays_and_detail_changes() -> None:
    photo = np.full((96, 128, 3), 100, np.uint8)
    rows = np.arange(96)[:, None, None]
    detail = np.where(np.indices((96, 128)).sum(0) % 2, 2, -2)[..., None]
    for tone in (-8, 8 * np.sin(rows / 40)):
        kept = keep_tone(photo, _as(photo, np.rint(tone + detail).astype(int)))
        assert np.abs(kept.astype(int) - photo - detail).mean() <= 1
    deep = photo.astype(np.uint16) * 257
    assert np.abs(keep_tone(deep, deep - 8 * 257) / 257 - 100).max() < 0.1
    assert keep_tone(photo, photo) is photo
    for size in ((1, 1), (3, 20), (17, 5)):
        small = photo[: size[0], : size[1]]
        assert np.abs(keep_tone(small, _as(small, 5)).astype(int) - 100).max() <= 1
    gray = keep_tone(photo, _as(photo, detail - 6))
    assert (gray == gray[..., :1]).all()
    larger = _as(photo, -8).repeat(4, 0).repeat(4, 1)
    assert (keep_tone(photo, larger) == 100).all()


@pytest.mark.parametrize("strength", [2, 5, 12])
def test_noise_is_no_reason_to_change_the_tone(strength: int) -> None:
    noise = np.random.default_rng(0).normal(0, strength, (96, 128, 1)).astype(int)
    clean = np.full((96, 128, 3), 100, np.uint8)
    kept = keep_tone(_as(clean, noise), _as(clean, -20)).astype(int)
    assert np.abs(kept - 100).max() <= 4
    assert abs(kept.mean() - 100) <= 1


@pytest.mark.parametrize(("level", "toward"), [(10, -1), (245, 1)])
def test_what_clipped_noise_has_moved_goes_back(level: int, toward: int) -> None:
    noise = np.random.default_rng(0).normal(0, 50, (96, 128, 3)).astype(int)
    clean = np.full((96, 128, 3), level, np.uint8)
    noisy = _as(clean, noise)
    assert abs(noisy.mean() - level) > 12
    assert abs(keep_tone(noisy, clean).mean() - level) < 5
    assert keep_tone(noisy, _as(noisy, -40 * toward)).mean() * toward > noisy.mean() * toward - 8


@pytest.mark.parametrize("sigma", [1, 10, 60])
@pytest.mark.parametrize("level", [0, 30, 128, 250])
def test_clipping_moves_the_mean_by_as_much_as_it_is_taken_for(level: int, sigma: int) -> None:
    noise = np.random.default_rng(0).normal(0, sigma, 200_000)
    measured = np.clip(level + noise, 0, 255).mean() - level
    tone = np.full((1, 1, 3), level, np.float32)
    assert _clipping_shift(tone, sigma) == pytest.approx(measured, abs=0.02 * sigma)


def test_a_photo_is_mended_by_as_much_as_is_wanted(mender: Restorer) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    whole, half, none = (
        replace(mender, strength=strength).fix(photo).astype(int) for strength in (1, 0.5, 0)
    )
    assert np.array_equal(none, photo) and not np.array_equal(whole, photo)
    assert np.abs(half - (whole + photo) / 2).max() <= 0.5
    faded = fade(data.astronaut()[:256, :256], 0.4)
    assert np.array_equal(replace(mender, strength=0.0).fix(faded), faded), "in tone, too"
    deep = replace(mender, strength=0.0).fix(photo.astype(np.uint16) * 257)
    assert np.array_equal(deep, photo.astype(np.uint16) * 257)


def test_a_faded_photo_gets_its_colours_back_unless_they_shall_stay(
    save_mender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mender = Restorer.load(save_mender(tmp_path / "w.safetensors", 0, std=0.001), device="cpu")
    faded = fade(data.astronaut()[:256, :256], 0.4)
    pale = replace(mender, keep_fading=True).fix(faded)
    found = find_fading(pale)
    assert found is not None and found.amount > 0.2
    assert np.array_equal(mender.fix(faded), unfade(pale, found))
    noise = np.random.default_rng(0).normal(0, 60, faded.shape).astype(int)
    monkeypatch.setattr("restore.mending.keep_tone", lambda *_: faded)
    assert np.array_equal(mender.fix(_as(faded, noise)), faded), "too much noise to be sure"
    monkeypatch.undo()
    mask = np.zeros((256, 256), np.uint8)
    mask[64:129, 64:129] = 1
    assert np.array_equal(mender.fix(faded, mask), np.where(mask[..., None], pale, faded)), (
        "a part is not to stand out"
    )
    whole = np.ones((256, 256), np.uint8)
    assert np.array_equal(mender.fix(faded, whole), pale) and not np.array_equal(
        mender.fix(faded), pale
    )
