"""Pictures from noise: what decides them, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from restore.checkpoint import Header, NetworkSettings, build_network, save_checkpoint
from restore.errors import UsageError
from restore.image import to_gray, to_pixels
from restore.nets import SAMPLERS, Autoencoder, SamplerGenerator
from restore.sampler import REACH, Sampler, slerp

DIGITS = tuple("01234567")


@pytest.fixture
def faces(make_sampler: Callable[..., Path]) -> Sampler:
    """RGB, without classes, with grain."""
    return Sampler.load(make_sampler("faces", grain=3), device="cpu")


@pytest.fixture
def digits(make_sampler: Callable[..., Path]) -> Sampler:
    """Gray, with eight classes: the picture of class 3 is white in column 3."""
    return Sampler.load(make_sampler("digits", DIGITS, channels=1), device="cpu")


def classes_of(pictures: np.ndarray) -> list[int]:
    """Read the class of each picture: the only column that is all white."""
    return [int((picture == 255).all(axis=0).argmax()) for picture in pictures]


def test_pictures_are_rgb_or_gray_pixels(faces: Sampler, digits: Sampler) -> None:
    assert faces.draw(3).shape == (3, 8, 8, 3) and faces.draw(3).dtype == np.uint8
    assert digits.draw(2, label=7).shape == (2, 8, 8)
    assert faces.draw(0).shape == (0, 8, 8, 3) and digits.draw(0).shape == (0, 8, 8)


@pytest.mark.parametrize("batch", [1, 2, 7, 64])
def test_a_sample_depends_on_seed_and_number_alone(faces: Sampler, batch: int) -> None:
    whole = faces.draw(9, seed=4)
    parts = faces.draw(9, seed=4, batch=batch)
    rest = faces.draw(4, seed=4, first=5)
    assert np.abs(whole.astype(int) - parts).max() <= 1
    assert np.abs(whole[5:].astype(int) - rest).max() <= 1
    assert (faces.draw(9, seed=5) != whole).any(axis=(1, 2, 3)).all()
    assert len(np.unique(whole.reshape(9, -1), axis=0)) == 9


def test_drawing_leaves_the_random_state_alone(faces: Sampler) -> None:
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    faces.draw(2)
    assert torch.equal(torch.rand(1), expected)


def test_labels_are_given_by_name_or_number(make_sampler, digits: Sampler) -> None:
    assert classes_of(digits.draw(3, label=7)) == [7, 7, 7]
    assert classes_of(digits.draw(1, label="2")) == [2]
    moods = Sampler.load(make_sampler("moods", ("smiling", "1", "grim")), device="cpu")
    assert [moods.find_label(label) for label in ("smiling", "grim", 2, "0", "1")] == [
        *(0, 2, 2, 0),
        1,
    ]


def test_without_a_label_each_class_comes_in_turn(digits: Sampler) -> None:
    assert classes_of(digits.draw(10)) == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1]
    assert classes_of(digits.draw(3, first=7)) == [7, 0, 1]
    assert [digits.label_of(number) for number in (0, 9)] == ["0", "1"]
    assert digits.label_of(5, label=3) == "3"


def test_classes_without_names_are_called_by_number(make_sampler) -> None:
    nameless = Sampler.load(make_sampler("nameless", classes=3), device="cpu")
    assert nameless.labels == ("0", "1", "2")


def test_truncation_brings_samples_together(faces: Sampler) -> None:
    spreads = [faces.draw(16, truncation=t).std(axis=0).mean() for t in (1.0, 0.5, 0.0)]
    assert spreads[0] > spreads[1] > spreads[2] == 0


def test_an_interpolation_goes_from_sample_to_sample(faces: Sampler) -> None:
    way = faces.interpolate(9, (1, 5, 1))
    ends = np.concatenate([faces.draw(1, seed=seed) for seed in (1, 5, 1)])
    assert np.abs(way[[0, 4, 8]].astype(int) - ends).max() <= 1
    assert (np.abs(way[1:4].astype(int) - way[7:4:-1]) <= 1).all(), "the way back is the way there"
    assert len(np.unique(way[:5].reshape(5, -1), axis=0)) == 5


def test_every_seed_is_a_stop_of_the_way(faces: Sampler) -> None:
    way = faces.interpolate(6, (1, 5, 9)).astype(int)
    for seed in (1, 5, 9):
        own = faces.draw(1, seed=seed)[0]
        assert min(np.abs(frame - own).max() for frame in way) <= 1


def test_numbers_are_names_where_classes_are_called_by_numbers(make_sampler) -> None:
    sampler = Sampler.load(make_sampler("odd", ("2", "3", "10")), device="cpu")
    assert sampler.find_label(10) == 2
    with pytest.raises(UsageError, match="no label '1'"):
        sampler.find_label(1)


def test_great_circles_keep_the_length() -> None:
    start, end = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    for share in (0.0, 0.25, 0.5, 1.0):
        angle = torch.tensor(share * torch.pi / 2)
        expected = 3 * torch.stack([angle.cos(), angle.sin()])[None]
        assert torch.allclose(slerp(start, end, share), expected, atol=1e-5)


@pytest.mark.parametrize("end", [[1.0, 0.0], [-1.0, 0.0]])
def test_where_there_is_no_circle_the_way_is_straight(end: list[float]) -> None:
    start = torch.tensor([[1.0, 0.0]])
    middle = slerp(start, torch.tensor([end]), 0.5)
    assert torch.allclose(middle, (start + torch.tensor([end])) / 2)


def test_a_traversal_changes_one_number_of_the_noise(faces: Sampler) -> None:
    seen: list[torch.Tensor] = []
    faces.generator.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    strip = faces.traverse(2, 5, seed=3)
    (noise,) = seen
    assert torch.allclose(noise[:, 2], torch.linspace(-REACH, REACH, 5))
    others = [column for column in range(noise.shape[1]) if column != 2]
    assert torch.equal(noise[:, others], faces.draw_noise(3).repeat(5, 1)[:, others])
    assert len(np.unique(strip.reshape(5, -1), axis=0)) == 5


def test_an_autoencoder_draws_from_the_noise_it_finds(make_sampler) -> None:
    vae = Sampler.load(make_sampler("vae", ("a", "b"), "tiny-vae", channels=1), device="cpu")
    picture = vae.draw(1, label="b")[0]
    noise = torch.from_numpy(picture.ravel()[None, :5].astype(np.float32) / 255)
    expected = vae.generator(noise, torch.tensor([1]))[0, 0] * 255
    assert np.abs(vae.reconstruct(picture, "b") - expected.numpy()).max() <= 0.51
    assert (
        vae.reconstruct(picture[..., None].repeat(3, 2), "b") == vae.reconstruct(picture, "b")
    ).all()
    green = np.zeros((*picture.shape, 3), np.uint8)
    green[..., 1] = 200
    assert (vae.reconstruct(green, "b") == vae.reconstruct(to_gray(green), "b")).all()
    with pytest.raises(UsageError, match="has to be told what the picture shows"):
        vae.reconstruct(picture)
    with pytest.raises(UsageError, match="8 × 8 pixels"):
        vae.reconstruct(picture[:5], "b")
    with pytest.raises(UsageError, match="8 × 8 pixels"):
        vae.reconstruct(picture[..., None].repeat(4, 2), "b")


def test_what_can_not_be_drawn_is_told(faces: Sampler, digits: Sampler) -> None:
    with pytest.raises(UsageError, match="knows no classes"):
        faces.draw(1, label="smiling")
    with pytest.raises(UsageError, match=r"no label '8'; known: 0, 1, 2"):
        digits.draw(1, label=8)
    with pytest.raises(UsageError, match=r"between 0 and 1, not at 1\.5"):
        faces.draw(1, truncation=1.5)
    with pytest.raises(UsageError, match="not -1"):
        faces.draw(-1)
    with pytest.raises(UsageError, match="from 0 to 4294967295, not -2"):
        faces.draw(1, seed=-2)
    with pytest.raises(UsageError, match="5 dimensions, 0 to 4; there is no 5"):
        faces.traverse(5, 3)
    with pytest.raises(UsageError, match="whole number from 1 on, not 0"):
        faces.traverse(0, 0)
    with pytest.raises(UsageError, match=r"whole number from 1 on, not 2\.5"):
        faces.draw(3, batch=2.5)
    with pytest.raises(UsageError, match="between 0 and 1, not at None"):
        faces.draw(1, truncation=None)
    with pytest.raises(UsageError, match="two seeds or more"):
        faces.interpolate(3, (1,))
    with pytest.raises(UsageError, match="can't find the noise"):
        faces.reconstruct(faces.draw(1)[0])


def test_what_is_no_sampler_is_refused(tiny_checkpoint: Path, make_sampler) -> None:
    with pytest.raises(UsageError, match="tiny restores photos"):
        Sampler.load(tiny_checkpoint, device="cpu")
    with pytest.raises(UsageError, match="Did you mean"):
        Sampler.load("inpiant", device="cpu")
    folder = make_sampler("alone").parent
    assert Sampler.load(folder, device="cpu").name == "alone"


@pytest.mark.parametrize("kind", SAMPLERS)
def test_every_generator_draws_the_same_in_any_batch(kind: str, tmp_path: Path) -> None:
    arguments = {"size": 32, "channels": 3, "classes": 4, "latent": 16}
    settings = NetworkSettings(kind=kind, arguments=arguments)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(SAMPLERS, settings)
        for weight in network.parameters():  # some start at zero, which draws nothing
            torch.nn.init.normal_(weight, std=0.1)
    header = Header(name=kind, task="generate", network=settings, size=32, labels=tuple("abcd"))
    save_checkpoint(tmp_path / "a.safetensors", network, header)
    sampler = Sampler.load(tmp_path, device="cpu")
    whole = sampler.draw(6, seed=2, truncation=0.7)
    assert whole.shape == (6, 32, 32, 3) and whole.std() > 0
    for batch in (1, 4):
        parts = sampler.draw(6, seed=2, truncation=0.7, batch=batch)
        assert np.abs(whole.astype(int) - parts).max() <= 1
    if isinstance(sampler.generator, Autoencoder):
        assert sampler.reconstruct(whole[0], "a").shape == (32, 32, 3)
    assert len(sampler.interpolate(3, (1, 2), "b")) == len(sampler.traverse(15, 3)) == 3


def _save_growing(folder: Path, kind: str, reached: int) -> SamplerGenerator:
    """Save a generator of 32 pixels whose training had reached fewer; return it."""
    arguments = {"size": 32, "channels": 3, "latent": 16}
    arguments |= {"growing": True} if kind == "dcgan" else {}
    settings = NetworkSettings(kind=kind, arguments=arguments)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(SAMPLERS, settings)
        for weight in network.parameters():  # those that start at zero would hide new levels
            torch.nn.init.normal_(weight, std=0.1)
    network.half().float().eval()  # as in the file
    header = Header(name=kind, task="generate", network=settings, size=reached)
    save_checkpoint(folder / "a.safetensors", network, header)
    return network


@pytest.mark.parametrize("reached", [8, 16, 32])
@pytest.mark.parametrize("kind", ["dcgan", "style"])
def test_a_sampler_stopped_while_pictures_grew_draws_what_it_learned(
    kind: str, reached: int, tmp_path: Path
) -> None:
    network = _save_growing(tmp_path, kind, reached)
    sampler = Sampler.load(tmp_path, device="cpu")
    network.grow(reached, 1.0)
    with torch.inference_mode():
        expected = to_pixels(network(sampler.draw_noise(3)))
    drawn = sampler.draw(2, seed=3)
    assert drawn.shape == (2, reached, reached, 3) and sampler.generator.size == reached
    assert np.abs(drawn[0].astype(int) - expected).max() <= 1
    assert sampler.draw(0).shape == (0, reached, reached, 3)
    assert sampler.interpolate(3, (1, 2)).shape == (3, reached, reached, 3)


def test_no_seed_draws_the_pictures_of_another(faces: Sampler) -> None:
    for seed in (2**32, -1):
        with pytest.raises(UsageError, match="from 0 to 4294967295"):
            faces.draw_noise(seed)
    with pytest.raises(UsageError, match="A number of a sample is 0 or more"):
        faces.draw_noise(0, -1)


def test_a_sampler_is_a_key(faces: Sampler) -> None:
    assert {faces: 1}[faces] == 1
