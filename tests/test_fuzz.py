"""Bytes that nobody meant: every loader gives a result or one sentence, soon and in little memory.

The long run takes FUZZ_SECONDS (60 by default) and a seed, FUZZ_SEED:
FUZZ_SECONDS=600 python -m pytest -m slow tests/test_fuzz.py -s
"""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, features

from restore.assets import preset_path, recipe_path
from restore.checkpoint import load_network
from restore.errors import RestoreError
from restore.image import read_image
from restore.masks import load_preset, read_mask
from restore.nets import RESTORERS
from restore.training import load_recipe

pytestmark = pytest.mark.filterwarnings("ignore:::PIL")

LONGEST = 10  # seconds for one file
MOST_MEMORY = 1_000_000_000  # bytes that a run may add to what the process had
MAX_PIXELS = 1_000_000

LOADERS: dict[str, Callable[[Path], object]] = {
    "photo": lambda path: read_image(path, max_pixels=MAX_PIXELS),
    "mask": lambda path: read_mask(path, (24, 36), max_pixels=MAX_PIXELS),
    "recipe": lambda path: load_recipe(path, []),
    "preset": lambda path: load_preset(path).draw(24, 36, np.random.default_rng(0)),
    "checkpoint": lambda path: load_network(path, RESTORERS),
}
ENDINGS = {"recipe": ".toml", "preset": ".toml", "checkpoint": ".safetensors"}


def picture_samples() -> list[bytes]:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 36, 4), np.uint8)
    colour, deep = Image.fromarray(pixels[..., :3]), pixels[..., :3] * np.uint16(257)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "text"
    formats: list[tuple[str, Image.Image, dict[str, object]]] = [
        ("PNG", Image.fromarray(pixels), {}),
        ("PNG", colour.quantize(8), {"transparency": 3}),
        ("JPEG", colour, {"comment": b"hello"}),
        ("JPEG", colour.convert("L"), {"progressive": True}),
        ("WEBP", colour, {"lossless": True}),
        ("WEBP", colour, {}),
        ("TIFF", colour, {}),
        ("TIFF", Image.fromarray(pixels), {"compression": "tiff_lzw"}),
        ("TIFF", colour, {"compression": "jpeg"}),
        ("BMP", colour, {}),
        ("GIF", colour, {"save_all": True, "append_images": [colour.rotate(90)]}),
    ]
    if features.check("avif"):
        formats.append(("AVIF", colour, {}))
    samples = []
    for name, picture, options in formats:
        file = BytesIO()
        picture.save(file, name, **({} if name in {"BMP", "GIF"} else {"exif": exif}), **options)
        samples.append(file.getvalue())
    apart = BytesIO()
    tifffile.imwrite(apart, np.moveaxis(deep, -1, 0), photometric="rgb", planarconfig="separate")
    samples.append(apart.getvalue())
    return samples + [cv2.imencode(ending, deep)[1].tobytes() for ending in (".png", ".tif")]


def samples_for(name: str, checkpoint: Path) -> list[bytes]:
    match name:
        case "recipe":
            return [recipe_path("inpaint").read_bytes()]
        case "preset":
            return [preset_path("mixed").read_bytes()]
        case "checkpoint":
            return [checkpoint.read_bytes()]
    return picture_samples()


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Change a few places, most of them near the beginning, where headers are."""
    result = bytearray(data)
    for _ in range(rng.integers(1, 9)):
        reach = min(len(result), int(rng.choice([64, 1024, len(data)])))
        place = int(rng.integers(0, max(1, reach)))
        length = int(rng.integers(1, 17))
        match int(rng.integers(6)):
            case 0:
                result[place : place + 1] = rng.bytes(1)
            case 1:
                result[place : place + 4] = bytes(rng.choice([0, 1, 127, 128, 255], 4).tolist())
            case 2:
                result[place:place] = rng.bytes(length)
            case 3:
                del result[place : place + length]
            case 4:
                result[place:place] = result[place : place + 8 * length]
            case 5 if rng.random() < 0.3:
                del result[place:]
    return bytes(result)


@contextmanager
def limited_time() -> Iterator[None]:
    def stop(*_: object) -> None:
        pytest.fail(f"took more than {LONGEST} seconds")  # no Exception: no loader can catch it

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def outcome(load: Callable[[Path], object], path: Path) -> str:
    """Load one file: "loaded" or "refused"; anything else fails."""
    try:
        with limited_time():
            load(path)
    except RestoreError as error:
        assert "\n" not in str(error)
        return "refused"
    return "loaded"


def peak_memory() -> int:
    resource = pytest.importorskip("resource", reason="limits of POSIX")
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else 1024 * used


def fuzz(name: str, seconds: float, most: int, folder: Path, checkpoint: Path) -> Counter[str]:
    samples = samples_for(name, checkpoint)
    rng = np.random.default_rng(int(os.environ.get("FUZZ_SEED", "0")))
    counts: Counter[str] = Counter()
    path = folder / f"fuzzed{ENDINGS.get(name, '')}"
    memory, end = peak_memory(), time.monotonic() + seconds
    while time.monotonic() < end and counts.total() < most:
        path.write_bytes(mutate(samples[int(rng.integers(len(samples)))], rng))
        try:
            counts[outcome(LOADERS[name], path)] += 1
            assert peak_memory() - memory < MOST_MEMORY
        except BaseException:
            kept = path.replace(Path.cwd() / f"fuzz-{name}-{time.time_ns()}{path.suffix}")
            print(f"\n{kept} makes the loader fail")
            raise
    return counts


@pytest.mark.parametrize("name", LOADERS)
def test_a_few_damaged_files_give_a_result_or_a_sentence(
    tmp_path: Path, tiny_checkpoint: Path, name: str
) -> None:
    assert fuzz(name, 5, 100, tmp_path, tiny_checkpoint)["refused"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", LOADERS)
def test_many_damaged_files_give_a_result_or_a_sentence(
    tmp_path: Path, tiny_checkpoint: Path, name: str
) -> None:
    seconds = float(os.environ.get("FUZZ_SECONDS", "60")) / len(LOADERS)
    counts = fuzz(name, seconds, sys.maxsize, tmp_path, tiny_checkpoint)
    print(f"\n{name}: {counts['loaded']} loaded, {counts['refused']} refused")
