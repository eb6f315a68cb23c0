import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from restore.errors import UsageError
from restore.training import load_recipe, train
from restore.training.state import list_states
from restore.training.tasks import check_fit, find_task
from restore.training.team import Noise, Team, mix_seed

SHARED = (
    "steps=4",
    "warmup=1",
    "workers=0",
    "precision=fp32",
    "augment=on",
    "hint=0.5",
    "ema=0.5",
    "stages=[{size=32, batch=4, share=1}]",
    "generator.arguments={channels=[8, 16], dilations=[1, 2], attention=[1]}",
    "discriminator.arguments={channels=[8, 8, 8, 8]}",
    "optimizer={kind='sgd', lr=0.05, discriminator_lr=0.05}",
    "losses.diversity.every=2",
    "losses.r1.every=2",
)


def _team(rank: int, size: int) -> Team:
    team = Team("cpu")
    team.rank, team.size = rank, size
    return team


def test_each_process_needs_pictures_to_compare() -> None:
    recipe = load_recipe("mlp", ("stages=[{size=28, batch=4, share=1}]",))
    task = find_task(recipe)(recipe, Team("cpu"), None, print)
    with pytest.raises(UsageError, match="A batch of 4 is too small for 4 processes"):
        check_fit(task, _team(0, 4), None)


def test_noise_is_shared_out() -> None:
    whole, first, second = (Noise(3, _team(*place)) for place in ((0, 1), (0, 2), (1, 2)))
    for draw in ("normal", "uniform"):
        parts = [getattr(noise, draw)(2, 5) for noise in (first, second)]
        assert torch.equal(getattr(whole, draw)(4, 5), torch.cat(parts))
    assert whole.one_of(1000) == first.one_of(1000) == second.one_of(1000)


def test_every_part_of_the_seed_counts() -> None:
    seeds = [(1, 16), (2, 16), (1, 17), 3, 3 + 2**32, 3 + 2**70]
    drawn = [Noise(seed, _team(0, 1)).normal(4) for seed in seeds]
    for index, one in enumerate(drawn):
        assert not any(torch.equal(one, other) for other in drawn[index + 1 :])


def test_dropout_has_numbers_of_its_own() -> None:
    torch.manual_seed(mix_seed((1, 16, 1)))
    assert not torch.equal(torch.randn(4), Noise((1, 16), _team(0, 1)).normal(4))


def test_processes_that_do_not_see_each_other_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("accelerate", reason="accelerate is an extra")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("accelerate.Accelerator", lambda **_: SimpleNamespace(num_processes=1))
    with pytest.raises(UsageError, match="2 processes were started, and accelerate finds 1"):
        Team("auto")


def test_a_batch_that_can_not_be_shared_is_told() -> None:
    assert _team(0, 3).share(12) == 4
    with pytest.raises(UsageError, match="multiple of 3"):
        _team(0, 3).share(8)


def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="accelerate is an extra")
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    for index in range(8):
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8)).save(photos / f"{index}.png")
    train(load_recipe("inpaint", SHARED), photos, tmp_path / "one", device="cpu")
    settings = [word for override in SHARED for word in ("--set", override)]
    words = ["train", str(photos), "--out", str(tmp_path / "two"), "--device", "cpu", *settings]
    _run_twice("-m", "restore", *words)
    one, two = (_tensors(tmp_path / name) for name in ("one", "two"))
    for name, value in one.items():
        difference = (two[name].float() - value.float()).norm()
        assert difference <= 1e-4 * value.float().norm() + 1e-7, name
    logs = [_last_log(tmp_path / name) for name in ("one", "two")]
    assert logs[0]["held_out_l1"] == pytest.approx(logs[1]["held_out_l1"], rel=1e-4)
    assert logs[1]["images"] == 16


def test_processes_know_whether_they_agree(tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="accelerate is an extra")
    script = tmp_path / "agree.py"
    script.write_text(
        "from restore.training.team import Team\n"
        "team = Team('cpu')\n"
        "assert team.size == 2\n"
        "assert team.agree(7, 9) and not team.agree(7, team.rank)\n"
        "team.leave()\n"
    )
    _run_twice(str(script))
    assert _team(0, 1).agree(1, 2)


def _run_twice(*words: str) -> None:
    """Run a script or module in two processes that know of each other.

    By PyTorch's own launcher: without GPUs that of accelerate starts a single one.
    """
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*launcher, "--nproc_per_node", "2", *words]
    subprocess.run(command, check=True, timeout=240, env=os.environ | {"OMP_NUM_THREADS": "1"})


def _tensors(run: Path) -> dict[str, torch.Tensor]:
    return load_file(list_states(run / "state")[-1] / "tensors.safetensors")


def _last_log(run: Path) -> dict[str, float]:
    line: dict[str, float] = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    return line
