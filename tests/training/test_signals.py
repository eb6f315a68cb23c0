"""What ends a run from outside."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from restore.errors import RestoreError
from restore.training import load_recipe, train
from restore.training.restorer_step import RestorerStep
from restore.training.signals import stop_on_signals, tell_of_memory
from restore.training.state import list_states

TINY = (
    "workers=0",
    "steps=2",
    "stages=[{size=32, batch=2, share=1}]",
    "generator.arguments={base='damaged', channels=[8, 8], blocks=[1, 1]}",
)


@pytest.mark.parametrize(
    ("told", "error", "words"),
    [
        (
            "DataLoader worker (pid 7) is killed by signal: Killed.",
            RestoreError,
            "if memory ran out",
        ),
        ("Caught RuntimeError in DataLoader worker process 0.", RuntimeError, "Caught"),
        (
            "DefaultCPUAllocator: can't allocate memory",
            RestoreError,
            "take smaller batches, as with",
        ),
    ],
)
def test_a_worker_that_is_gone_is_told_in_a_sentence_and_its_mistakes_are_not(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    told: str,
    error: type[Exception],
    words: str,
) -> None:
    def update(*_: object) -> None:
        raise RuntimeError(told)

    monkeypatch.setattr(RestorerStep, "update", update)
    with pytest.raises(error, match=words):
        train(load_recipe("mend", TINY), photos, tmp_path, device="cpu")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_asks_a_run_to_stop(name: str) -> None:
    number, asked = getattr(signal, name), []
    before = signal.getsignal(number)
    with stop_on_signals(lambda: asked.append(name)):
        signal.raise_signal(number)
    assert asked == [name] and signal.getsignal(number) is before


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("pause", [0.0, 2.0])
def test_a_second_signal_ends_a_run_at_once_unless_it_is_the_first_passed_on(
    monkeypatch: pytest.MonkeyPatch, pause: float
) -> None:
    clock = iter([10.0, 10.0 + pause])
    monkeypatch.setattr("restore.training.signals.time.monotonic", lambda: next(clock))
    asked: list[int] = []
    with (
        pytest.raises(KeyboardInterrupt) if pause else nullcontext(),
        stop_on_signals(lambda: asked.append(1)),
    ):
        signal.raise_signal(signal.SIGINT)
        assert asked == [1]
        signal.raise_signal(signal.SIGINT)
    assert len(asked) == (1 if pause else 2)


def test_memory_that_runs_out_later_is_told_with_the_weights_to_go_on_from(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(load_recipe("mend", (*TINY, "steps=1")), photos, tmp_path, device="cpu")

    def update(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(RestorerStep, "update", update)
    with pytest.raises(RestoreError, match=f"--from {tmp_path} --out ANOTHER") as raised:
        train(load_recipe("mend", TINY), photos, tmp_path, device="cpu")
    advice = re.search(r"--set '(.*)'", str(raised.value))
    assert advice and load_recipe("mend", (advice[1],)).stages[0].batch == 1


def test_the_advice_on_memory_keeps_what_else_a_stage_says(tmp_path: Path) -> None:
    stages = "stages=[{size=8,batch=3,share=1,fade=0.25},{size=16,batch=2,share=1,fade=0.5}]"
    recipe = load_recipe("style", (stages,))
    with pytest.raises(RestoreError) as raised, tell_of_memory(tmp_path, recipe.stages):
        raise MemoryError
    advice = re.search(r"--set '(.*)'", str(raised.value))
    assert advice
    smaller = load_recipe("style", (advice[1],))
    assert [stage.batch for stage in smaller.stages] == [2, 2]
    assert [stage.model_copy(update={"batch": 0}) for stage in smaller.stages] == [
        stage.model_copy(update={"batch": 0}) for stage in recipe.stages
    ]
    with (
        pytest.raises(RestoreError, match="take smaller pictures or networks"),
        tell_of_memory(tmp_path, smaller.stages),
    ):
        raise MemoryError


@pytest.mark.parametrize(
    ("recipe", "processes", "advised"),
    [
        ("faces", 1, "batch=16"),
        ("faces", 8, "batch=16"),
        ("faces", 16, "smaller pictures"),
        ("mend", 16, "batch=16"),
        ("mend", 32, "smaller pictures"),
    ],
)
def test_processes_can_share_the_batch_that_is_advised(
    tmp_path: Path, recipe: str, processes: int, advised: str
) -> None:
    stages = load_recipe(recipe, ("stages=[{size=64,batch=32,share=1}]",)).stages
    with (
        pytest.raises(RestoreError, match=advised),
        tell_of_memory(tmp_path, stages, processes),
    ):
        raise MemoryError


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_closed_terminal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals(pytest.fail):
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_to_all_processes_of_a_run_saves_it(
    photos: Path, tmp_path: Path, name: str
) -> None:
    settings = [word for s in (*TINY, "workers=2", "steps=100000") for word in ("--set", s)]
    command = [sys.executable, "-m", "restore", "train", str(photos), "--recipe", "mend"]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path), *settings],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "log.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    os.killpg(process.pid, getattr(signal, name))
    _, told = process.communicate(timeout=60)
    assert "Traceback" not in told, told
    assert re.search(r"Stopped at step \d+ of 100000", told), told
    assert list_states(tmp_path / "state")
