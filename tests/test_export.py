"""Exported files do what the network does, say what they take, and are whole or absent."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from restore.checkpoint import Header, NetworkSettings, build_network, save_checkpoint
from restore.errors import RestoreError, UsageError
from restore.export import contract_of, export_onnx, find_dimensions, largest_difference, to_onnx
from restore.nets import DETECTORS, RESTORERS, SAMPLERS, SamplerGenerator
from restore.restorer import Restorer
from restore.sampler import Sampler

onnx = pytest.importorskip("onnx", reason="restore-gan[onnx] is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="restore-gan[onnx] is not installed")

SMALL = NetworkSettings(
    kind="gated", arguments={"channels": [8, 16], "dilations": [1, 2], "attention": [1]}
)


def _awake(network: nn.Module) -> nn.Module:
    """Give every weight a value, also those that start at zero."""
    torch.manual_seed(0)
    for weight in network.parameters():
        nn.init.normal_(weight, std=0.1)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    network = _awake(build_network(RESTORERS, SMALL))
    facts = {"licence": "CC0", "data": "noise"}
    header = Header(name="small", task="inpaint", network=SMALL, size=64, **facts)
    save_checkpoint(path, network, header)
    return path


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "small.onnx"
    done = export_onnx(checkpoint, out)
    assert done.out == out and done.name == "small"
    assert done.difference is not None and 0 < done.difference < 1e-4
    return out


@pytest.mark.parametrize("size", [(1, 16, 16), (3, 48, 80), (1, 256, 32), (2, 32, 272)])
def test_any_size_and_number_gives_what_torch_gives(
    checkpoint: Path, exported: Path, size: tuple[int, int, int]
) -> None:
    count, height, width = size
    generator = Restorer.load(checkpoint, device="cpu").generator
    damaged, mask = torch.rand(count, 3, height, width), torch.zeros(count, 1, height, width)
    mask[..., 3 : height // 2, 5 : width // 2] = 1
    noise = torch.randn(generator.noise_shape(count, height, width))
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    inputs = {"damaged": damaged, "mask": mask, "noise": noise}
    (restored,) = session.run(["restored"], {name: t.numpy() for name, t in inputs.items()})
    expected = generator(damaged, mask, noise)
    assert (torch.from_numpy(restored) - expected).abs().max() < 1e-3
    assert (expected - generator.make_base(damaged, mask)).abs().max() > 1e-2


def test_the_file_says_what_it_is(exported: Path) -> None:
    model = onnx.load(exported)
    onnx.checker.check_model(model, full_check=True)
    facts = {fact.key: fact.value for fact in model.metadata_props}
    assert facts["name"] == "small" and facts["multiple_of"] == "16"
    assert facts["size"].startswith("64 ") and facts["licence"].endswith("CC0")
    assert "1 is the hole" in facts["mask"] and facts["data"] == "noise"
    for port in (*model.graph.input, *model.graph.output):
        assert port.doc_string == facts[port.name]


def test_the_file_does_not_tell_of_the_machine(exported: Path) -> None:
    content = exported.read_bytes()
    assert str(Path(__file__).parents[1]).encode() not in content
    assert b".py" not in content


def test_a_file_that_exists_stays(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "there.onnx"
    out.write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists"):
        export_onnx(checkpoint, out)
    assert out.read_bytes() == b"mine"
    with pytest.raises(UsageError, match=r"ends with \.onnx"):
        export_onnx(checkpoint, tmp_path / "model.pb")


@pytest.mark.parametrize("difference", [0.01, math.nan])
def test_a_file_that_is_off_is_not_written(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, difference: float
) -> None:
    monkeypatch.setattr("restore.export.to_onnx", lambda *_: b"onnx")
    monkeypatch.setattr("restore.export.largest_difference", lambda *_: difference)
    with pytest.raises(RestoreError, match="differs from torch"):
        export_onnx(checkpoint, tmp_path / "off.onnx")
    assert list(tmp_path.iterdir()) == []


def test_the_comparison_notices_other_weights(checkpoint: Path, exported: Path) -> None:
    generator = Restorer.load(checkpoint, device="cpu").generator
    contract, content = contract_of(generator), exported.read_bytes()
    assert largest_difference(generator, contract, content) < 1e-4
    generator.head.bias += 0.01
    assert largest_difference(generator, contract, content) == pytest.approx(0.01, rel=0.1)
    generator.head.bias += math.nan
    assert math.isnan(largest_difference(generator, contract, content))


def test_without_its_packages_it_says_what_to_install(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restore.export.find_spec", lambda name: None)
    with pytest.raises(RestoreError, match=r"needs onnx and onnxscript.*restore-gan\[onnx\]"):
        export_onnx(checkpoint, tmp_path / "a.onnx")
    monkeypatch.setattr("restore.export.to_onnx", lambda *_: b"onnx")
    assert export_onnx(checkpoint, tmp_path / "a.onnx").difference is None
    assert (tmp_path / "a.onnx").read_bytes() == b"onnx"


class Drawer(SamplerGenerator):
    """A sampler of very little, with classes."""

    size, channels, classes, latent = 8, 1, 3, 5

    def __init__(self) -> None:
        super().__init__()
        self.names = nn.Embedding(3, 5)
        self.paint = nn.Linear(5, 64)

    def forward(
        self, noise: Tensor, label: Tensor | None = None, truncation: float = 1.0
    ) -> Tensor:
        assert label is not None
        return torch.sigmoid(self.paint(noise * truncation + self.names(label))).view(-1, 1, 8, 8)


@pytest.mark.parametrize("kind", ["drawer", "style"])
def test_a_sampler_takes_noise_and_labels(kind: str) -> None:
    small = {"size": 16, "classes": 3, "latent": 8, "width": 4, "widest": 8}
    settings = NetworkSettings(kind="style", arguments=small)
    network = _awake(Drawer() if kind == "drawer" else build_network(SAMPLERS, settings))
    contract = contract_of(network)
    dimensions = find_dimensions(network, contract.draw_inputs)
    assert [list(axes) for axes in dimensions.values()] == [[0], [0]]
    content = to_onnx(network, contract, {"name": "drawer"})
    assert largest_difference(network, contract, content) < 1e-5
    assert [port.name for port in onnx.load_from_string(content).graph.input] == ["noise", "label"]


@pytest.mark.parametrize("kind", ["dcgan", "style"])
def test_a_sampler_stopped_while_pictures_grew_is_exported_as_it_draws(
    kind: str, tmp_path: Path
) -> None:
    arguments = {"size": 16, "latent": 8, "width": 4, "widest": 8}
    arguments |= {"growing": True} if kind == "dcgan" else {}
    settings = NetworkSettings(kind=kind, arguments=arguments)
    header = Header(name="young", task="generate", network=settings, size=8)
    save_checkpoint(tmp_path / "a.safetensors", _awake(build_network(SAMPLERS, settings)), header)
    out = export_onnx(tmp_path, tmp_path / "young.onnx").out
    sampler = Sampler.load(tmp_path, device="cpu")
    noise = sampler.draw_noise(1)
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    (image,) = session.run(["image"], {"noise": noise.numpy()})
    assert image.shape == (1, 3, 8, 8)
    assert (torch.from_numpy(image) - sampler.generator(noise)).abs().max() < 1e-4


def test_a_file_for_one_size_only_is_refused() -> None:
    class Fixed(Drawer):
        def forward(
            self, noise: Tensor, label: Tensor | None = None, truncation: float = 1.0
        ) -> Tensor:
            return super().forward(noise, label).view(len(noise), 1, 8, 8)

    network = Fixed().eval().requires_grad_(False)
    with pytest.raises(RestoreError, match="for any size"):
        to_onnx(network, contract_of(network), {})


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*RESTORERS, *SAMPLERS, *DETECTORS])
def test_every_network_of_the_tables_can_be_exported(kind: str) -> None:
    torch.manual_seed(0)
    network = {**RESTORERS, **SAMPLERS, **DETECTORS}[kind]().eval().requires_grad_(False)
    for weight in network.parameters():
        if weight.ndim == 4 and not weight.any():
            nn.init.normal_(weight, std=0.02)
    contract = contract_of(network)
    assert largest_difference(network, contract, to_onnx(network, contract, {})) < 1e-3
