from pathlib import Path

import numpy as np
import pytest
import torch

from restore.checkpoint import Header, NetworkSettings, build_network, save_checkpoint
from restore.errors import UsageError
from restore.nets import RESTORERS
from restore.restorer import SIDE_STEP, Restorer

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


def test_the_fill_does_not_depend_on_what_lay_in_the_hole(restorer: Restorer) -> None:
    photo, mask = _photo(900, 900), np.zeros((900, 900), np.uint8)
    mask[200:650, 200:650] = 1  # deep, so that the coarse pass runs too
    other = photo.copy()
    other[mask == 1] = 255
    assert np.array_equal(restorer.fix(photo, mask), restorer.fix(other, mask))


def test_equal_seeds_give_equal_fills_and_others_different_ones(restorer: Restorer) -> None:
    photo, mask = _photo(128, 128), _mask(128, 128)
    first = restorer.fix(photo, mask, seed=3)
    assert np.array_equal(first, restorer.fix(photo, mask, seed=3))
    another = restorer.fix(photo, mask, seed=4)
    assert (first != another)[mask == 1].any()


def test_a_photo_without_a_hole_comes_back_as_it_is(restorer: Restorer) -> None:
    photo = _photo(50, 60)
    fixed = restorer.fix(photo, np.zeros((50, 60), bool))
    assert np.array_equal(fixed, photo) and fixed is not photo


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
