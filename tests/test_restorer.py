from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from restore.checkpoint import Header, NetworkSettings, build_network, save_checkpoint
from restore.degradations import find_fading, unfade
from restore.degradations.fading import fade
from restore.errors import RestoreError, UsageError
from restore.filling import SIDE_STEP
from restore.image import enlarge_samples
from restore.mending import BLOCKY, find_blocks, keep_tone, mix_by_damage
from restore.nets import RESTORERS
from restore.restorer import Restorer
from restore.tiles import LEAST_SIDE, MARGIN
from restore.windows import Window, follow

SMALL = NetworkSettings(
    kind="gated", arguments={"channels": [8, 16], "dilations": [1, 2], "attention": [1]}
)


@pytest.fixture(scope="module")
def restorer(tmp_path_factory: pytest.TempPathFactory) -> Restorer:
    """Return a small restorer with random weights that do change the hole."""
    torch.manual_seed(0)
    network = build_network(RESTORERS, SMALL)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    save_checkpoint(path, network, Header(name="small", task="inpaint", network=SMALL, size=64))
    return Restorer.load(path, device="cpu")


def _photo(height: int, width: int) -> np.ndarray:
    """Return noise, dark on the left: one texture would be filled without the generator."""
    photo = np.random.default_rng(0).integers(0, 128, (height, width, 3), np.uint8)
    photo[:, width // 5 :] += 128
    return photo


def _texture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def _mask(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : height // 2 + 1, width // 4 : width // 2 + 1] = 1
    return mask


@pytest.mark.parametrize("size", [(64, 64), (7, 513), (513, 7), (3, 3), (100, 131), (300, 700)])
def test_known_pixels_stay_and_the_size_too(restorer: Restorer, size: tuple[int, int]) -> None:
    photo, mask = _photo(*size), _mask(*size)
    kept = photo.copy()
    fixed = restorer.fix(photo, mask)
    assert fixed.shape == photo.shape and fixed.dtype == np.uint8
    assert np.array_equal(photo, kept), "the input is not touched"
    assert np.array_equal(fixed[mask == 0], photo[mask == 0])


@pytest.mark.parametrize("draw", [_photo, _texture])
def test_the_fill_does_not_depend_on_what_lay_in_the_hole(draw, restorer: Restorer) -> None:
    photo, mask = draw(900, 900), np.zeros((900, 900), np.uint8)
    mask[200:650, 200:650] = 1  # deep, so that the coarse pass runs too
    other = photo.copy()
    other[mask == 1] = 255
    assert np.array_equal(restorer.fix(photo, mask), restorer.fix(other, mask))


def test_equal_seeds_give_equal_fills_and_others_different_ones(restorer: Restorer) -> None:
    photo, mask = _photo(128, 128), _mask(128, 128)
    first = restorer.fix(photo, mask, seed=3)
    assert np.array_equal(first, restorer.fix(photo, mask, seed=3))
    assert np.array_equal(first, restorer.fix(photo, mask, seed=np.int64(3)))
    for wrong in (-1, 2**70):
        with pytest.raises(UsageError, match="A seed is"):
            restorer.fix(photo, mask, seed=wrong)
    another = restorer.fix(photo, mask, seed=4)
    assert (first != another)[mask == 1].any()


def test_a_photo_without_a_hole_comes_back_as_it_is(restorer: Restorer) -> None:
    photo = _photo(50, 60)
    fixed = restorer.fix(photo, np.zeros((50, 60), bool))
    assert np.array_equal(fixed, photo) and fixed is not photo


def test_a_mask_that_is_no_array_is_refused(restorer: Restorer) -> None:
    with pytest.raises(UsageError, match="not a list"):
        restorer.fix(_photo(32, 32), [[1]])  # type: ignore[arg-type]


def test_where_memory_is_short_it_is_told(restorer: Restorer, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Restorer, "restore", fail)
    mask = np.zeros((32, 32), np.uint8)
    mask[8:16] = 1
    with pytest.raises(RestoreError, match="not enough memory"):
        restorer.fix(_photo(32, 32), mask)


def test_any_type_of_mask_will_do(restorer: Restorer) -> None:
    photo, mask = _photo(64, 64), _mask(64, 64)
    fixed = restorer.fix(photo, mask)
    for other in (mask.astype(bool), mask * 255, mask.astype(np.float64)):
        assert np.array_equal(restorer.fix(photo, other), fixed)


def test_what_can_not_be_fixed_is_told(restorer: Restorer) -> None:
    photo = _photo(20, 30)
    with pytest.raises(UsageError, match="uint8"):
        restorer.fix(photo.astype(np.float32), np.ones((20, 30)))
    with pytest.raises(UsageError, match="as the photo"):
        restorer.fix(photo, np.ones((30, 20)))
    with pytest.raises(UsageError, match="nothing to go by"):
        restorer.fix(photo, np.ones((20, 30)))


def test_a_group_larger_than_one_window_is_filled_in_parts(restorer: Restorer) -> None:
    photo, mask = _photo(700, 1500), np.zeros((700, 1500), np.uint8)
    mask[340:350, 20:1480] = 1
    fixed = restorer.fix(photo, mask)
    assert np.array_equal(fixed[mask == 0], photo[mask == 0])
    assert (fixed != photo)[mask == 1].mean() > 0.9


def test_the_windows_of_many_photos_have_few_shapes(restorer: Restorer) -> None:
    shapes = set()
    for place in range(50, 300, 7):
        mask = np.zeros((500, 700), np.uint8)
        mask[40:place, 30:100] = 1
        shapes.add(next(restorer.steps(_photo(500, 700), mask)).shape)
    assert {side % SIDE_STEP for shape in shapes for side in shape[2:]} == {0}
    assert 3 <= len(shapes) <= 8


def test_windows_come_out_together_as_alone(restorer: Restorer) -> None:
    windows = [next(restorer.steps(_photo(64, 90), _mask(64, 90), seed)) for seed in range(3)]
    alone = [restorer.restore([window])[0] for window in windows]
    for one, other in zip(alone, restorer.restore(windows), strict=True):
        assert torch.allclose(one, other, atol=0.02)  # to the bit on some machines only
    assert not torch.allclose(alone[0], alone[1], atol=0.02)


def test_a_run_folder_and_an_unknown_name(restorer: Restorer, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.safetensors", restorer.generator, restorer.settings)
    assert Restorer.load(tmp_path, device="cpu").name == "small"
    with pytest.raises(UsageError):
        Restorer.load("inpiant", device="cpu")
    with pytest.raises(UsageError, match="Did you mean 'cpu'"):
        Restorer.load(tmp_path, device="cpo")


def test_a_sampler_is_refused_in_one_sentence(tmp_path: Path) -> None:
    network = build_network(RESTORERS, SMALL)
    header = Header(name="digits", task="generate", network=SMALL, size=28)
    save_checkpoint(tmp_path / "digits.safetensors", network, header)
    with pytest.raises(UsageError, match=r"^digits draws pictures from noise and is used by"):
        Restorer.load(tmp_path / "digits.safetensors", device="cpu")


WHOLE = NetworkSettings(
    kind="unet", arguments={"channels": [8, 8, 8], "blocks": [1, 1, 1], "base": "damaged"}
)


def _save_whole(path: Path, seed: int, std: float = 0.06) -> Path:
    torch.manual_seed(seed)
    network = build_network(RESTORERS, WHOLE)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=std)
    save_checkpoint(path, network, Header(name="whole", task="mend", network=WHOLE, size=64))
    return path


@pytest.fixture(scope="module")
def mender(tmp_path_factory: pytest.TempPathFactory) -> Restorer:
    """Return a small restorer of whole photos with random weights that change them visibly."""
    folder = tmp_path_factory.mktemp("model")
    return Restorer.load(_save_whole(folder / "whole.safetensors", 0), device="cpu")


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
    assert np.abs(deep / 257 - shallow).max() <= 0.51
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
    photo, other = _photo(24, 32), _texture(24, 32)
    given = []
    monkeypatch.setattr("restore.mending.keep_tone", lambda _, mended: mended)
    monkeypatch.setattr(
        "restore.mending.mix_by_damage", lambda *both: given.append(both) or other.copy()
    )
    larger = replace(mender, upscale=4).fix(photo)
    ((before, mended),) = given
    assert np.array_equal(before, photo) and np.array_equal(mended, mender.fix(photo))
    assert np.array_equal(larger, mender.fix(enlarge_samples(other, 4)))


def test_what_can_not_be_made_larger_is_refused(mender: Restorer, tmp_path: Path) -> None:
    larger = replace(mender, upscale=2)
    with pytest.raises(UsageError, match="leave out the mask"):
        larger.fix(_photo(32, 32), _mask(32, 32))
    path = _save_whole(tmp_path / "whole.safetensors", 0)
    assert Restorer.load(path, "cpu", upscale=4).upscale == 4
    with pytest.raises(UsageError, match="1, 2 or 4 times"):
        Restorer.load(path, "cpu", upscale=3)
    network = build_network(RESTORERS, SMALL)
    header = Header(name="small", task="inpaint", network=SMALL, size=64)
    save_checkpoint(tmp_path / "small.safetensors", network, header)
    with pytest.raises(UsageError, match="small fills holes"):
        Restorer.load(tmp_path / "small.safetensors", "cpu", upscale=2)
    with pytest.raises(UsageError, match="keep_fading is for what mends"):
        Restorer.load(tmp_path / "small.safetensors", "cpu", keep_fading=True)


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


def test_where_there_is_much_noise_the_tone_is_the_networks() -> None:
    noise = np.random.default_rng(0).normal(0, 12, (96, 128, 3)).astype(int)
    clean = np.full((96, 128, 3), 100, np.uint8)
    mended = _as(clean, -5)
    assert keep_tone(_as(clean, noise), mended) is mended
    assert np.abs(keep_tone(_as(clean, noise // 6), mended).astype(int) - 100).max() <= 1


def test_a_faded_photo_gets_its_colours_back_unless_they_shall_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mender = Restorer.load(_save_whole(tmp_path / "w.safetensors", 0, std=0.001), device="cpu")
    faded = fade(data.astronaut()[:256, :256], 0.4)
    pale = replace(mender, keep_fading=True).fix(faded)
    found = find_fading(pale)
    assert found is not None and found.amount > 0.2
    assert np.array_equal(mender.fix(faded), unfade(pale, found))
    noise = np.random.default_rng(0).normal(0, 60, faded.shape).astype(int)
    monkeypatch.setattr("restore.mending.keep_tone", lambda *_: faded)
    assert np.array_equal(mender.fix(_as(faded, noise)), faded), "too much noise to be sure"
    monkeypatch.undo()
    mask = _mask(256, 256)
    assert np.array_equal(mender.fix(faded, mask), np.where(mask[..., None], pale, faded)), (
        "a part is not to stand out"
    )


def test_natural_weights_are_mixed_in(mender: Restorer, tmp_path: Path) -> None:
    path = _save_whole(tmp_path / "whole.safetensors", 0)
    with pytest.raises(UsageError, match=r"no natural weights \(whole-natural.safetensors"):
        Restorer.load(path, "cpu", natural=0.5)
    other = Restorer.load(_save_whole(tmp_path / "whole-natural.safetensors", 1), device="cpu")
    for natural in (0.0, 0.25, 1.0):
        mixed = Restorer.load(path, "cpu", natural=natural).generator.state_dict()
        for name, weight in mender.generator.state_dict().items():
            expected = torch.lerp(weight, other.generator.state_dict()[name], natural)
            assert torch.allclose(mixed[name], expected, atol=1e-6)
    with pytest.raises(UsageError, match="from 0"):
        Restorer.load(path, "cpu", natural=1.5)


def test_what_is_faithful_is_the_mean_of_mirrored_photos(
    restorer: Restorer, tmp_path: Path
) -> None:
    path = _save_whole(tmp_path / "whole.safetensors", 0)
    _save_whole(tmp_path / "whole-natural.safetensors", 0)
    usual, all_ways = (Restorer.load(path, "cpu", tta=tta) for tta in (False, True))
    natural, all_natural = (Restorer.load(path, "cpu", 0.5, tta=tta) for tta in (False, True))
    photo = _photo(64, 96)
    ones, noise = torch.ones(1, 1, 64, 96), torch.zeros(usual.generator.noise_shape(1, 64, 96))
    pixels = torch.from_numpy(photo).permute(2, 0, 1)[None] / 255

    def mend(mender: Restorer, *ways: int) -> torch.Tensor:
        (mended,) = mender.restore([Window(pixels.flip(ways), ones, 0 * ones, noise)])
        return mended.flip(ways)

    plain, *others = (mend(natural, *ways) for ways in ((), (3,), (2,), (2, 3)))
    assert not torch.allclose(plain, others[0], atol=1e-3)
    for mender, answers, alike in (
        (usual, [plain, others[0]], [(), (3,)]),
        (all_ways, [plain, *others], [(), (3,), (2,)]),
        (all_natural, [plain, *others], [(), (3,), (2,)]),
    ):
        for ways in alike:
            assert torch.allclose(mend(mender, *ways), torch.stack(answers).mean(0), atol=1e-6)
        assert mender.fix(photo).shape == photo.shape


def test_what_fills_holes_does_so_in_one_way(restorer: Restorer, tmp_path: Path) -> None:
    filler = tmp_path / "filler.safetensors"
    save_checkpoint(filler, restorer.generator, restorer.settings)
    assert Restorer.load(filler, "cpu").ways == 1
    with pytest.raises(UsageError, match="tta is for what mends"):
        Restorer.load(filler, "cpu", tta=True)


def test_only_a_mender_does_without_a_mask(restorer: Restorer, mender: Restorer) -> None:
    with pytest.raises(UsageError, match="small fills holes and needs a mask"):
        restorer.fix(_photo(20, 30))
    with pytest.raises(UsageError, match="uint8 or uint16"):
        mender.fix(_photo(20, 30).astype(np.float32))
    with pytest.raises(UsageError, match="fills no holes"):
        mender.adapt(_photo(64, 64), _mask(64, 64), 1)


@pytest.mark.parametrize("deep", [False, True])
def test_with_a_mask_a_mender_mends_inside_it_by_what_is_there(
    mender: Restorer, deep: bool
) -> None:
    photo, mask = _photo(64, 96), _mask(64, 96)
    photo = photo.astype(np.uint16) * 257 if deep else photo
    inside, whole = mender.fix(photo, mask), mender.fix(photo)
    assert inside.dtype == photo.dtype
    assert np.array_equal(inside, np.where(mask[..., None] != 0, whole, photo))
    assert np.array_equal(mender.fix(photo, np.ones_like(mask)), whole)
