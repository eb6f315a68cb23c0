"""What ends a run from outside."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread


@contextmanager
def stop_on_signals(ask: Callable[[], None]) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal ask a run to end after the step in hand."""
    if current_thread() is not main_thread():  # only there can signals be handled
        yield
        return
    old = {number: signal.signal(number, lambda *_: ask()) for number in _list_signals()}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _list_signals() -> list[signal.Signals]:
    """Return the signals; that of a closed terminal only where it is not ignored, as by nohup."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    closed = getattr(signal, "SIGHUP", None)  # which Windows has not
    if closed is not None and signal.getsignal(closed) is not signal.SIG_IGN:
        numbers.append(closed)
    return numbers
