from itertools import pairwise
from typing import Any

import pytest
import torch

from restore.nets import DISCRIMINATORS, SAMPLERS, Autoencoder, SamplerGenerator
from restore.nets.growing import grow
from restore.nets.judge import Judge
from restore.nets.levels import level_sizes
from restore.nets.style import ModulatedConv, StyleGenerator
from restore.training.step import find_slope

SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"widths": (16, 16)},
    "dcgan": {"width": 4, "widest": 8},
    "vae": {"width": 4, "widest": 8},
    "style": {"width": 4, "widest": 8, "mapping": 2},
}
JUDGES = ["mlp", "dcgan"]


def _make(name: str, **changes: Any) -> SamplerGenerator:
    torch.manual_seed(0)
    arguments: dict[str, Any] = {"size": 16, "channels": 3, "latent": 6} | SMALL[name] | changes
    generator = SAMPLERS[name](**arguments)
    for weight in generator.parameters():  # heads and joins start at zero
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.1)
    return generator.eval().requires_grad_(False)


def _noise(generator: SamplerGenerator, count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(generator.noise_shape(count), generator=torch.manual_seed(seed))


def test_every_sampler_is_tested() -> None:
    assert SMALL.keys() == SAMPLERS.keys()


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize(("size", "channels"), [(16, 3), (28, 1), (64, 3)])
@pytest.mark.parametrize("name", SAMPLERS)
def test_pictures_have_their_shape_and_range(
    name: str, size: int, channels: int, classes: int
) -> None:
    generator = _make(name, size=size, channels=channels, classes=classes)
    label = torch.tensor([0, 2]) if classes else None
    images = generator(_noise(generator, 2), label)
    assert images.shape == (2, channels, size, size) and images.dtype == torch.float32
    assert images.min() >= 0 and images.max() <= 1
    found = (generator.size, generator.channels, generator.classes, generator.latent)
    assert found == (size, channels, classes, 6)


@pytest.mark.parametrize("name", SAMPLERS)
def test_noise_decides_all_and_pictures_of_a_batch_are_apart(name: str) -> None:
    generator = _make(name)
    noise = _noise(generator, 3)
    images = generator(noise)
    assert torch.equal(images, generator(noise))
    assert torch.allclose(images[1:2], generator(noise[1:2]), atol=1e-6)
    assert (images[0] - images[1]).abs().mean() > 1e-4


@pytest.mark.parametrize("name", SAMPLERS)
def test_labels_change_the_picture(name: str) -> None:
    generator = _make(name, classes=3)
    noise = _noise(generator, 1).repeat(2, 1)
    first, second = generator(noise, torch.tensor([0, 1]))
    assert (first - second).abs().mean() > 1e-4


@pytest.mark.parametrize("name", SAMPLERS)
def test_truncation_to_nothing_leaves_one_picture_but_for_its_grain(name: str) -> None:
    generator = _make(name)
    noise = _noise(generator, 2)
    noise[:, generator.latent :] = 0
    full, half, none = (generator(noise, None, part) for part in (1.0, 0.5, 0.0))
    assert torch.allclose(none[0], none[1], atol=1e-6)
    assert 0 < (half[0] - half[1]).abs().mean() < (full[0] - full[1]).abs().mean()


@pytest.mark.parametrize("blocks", ["plain", "residual", "dense"])
@pytest.mark.parametrize("doubling", ["transposed", "nearest"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_blocks_and_doublings_of_dcgan(blocks: str, doubling: str, shuffle: bool) -> None:
    generator = _make("dcgan", blocks=blocks, doubling=doubling, direct=shuffle, dropout=0.5)
    assert generator(_noise(generator, 2)).shape == (2, 3, 16, 16)
    judge = DISCRIMINATORS["dcgan"](
        size=16, width=4, widest=8, blocks=blocks, shuffle=shuffle, spectral=True, deviation=True
    )
    logits, features = judge(torch.rand(2, 3, 16, 16))
    assert logits.shape == (2, 1, 1, 1) and features[-1].shape == (2, 8)


def test_pictures_that_agree_in_a_feature_have_a_slope() -> None:
    judge = DISCRIMINATORS["dcgan"](size=16, width=4, widest=8, deviation=True)
    black = torch.zeros(4, 3, 16, 16)  # in all features
    find_slope(judge, black, None).square().mean().backward()
    slopes = [weight.grad for weight in judge.parameters() if weight.grad is not None]
    assert slopes and all(slope.isfinite().all() for slope in slopes)


@pytest.mark.parametrize("size", [8, 14, 28, 32, 56, 64, 112, 128])
def test_levels_lead_from_4_or_7_to_the_size(size: int) -> None:
    sizes = level_sizes(size)
    assert sizes[0] in (4, 7) and sizes[-1] == size
    assert all(b == 2 * a for a, b in pairwise(sizes))


@pytest.mark.parametrize("size", [4, 30, 100, 2048])
def test_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="try 28, 32"):
        level_sizes(size)


@pytest.mark.parametrize("name", ["dcgan", "style"])
def test_a_growing_sampler_draws_each_size_and_fades_the_next_one_in(name: str) -> None:
    changes = {"growing": True} if name == "dcgan" else {}
    generator = _make(name, **changes)
    noise = _noise(generator, 2)
    grow(generator, 8, 1.0)
    small = generator(noise)
    assert small.shape == (2, 3, 8, 8)
    grow(generator, 16, 0.0)
    begun = generator(noise)
    larger = torch.nn.functional.interpolate(
        torch.atanh(2 * small - 1), scale_factor=2, mode="bilinear"
    )
    assert torch.allclose(begun, (torch.tanh(larger) + 1) / 2, atol=1e-5)
    grow(generator, 16, 1.0)
    assert (generator(noise) - begun).abs().mean() > 1e-4


@pytest.mark.parametrize("kind", ["dcgan", "style"])
def test_a_size_that_has_learned_nothing_shows_nothing(kind: str) -> None:
    generator = SAMPLERS[kind](size=32, **({"growing": True} if kind == "dcgan" else {})).eval()
    noise = _noise(generator, 2)
    shown = []
    for fade in (0.0, 1.0):
        grow(generator, 16, fade)
        shown.append(generator(noise))
    assert torch.equal(*shown)


def test_a_growing_discriminator_takes_each_size_and_fades_the_next_one_in() -> None:
    torch.manual_seed(0)
    judge = DISCRIMINATORS["dcgan"](size=16, width=4, widest=8, growing=True)
    image = torch.rand(2, 3, 16, 16)
    grow(judge, 16, 0.0)
    begun = judge(image)[0]
    grow(judge, 8, 1.0)
    small = judge(torch.nn.functional.avg_pool2d(image, 2))[0]
    assert torch.allclose(begun, small, atol=1e-6)
    grow(judge, 16, 1.0)
    assert not torch.allclose(judge(image)[0], small, atol=1e-6)


@pytest.mark.parametrize("head", ["join", "projection", "auxiliary"])
@pytest.mark.parametrize("name", JUDGES)
def test_a_discriminator_is_told_the_label_or_guesses_it(name: str, head: str) -> None:
    torch.manual_seed(0)
    small = {"widths": (8,)} if name == "mlp" else {"width": 4, "widest": 8}
    judge = DISCRIMINATORS[name](size=16, channels=3, classes=3, head=head, **small)
    assert isinstance(judge, Judge)
    image = torch.rand(1, 3, 16, 16).repeat(2, 1, 1, 1)
    logits, features = judge(image, torch.tensor([0, 1]))
    told = not torch.allclose(logits[0], logits[1], atol=1e-7)
    assert told == (head != "auxiliary")
    guess = judge.classify(features)
    assert (guess is None) == (head != "auxiliary")
    assert guess is None or guess.shape == (2, 3)


def test_modulating_features_is_modulating_weights() -> None:
    """StyleGAN 2, eq. 1 and 3, written down for one picture."""
    torch.manual_seed(0)
    layer = ModulatedConv(5, 7, style=4)
    features, style = torch.randn(1, 5, 6, 6), torch.randn(1, 4)
    scaled = layer.weight * layer.scale * layer.affine(style)[0][:, None, None]
    even = scaled / (scaled.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
    expected = torch.nn.functional.conv2d(features, even, padding=1)
    assert torch.allclose(layer(features, style), expected, atol=1e-5)


def test_styles_differ_as_much_as_their_noise_and_so_do_the_scales_of_the_layers() -> None:
    torch.manual_seed(0)
    generator = StyleGenerator(size=32, latent=64)
    with torch.no_grad():
        styles = generator.find_style(torch.randn(generator.noise_shape(256)))
        scales = [layer.conv.affine(styles) for layer in generator.body]
    for values in (styles, *scales):
        assert 0.5 < values.std(0).mean() < 2


def test_truncation_leaves_the_label() -> None:
    generator = _make("style", classes=2)
    assert isinstance(generator, StyleGenerator)
    noise, labels = _noise(generator, 8), torch.tensor([0] * 4 + [1] * 4)
    with torch.no_grad():
        styles = generator.find_style(noise, labels)
        with torch.autocast("cpu", torch.bfloat16):  # what is seen first is the mean
            generator.train()._move_means(styles, labels)
    means = torch.stack([styles[:4].mean(0), styles[4:].mean(0)])
    assert torch.allclose(generator.mean_style, means, atol=1e-6)
    generator._move_means(styles + 1, labels)
    assert torch.allclose(generator.mean_style, means + 0.005, atol=1e-4)
    kept = generator.mean_style.clone()
    generator.train().find_style(noise[:4], labels[:4] * 0)
    assert torch.equal(generator.mean_style[1], kept[1])  # of which there was none
    grain = noise.clone()
    grain[:, generator.latent :] = 0
    with torch.no_grad():
        same = generator.eval()(grain, labels, truncation=0.0)
    assert torch.allclose(same[0], same[3], atol=1e-6)
    assert not torch.allclose(same[0], same[4], atol=1e-3)


def test_mixed_styles_share_the_coarse_layers() -> None:
    generator = _make("style")
    assert isinstance(generator, StyleGenerator)
    noise, other = _noise(generator, 2), _noise(generator, 2, seed=1)
    plain = generator(noise)
    mixed = torch.tensor([True, False])
    images = generator.mix(noise, other, 2, mixed)
    assert not torch.allclose(images[0], plain[0], atol=1e-5)
    assert torch.allclose(images[1], plain[1], atol=1e-6)
    whole = generator.mix(noise, other, generator.layers, mixed)
    assert torch.allclose(whole, plain, atol=1e-6)


def test_a_style_is_mixed_among_the_layers_that_draw() -> None:
    generator = _make("style")
    assert isinstance(generator, StyleGenerator)
    noise, other = _noise(generator, 1), _noise(generator, 1, seed=1)
    mixed = torch.tensor([True])
    for size in generator.sides[1:]:
        grow(generator, size, 1.0)
        count = generator.shown_layers
        last = generator.mix(noise, other, count - 1, mixed)
        assert not torch.equal(last, generator(noise))
        assert torch.equal(generator.mix(noise, other, count, mixed), generator(noise))


def test_an_autoencoder_finds_noise_of_the_right_shape() -> None:
    generator = _make("vae", classes=3)
    assert isinstance(generator, Autoencoder)
    image, label = torch.rand(2, 3, 16, 16), torch.tensor([0, 2])
    mean, log_variance = generator.find_noise(image, label)
    assert mean.shape == log_variance.shape == generator.noise_shape(2)
    assert torch.equal(generator.encode(image, label), mean)
    assert not torch.allclose(generator.encode(image, label.flip(0)), mean)
