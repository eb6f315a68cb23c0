"""Where networks run: the names of devices, and how memory is kept on a processor."""

import platform
import subprocess
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from restore import device
from restore.device import free_memory, memory_errors, pick_device, to_device
from restore.errors import RestoreError, UsageError


def test_an_unknown_device_is_told() -> None:
    with pytest.raises(UsageError, match="Did you mean 'cpu'"):
        pick_device("cpo")


def test_a_device_may_have_a_number_or_be_one_of_torch() -> None:
    assert pick_device(torch.device("cpu")) == torch.device("cpu")
    assert pick_device("cpu:0") == torch.device("cpu", 0)
    with pytest.raises(UsageError, match="offers no 'cpu:1'"):
        pick_device("cpu:1")
    with pytest.raises(UsageError, match="offers no 'cuda:99'"):
        pick_device("cuda:99")
    for name in ("cpu:x", "cpu:", "cpu:00", "cpu:٠"):
        with pytest.raises(UsageError, match="offers no 'cpu:"):
            pick_device(name)


@pytest.mark.parametrize(
    "told",
    [
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes",
        "DefaultCPUAllocator: not enough memory: you tried to allocate 4 bytes",
        "MPS backend out of memory (MPS allocated: 5 GB)",
        torch.OutOfMemoryError("CUDA out of memory."),
    ],
)
def test_too_little_memory_is_one_error_that_holds_nothing(told: str | Exception) -> None:
    """What a smaller try needs must not be kept by the error of a larger one."""
    made = []

    def fail() -> None:
        layer = torch.zeros(4)
        made.append(weakref.ref(layer))
        raise told if isinstance(told, Exception) else RuntimeError(told)

    with pytest.raises(MemoryError) as raised, memory_errors():
        fail()
    assert made[0]() is None
    assert str(raised.value) == str(told)


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_errors():
        raise RuntimeError("shapes differ")


def test_what_pytorch_keeps_on_a_gpu_counts_as_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1000, 4000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 500)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 200)
    assert free_memory(torch.device("cuda")) == 1300


def test_half_of_a_mac_s_memory_is_taken_for_free(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"SC_PHYS_PAGES": 2**21, "SC_PAGE_SIZE": 2**14}
    monkeypatch.setattr(device.Path, "read_text", lambda *_: "")  # no /proc
    monkeypatch.setattr(device.os, "sysconf", told.__getitem__)
    assert free_memory(torch.device("mps")) == 2**34
    monkeypatch.delattr(device.os, "sysconf")
    assert free_memory(torch.device("cpu")) == device.UNKNOWN_MEMORY


@pytest.mark.parametrize(("most", "kept"), [(2**40, 256), (32 * 2**20, 32), (0, None)])
def test_memory_is_kept_only_where_the_c_library_keeps_large_blocks(
    monkeypatch: pytest.MonkeyPatch, most: int, kept: int | None
) -> None:
    """Old ones refuse more than 32 MiB; to trim late alone would do harm."""
    asked: dict[int, int] = {}

    def mallopt(option: int, value: int) -> int:
        if option == device._MMAP_THRESHOLD and value > most:
            return 0
        asked[option] = value
        return 1

    monkeypatch.setattr(device.ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=mallopt))
    monkeypatch.setattr(device.sys, "platform", "linux")
    pick_device("cpu")
    if kept is None:
        assert asked == {}
    else:
        assert asked[device._MMAP_THRESHOLD] == kept * 2**20 and len(asked) == 3


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back so")
def test_freed_memory_is_kept_for_the_next_tensors() -> None:
    """Eight tensors of 4 MiB have 8,192 pages; after some rounds they cost none."""
    program = (
        "import resource, torch\n"
        "from restore.device import pick_device\n"
        "device, faults = pick_device('cpu'), []\n"
        "for _ in range(6):\n"
        "    tensors = [torch.ones(2**20, device=device) for _ in range(8)]\n"
        "    del tensors\n"
        "    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)\n"
        "assert faults[-1] - faults[-2] < 1000, faults\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("line", "folder", "limit", "used", "cache"),
    [
        ("0::/box", "box", "memory.max", "memory.current", "inactive_file"),
        ("0::/box/inner", "box", "memory.max", "memory.current", "inactive_file"),
        ("0::/", "", "memory.max", "memory.current", "inactive_file"),
        (
            "4:memory:/box",
            "memory/box",
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "total_inactive_file",
        ),
    ],
)
def test_the_limit_of_a_container_counts(
    tmp_path: Path, line: str, folder: str, limit: str, used: str, cache: str
) -> None:
    groups, root = tmp_path / "groups", tmp_path / "root"
    groups.write_text(f"9:name=systemd:/\n{line}\n")
    (root / folder).mkdir(parents=True)
    (root / folder / limit).write_text("1000\n")
    (root / folder / used).write_text("700\n")
    (root / folder / "memory.stat").write_text(f"cache 120\n{cache} 50\n")
    assert device._left_in_groups(groups, root) == 350
    (root / folder / limit).write_text("max\n")
    assert device._left_in_groups(groups, root) == sys.maxsize
    assert device._left_in_groups(tmp_path / "absent", root) == sys.maxsize


def test_free_memory_is_what_machine_and_container_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    free = free_memory(torch.device("cpu"))
    assert 2**24 < free < 2**46
    monkeypatch.setattr(device, "_left_in_groups", lambda *_: 12_345)
    assert free_memory(torch.device("cpu")) == 12_345


def test_a_network_that_does_not_fit_or_may_not_go_there_is_told(monkeypatch) -> None:
    layer = torch.nn.Linear(1, 1)
    assert to_device(layer, torch.device("cpu")) is layer
    for told, words in (
        (torch.OutOfMemoryError("CUDA out of memory."), "not enough memory"),
        (RuntimeError("Cannot re-initialize CUDA in forked subprocess."), "by 'spawn'"),
    ):

        def fail(*_: object, error: Exception = told) -> None:
            raise error

        monkeypatch.setattr(torch.nn.Linear, "to", fail)
        with pytest.raises(RestoreError, match=words):
            to_device(layer, torch.device("cpu"))
