import json
import os
import pickle
import re
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from restore.checkpoint import (
    HEADER_KEY,
    Header,
    NetworkSettings,
    build_network,
    find_difference,
    load_network,
    read_arguments,
    read_header,
    save_checkpoint,
)
from restore.errors import RestoreError, UsageError
from restore.nets import DISCRIMINATORS, RESTORERS, SAMPLERS

SMALL = NetworkSettings(
    kind="gated",
    arguments={"channels": [8, 16], "dilations": [1, 2], "attention": [1], "noise_channels": 1},
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "small.safetensors"
    header = Header(name="small", task="inpaint", network=SMALL, size=64, scores={"lpips": 0.5})
    save_checkpoint(path, build_network(RESTORERS, SMALL), header)
    return path


def _rewrite(path: Path, tensors: dict[str, torch.Tensor], header: str | None = None) -> None:
    header = header if header is not None else read_header(path).model_dump_json()
    save_file(tensors, path, {HEADER_KEY: header})


def test_what_is_saved_is_loaded_in_half_precision(saved: Path) -> None:
    torch.manual_seed(0)
    network = build_network(RESTORERS, SMALL)
    header, loaded = load_network(saved, RESTORERS)
    assert header == read_header(saved) and header.scores == {"lpips": 0.5}
    for name, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value.half().float()), name
    assert not loaded.training
    assert loaded.stem.weight.is_contiguous(memory_format=torch.channels_last)


def test_running_statistics_are_kept_as_they_are(tmp_path: Path) -> None:
    settings = NetworkSettings(kind="dcgan", arguments={"size": 32, "width": 8})
    network = build_network(SAMPLERS, settings)
    first = next(m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d))
    first.running_var.copy_(torch.logspace(-9, 7, first.num_features))
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, network, Header(name="a", task="generate", network=settings, size=32))
    _, loaded = load_network(path, SAMPLERS)
    for name, value in network.named_buffers():
        assert torch.equal(loaded.get_buffer(name), value), name


def test_weights_that_are_too_large_are_not_written(tmp_path: Path) -> None:
    network = build_network(RESTORERS, SMALL)
    network.stem.weight.data[0] = 1e6
    header = Header(name="small", task="inpaint", network=SMALL, size=64)
    with pytest.raises(RestoreError, match=r"not written: 'stem.weight' is beyond"):
        save_checkpoint(tmp_path / "a.safetensors", network, header)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("change", [{"size": 0}, {"zoom": 0.5}, {"zoom": float("nan")}])
def test_a_header_of_impossible_sizes_is_refused(saved: Path, change: dict[str, float]) -> None:
    header = json.loads(read_header(saved).model_dump_json()) | change
    _rewrite(saved, load_file(saved), json.dumps(header))
    with pytest.raises(RestoreError, match=next(iter(change))):
        read_header(saved)


def test_missing_extra_misshapen_and_mistyped_tensors_are_named(saved: Path) -> None:
    tensors = load_file(saved)
    stem = tensors.pop("stem.weight")
    _rewrite(saved, tensors)
    with pytest.raises(RestoreError, match=r"lacks tensor 'stem\.weight'"):
        load_network(saved, RESTORERS)
    _rewrite(saved, {**tensors, "stem.weight": stem, "more": stem.clone()})
    with pytest.raises(RestoreError, match="unknown tensor 'more'"):
        load_network(saved, RESTORERS)
    _rewrite(saved, {**tensors, "stem.weight": stem[:1]})
    with pytest.raises(RestoreError, match=r"misshapen tensor 'stem\.weight'"):
        load_network(saved, RESTORERS)
    _rewrite(saved, {**tensors, "stem.weight": stem.to(torch.int8)})
    with pytest.raises(RestoreError, match=r"mistyped tensor 'stem\.weight'"):
        load_network(saved, RESTORERS)
    _rewrite(saved, {**tensors, "stem.weight": stem / 0})
    with pytest.raises(RestoreError, match=r"a number that is none in tensor 'stem\.weight'"):
        load_network(saved, RESTORERS)


@pytest.mark.parametrize(
    "header",
    [
        "{",
        "[]",
        "null",
        json.dumps({"format": 99}),
        json.dumps({"format": 1, "name": "x"}),
        json.dumps({"format": 1, "name": "x", "task": "t", "size": 1, "network": {"kind": "os"}}),
        json.dumps(
            {
                "format": 1,
                "name": "x",
                "task": "t",
                "size": 1,
                "network": {"kind": "gated", "arguments": {"channels": "many"}},
            }
        ),
    ],
)
def test_a_strange_header_is_one_sentence(saved: Path, header: str) -> None:
    _rewrite(saved, load_file(saved), header)
    with pytest.raises(RestoreError) as caught:
        load_network(saved, RESTORERS)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_checkpoints_are_refused(saved: Path, tmp_path: Path) -> None:
    whole = saved.read_bytes()
    pickled = tmp_path / "pickled.safetensors"
    torch.save({"a": torch.zeros(1)}, pickled)
    foreign = tmp_path / "foreign.safetensors"
    save_file({"a": torch.zeros(1)}, foreign)
    for name, content in (("cut", whole[:-9]), ("empty", b""), ("text", b"hello" * 99)):
        (tmp_path / f"{name}.safetensors").write_bytes(content)
    for name in ("pickled", "cut", "empty", "text"):
        with pytest.raises(RestoreError, match=rf"{name}\.safetensors is not a whole"):
            load_network(tmp_path / f"{name}.safetensors", RESTORERS)
    with pytest.raises(RestoreError, match="was not made by this program"):
        load_network(foreign, RESTORERS)
    with pytest.raises(RestoreError, match=r"Can't read .*absent\.safetensors: No such file"):
        read_header(tmp_path / "absent.safetensors")


class Malice:
    """Writes a file when somebody unpickles it."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return Path.write_text, (self.target, "owned")


@pytest.mark.parametrize("name", ["bad.safetensors", "bad.pth", "bad.pt"])
def test_a_checkpoint_runs_no_code(name: str, tmp_path: Path, tiny_checkpoint: Path) -> None:
    target, bad = tmp_path / "owned", tmp_path / name
    for data in (pickle.dumps(Malice(target)), b""):
        bad.write_bytes(data)
        if not data:
            torch.save({"generator": Malice(target)}, bad)
        with pytest.raises(RestoreError):
            load_network(bad, RESTORERS)
        assert not target.exists()
    pickle.loads(pickle.dumps(Malice(target)))
    assert target.exists()  # so it would have shown


def test_nothing_in_the_package_unpickles() -> None:
    for path in (Path(__file__).parents[1] / "restore").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "allow_pickle=True" not in source, path
        assert not re.search(r"\bpickle\.|import (c?[pP]ickle|dill|joblib)\b", source), path
        assert source.count("torch.load(") == source.count("weights_only=True"), path


def test_an_unknown_network_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'gated'"):
        build_network(RESTORERS, NetworkSettings(kind="gatet"))


def test_an_unknown_argument_suggests_the_nearest() -> None:
    settings = NetworkSettings(kind="gated", arguments={"contxt": 3})
    with pytest.raises(UsageError, match=r"argument .* 'contxt'.* Did you mean 'context'"):
        build_network(RESTORERS, settings)


@pytest.mark.parametrize(
    ("table", "key", "word"),
    [
        (SAMPLERS, "blocks", "residul"),
        (SAMPLERS, "doubling", "nearst"),
        (DISCRIMINATORS, "norm", "bacth"),
        (SAMPLERS, "norm", 3),
        (DISCRIMINATORS, "head", True),
        (DISCRIMINATORS, "head", "auxilary"),
    ],
)
def test_settings_of_a_network_are_looked_up(table: dict, key: str, word: object) -> None:
    with pytest.raises(UsageError, match="Did you mean" if isinstance(word, str) else f"'{key}'"):
        build_network(table, NetworkSettings(kind="dcgan", arguments={key: word}))


@pytest.mark.skipif(sys.platform == "win32", reason="names that are no UTF-8")
def test_a_path_that_is_no_utf_8_is_told() -> None:
    with pytest.raises(UsageError, match="no UTF-8"):
        read_header(Path(os.fsdecode(b"run\xe9/a.safetensors")))


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        ("gated", {"base": "filled"}, "'base' must be 'fill' or 'damaged', not 'filled'"),
        ("gated", {"context": "many"}, "'context'"),
        ("gated", {"channels": [8]}, "'channels"),
        ("gated", {"chanels": [8, 8]}, "Did you mean 'channels'"),
        ("patch", {"spectral": "perhaps"}, "'spectral'"),
    ],
)
def test_an_argument_of_another_type_or_choice_is_refused(
    kind: str, arguments: dict[str, object], words: str
) -> None:
    settings = NetworkSettings(kind=kind, arguments=arguments)
    with pytest.raises(UsageError) as caught:
        build_network(DISCRIMINATORS if kind == "patch" else RESTORERS, settings)
    assert words in str(caught.value)


@pytest.mark.parametrize("word", ["False", "no", "0", False])
def test_what_is_off_in_words_is_off(word: object) -> None:
    settings = NetworkSettings(kind="patch", arguments={"spectral": word})
    assert read_arguments(DISCRIMINATORS["patch"], settings)["spectral"] is False


def test_a_default_that_is_named_is_no_difference() -> None:
    plain, named, other = (
        NetworkSettings(kind="gated", arguments=arguments)
        for arguments in ({}, {"base": "fill", "channels": [96, 224]}, {"context": 8})
    )
    assert find_difference(RESTORERS, plain, named) is None
    assert find_difference(RESTORERS, plain, other) == "its context is 0, not 8"
    kind = NetworkSettings(kind="unet")
    assert find_difference(RESTORERS, plain, kind) == "the kind is gated, not unet"
    scales = [NetworkSettings(kind="multi-scale", arguments=a) for a in ({}, {"scales": 2})]
    assert find_difference(DISCRIMINATORS, *scales) is None
