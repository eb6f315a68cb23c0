"""Where a network runs, and in which precision it is quick there."""

import ctypes
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from traceback import clear_frames
from typing import NamedTuple, TypeVar

import cv2
import torch
from torch import nn

from restore.errors import NO_MEMORY, RestoreError, UsageError
from restore.tables import look_up

Network = TypeVar("Network", bound=nn.Module)

UNKNOWN_MEMORY = 2**30  # bytes
KEPT, KEPT_BEFORE = 256 * 2**20, 32 * 2**20  # bytes; the most that older C libraries take


class Groups(NamedTuple):
    """A version of cgroups, which limit the memory of containers.

    Attributes:
        line: of what names a process's groups, up to the group's path; a pattern.
        folder: that its groups lie in.
        limit, used: files in the folder of a group, each with a number of bytes.
    """

    line: str
    folder: str
    limit: str
    used: str

    def left_in(self, group: Path) -> int:
        """Return how many bytes a group's limit leaves, with what it can give up at need.

        Raises:
            OSError: no such file.
            ValueError: "max", as there is no limit.
        """
        room = int((group / self.limit).read_text()) - int((group / self.used).read_text())
        cache = _CACHE.search((group / "memory.stat").read_text())
        return max(0, room + int(cache[1] if cache else 0))


GROUPS = (
    Groups("0:", "", "memory.max", "memory.current"),
    Groups(r"\d+:memory", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
)
_CACHE = re.compile(r"^(?:total_)?inactive_file (\d+)$", re.M)  # files' content, given up at need
# What PyTorch and oneDNN say on Linux, Windows and a Mac where it is a mere RuntimeError.
_NO_MEMORY = (
    "can't allocate memory",
    "not enough memory",
    "could not create a primitive",
    "MPS backend out of memory",
)
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of glibc's malloc.h

DEVICES: dict[str, Callable[[], int]] = {  # how many of a kind PyTorch finds here
    "cpu": lambda: 1,
    "cuda": lambda: torch.cuda.device_count() if torch.cuda.is_available() else 0,
    "mps": torch.backends.mps.is_available,
}


def check_device_name(name: str) -> None:
    """Refuse what no machine calls a device.

    Raises:
        UsageError: an unknown name.
    """
    if name != "auto":
        look_up(DEVICES, name.partition(":")[0], "device")


def pick_device(name: str | torch.device = "auto") -> torch.device:
    """Return the device called `name`; "auto" is the fastest one at hand, "cuda:1" the second GPU.

    Raises:
        UsageError: an unknown name, or a device that this machine lacks.
    """
    name = str(name)
    check_device_name(name)
    if name == "auto":
        name = next(n for n in ("cuda", "mps", "cpu") if DEVICES[n]())
    kind, colon, number = name.partition(":")
    count = DEVICES[kind]()
    if not (number in map(str, range(count)) if colon else count):
        raise UsageError(f"This machine offers no '{name}' to PyTorch; try --device auto.")
    if kind == "cpu":
        _keep_memory()
    return torch.device(name)


def _keep_memory() -> None:
    """Have the C library keep what is freed for the next tensors, up to `KEPT` (glibc only).

    By itself it gives memory back to the system after most layers, and each page of it has to be
    fetched again: ten thousand for a photo of 512², up to a tenth of the time. Threads take from
    one store, so that what one frees the others need not fetch. It holds for the whole process.
    """
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            mallopt = ctypes.CDLL(None).mallopt
            # Older ones keep no blocks as large; without the first setting the second does harm.
            if any(mallopt(_MMAP_THRESHOLD, most) for most in (KEPT, KEPT_BEFORE)):
                mallopt(_TRIM_THRESHOLD, KEPT)
                mallopt(_ARENA_MAX, 1)


def has_fast_bf16(device: torch.device) -> bool:
    """Tell whether bfloat16 convolutions are faster than float32 ones on `device`."""
    if device.type == "cuda":
        with torch.cuda.device(device):  # which it asks about
            return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False


def autocast(device: torch.device, precision: str = "auto") -> AbstractContextManager[object]:
    """Return the context in which networks run: "bf16", "fp32", or "auto" by the device."""
    fast = has_fast_bf16(device) if precision == "auto" else precision == "bf16"
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let the calling thread compute alone, without PyTorch's helpers, inside the block."""
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(count)


def work_alone() -> None:
    """Let the calling thread compute without PyTorch's helpers from now on."""
    torch.set_num_threads(1)


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turn what PyTorch raises where memory does not suffice into a MemoryError."""
    try:
        yield
    except RuntimeError as error:
        told = str(error)
        if not isinstance(error, torch.OutOfMemoryError) and not any(s in told for s in _NO_MEMORY):
            raise
        clear_frames(error.__traceback__)  # which hold what the layers made, while less is tried
        raise MemoryError(told) from None


@contextmanager
def sentence_on_memory() -> Iterator[None]:
    """Turn a lack of memory, whichever library tells of it, into a `RestoreError`."""
    try:
        with memory_errors():
            yield
    except MemoryError:
        raise RestoreError(NO_MEMORY) from None
    except cv2.error as error:
        if getattr(error, "code", 0) != cv2.Error.StsNoMem:
            raise
        raise RestoreError(NO_MEMORY) from None


def to_device(network: Network, device: torch.device) -> Network:
    """Return a network on a device.

    Raises:
        RestoreError: there is not enough memory, or it is a GPU and the process was forked.
    """
    try:
        with sentence_on_memory():
            return network.to(device)
    except RuntimeError as error:
        if "forked subprocess" not in str(error):
            raise
        raise RestoreError(
            "A process that was forked can't use the GPU; start processes by 'spawn'."
        ) from None


def free_memory(device: torch.device) -> int:
    """Return about how many bytes are free on `device`; `UNKNOWN_MEMORY` where nothing tells."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + kept  # which PyTorch uses again
    return min(_free_of_all(), _left_in_groups(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")))


def _free_of_all() -> int:
    """Return about how many bytes of the machine are free."""
    with suppress(OSError):
        told = Path("/proc/meminfo").read_text()
        if found := re.search(r"^MemAvailable: *(\d+) kB", told, re.M):
            return 1024 * int(found[1])
    with suppress(AttributeError, OSError, ValueError):  # a Mac tells what there is in all alone
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return UNKNOWN_MEMORY


def _left_in_groups(groups: Path, root: Path) -> int:
    """Return how many bytes the limits of containers leave to this process (cgroups of Linux).

    Args:
        groups: the file that names this process's groups.
        root: the folder of all groups; inside a container it may be the process's own.
    """
    left = sys.maxsize
    for version in GROUPS:
        with suppress(OSError):
            found = re.search(rf"^{version.line}:(.+)$", groups.read_text(), re.M)
            group = root / version.folder / (found[1] if found else "").strip("/")
            for place in (group, *group.parents):
                with suppress(OSError, ValueError):
                    left = min(left, version.left_in(place))
    return left
