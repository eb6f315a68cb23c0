"""What a person sees of a run: a line that moves, and log.jsonl."""

import json
import os
import time
from collections.abc import Callable
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from torch import Tensor

LOG_STEPS = 50  # steps between two lines of the log
MUCH_WAITING = 0.3  # share of the time
OTHERS = 40  # characters of the line that are not facts
SHOWN = ("reconstruction", "perceptual", "adversarial", "discriminator")


def say(sentence: str, console: Console | None = None) -> None:
    """Print a sentence as it is on stderr."""
    console = console or Console(stderr=True)
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)


class Progress:
    """Counts steps and time; shows photos per second, losses and time left."""

    def __init__(self, steps: int, run: Path, workers: int = 0, shown: bool = True) -> None:
        """Write into the folder `run`; neither write nor show where not `shown`.

        `workers`: processes that read photos.
        """
        self.workers = workers
        self.shown, self.path = shown, run / "log.jsonl"
        self.console = Console(stderr=True, quiet=not shown)
        self.board = Board(run, self.say)
        self.failed = False  # to write the log, which has been told then
        self.lines, self.advised = 0, False
        self.bar = Bar(
            TextColumn("{task.completed:.0f}/{task.total:.0f} steps"),
            BarColumn(bar_width=10),
            TextColumn("{task.fields[facts]}"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=self.console,
        )
        self.task = self.bar.add_task("train", total=steps, facts="")
        self.forget()

    def begin(self, number: int) -> None:
        """Count from a step on, in which an earlier start of the run has stopped."""
        self.bar.update(self.task, completed=number)

    def forget(self) -> None:
        """Let the steps since the last line go, as those before a run goes back."""
        self.waiting, self.spent, self.photos, self.steps = 0.0, 0.0, 0, 0
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def __enter__(self) -> "Progress":
        self.bar.start()
        if self.shown:
            self.board.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()
        self.board.close()

    def say(self, sentence: str) -> None:
        """Print a sentence above the line that moves."""
        say(sentence, self.console)

    def waited(self, seconds: float) -> None:
        """Count time that was spent waiting for photos."""
        self.waiting += seconds

    def add(
        self, number: int, images: int, photos: int, spent: float, logs: dict[str, Tensor]
    ) -> None:
        """Count one step; every `LOG_STEPS` write the means since the last time."""
        self.spent += spent
        self.photos += photos
        self.steps += 1
        self.bar.update(self.task, completed=number)
        for name, value in logs.items():
            self.sums[name] = self.sums.get(name, 0) + value
            self.counts[name] = self.counts.get(name, 0) + 1
        if self.steps >= LOG_STEPS:
            self.tell(number, images)

    def tell(self, number: int, images: int) -> None:
        """Write the means of the steps since the last time, if there were any."""
        if not self.steps:
            return
        means = {name: float(total) / self.counts[name] for name, total in self.sums.items()}
        spent = max(self.spent, 1e-6)  # a clock may not have moved
        speed, waiting = self.photos / spent, self.waiting / spent
        self._advise(waiting)
        line = {"step": number, "images": images, "photos_per_second": round(speed, 2)}
        line["waiting"] = round(waiting, 3)
        self.log(line | {name: round(value, 5) for name, value in means.items()})
        facts = [f"{speed:.1f} photos/s", f"{waiting:.0%} waiting for photos"]
        facts += [f"{name} {means[name]:.3f}" for name in SHOWN if name in means]
        # What does not fit would cost the steps and the time left their places.
        while len(", ".join(facts)) > self.console.width - OTHERS and len(facts) > 1:
            facts.pop()
        self.bar.update(self.task, facts=", ".join(facts))
        self.forget()

    def _advise(self, waiting: float) -> None:
        """Tell once where reading photos holds training up; the first line has its start in it."""
        self.lines += 1
        if self.lines > 1 and waiting > MUCH_WAITING and not self.advised:
            self.advised = True
            more = min(max(4, 2 * self.workers), os.cpu_count() or 1)
            advice = (
                f"stop, and start the same command with --set workers={more}, so that more "
                "processes read them"
                if more > self.workers
                else "photos that are scaled down once, to little more than the squares that are "
                "cut from them, are read faster"
            )
            self.say(f"{waiting:.0%} of the time goes into waiting for photos; {advice}.")

    def log(self, facts: dict[str, Any]) -> None:
        """Append one line to log.jsonl, and its numbers to TensorBoard where that is installed.

        What is infinite or NaN is null, which JSON has a word for.
        """
        if not self.shown:
            return
        facts = {name: value if isfinite(value) else None for name, value in facts.items()}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"time": round(time.time())} | facts) + "\n")
        except OSError as error:
            if not self.failed:
                self.say(f"Can't write {self.path}: {error.strerror}; training goes on without.")
            self.failed = True
        self.board.log(facts)

    def picture(self, name: str, pixels: NDArray[np.uint8], step: int) -> None:
        """Show a picture (H, W, 3) uint8 in TensorBoard where that is installed."""
        self.board.picture(name, pixels, step)


class Board:
    """TensorBoard, where the package, an extra, is installed.

    Training goes on without it from the first thing that goes wrong with it, as on a full disk: its
    own thread, which writes, has ended then.
    """

    def __init__(self, run: Path, say: Callable[[str], None]) -> None:
        self.folder, self.say = run / "tensorboard", say
        self.writer: Any = None

    def open(self) -> None:
        """Begin to write into the folder of a run."""
        if find_spec("tensorboard") is not None:
            self._try(self._open)

    def _open(self) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(self.folder))

    def log(self, facts: dict[str, Any]) -> None:
        """Write the numbers of a step."""
        for name, value in facts.items():
            if name != "step" and value is not None and self.writer is not None:
                self._try(self.writer.add_scalar, name, value, facts["step"])

    def picture(self, name: str, pixels: NDArray[np.uint8], step: int) -> None:
        """Write a picture (H, W, 3) uint8."""
        if self.writer is not None:
            self._try(self.writer.add_image, name, pixels.transpose(2, 0, 1), step)

    def close(self) -> None:
        """Write what is left."""
        if self.writer is not None:
            self._try(self.writer.close)

    def _try(self, write: Callable[..., object], *facts: object) -> None:
        try:
            write(*facts)
        except Exception as error:  # whatever has ended its thread comes back from any call
            self.writer = None
            self.say(f"Can't write {self.folder}: {error}; training goes on without.")
