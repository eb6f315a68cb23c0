"""Networks as ONNX files, for programs that do without PyTorch, each compared with torch first."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.export import Dim

from restore import __version__
from restore.assets import checkpoint_path, name_of
from restore.checkpoint import Header, load_network, read_header
from restore.errors import RestoreError, UsageError
from restore.image import check_target, write_bytes
from restore.nets import (
    DETECTORS,
    RESTORERS,
    SAMPLERS,
    DetectorNetwork,
    RestorerGenerator,
    SamplerGenerator,
)
from restore.sampler import grow_as_trained

TOLERANCE = 1e-3  # largest difference to torch that passes; pictures are in [0, 1]
TRACED = (2, 3, 5)  # photos, and their sides in multiples of `multiple_of`
CHECKED = ((1, 6, 4), (2, 9, 13))  # likewise, other sizes than the traced one
EXTRA = 'pip install "restore-gan[onnx]"'
PLAIN: Any = {"dtype": torch.float32, "device": "cpu"}  # whatever PyTorch's defaults are

Inputs = dict[str, Tensor]


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes:
        out: the file.
        name: what the checkpoint calls itself.
        difference: the largest to torch over both sizes, None where ONNX Runtime is absent.
    """

    out: Path
    name: str
    difference: float | None


class Contract(NamedTuple):
    """How networks of a kind are called, and what goes in and comes out, in words.

    `draw_inputs` takes a network, the number of photos and their height and width in multiples of
    `multiple_of`, and returns random inputs under the names of the network's arguments.
    """

    draw_inputs: Callable[[Any, int, int, int], Inputs]
    output: str
    meanings: dict[str, str]


def export_onnx(
    name: str | Path, out: str | Path | None = None, *, overwrite: bool = False
) -> Exported:
    """Write a checkpoint's network as an ONNX file that takes any number of photos of any size.

    Inputs and the output are called and shaped as by the network's contract; the file says in its
    metadata what they mean, the multiple that sizes have, and the licence of the training photos.

    Args:
        name: a shipped checkpoint, a .safetensors file, or a run's folder.
        out: FILE.onnx; by default NAME.onnx, or called as the run.
        overwrite: replace an existing file.

    Raises:
        UsageError: an unknown name, a file that exists or has another ending.
        RestoreError: no whole checkpoint, ONNX packages that are missing, a network that ONNX
            can't express, or whose results are not those of torch; nothing is written then.
    """
    path = checkpoint_path(name)
    if read_header(path).task == "classify":
        raise UsageError(f"{name} tells classes apart, and such models are not exported.")
    header, network = load_network(path, {**RESTORERS, **SAMPLERS, **DETECTORS})
    if isinstance(network, SamplerGenerator):
        grow_as_trained(network, header)
    target = Path(f"{name_of(name)}.onnx" if out is None else out)
    if target.suffix.lower() != ".onnx":
        raise UsageError(f"An ONNX file ends with .onnx, not as {target.name}.")
    check_target(target, overwrite=overwrite)
    contract = contract_of(network)
    content = to_onnx(network, contract, describe(header, network, contract))
    difference = largest_difference(network, contract, content)
    if difference is not None and not difference <= TOLERANCE:  # also where it is NaN
        raise RestoreError(
            f"As ONNX {header.name} differs from torch by {difference:.2g} (at most {TOLERANCE} is "
            "allowed), so nothing was written; try another version of torch or onnxscript."
        )
    write_bytes(target, content, overwrite=overwrite)
    return Exported(target, header.name, difference)


def contract_of(network: nn.Module) -> Contract:
    """Return how a network is called, by the class of contracts.py that it is of."""
    return next(contract for kind, contract in CONTRACTS.items() if isinstance(network, kind))


def describe(header: Header, network: nn.Module, contract: Contract) -> dict[str, str]:
    """Return what the file says of itself; the meaning of each input stands under its name."""
    facts = {
        "made_by": f"restore {__version__}",
        "name": header.name,
        "task": header.task,
        "size": f"{header.size} (pixels; side of the squares it was trained on last)",
        "data": header.data,
        "licence": f"of the training photos: {header.licence or 'not told'}",
        "labels": ", ".join(header.labels),
    }
    if hasattr(network, "multiple_of"):
        facts["multiple_of"] = str(network.multiple_of)
    ports = {*contract.draw_inputs(network, 1, 1, 1), contract.output}
    facts |= {name: meaning for name, meaning in contract.meanings.items() if name in ports}
    return {key: fact for key, fact in facts.items() if fact}


def to_onnx(network: nn.Module, contract: Contract, facts: dict[str, str]) -> bytes:
    """Return the network as the bytes of an ONNX file with `facts` as its metadata.

    Raises:
        RestoreError: packages are missing, or torch can't express the network in ONNX.
    """
    if missing := [name for name in ("onnx", "onnxscript") if find_spec(name) is None]:
        raise RestoreError(
            f"Exporting needs {' and '.join(missing)}, not installed here; {EXTRA} brings it."
        )
    draw = contract.draw_inputs
    dimensions = find_dimensions(network, draw)
    with _told(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # inputs share names of dimensions, as they shall
        program = torch.onnx.export(
            network,
            kwargs=draw(network, *TRACED),
            dynamic_shapes=dimensions,
            output_names=[contract.output],
            dynamo=True,
            verbose=False,
        )
    assert program is not None, "as there is with dynamo"
    model = program.model_proto
    _check_open(model.graph, dimensions)
    _strip(model.graph)
    for key, fact in facts.items():
        model.metadata_props.add(key=key, value=fact)
    for port in (*model.graph.input, *model.graph.output):
        port.doc_string = facts.get(port.name, "")
    return model.SerializeToString()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except torch.onnx.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise RestoreError(f"This network can't be written as ONNX: {reason}.") from error


def _check_open(graph: Any, dimensions: dict[str, dict[int, Any]]) -> None:
    """Refuse a file that takes only the sizes that it was traced with."""
    for port in graph.input:
        shape = port.type.tensor_type.shape.dim
        for axis in dimensions[port.name]:
            if not shape[axis].dim_param:
                raise RestoreError(
                    f"This network can't be written as ONNX for any size: its input '{port.name}' "
                    f"would have to be {shape[axis].dim_value} long on axis {axis}."
                )


def _strip(graph: Any) -> None:
    """Take out where in which source file each operation came from: it names this machine."""
    del graph.metadata_props[:]
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""


def find_dimensions(
    network: nn.Module, draw: Callable[[Any, int, int, int], Inputs]
) -> dict[str, dict[int, Any]]:
    """Return which dimensions of each input grow with the photos, their height and their width.

    Found by drawing inputs of twice as many, twice as high, twice as wide; "16*h" in the file
    stands for any multiple of 16.
    """
    dimensions: dict[str, dict[int, Any]] = {}
    start = draw(network, 1, 1, 1)
    for symbol, size in (("n", (2, 1, 1)), ("h", (1, 2, 1)), ("w", (1, 1, 2))):
        for name, grown in draw(network, *size).items():
            mine = dimensions.setdefault(name, {})
            for axis, (before, after) in enumerate(
                zip(start[name].shape, grown.shape, strict=True)
            ):
                if growth := after - before:
                    mine[axis] = Dim(symbol) if growth == 1 else growth * Dim(symbol)
    return dimensions


def largest_difference(network: nn.Module, contract: Contract, content: bytes) -> float | None:
    """Return the largest difference of an ONNX file to torch, None without ONNX Runtime."""
    if find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    differences = []
    for size in CHECKED:
        inputs = contract.draw_inputs(network, *size)
        (given,) = session.run(None, {name: value.numpy() for name, value in inputs.items()})
        with torch.inference_mode():
            expected = network(**inputs)
        differences.append((torch.from_numpy(given) - expected).abs().max())
    return float(torch.stack(differences).max())  # NaN where one is


def _draw_restorer(network: RestorerGenerator, count: int, rows: int, columns: int) -> Inputs:
    rng = torch.Generator().manual_seed(0)
    height, width = rows * network.multiple_of, columns * network.multiple_of
    return {
        "damaged": torch.rand((count, 3, height, width), generator=rng, **PLAIN),
        "mask": (torch.rand((count, 1, height, width), generator=rng, **PLAIN) < 0.3).float(),
        "noise": torch.randn(network.noise_shape(count, height, width), generator=rng, **PLAIN),
    }


def _draw_sampler(network: SamplerGenerator, count: int, rows: int, columns: int) -> Inputs:
    rng = torch.Generator().manual_seed(0)
    inputs = {"noise": torch.randn(network.noise_shape(count), generator=rng, **PLAIN)}
    if network.classes:
        inputs["label"] = torch.arange(count, device="cpu") % network.classes
    return inputs


def _draw_detector(network: DetectorNetwork, count: int, rows: int, columns: int) -> Inputs:
    shape = (count, 3, rows * network.multiple_of, columns * network.multiple_of)
    return {"photo": torch.rand(shape, generator=torch.Generator().manual_seed(0), **PLAIN)}


CONTRACTS: dict[type[nn.Module], Contract] = {
    RestorerGenerator: Contract(
        _draw_restorer,
        "restored",
        {
            "damaged": "(N, 3, H, W) float32, RGB in [0, 1], H and W multiples of multiple_of",
            "mask": "(N, 1, H, W) float32, 1 is the hole: this pixel may change, 0 stays; all "
            "ones for a photo that is to be mended as a whole",
            "noise": "N(0, 1); another noise, another fill",
            "restored": "(N, 3, H, W) float32, RGB, about [0, 1], to be clamped; as damaged where "
            "the mask is 0",
        },
    ),
    SamplerGenerator: Contract(
        _draw_sampler,
        "image",
        {
            "noise": "(N, D) float32, N(0, 1)",
            "label": "(N,) int64, the number of a class, counted from 0 in the order of labels",
            "image": "(N, C, S, S) float32 in [0, 1]",
        },
    ),
    DetectorNetwork: Contract(
        _draw_detector,
        "logits",
        {
            "photo": "(N, 3, H, W) float32, RGB in [0, 1], H and W multiples of multiple_of",
            "logits": "(N, 1, H, W) float32, above 0 where damage is likelier than not",
        },
    ),
}
