"""What decoders tell past our own sentences: printed in C to file descriptor 2, and as warnings.

A program of our own keeps that from its user. One that uses us as a library has its stderr and its
filters of warnings for itself.
"""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

_lock = Lock()
_hushed = False  # whether this process is ours
_silent = 0  # how many threads are in `stderr_silenced`
_stderr = -1  # what descriptor 2 was before that


def hush_decoders() -> None:
    """Keep from the user of this process, which is ours, what decoders print and warn of."""
    global _hushed
    _hushed = True
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").addHandler(logging.NullHandler())


@contextmanager
def stderr_silenced() -> Iterator[None]:
    """Let nothing be printed to file descriptor 2 meanwhile, by any thread, but what is spoken.

    In a process that is not ours it does nothing, as others print there, too.
    """
    if not _hushed:
        yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


@contextmanager
def stderr_spoken() -> Iterator[None]:
    """Let the user read what is printed to stderr now, though others may keep it silent."""
    with _lock:
        if not _silent or _stderr < 0:
            yield
            return
        os.dup2(_stderr, 2)
        try:
            yield
        finally:
            _silence()


def _enter() -> None:
    global _silent, _stderr
    with _lock:
        _silent += 1
        if _silent > 1:
            return
        try:
            _stderr = os.dup(2)
        except OSError:  # a program without stderr
            _stderr = -1
            return
        _silence()


def _leave() -> None:
    global _silent, _stderr
    with _lock:
        _silent -= 1
        if not _silent and _stderr >= 0:
            os.dup2(_stderr, 2)
            os.close(_stderr)
            _stderr = -1


def _silence() -> None:
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
