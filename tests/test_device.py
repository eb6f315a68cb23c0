"""Where networks run: the names of devices, and how memory is kept on a processor."""

import platform
import subprocess
import sys

import pytest

from restore.device import pick_device
from restore.errors import UsageError


def test_an_unknown_device_is_told() -> None:
    with pytest.raises(UsageError, match="Did you mean 'cpu'"):
        pick_device("cpo")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back so")
def test_freed_memory_is_kept_for_the_next_tensors() -> None:
    """Eight tensors of 4 MiB have 8,192 pages; taken again they cost few."""
    program = (
        "import resource, torch\n"
        "from restore.device import pick_device\n"
        "device, faults = pick_device('cpu'), []\n"
        "for _ in range(3):\n"
        "    tensors = [torch.ones(2**20, device=device) for _ in range(8)]\n"
        "    del tensors\n"
        "    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)\n"
        "assert faults[2] - faults[1] < 4000, faults\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
