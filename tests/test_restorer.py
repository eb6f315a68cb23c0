from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from restore.checkpoint import Header, NetworkSettings, build_network, save_checkpoint
from restore.errors import RestoreError, UsageError
from restore.filling import SIDE_STEP
from restore.image import Photo, to_eight_bits
from restore.lpips import load_lpips
from restore.nets import RESTORERS
from restore.restorer import Restorer
from restore.windows import Window

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


@pytest.mark.parametrize("error", [MemoryError(), cv2.error("OpenCV: Insufficient memory")])
def test_memory_that_runs_out_around_the_network_is_told_too(
    restorer: Restorer, monkeypatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    if isinstance(error, cv2.error):
        error.code = cv2.Error.StsNoMem
    monkeypatch.setattr("restore.fixing.match_samples", fail)
    with pytest.raises(RestoreError, match="not enough memory"):
        restorer.fix_photo(Photo(_photo(32, 32)), np.eye(32))
    if isinstance(error, cv2.error):
        error.code = cv2.Error.StsBadArg
        with pytest.raises(cv2.error):
            restorer.fix_photo(Photo(_photo(32, 32)), np.eye(32))


def test_what_pytorch_does_by_default_changes_nothing(restorer: Restorer) -> None:
    photo, mask = _photo(64, 64), _mask(64, 64)
    fixed = restorer.fix(photo, mask)
    try:
        torch.set_default_dtype(torch.float64)
        loaded = Restorer.load("inpaint", device="cpu")
        assert {weight.dtype for weight in loaded.generator.parameters()} == {torch.float32}
        torch.set_default_device("meta")
        assert np.array_equal(restorer.fix(photo, mask), fixed)
        if (lpips := load_lpips()) is not None:
            assert {value.dtype for value in lpips.state_dict().values()} == {torch.float32}
            assert {value.device.type for value in lpips.state_dict().values()} == {"cpu"}
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)


def test_what_is_no_name_of_a_model_is_refused() -> None:
    with pytest.raises(UsageError, match="not by NoneType"):
        Restorer.load(None)  # type: ignore[arg-type]


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


@pytest.mark.parametrize("seed", [None, "x", 1.9])
def test_a_seed_is_a_whole_number(restorer: Restorer, seed: object) -> None:
    with pytest.raises(UsageError, match="A seed is a whole number"):
        restorer.fix(_photo(8, 8), _mask(8, 8), seed=seed)  # type: ignore[arg-type]


def test_a_mask_of_words_and_half_a_scale_are_refused(
    restorer: Restorer, save_mender, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="numbers or truth values"):
        restorer.fix(_photo(8, 8), np.full((8, 8), "hole"))
    path = save_mender(tmp_path / "whole.safetensors", 0)
    with pytest.raises(UsageError, match="1, 2 or 4"):
        Restorer.load(path, upscale=2.0)  # type: ignore[arg-type]


def test_an_empty_mask_costs_a_mender_nothing(mender: Restorer) -> None:
    photo = _photo(32, 32)
    steps = mender.steps(photo, np.zeros((32, 32), np.uint8))
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert np.array_equal(end.value.value, photo) and end.value.value is not photo


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


def test_what_can_not_be_made_larger_is_refused(
    save_mender, mender: Restorer, tmp_path: Path
) -> None:
    larger = replace(mender, upscale=2)
    with pytest.raises(UsageError, match="leave out the mask"):
        larger.fix(_photo(32, 32), _mask(32, 32))
    path = save_mender(tmp_path / "whole.safetensors", 0)
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
    with pytest.raises(UsageError, match="strength is for what mends"):
        Restorer.load(tmp_path / "small.safetensors", "cpu", strength=0.5)


def test_natural_weights_are_mixed_in(save_mender, mender: Restorer, tmp_path: Path) -> None:
    path = save_mender(tmp_path / "whole.safetensors", 0)
    with pytest.raises(UsageError, match=r"no natural weights \(whole-natural.safetensors"):
        Restorer.load(path, "cpu", natural=0.5)
    other = Restorer.load(save_mender(tmp_path / "whole-natural.safetensors", 1), device="cpu")
    assert (other.ways, Restorer.load(path, "cpu", natural=1.0).ways) == (1, 1)
    for natural in (0.0, 0.25, 1.0):
        mixed = Restorer.load(path, "cpu", natural=natural).generator.state_dict()
        for name, weight in mender.generator.state_dict().items():
            expected = torch.lerp(weight, other.generator.state_dict()[name], natural)
            assert torch.allclose(mixed[name], expected, atol=1e-6)
    with pytest.raises(UsageError, match="from 0"):
        Restorer.load(path, "cpu", natural=1.5)
    larger = NetworkSettings(kind="unet", arguments={"channels": [8, 8, 16], "base": "damaged"})
    header = Header(name="whole", task="mend", network=larger, size=64)
    network = build_network(RESTORERS, larger)
    save_checkpoint(tmp_path / "whole-natural.safetensors", network, header)
    with pytest.raises(UsageError, match=r"can't be mixed with .*whole\.safetensors: its blocks"):
        Restorer.load(path, "cpu", natural=0.5)


def test_what_is_faithful_is_the_mean_of_mirrored_photos(
    save_mender, restorer: Restorer, tmp_path: Path
) -> None:
    path = save_mender(tmp_path / "whole.safetensors", 0)
    save_mender(tmp_path / "whole-natural.safetensors", 0)
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


def _deep_photo(gray: bool) -> Photo:
    deep = np.random.default_rng(1).integers(0, 2**16, (64, 96, 2 if gray else 3), np.uint16)
    alpha = deep[..., 1] | 0x8000 if gray else None  # nothing is hidden
    if gray:
        deep[..., 1] = alpha
    levels = to_eight_bits(deep)
    pixels = levels[..., :1].repeat(3, axis=2) if gray else levels
    return Photo(pixels, alpha=levels[..., 1] if gray else None, gray=gray, deep=deep)


@pytest.mark.parametrize("gray", [False, True])
def test_a_photo_of_16_bits_may_be_changed_before_it_is_fixed(mender: Restorer, gray: bool) -> None:
    photo, mask = _deep_photo(gray), _mask(64, 96)
    changed = replace(photo, pixels=255 - photo.pixels)
    fixed = mender.fix_photo(changed, mask)
    assert np.array_equal(fixed.pixels[mask == 0], changed.pixels[mask == 0])
    assert np.array_equal(
        fixed.deep[mask == 0][:, 0], changed.pixels[mask == 0][:, 0] * np.uint16(257)
    )
    same = mender.fix_photo(replace(photo, alpha=None), mask)
    assert np.array_equal(same.deep[mask == 0][:, 0], photo.deep[mask == 0][:, 0])
    assert same.deep.shape[2] == (1 if gray else 3)


@pytest.mark.parametrize("gray", [False, True])
def test_a_part_of_a_photo_of_16_bits_is_fixed(
    restorer: Restorer, mender: Restorer, gray: bool
) -> None:
    photo = _deep_photo(gray)
    alpha = None if photo.alpha is None else photo.alpha[:40, :50]
    part = replace(photo, pixels=photo.pixels[:40, :50], alpha=alpha)
    for fixer in (restorer, mender):
        fixed = fixer.fix_photo(part, _mask(40, 50))
        assert fixed.pixels.shape == (40, 50, 3) and fixed.deep.shape[:2] == (40, 50)
    with pytest.raises(UsageError, match="transparency"):
        mender.fix_photo(replace(part, alpha=np.zeros((64, 96), np.uint8)))


def test_what_is_loaded_and_read_is_told_in_short(restorer: Restorer) -> None:
    assert len(repr(restorer)) < 200
    assert "gray=True" in repr(_deep_photo(gray=True)) and len(repr(_deep_photo(gray=True))) < 200
