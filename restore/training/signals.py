"""What ends a run from outside: signals, and what others do to its processes and its memory."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from restore.device import memory_errors
from restore.errors import RestoreError
from restore.handlers import handled, list_endings
from restore.training.recipe import Stage
from restore.training.state import list_states

# Seconds; launchers of several processes pass Ctrl-C on, so that it comes twice at once.
AGAIN = 1.0


@contextmanager
def stop_on_signals(ask: Callable[[], None]) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal ask a run to end after the step in hand.

    The same signal a second later ends it as it would without us, as where a step never ends.
    """
    asked: dict[int, float] = {}  # by signal: when

    def hear(number: int, before: Any) -> None:
        now = time.monotonic()
        if now - asked.setdefault(number, now) > AGAIN:
            signal.signal(number, before)
            signal.raise_signal(number)
        ask()

    with handled([signal.SIGINT, *list_endings()], hear):
        yield


@contextmanager
def tell_of_workers() -> Iterator[None]:
    """Say in a sentence that a process which reads photos has ended, whenever it did."""
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker (pid" not in str(error):  # others come from inside one
            raise
        raise RestoreError(
            "A process that reads photos was ended from outside; if memory ran out, add --set "
            "workers=0. The same command goes on from the last state."
        ) from error


@contextmanager
def tell_of_memory(run: Path, stages: Sequence[Stage], processes: int = 1) -> Iterator[None]:
    """Say in a sentence that memory did not suffice, and how a run goes on with less.

    Args:
        run: its folder.
        stages: of its recipe.
        processes: how many share each batch.
    """
    try:
        with memory_errors():
            yield
    except MemoryError as error:
        start = f" --from {run} --out ANOTHER" if list_states(run / "state") else ""
        smaller = [_halve(stage, processes) for stage in stages]
        if smaller == list(stages):
            advice = "smaller pictures or networks"
        else:
            advice = f"smaller batches, as with{start} --set 'stages=[{_as_toml(smaller)}]'"
        raise RestoreError(f"There is not enough memory to train; take {advice}.") from error


def _halve(stage: Stage, processes: int) -> Stage:
    """Return a stage of half the batch, but of no less than its kind needs in each process."""
    each = max(stage.least_batch, stage.batch // processes // 2)
    return stage.model_copy(update={"batch": each * processes})


def _as_toml(stages: Sequence[Stage]) -> str:
    """Return stages as inline tables of TOML."""
    tables = (
        ", ".join(f"{key}={value:g}" for key, value in stage.model_dump().items())
        for stage in stages
    )
    return ", ".join(f"{{{table}}}" for table in tables)
