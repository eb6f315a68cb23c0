"""Handlers of signals, put up for a while."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType
from typing import Any


@contextmanager
def handled(numbers: Sequence[int], hear: Callable[[int, Any], None]) -> Iterator[None]:
    """Let `hear` handle signals inside the block, where this is the main thread.

    In other threads signals can't be handled, and nothing changes.

    Args:
        numbers: of the signals.
        hear: is called with a number and the handler that the signal had before.
    """
    if current_thread() is not main_thread():
        yield
        return
    old = {number: signal.getsignal(number) for number in numbers}

    def handle(number: int, _: FrameType | None) -> None:
        hear(number, old[number])

    for number in old:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def list_endings() -> list[signal.Signals]:
    """Return the signals that end a program whose user may be gone.

    That of a closed terminal is one only where it is not ignored, as by nohup.
    """
    closed = getattr(signal, "SIGHUP", None)  # which Windows has not
    if closed is None or signal.getsignal(closed) is signal.SIG_IGN:
        return [signal.SIGTERM]
    return [signal.SIGTERM, closed]
