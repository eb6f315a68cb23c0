"""Practice on a photo makes its fills better, looks at nothing in the hole, and is for it alone."""

import time

import cv2
import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor

from restore.adapting import CROP, LEAST_HOLE, NEAR, adapt_generator, draw_exercise
from restore.errors import RestoreError, UsageError
from restore.image import Photo
from restore.masks import load_preset
from restore.nets import RestorerGenerator
from restore.nets.gated import GatedGenerator
from restore.restorer import Restorer


@pytest.fixture
def mean_square(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for LPIPS, whose network may not be on disk."""

    class MeanSquare(torch.nn.Module):
        def forward(self, first: Tensor, second: Tensor) -> Tensor:
            return (first - second).square().mean((1, 2, 3))

    monkeypatch.setattr("restore.adapting.load_lpips", MeanSquare)


@pytest.fixture
def generator() -> RestorerGenerator:
    torch.manual_seed(0)
    small = GatedGenerator(channels=(8, 16), dilations=(1, 2), attention=(1,), blocks=(0, 0))
    return small.eval().requires_grad_(False)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a second go by with each look at the clock, so that as many steps are made anywhere."""
    seconds = iter(range(10**6))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(seconds)))


def _stripes(height: int, width: int) -> Tensor:
    wave = torch.sin(torch.arange(width) * 0.8)[None, None, None] * 0.4 + 0.5
    return wave.expand(1, 3, height, width).clone()


def _hole(height: int, width: int) -> Tensor:
    hole = torch.zeros(1, 1, height, width)
    hole[..., height // 4 : height // 2, width // 4 : width // 2] = 1
    return hole


def _fill(generator: RestorerGenerator, photo: Tensor, hole: Tensor) -> Tensor:
    noise = torch.zeros(generator.noise_shape(1, *photo.shape[2:]))
    return generator(photo * (1 - hole), hole, noise)


def test_practice_brings_the_fill_nearer(generator, mean_square, clock) -> None:
    photo, hole = _stripes(64, 96), _hole(64, 96)
    adapted = adapt_generator(generator, photo * (1 - hole), hole, seconds=60)
    before, after = (
        ((_fill(g, photo, hole) - photo) * hole).abs().sum() for g in (generator, adapted)
    )
    assert after < 0.8 * before
    assert not any(weight.requires_grad for weight in adapted.parameters())


def test_what_lies_in_the_hole_is_not_looked_at(generator, mean_square, monkeypatch) -> None:
    photo, hole, ends = _stripes(64, 96), _hole(64, 96), []
    for inside in (0.0, 1.0):
        seconds = iter(range(100))
        monkeypatch.setattr(time, "monotonic", lambda s=seconds: float(next(s)))
        adapted = adapt_generator(generator, torch.lerp(photo, hole * 0 + inside, hole), hole, 3)
        ends.append(torch.cat([weight.flatten() for weight in adapted.parameters()]))
    assert torch.equal(*ends)
    given = torch.cat([weight.flatten() for weight in generator.parameters()])
    assert not torch.equal(ends[0], given), "and yet it has learned"


def test_squares_lie_near_the_hole_and_their_holes_beside_it() -> None:
    height, width = 512, 2048
    across = torch.linspace(0, 1, width).expand(1, 3, height, width)  # tells where a square was
    hole = torch.zeros(1, 1, height, width)
    hole[..., 100:150, :40] = 1
    places = hole[0, 0].nonzero().numpy()
    rng = np.random.default_rng(0)
    for _ in range(4):
        exercise = draw_exercise(across, hole, places, [CROP, CROP], load_preset("mixed"), rng)
        assert exercise.clean.shape[1:] == (3, CROP, CROP)
        assert (exercise.mask.mean((1, 2, 3)) >= LEAST_HOLE).all()
        assert exercise.clean.max() * (width - 1) <= 40 + NEAR + CROP // 2
        own = exercise.unknown - exercise.mask
        assert set(own.unique().tolist()) <= {0.0, 1.0}, "the photo's own hole, apart from theirs"


def test_too_small_a_photo_is_left_as_it_is(generator, mean_square) -> None:
    for side in (9, 20, 31):  # LPIPS looks at 32 pixels or more
        photo, hole = torch.rand(1, 3, side, 40), torch.ones(1, 1, side, 40)
        assert adapt_generator(generator, photo, hole, seconds=60) is generator
    photo, hole = torch.rand(1, 3, 64, 64), torch.zeros(1, 1, 64, 64)
    assert adapt_generator(generator, photo, hole, seconds=60) is generator


def test_without_its_network_it_says_what_brings_it(generator, monkeypatch) -> None:
    monkeypatch.setattr("restore.adapting.load_lpips", lambda: None)
    with pytest.raises(RestoreError, match="restore models --fetch lpips"):
        adapt_generator(generator, _stripes(64, 64), _hole(64, 64), seconds=1)


def test_a_restorer_adapts_to_one_photo_and_stays_what_it_was(
    tiny_checkpoint, mean_square, clock
) -> None:
    restorer = Restorer.load(tiny_checkpoint, device="cpu")
    photo = (_stripes(64, 96)[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    mask = _hole(64, 96)[0, 0].numpy()
    before = restorer.fix(photo, mask)
    with torch.inference_mode():  # as services are, which learn nothing else
        fixed = restorer.adapt(photo, mask, seconds=5).fix(photo, mask)
    assert (fixed != before)[mask == 1].any()
    assert np.array_equal(fixed[mask == 0], photo[mask == 0])
    assert np.array_equal(restorer.fix(photo, mask), before)
    for seconds in (0, -1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="Can't practise for"):
            restorer.adapt(photo, mask, seconds=seconds)
    with pytest.raises(UsageError, match="as the photo"):
        restorer.adapt(photo, mask[1:], seconds=1)
    with pytest.raises(UsageError, match="A seed is a whole number"):
        restorer.adapt(photo, mask, seconds=1, seed=-1)


def test_nothing_is_practised_for_a_hole_that_is_filled_with_copies(
    tiny_checkpoint, monkeypatch
) -> None:
    monkeypatch.setattr("restore.restorer.adapt_generator", None)  # never asked
    restorer = Restorer.load(tiny_checkpoint, device="cpu")
    texture, mask = data.gravel()[:256, :256], np.zeros((256, 256), np.uint8)
    mask[100:160, 100:160] = 1
    photo = np.repeat(texture[..., None], 3, axis=2)
    assert restorer.adapt(photo, mask, seconds=60) is restorer


def test_nothing_is_practised_on_what_is_invisible(tiny_checkpoint, monkeypatch) -> None:
    restorer = Restorer.load(tiny_checkpoint, device="cpu")
    pixels = np.maximum(data.astronaut()[:90, 100:400], 100)
    alpha = np.full((90, 300), 255, np.uint8)
    alpha[:, :100], pixels[:, :100] = 0, 0
    mask = np.zeros((90, 300), np.uint8)
    mask[20:50, 100:130] = 1
    shown: list[tuple[float, float]] = []

    def practise(generator: RestorerGenerator, photo: Tensor, hole: Tensor, *_: object) -> object:
        shown.append((photo.min().item() * 255, hole.sum().item()))
        return generator

    monkeypatch.setattr("restore.restorer.adapt_generator", practise)
    restorer.adapt_photo(Photo(pixels, alpha=alpha), mask, seconds=1)
    ((darkest, marked),) = shown
    assert darkest >= 99 and marked > mask.sum()  # what is invisible near it is unknown, too
    with pytest.raises(UsageError, match=r"what read_image returns.*Restorer\.adapt takes arrays"):
        restorer.adapt_photo(pixels, mask, seconds=1)  # type: ignore[arg-type]


def test_of_a_soft_photo_it_practises_on_what_is_filled(tiny_checkpoint, monkeypatch) -> None:
    restorer = Restorer.load(tiny_checkpoint, device="cpu")
    shown: list[tuple[int, ...]] = []

    def practise(generator: RestorerGenerator, photo: Tensor, hole: Tensor, *_: object) -> object:
        assert photo.shape[2:] == hole.shape[2:] and 0 < hole.mean() < 0.2
        shown.append(tuple(photo.shape[2:]))
        return generator

    monkeypatch.setattr("restore.restorer.adapt_generator", practise)
    sharp = data.astronaut()[:300, :300]
    mask = np.zeros((900, 900), np.uint8)
    mask[300:500, 300:500] = 1
    soft = cv2.resize(sharp, (900, 900), interpolation=cv2.INTER_CUBIC)
    restorer.adapt(soft, mask, seconds=1)
    restorer.adapt(sharp, mask[::3, ::3], seconds=1)
    assert max(shown[0]) < 600 and shown[1] == (300, 300)
