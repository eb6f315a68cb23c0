"""How long a photo takes, and how much memory: the network, `fix` and Telea, beside a reference.

    python benchmarks/speed.py --model inpaint

The reference is twenty fp32 3 × 3 convolutions of 256 channels at 64 × 64, 97 GFLOP (2 per
multiply-add): about 0.25 s on two cores with AMX. Every line runs in a process of its own, which
times the reference before and after the task, so that a busy machine slows both down; the ratio is
between medians. Peak memory is that of the process, libraries included. The photo is one of those
inside scikit-image, mirrored until it is large enough: enlarged it would be soft, and soft photos
are filled at a smaller size.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported in the measuring processes only: what is peak memory there
    import numpy as np

    from restore.restorer import Restorer

Task = Callable[[], object]


@dataclass(frozen=True)
class Photo:
    """What a line is measured on: size (height, width) and the side of its square hole, pixels."""

    size: tuple[int, int]
    hole: int


PHOTOS = {
    "512²": Photo((512, 512), 256),
    "1024²": Photo((1024, 1024), 512),
    "2048²": Photo((2048, 2048), 600),
    "24 MP": Photo((4000, 6000), 600),
}
LINES = [
    "reference",
    "network 512²",
    *(f"fix {name}" for name in ("512²", "1024²", "2048²")),
    "fix file 24 MP",
    *(f"telea {name}" for name in PHOTOS),
]


@dataclass(frozen=True)
class Measured:
    """A line of the table."""

    line: str
    seconds: float  # median
    ratio: float  # to the reference, same process
    reference: float  # seconds
    peak_mib: float


def main() -> None:
    """Measure each line in a process of its own and print the table."""
    options = parse_options()
    if options.only:
        print(json.dumps(asdict(measure(options.only, options))))
        return
    print(f"{'':16} seconds  × reference  reference  peak MiB")
    table = []
    for line in LINES:
        command = [sys.executable, __file__, *sys.argv[1:], "--only", line]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        row = json.loads(answer.splitlines()[-1])
        table.append(row)
        print(
            f"{line:16} {row['seconds']:7.3f} {row['ratio']:12.3f} {row['reference']:10.3f} "
            f"{row['peak_mib']:9.0f}",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n")


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="inpaint", help="shipped name, checkpoint or run folder")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--runs", type=int, default=5, help="the median of so many counts")
    parser.add_argument("--json", type=Path, help="write the table to this file")
    parser.add_argument("--only", choices=LINES, help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(line: str, options: argparse.Namespace) -> Measured:
    """Time one line and the reference round it."""
    with tempfile.TemporaryDirectory() as folder:
        task = make_task(line, options, Path(folder))
        peak, reference = peak_mib(task), make_reference()
        keep_memory()
        reference()
        times, reference_times = [], [seconds(reference)]
        for _ in range(options.runs):
            times.append(seconds(task))
            reference_times.append(seconds(reference))
    return Measured(
        line,
        median(times),
        median(times) / median(reference_times),
        median(reference_times),
        peak,
    )


def keep_memory() -> None:
    """Let the process keep what is freed, as with a restorer: the reference is slower without."""
    from restore.device import pick_device

    pick_device("cpu")


def seconds(task: Task) -> float:
    """Return how long a task takes."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def peak_mib(task: Task) -> float:
    """Run a task once, to warm up, and return the peak memory of the process so far, MiB."""
    task()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def make_task(line: str, options: argparse.Namespace, folder: Path) -> Task:
    """Prepare everything that does not count and return what does."""
    method, _, name = line.partition(" ")
    if method == "reference":
        return make_reference()
    if method == "network":
        return make_network_task(load(options), PHOTOS[name])
    if method == "telea":
        return make_telea_task(PHOTOS[name])
    if name.startswith("file "):
        return make_file_task(load(options), PHOTOS[name.removeprefix("file ")], folder)
    restorer, (pixels, mask) = load(options), make_photo(PHOTOS[name])
    return lambda: restorer.fix(pixels, mask, seed=0)


def make_reference() -> Task:
    """Return the reference, at fp32 in PyTorch's default layout."""
    import torch

    convolution = torch.nn.Conv2d(256, 256, 3, padding=1).requires_grad_(False)
    start = torch.randn(1, 256, 64, 64, generator=torch.Generator().manual_seed(0))

    def run() -> None:
        hidden = start
        for _ in range(20):
            hidden = convolution(hidden)

    return run


def make_network_task(restorer: "Restorer", photo: Photo) -> Task:
    """Return the generator alone, in the precision and layout that `fix` runs it in."""
    import torch

    from restore.device import autocast
    from restore.image import to_tensor

    pixels, mask = make_photo(photo)
    hole = torch.from_numpy(mask)[None, None].float().to(restorer.device)
    damaged = to_tensor(pixels).to(restorer.device) * (1 - hole)
    noise = torch.randn(restorer.generator.noise_shape(1, *photo.size)).to(restorer.device)

    def run() -> None:
        with torch.inference_mode(), autocast(restorer.device):
            restorer.generator(damaged, hole, noise).sum().item()  # waits for the device

    return run


def make_telea_task(photo: Photo) -> Task:
    """Return OpenCV's inpainting, with the radius that the quality benchmark takes."""
    import cv2

    pixels, mask = make_photo(photo)
    return lambda: cv2.inpaint(pixels, mask, 3, cv2.INPAINT_TELEA)


def make_file_task(restorer: "Restorer", photo: Photo, folder: Path) -> Task:
    """Return what `restore fix photo.jpg --mask mask.png` does once the restorer is loaded."""
    from PIL import Image

    from restore.folders import FixOptions, Job, fix_job

    pixels, mask = make_photo(photo)
    Image.fromarray(pixels).save(folder / "photo.jpg", quality=92)
    Image.fromarray(mask * 255).save(folder / "mask.png")
    options = FixOptions(mask=folder / "mask.png", overwrite=True)
    job = Job(folder / "photo.jpg", (folder / "fixed.jpg",))
    return lambda: list(fix_job(restorer, job, options))


def make_photo(photo: Photo) -> tuple["np.ndarray", "np.ndarray"]:
    """Return a photo inside scikit-image beside its mirror images, and a mask of the middle."""
    import numpy as np
    from skimage.data import astronaut

    height, width = photo.size
    pixels = astronaut()
    more = height - pixels.shape[0], width - pixels.shape[1]
    pixels = np.pad(pixels, ((0, more[0]), (0, more[1]), (0, 0)), mode="symmetric")
    mask = np.zeros((height, width), np.uint8)
    top, left = (height - photo.hole) // 2, (width - photo.hole) // 2
    mask[top : top + photo.hole, left : left + photo.hole] = 1
    return pixels, mask


def load(options: argparse.Namespace) -> "Restorer":
    """Load the restorer to be measured."""
    from restore.restorer import Restorer

    return Restorer.load(options.model, options.device)


if __name__ == "__main__":
    main()
