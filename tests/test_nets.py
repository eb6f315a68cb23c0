from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from restore.nets import DISCRIMINATORS, RESTORERS, DetectorNetwork, RestorerGenerator
from restore.nets.blocks import CopyAttention, PixelNorm
from restore.nets.detector import UnetDetector
from restore.nets.fill import push_pull
from restore.nets.gated import GatedGenerator


def _hole(height: int, width: int) -> torch.Tensor:
    mask = torch.zeros(1, 1, height, width)
    mask[:, :, height // 4 : height // 2, width // 4 : width // 2] = 1
    return mask


def _awake(network: RestorerGenerator) -> RestorerGenerator:
    """Give the convolutions that start at zero some weight."""
    torch.manual_seed(0)
    for weight in network.parameters():
        if weight.ndim == 4 and not weight.any():
            torch.nn.init.normal_(weight, std=0.02)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module", params=[*RESTORERS, "gated with context"])
def generator(request: pytest.FixtureRequest) -> RestorerGenerator:
    torch.manual_seed(0)  # this comes before `seeded`
    if request.param == "gated with context":
        return _awake(RESTORERS["gated"](base="fill", context=128))
    return _awake(RESTORERS[request.param](base="fill"))


def _run(generator: RestorerGenerator, photo: torch.Tensor, mask: torch.Tensor, seed: int = 0):
    shape = generator.noise_shape(len(photo), *photo.shape[2:])
    return generator(photo, mask, torch.randn(shape, generator=torch.manual_seed(seed)))


@pytest.mark.parametrize("size", [(16, 16), (64, 96), (48, 256)])
def test_any_multiple_will_do_and_known_pixels_stay(
    generator: RestorerGenerator, size: tuple[int, int]
) -> None:
    step = generator.multiple_of
    assert not size[0] % step and not size[1] % step
    photo, mask = torch.rand(1, 3, *size), _hole(*size)
    restored = _run(generator, photo, mask)
    assert restored.shape == photo.shape and restored.dtype == torch.float32
    known = (mask == 0).expand_as(photo)
    assert torch.allclose(restored[known], photo[known], atol=1e-6)
    assert (restored != photo)[~known].all()


def test_noise_changes_the_hole(generator: RestorerGenerator) -> None:
    photo, mask = torch.rand(1, 3, 64, 64), _hole(64, 64)
    first, second = _run(generator, photo, mask, 1), _run(generator, photo, mask, 2)
    assert (first - second).abs().mean() > 1e-6


def test_the_hole_is_not_looked_into(generator: RestorerGenerator) -> None:
    photo, mask = torch.rand(1, 3, 64, 64), _hole(64, 64)
    other = photo * (1 - mask) + 0.7 * mask
    first, second = _run(generator, photo, mask), _run(generator, other, mask)
    assert torch.allclose(first * mask, second * mask, atol=1e-6)


def test_photos_of_a_batch_do_not_touch_each_other(generator: RestorerGenerator) -> None:
    photos, masks = torch.rand(2, 3, 64, 64), _hole(64, 64).repeat(2, 1, 1, 1)
    noise = torch.randn(generator.noise_shape(2, 64, 64))
    both = generator(photos, masks, noise)
    alone = generator(photos[1:], masks[1:], noise[1:])
    assert torch.allclose(both[1:], alone, atol=1e-4)


def test_half_precision_changes_little(generator: RestorerGenerator) -> None:
    photo, mask = torch.rand(1, 3, 64, 64), _hole(64, 64)
    exact = _run(generator, photo, mask)
    with torch.autocast("cpu", torch.bfloat16):
        quick = _run(generator, photo, mask)
    change = (exact - _run(generator, photo, mask, seed=1)).std()
    assert quick.dtype == torch.float32
    assert (quick - exact).std() < 0.1 * change


def test_the_default_generator_keeps_its_budget() -> None:
    generator = RESTORERS["gated"](context=128)
    assert sum(p.numel() for p in generator.parameters()) <= 10e6
    photo, mask = torch.rand(1, 3, 256, 256), _hole(256, 256)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        _run(generator, photo, mask)
    assert counter.get_total_flops() <= 25e9


def test_context_starts_as_no_change() -> None:
    without, having = RESTORERS["gated"](), RESTORERS["gated"](context=16)
    weights = {**having.state_dict(), **_awake(without).state_dict()}
    having.load_state_dict(weights)
    photo, mask = torch.rand(1, 3, 64, 64), _hole(64, 64)
    assert torch.equal(_run(having, photo, mask), _run(without, photo, mask))


def test_the_unet_keeps_its_budget() -> None:
    generator = RESTORERS["unet"]()
    assert sum(p.numel() for p in generator.parameters()) <= 10e6
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        _run(generator, torch.rand(1, 3, 256, 256), torch.ones(1, 1, 256, 256))
    assert counter.get_total_flops() <= 450e9 / 16


def test_the_unet_sees_no_further_than_its_reach() -> None:
    generator = _awake(RESTORERS["unet"](channels=(8, 8, 8), blocks=(1, 0, 1)))
    reach = generator.reach
    size = 8 * (2 * reach // 8 + 4)
    photo, ones = torch.rand(1, 3, size, size), torch.ones(1, 1, size, size)
    middle = size // 2
    for distance, changes in ((reach + 1, False), (reach // 2, True)):
        other = photo.clone()
        other[..., middle + distance :] = 0.5
        difference = _run(generator, photo, ones) - _run(generator, other, ones)
        assert bool(difference[..., : middle + 1].any()) == changes, distance


@pytest.mark.parametrize("name", RESTORERS)
def test_an_untrained_generator_returns_its_base(name: str) -> None:
    generator = RESTORERS[name](base="fill")
    photo, mask = torch.rand(1, 3, 32, 32), _hole(32, 32)
    assert torch.equal(_run(generator, photo, mask), push_pull(photo, mask))
    whole = RESTORERS[name](base="damaged")
    assert torch.equal(_run(whole, photo, torch.ones_like(mask)), photo)


@pytest.mark.parametrize("size", [(64, 64), (96, 160), (256, 320)])
def test_push_pull_is_the_same_on_any_number_of_threads(size: tuple[int, int]) -> None:
    rng, usual = torch.Generator().manual_seed(1), torch.get_num_threads()
    photo = torch.rand(2, 3, *size, generator=rng)
    mask = (torch.rand(2, 1, *size, generator=rng) > 0.2).float()
    fills = []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            fills.append(push_pull(photo, mask))
    finally:
        torch.set_num_threads(usual)
    assert all(torch.equal(fill, fills[0]) for fill in fills)


def test_push_pull_keeps_what_is_known_and_blends_what_is_not() -> None:
    mask = _hole(50, 70)
    flat = torch.full((1, 3, 50, 70), 0.3)
    assert torch.allclose(push_pull(flat, mask), flat, atol=1e-6)
    ramp = torch.linspace(0, 1, 70).expand(1, 3, 50, 70)
    filled = push_pull(ramp, mask)
    known = (mask == 0).expand_as(ramp)
    assert torch.allclose(filled[known], ramp[known], atol=1e-6)
    assert (filled - ramp)[~known].abs().max() < 0.2
    nothing_known = push_pull(flat, torch.ones_like(mask))
    assert torch.allclose(nothing_known, torch.tensor(0.5), atol=1e-6)


def test_pixel_norm_makes_unit_mean_square_per_pixel() -> None:
    features = 5 * torch.randn(2, 8, 3, 3)
    normed = PixelNorm(8)(features)
    assert torch.allclose(normed.square().mean(1), torch.ones(2, 3, 3), atol=1e-3)


def test_attention_prefers_known_cells() -> None:
    """With equal keys, what is copied is the mean of the values, hole cells counting less."""
    attention = CopyAttention(8, heads=1, width=4).requires_grad_(False)
    attention.ask.weight.zero_()
    attention.value.weight.zero_()
    attention.value.weight[0, 0] = 1
    attention.join.weight.zero_()
    attention.join.weight[0, 0] = 1
    features = torch.zeros(1, 8, 4, 4)
    features[:, 1] = 1
    features[:, 0, :, 2:] = 1
    normed = attention.norm(features)[0, 0, 0, 3]
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., 2:] = 1
    copied = (attention(features, mask) - features)[0, 0, 0, 0] - attention.join.bias[0]
    damp = torch.exp(-torch.nn.functional.softplus(attention.damp))[0]
    expected = normed * damp / (1 + damp) + attention.value.bias[0]
    assert copied == pytest.approx(float(expected), abs=1e-4)


@pytest.mark.parametrize("name", ["patch", "multi-scale"])
def test_a_discriminator_gives_logits_and_features(name: str) -> None:
    discriminator = DISCRIMINATORS[name]()
    image = torch.rand(2, 3, 64, 96, requires_grad=True)
    logits, features = discriminator(image, torch.ones(2, 1, 64, 96))
    assert logits.shape[::2] == (2, 8) and logits.shape[3] == 12 and len(features) >= 3
    discriminator.eval()
    ones = torch.ones(2, 1, 64, 96)
    assert torch.equal(discriminator(image)[0], discriminator(image, ones)[0])
    logits.sum().backward()
    assert image.grad is not None and image.grad.abs().sum() > 0


def test_an_unconditional_discriminator_does_not_see_the_mask() -> None:
    discriminator = DISCRIMINATORS["patch"](conditional=False, spectral=False).eval()
    image = torch.rand(1, 3, 32, 32)
    masks = torch.zeros(1, 1, 32, 32), torch.ones(1, 1, 32, 32)
    assert torch.equal(discriminator(image, masks[0])[0], discriminator(image, masks[1])[0])
    assert not any("parametrizations" in name for name in discriminator.state_dict())


@pytest.mark.parametrize(("more", "sees"), [((), 56), ((16,), 72)])
def test_how_far_a_patch_sees(more: tuple[int, ...], sees: int) -> None:
    discriminator = DISCRIMINATORS["patch"](
        channels=(16, 16, 16, 16, *more), strides=(1, 2, 2, 1, *(1 for _ in more)), spectral=False
    )
    image = torch.rand(1, 3, 128, 128, requires_grad=True)
    discriminator(image)[0][0, 0, 8, 8].backward()
    assert image.grad is not None
    seen = image.grad.abs().sum((0, 1)).nonzero()
    assert (seen.max(0).values - seen.min(0).values + 1).tolist() == [sees, sees]


@pytest.fixture(scope="module", params=[0, 1, 2])
def detector(request: pytest.FixtureRequest) -> DetectorNetwork:
    torch.manual_seed(0)
    network = UnetDetector(refine=request.param)
    for weight in network.parameters():
        if weight.ndim == 4 and not weight.any():
            torch.nn.init.normal_(weight, std=0.05)
    return network.eval()


@pytest.mark.parametrize("size", [(16, 24), (64, 96)])
def test_a_detector_says_something_of_each_pixel(
    detector: DetectorNetwork, size: tuple[int, int]
) -> None:
    assert not size[0] % detector.multiple_of and not size[1] % detector.multiple_of
    logits = detector(torch.rand(2, 3, *size))
    assert logits.shape == (2, 1, *size) and logits.dtype == torch.float32
    assert logits.std() > 0


def test_a_detector_begins_by_knowing_that_damage_is_rare(detector: DetectorNetwork) -> None:
    assert torch.sigmoid(detector(torch.rand(1, 3, 64, 64))).mean() < 0.2


def test_a_detector_sees_as_far_as_it_says(detector: DetectorNetwork) -> None:
    middle, step = 128, detector.multiple_of
    farthest = 0
    for place in (middle, middle + step - 1):  # both ends of a cell
        photo = torch.rand(1, 3, 256, 256, requires_grad=True)
        detector(photo)[0, 0, place, place].backward()
        assert photo.grad is not None
        seen = photo.grad.abs().sum((0, 1)).nonzero() - place
        farthest = max(farthest, int(seen.abs().max()))
    assert detector.reach - step < farthest <= detector.reach


def test_a_detector_is_small(detector: DetectorNetwork) -> None:
    assert sum(p.numel() for p in detector.parameters()) <= 1.5e6


@pytest.mark.parametrize(
    "arguments",
    [
        {"dilations": (1, 2)},  # attention is after 3 and 6
        {"dilations": (1,), "attention": (0,)},
        {"dilations": (1,), "attention": (), "context": 8},
    ],
)
def test_a_generator_has_no_parts_that_nothing_runs_through(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="dilations"):
        GatedGenerator(channels=(8, 8), **arguments)
