"""What networks read in pictures: the shipped classifier, one of one's own, and squeeze."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from restore.assets import classifier_names
from restore.checkpoint import Header, NetworkSettings, build_network, save_checkpoint
from restore.errors import RestoreError, UsageError
from restore.lpips import load_lpips
from restore.nets.classifier import CLASSIFIERS
from restore.reader import ClassifierReader, SqueezeReader, load_reader

DIGITS = tuple("0123456789")
MNIST = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"


def save_classifier(path: Path, channels: int, labels: tuple[str, ...] = ("cat", "dog")) -> Path:
    arguments = {"classes": 2, "channels": channels, "size": 8, "widths": [4], "strides": [1]}
    settings = NetworkSettings(kind="plain", arguments=arguments)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(CLASSIFIERS, settings)
    header = Header(name="pets", task="classify", network=settings, size=8, labels=labels)
    save_checkpoint(path, network, header)
    return path


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.fixture
def squeeze() -> SqueezeReader:
    if load_lpips() is None:
        pytest.skip("the LPIPS backbone is not on disk")
    reader = load_reader("squeeze", device="cpu")
    assert isinstance(reader, SqueezeReader)
    return reader


def test_the_shipped_classifier_reads_digits_of_the_test_split() -> None:
    if not MNIST.is_dir():
        pytest.skip("MNIST is not in ../shared")
    images = gzip.decompress((MNIST / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((MNIST / "t10k-labels-idx1-ubyte.gz").read_bytes())
    pictures = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)[::8]
    classes = load_reader(labels=DIGITS, device="cpu").read(pictures).classes
    assert classes is not None
    right = classes.numpy() == np.frombuffer(labels, np.uint8, offset=8)[::8]
    assert right.mean() > 0.985  # 0.9951 over all 10,000


def test_labels_choose_the_shipped_classifier() -> None:
    assert "mnist" in classifier_names()
    reader = load_reader(labels=DIGITS, device="cpu")
    assert reader.name == "mnist" and reader.labels == DIGITS
    assert load_reader(labels=DIGITS[::-1], device="cpu").labels == DIGITS
    assert load_reader("mnist", labels=("a",), device="cpu").name == "mnist"


def test_features_say_all_that_the_classes_depend_on() -> None:
    reader = load_reader("mnist", device="cpu")
    assert isinstance(reader, ClassifierReader)
    features, classes = reader.read(draw(70, 28, 28))
    assert features.shape == (70, 128)
    assert torch.equal(reader.network.head(features).argmax(1), classes)


def test_pictures_are_fitted_to_the_classifier(tmp_path: Path) -> None:
    pictures = draw(3, 8, 8)
    rgb = pictures[..., None].repeat(3, axis=3)
    for channels in (1, 3):
        path = save_classifier(tmp_path / f"{channels}.safetensors", channels)
        reader = load_reader(path, device="cpu")
        torch.testing.assert_close(reader.read(pictures).features, reader.read(rgb).features)
        larger = rgb.repeat(2, axis=1).repeat(2, axis=2)
        torch.testing.assert_close(reader.read(larger).features, reader.read(rgb).features)


def test_squeeze_features_are_the_last_stage(squeeze: SqueezeReader) -> None:
    pictures = draw(2, 70, 70, 3)
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    expected = squeeze.network.features(images)[-1].mean((2, 3)) / 11
    found = squeeze.read(pictures)
    torch.testing.assert_close(found.features, expected, rtol=1e-4, atol=1e-4)
    assert found.features.shape == (2, 512) and found.classes is None
    assert squeeze.read(draw(1, 28, 28)).features.shape == (1, 512)  # small and gray


def test_without_labels_it_is_squeeze(squeeze: SqueezeReader) -> None:
    assert load_reader(device="cpu").name == "squeeze"
    assert load_reader(labels=("cat", "dog"), device="cpu").name == "squeeze"


def test_what_can_not_be_read_by_is_told(tmp_path: Path, monkeypatch, tiny_checkpoint) -> None:
    with pytest.raises(UsageError, match="Did you mean 'mnist'"):
        load_reader("minst", device="cpu")
    with pytest.raises(UsageError, match="tiny restores photos"):
        load_reader(tiny_checkpoint, device="cpu")
    monkeypatch.setattr("restore.reader.load_lpips", lambda: None)
    with pytest.raises(RestoreError, match="restore models --fetch lpips"):
        load_reader("squeeze", device="cpu")
