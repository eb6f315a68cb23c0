"""A folder on a Ray cluster: the same bytes, and nothing lost when a worker dies."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from restore.errors import RestoreError, UsageError
from restore.folders import FixOptions, Shard, Tree, fix_folder, plan_folder
from restore.folders.cluster import Actor, _pick_actors

TREE = Tree(Path("photos"), Path("out"), FixOptions(Path("masks")))
NAMES = [f"{n:02}.png" for n in range(40)]


def test_without_ray_one_sentence_says_how_to_get_it(
    make_album, fake_restorer, monkeypatch
) -> None:
    make_album("a.png")
    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(
        RestoreError, match=r'^--ray needs Ray; pip install "restore-gan\[ray\]"\.$'
    ):
        list(fix_folder(plan_folder(TREE), ray="auto"))
    with pytest.raises(UsageError, match="There is no device 'cdua'"):
        list(fix_folder(plan_folder(TREE), ray="auto", device="cdua"))
    with pytest.raises(UsageError, match="--watch waits for photos here"):
        list(fix_folder(plan_folder(TREE), ray="auto", watch=1.0))
    assert not TREE.out.exists()  # so that nothing is in the way of a run without it


@pytest.mark.parametrize(
    ("resources", "device", "expected"),
    [
        (
            {"CPU": 8.0, "node:a": 1.0, "node:b": 1.0, "node:__internal_head__": 1.0},
            "auto",
            (2, {"num_cpus": 4}),
        ),
        ({"CPU": 8.0, "GPU": 2.0, "node:a": 1.0}, "auto", (2, {"num_gpus": 1})),
        ({"CPU": 8.0, "GPU": 2.0, "node:a": 1.0}, "cpu", (1, {"num_cpus": 8})),
        ({}, "cpu", (1, {"num_cpus": 1})),
    ],
)
def test_actors_share_the_cores_of_their_machines(
    resources: dict[str, float], device: str, expected: tuple[int, dict]
) -> None:
    assert _pick_actors(resources, 16, device) == expected


def test_a_worker_replaces_nothing_that_the_run_has_not_made(
    make_album, write_picture, fake_restorer
) -> None:
    make_album("a.png", "b.png")
    assert {entry.status for entry in fix_folder(plan_folder(TREE))} == {"done"}
    retouched = write_picture("out/a.png", np.zeros((9, 9, 3), np.uint8)).read_bytes()
    plan = plan_folder(replace(TREE, resume=True))
    actor = Actor(plan, "fake", "cpu", 2, torch.get_num_threads(), str(Path.cwd()))
    news = [json.loads(line) for line in actor({"item": np.array([0, 1])})["news"]]
    assert [entry["status"] for entry in news] == ["failed", "kept"]
    assert Path("out/a.png").read_bytes() == retouched


@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "a:b"])
def test_no_cluster_is_one_sentence(address: str, make_album, fake_restorer) -> None:
    pytest.importorskip("ray.data", reason="Ray is not installed")
    make_album("a.png")
    with pytest.raises(RestoreError, match=f"^The Ray cluster '{address}' could not do the work"):
        list(fix_folder(plan_folder(TREE), ray=address))


@pytest.fixture
def cluster() -> Iterator[str]:
    """The address of a cluster on this machine that takes two workers for what it has room for."""
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    ray.init(
        log_to_driver=False,
        num_cpus=2 * torch.get_num_threads(),
        include_dashboard=False,
        object_store_memory=10**8,
        logging_level="ERROR",
    )
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()


def read_all(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).glob("*.png")}


def actors_below(parent: int) -> list[int]:
    """Return the processes of our actors among those that `parent` has started."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, todo = [], [parent]
    while todo:
        for pid in children.get(todo.pop(), []):
            todo.append(pid)
            if b"MapWorker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


@pytest.mark.slow
def test_a_cluster_gives_the_same_bytes_and_a_worker_that_dies_loses_nothing(
    cluster: str, make_album, tiny_checkpoint
) -> None:
    make_album(*NAMES)
    options = {"model": str(tiny_checkpoint), "device": "cpu"}
    list(fix_folder(plan_folder(TREE), **options))
    elsewhere = replace(TREE, out=Path("elsewhere"))
    killed: list[int] = []
    photos = []
    for entry in fix_folder(plan_folder(elsewhere), ray=cluster, **options):
        photos.append((entry.photo, entry.status))
        if not killed:
            killed = actors_below(os.getpid())[:1]
            os.kill(killed[0], signal.SIGKILL)
    assert len(killed) == 1
    assert photos == [(name, "done") for name in NAMES]
    assert read_all("elsewhere") == read_all("out")
    lines = Path("elsewhere/report.jsonl").read_text().splitlines()
    assert [json.loads(line)["photo"] for line in lines] == NAMES

    command = [sys.executable, "-m", "restore", "fix", "photos", "--mask", "masks", "--out", "part"]
    command += ["--model", str(tiny_checkpoint), "--ray", cluster, "--shard", "1/3"]
    ran = subprocess.run(command, capture_output=True, text=True)
    mine = [name for name in NAMES if Shard(1, 3).holds(name)]
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr  # Ray itself says a line there
    assert ran.stdout == f"{len(mine)} fixed, 0 failed; see part/report-1-of-3.jsonl\n"
    assert read_all("part") == {name: read_all("out")[name] for name in mine}
