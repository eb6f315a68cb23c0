"""How long the network takes at 512² in PyTorch, ONNX Runtime and OpenVINO, and how they differ.

    python benchmarks/runtimes.py --model inpaint

Every runtime that is installed, in one process on as many threads, each warm, taking turns, beside
the reference of `benchmarks/speed.py`. Start is the time from the file to the first result. PSNR is
that of the hole, against PyTorch in float32.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from speed import PHOTOS, make_photo, make_reference, seconds

from restore.device import autocast
from restore.export import export_onnx
from restore.image import to_tensor
from restore.restorer import Restorer

Feed = dict[str, NDArray[np.float32]]
Task = Callable[[], NDArray[np.float32]]


def main() -> None:
    """Measure each runtime and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="inpaint")
    parser.add_argument("--runs", type=int, default=7, help="the median of so many counts")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    feed = make_feed(Restorer.load(options.model, "cpu"))
    with tempfile.TemporaryDirectory() as folder:
        file = export_onnx(options.model, Path(folder) / "model.onnx").out
        starts: dict[str, Callable[[], Task]] = {
            "torch fp32": partial(start_torch, options.model, feed, "fp32"),
            "torch as fix": partial(start_torch, options.model, feed, "auto"),
        }
        if find_spec("onnxruntime"):
            starts["onnxruntime fp32"] = partial(start_onnxruntime, file, feed, options.threads)
        if find_spec("openvino"):
            for precision in ("f32", "bf16"):
                start = partial(start_openvino, file, feed, options.threads, precision)
                starts[f"openvino {precision}"] = start
        compare(starts, feed["mask"], options.runs)


def compare(starts: dict[str, Callable[[], Task]], mask: NDArray[np.float32], runs: int) -> None:
    """Start each runtime, let them take turns, and print a line for each."""
    tasks, first, results = {}, {}, {}
    for name, start in starts.items():
        begin = time.perf_counter()
        tasks[name] = start()
        results[name] = tasks[name]()
        first[name] = time.perf_counter() - begin
    reference = make_reference()
    times: dict[str, list[float]] = {name: [] for name in tasks}
    references = []
    for _ in range(runs):
        references.append(seconds(reference))
        for name, task in tasks.items():
            times[name].append(seconds(task))
    print(f"reference {median(references):.3f} s\n{'':18} seconds  × reference  start  PSNR")
    exact = results["torch fp32"]
    for name in tasks:
        taken = median(times[name])
        print(
            f"{name:18} {taken:7.3f} {taken / median(references):12.2f} {first[name]:6.2f} "
            f"{psnr(results[name], exact, mask):5.1f}"
        )


def make_feed(restorer: Restorer) -> Feed:
    """Return what the network sees of the photo of `speed.py`."""
    size = PHOTOS["512²"].size
    pixels, mask = make_photo(PHOTOS["512²"])
    hole = torch.from_numpy(mask)[None, None].float()
    noise = torch.randn(restorer.generator.noise_shape(1, *size), generator=torch.manual_seed(0))
    inputs = {"damaged": to_tensor(pixels) * (1 - hole), "mask": hole, "noise": noise}
    return {name: value.numpy() for name, value in inputs.items()}


def start_torch(model: str, feed: Feed, precision: str) -> Task:
    """Return the generator in PyTorch, in a precision of `device.autocast`."""
    generator = Restorer.load(model, "cpu").generator
    inputs = {name: torch.from_numpy(value) for name, value in feed.items()}

    def run() -> NDArray[np.float32]:
        with torch.inference_mode(), autocast(torch.device("cpu"), precision):
            return generator(**inputs).numpy()

    return run


def start_onnxruntime(file: Path, feed: Feed, threads: int) -> Task:
    """Return the exported file in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, feed)[0]


def start_openvino(file: Path, feed: Feed, threads: int, precision: str) -> Task:
    """Return the exported file in OpenVINO, computing in "f32" or "bf16"."""
    import openvino

    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = openvino.Core().compile_model(file, "CPU", settings).create_infer_request()
    return lambda: request.infer(feed)[0].copy()


def psnr(result: NDArray[np.float32], exact: NDArray[np.float32], mask: NDArray) -> float:
    """Return the PSNR of the hole, dB; `inf` where nothing differs."""
    hole = np.broadcast_to(mask > 0, result.shape)
    error = np.square(np.clip(result, 0, 1) - np.clip(exact, 0, 1))[hole].mean()
    return float("inf") if error == 0 else -10 * float(np.log10(error))


if __name__ == "__main__":
    main()
