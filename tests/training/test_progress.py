import json
from pathlib import Path

import numpy as np
import pytest
import torch

from restore.training.progress import LOG_STEPS, Progress


def _count(progress: Progress) -> None:
    for number in range(1, LOG_STEPS + 1):
        progress.waited(0.25)
        progress.add(number, 2 * number, 2, 1.0, {"reconstruction": torch.tensor(0.5)})


def test_the_log_holds_means_speed_and_waiting(tmp_path: Path) -> None:
    _count(Progress(100, tmp_path))
    (line,) = map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines())
    assert line["step"] == LOG_STEPS and line["images"] == 2 * LOG_STEPS
    assert line["photos_per_second"] == 2 and line["waiting"] == 0.25
    assert line["reconstruction"] == 0.5


def test_each_step_moves_the_line(tmp_path: Path) -> None:
    progress = Progress(100, tmp_path)
    with progress:
        progress.begin(3)
        progress.add(4, 8, 2, 1.0, {})
        assert progress.bar.tasks[0].completed == 4


def test_a_process_that_is_not_the_first_writes_nothing(tmp_path: Path) -> None:
    progress = Progress(100, tmp_path / "run", shown=False)
    _count(progress)
    progress.say("hello")
    progress.picture("preview", np.zeros((4, 4, 3), np.uint8), 1)
    assert not (tmp_path / "run").exists()


def test_a_log_that_can_not_be_written_is_told_once(tmp_path: Path, capsys) -> None:
    (tmp_path / "log.jsonl").mkdir()
    progress = Progress(100, tmp_path)
    _count(progress)
    _count(progress)
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("training goes on without") == 1 and "log.jsonl" in told


def test_a_run_that_is_refused_has_nothing_of_tensorboard(tmp_path: Path) -> None:
    Progress(100, tmp_path)
    assert not list(tmp_path.iterdir())


def test_tensorboard_gets_scalars_and_pictures(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is an extra")
    progress = Progress(100, tmp_path)
    with progress:
        _count(progress)
        progress.picture("preview", np.zeros((4, 4, 3), np.uint8), 1)
    (events,) = (tmp_path / "tensorboard").iterdir()
    assert b"reconstruction" in events.read_bytes() and b"preview" in events.read_bytes()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_line_has_room_for_steps_and_time_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "dumb")
    progress = Progress(100_000, tmp_path)
    with progress:
        progress.begin(90_000)
        for number in range(90_001, 90_001 + LOG_STEPS):
            losses = {name: torch.tensor(1.0) for name in ("reconstruction", "discriminator")}
            progress.add(number, 8 * number, 8, 1.0, losses)
    line = capsys.readouterr().err
    assert "90050/100000 steps" in line and "8.0 photos/s" in line and "…" not in line
    assert ("discriminator" in line) == (width == 200)


@pytest.mark.parametrize(
    ("workers", "cores", "advice"),
    [
        (1, 8, "--set workers=4"),
        (3, 8, "--set workers=6"),
        (0, 2, "--set workers=2"),
        (8, 8, "scaled down once"),
    ],
)
def test_waiting_for_photos_is_told_once(
    tmp_path: Path, capsys, monkeypatch, workers: int, cores: int, advice: str
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    progress = Progress(1000, tmp_path, workers)
    for part in (0.5, 0.2, 0.5, 0.5):  # of the first the start is a part
        for number in range(LOG_STEPS):
            progress.waited(part)
            progress.add(number, number, 2, 1.0, {})
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("50% of the time goes into waiting for photos") == 1
    assert told.count(advice) == 1


def test_what_ends_tensorboard_does_not_end_training(tmp_path: Path, capsys) -> None:
    class Full:
        def add_scalar(self, *_: object) -> None:
            raise OSError("No space left on device")

    progress = Progress(4, tmp_path)
    with progress:
        progress.board.writer = Full()
        progress.log({"step": 1, "loss": float("nan"), "mean": 0.5})
        progress.log({"step": 2, "mean": 0.5})
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("No space left on device; training goes on without.") == 1
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line.get("loss", 0) for line in lines] == [None, 0]


def test_steps_before_a_run_goes_back_are_forgotten(tmp_path: Path) -> None:
    progress = Progress(9, tmp_path)
    with progress:
        progress.add(1, 2, 2, 0.1, {"loss": torch.tensor(float("nan"))})
        progress.forget()
        progress.add(1, 4, 2, 0.0, {"loss": torch.tensor(0.25)})
        progress.tell(1, 4)
    (line,) = (tmp_path / "log.jsonl").read_text().splitlines()
    assert json.loads(line)["loss"] == 0.25
