"""Checkpoints: one safetensors file with the weights in fp16 and every setting in its header."""

import inspect
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import torch
from pydantic import Field, create_model
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from restore.config import Settings, validate
from restore.device import sentence_on_memory
from restore.errors import RestoreError, UsageError
from restore.image import write_bytes
from restore.tables import look_up

FORMAT = 1
LARGEST_FILE = 2**31  # bytes; no network here comes near, so a larger file is a mistake
HEADER_KEY = "restore"

# What a checkpoint may be for: in words, and the command or option that uses it.
TASKS = {
    "inpaint": ("restores photos", "restore fix"),
    "mend": ("restores photos", "restore fix"),
    "generate": ("draws pictures from noise", "restore generate"),
    "detect": ("finds damage", "--find"),
    "classify": ("tells classes apart", "restore evaluate --features"),
}

Network = TypeVar("Network", bound=nn.Module)


class NetworkSettings(Settings):
    """Which network to build: a name in a table and the arguments of its class."""

    kind: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class Header(Settings):
    """What a checkpoint says of itself."""

    format: int = FORMAT
    name: str
    task: str  # a key of `TASKS`
    network: NetworkSettings
    size: int = Field(ge=1)  # pixels; side of the squares it was trained on last
    # How much larger photos may be that the squares are parts of.
    zoom: Annotated[float, Field(ge=1)] | None = None
    steps: int = 0
    images: int = 0  # photos seen in training
    data: str = ""
    licence: str = ""  # of the training data
    scores: dict[str, float] = Field(default_factory=dict)
    labels: tuple[str, ...] = ()  # names of the classes that it knows, in its order


def build_network(table: Mapping[str, type[Network]], settings: NetworkSettings) -> Network:
    """Build the network that `settings` describe, in channels_last.

    Raises:
        UsageError: no such kind, or no such argument of it, or one of another type. RestoreError:
            the class does not take these values.
    """
    kind = look_up(table, settings.kind, "network")
    try:
        network = kind(**read_arguments(kind, settings))
    except (TypeError, ValueError, RuntimeError) as error:
        raise RestoreError(f"The network '{settings.kind}' can't be built: {error}.") from None
    return network.to(memory_format=torch.channels_last)


def read_arguments(kind: type[nn.Module], settings: NetworkSettings) -> dict[str, Any]:
    """Return all arguments of a network's class, those that are not given by their defaults.

    Raises:
        UsageError: there is no such argument, or its class takes another type or choice.
    """
    known = inspect.signature(kind).parameters
    for name in settings.arguments:
        look_up(known, name, f"argument of the network '{settings.kind}'")
    types = get_type_hints(kind.__init__)
    fields: dict[str, Any] = {
        name: (types[name], ... if each.default is each.empty else each.default)
        for name, each in known.items()
    }
    model = create_model("Arguments", __base__=Settings, **fields)
    whole = validate(model, settings.arguments, f"The network '{settings.kind}'")
    return {name: getattr(whole, name) for name in fields}


def find_difference(
    table: Mapping[str, type[nn.Module]], one: NetworkSettings, other: NetworkSettings
) -> str | None:
    """Return in words what tells two networks apart, None where nothing does."""
    if one.kind != other.kind:
        return f"the kind is {one.kind}, not {other.kind}"
    kind = look_up(table, one.kind, "network")
    first, second = read_arguments(kind, one), read_arguments(kind, other)
    for name in sorted(first.keys() | second.keys()):
        if first.get(name) != second.get(name):
            return f"its {name} is {first.get(name)}, not {second.get(name)}"
    return None


def save_checkpoint(path: Path, network: nn.Module, header: Header) -> None:
    """Write `network` in fp16, its running statistics as they are, and `header`.

    Raises:
        UsageError: a weight is more than fp16 holds.
        RestoreError: the file can't be written; it comes whole or not at all.
    """
    statistics = {name for name, _ in network.named_buffers()}  # they may be nearly 0, or large
    tensors = {
        name: (value if name in statistics else value.half()).contiguous().cpu()
        for name, value in network.state_dict().items()
    }
    for name, value in tensors.items():
        if not value.isfinite().all():
            raise UsageError(
                f"{path} is not written: '{name}' is beyond 65504, the most that fp16 holds; train "
                "again with a lower rate, as with --set optimizer.lr=1e-4."
            )
    content = save(tensors, {HEADER_KEY: header.model_dump_json()})
    write_bytes(path, content, overwrite=True)


def read_header(path: Path) -> Header:
    """Return what the checkpoint says of itself, without reading its weights.

    Raises:
        RestoreError: not a safetensors file, truncated, too large, or not made by this program.
    """
    with _open(path) as file:
        return _parse_header(path, file.metadata())


def check_task(path: Path, *wanted: str) -> None:
    """Raise `UsageError` where the checkpoint is for none of the tasks `wanted`.

    Raises:
        RestoreError: as `read_header`.
    """
    header = read_header(path)
    if header.task not in wanted:
        does, command = TASKS.get(header.task, (f"is for '{header.task}'", "another version"))
        purpose, right = TASKS[wanted[0]]
        raise UsageError(
            f"{header.name} {does} and is used by {command}; {right} takes one that {purpose}: "
            f"restore models lists them by task."
        )


def load_network(path: Path, table: Mapping[str, type[Network]]) -> tuple[Header, Network]:
    """Build the checkpoint's network from `table` and fill in its weights, fp32, in eval mode.

    Raises:
        RestoreError: as `read_header`; also missing, extra, misshapen, mistyped or infinite
            tensors.
    """
    with _open(path) as file:
        header = _parse_header(path, file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    try:
        with torch.device("meta"):
            network = build_network(table, header.network)
    except RestoreError as error:  # as a wrong argument, which is the file's mistake
        raise RestoreError(f"{path}: {error}") from None
    wanted = network.state_dict()
    _check_tensors(path, wanted, tensors)
    # Not `to_empty`, which brings sympy and with it a third of a second. What is whole already is
    # copied, too, or the file would stay mapped.
    with sentence_on_memory():
        values = {name: _widen(tensor) for name, tensor in tensors.items()}
    network.load_state_dict(values, assign=True)
    network.to(memory_format=torch.channels_last).eval().requires_grad_(False)
    return header, network


def _widen(tensor: Tensor) -> Tensor:
    """Return a copy, in fp32 where it is of floats, whatever PyTorch's default is."""
    return tensor.to(torch.float32 if tensor.is_floating_point() else tensor.dtype, copy=True)


def _is_finite(values: Tensor) -> bool:
    """Tell by the least and the largest, ten times as fast as by each."""
    if not values.is_floating_point() or not values.numel():
        return True
    return bool(torch.stack(values.aminmax()).isfinite().all())


def _check_tensors(path: Path, wanted: dict[str, Tensor], given: dict[str, Tensor]) -> None:
    both = [(name, wanted[name], given[name]) for name in wanted if name in given]
    for what, names in (
        ("lacks", sorted(wanted.keys() - given.keys())),
        ("has an unknown", sorted(given.keys() - wanted.keys())),
        ("has a misshapen", [n for n, one, other in both if one.shape != other.shape]),
        (
            "has a mistyped",
            [n for n, one, other in both if one.is_floating_point() != other.is_floating_point()],
        ),
        ("has a number that is none in", [n for n in given if not _is_finite(given[n])]),
    ):
        if names:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            raise RestoreError(
                f"{path} {what} tensor '{names[0]}'{more}, so it doesn't fit the network that its "
                f"header names; fetch or train it again."
            )


def check_name(path: Path) -> None:
    """Refuse a path that weights can't be read from.

    Raises:
        UsageError: it is no UTF-8, which safetensors wants of a path.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"Weights can't be read from {path}, whose name is no UTF-8; rename the folder or file."
        ) from None


def _open(path: Path) -> Any:
    check_name(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise RestoreError(f"{path} is larger than any checkpoint (2 GiB); name another file.")
        return safe_open(path, framework="pt", device="cpu")
    except OSError as error:
        raise RestoreError(f"Can't read {path}: {error.strerror or error}.") from error
    except SafetensorError as error:
        raise RestoreError(
            f"{path} is not a whole safetensors file ({error}); other formats are not loaded, "
            f"since they can run code."
        ) from error


def _parse_header(path: Path, metadata: Mapping[str, str] | None) -> Header:
    text = (metadata or {}).get(HEADER_KEY)
    if text is None:
        raise RestoreError(f"{path} has no '{HEADER_KEY}' header; it was not made by this program.")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RestoreError(f"{path} has a header that is not JSON: {error}.") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise RestoreError(f"{path} has a header of another format than {FORMAT}; train it again.")
    try:
        return validate(Header, data, path)
    except UsageError as error:  # it is the file's mistake, or of a later version
        raise RestoreError(str(error)) from None
