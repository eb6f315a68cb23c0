"""Files in idx format, as MNIST comes in."""

import gzip
import re
import struct
import zlib
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from restore.errors import RestoreError, UsageError
from restore.listing import PASSED_OVER


def find_idx(place: Path, parts: tuple[str, ...] = ("train",)) -> Path | None:
    """Return the file of pictures in idx format that a place is or holds, first one of `parts`.

    The parts are words of the files' names: train-images-idx3-ubyte, emnist-letters-test-images….

    Raises:
        UsageError: the place holds several sets.
    """
    if place.is_dir():
        files = [p for p in sorted(place.iterdir(), reverse=True) if _is_idx(p)]
        found = {p.name.removesuffix(".gz"): p for p in files}  # not packed, where there are both
        named = {name: p for name, p in found.items() if {*re.split(r"\W", name)} & {*parts}}
        chosen = [*(named or found).values()]
        if len(chosen) > 1:
            raise UsageError(
                f"{place} holds several sets, {chosen[-1].name} and {chosen[-2].name}; name the "
                "file of one."
            )
        return chosen[0] if chosen else None
    return place if place.is_file() and _is_idx(place) else None


def _is_idx(path: Path) -> bool:
    """Tell by the name; what macOS adds, as ._train-images-idx3-ubyte, is none."""
    return "idx3-ubyte" in path.name and not path.name.startswith(PASSED_OVER)


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Return the bytes of an idx file, gzipped or not, in the shape that it gives.

    Raises:
        RestoreError: it can't be read, is no idx file of bytes in so many dimensions, or is short.
    """
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError, zlib.error) as error:
        raise RestoreError(
            f"Can't read {path}: {getattr(error, 'strerror', None) or error}."
        ) from None
    start = 4 + 4 * dimensions
    known = data[:4] == bytes((0, 0, 8, dimensions)) and len(data) > start
    shape = struct.unpack(f">{dimensions}I", data[4:start]) if known else (0,)
    if not known or len(data) - start != prod(shape):
        raise RestoreError(
            f"{path} is not a whole idx file of bytes in {dimensions} dimensions, as MNIST's are; "
            f"fetch it again."
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
