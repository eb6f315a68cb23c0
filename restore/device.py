"""Where a network runs, and in which precision it is quick there."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from restore.errors import UsageError
from restore.tables import look_up

DEVICES: dict[str, Callable[[], bool]] = {
    "cpu": lambda: True,
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
}


def pick_device(name: str = "auto") -> torch.device:
    """Return the device called `name`; "auto" is the fastest one at hand.

    Raises:
        UsageError: an unknown name, or a device that this machine lacks.
    """
    if name == "auto":
        name = next(n for n in ("cuda", "mps", "cpu") if DEVICES[n]())
    if not look_up(DEVICES, name, "device")():
        raise UsageError(f"This machine offers no '{name}' to PyTorch; try --device auto.")
    return torch.device(name)


def has_fast_bf16(device: torch.device) -> bool:
    """Tell whether bfloat16 convolutions are faster than float32 ones on `device`."""
    if device.type == "cuda":
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
