"""Files that come into a folder together, all or none, and folders that one run has for itself."""

import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from restore.errors import RestoreError
from restore.image import check_target

ASIDE = ".old"  # where old files lie until the new ones are in their place


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Make a folder, and in it one for what is not finished, which is gone at the end.

    Of a failure nothing is left but old files that `replace_all` could not put back.
    """
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    part = folder / f".restore-{secrets.token_hex(6)}.part"
    try:
        part.mkdir(parents=True)
        yield part
    except BaseException:
        if not any((part / ASIDE).glob("*")):  # what could not be put back stays there
            shutil.rmtree(part, ignore_errors=True)
        for place in new:  # the innermost first
            with suppress(OSError):
                place.rmdir()
        raise
    shutil.rmtree(part)


def replace_all(folder: Path, old: Iterable[Path], part: Path) -> None:
    """Put what is in `part` in the place of what is `old`, which goes into `part`.

    Where anything fails all is put back, and what has come meanwhile stays in any case.

    Raises:
        UsageError: there is something else of such a name.
    """
    fresh, aside = sorted(part.iterdir()), part / ASIDE
    aside.mkdir()
    moves = [(path, aside / path.name) for path in old]
    moves += [(path, folder / path.name) for path in fresh]
    begun: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            check_target(target)
            begun.append((source, target))
            source.rename(target)
    except BaseException:
        for source, target in reversed(begun):
            with suppress(OSError):
                # The last may not have been moved yet, and of the old ones a place may be taken.
                if os.path.lexists(target) and not os.path.lexists(source):
                    target.rename(source)
        raise


def lock(opened: int, folder: Path, *, shared: bool = False) -> None:
    """Lock what is open under a descriptor, until it is closed; locks are Unix only.

    Args:
        opened: the descriptor.
        folder: that the lock stands for.
        shared: beside other shared locks; it is refused only while a run has the folder alone.

    Raises:
        RestoreError: another run has it.
    """
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(opened, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RestoreError(f"Another run is writing into {folder}; wait for it.") from None
    except OSError:  # a file system without locks
        return


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make a folder and have it for this run alone, where the system can lock folders.

    If it was made for this and nothing has come into it, it is gone at the end.

    Raises:
        RestoreError: another run has it.
    """
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    opened = None if sys.platform == "win32" else os.open(folder, os.O_RDONLY)
    try:
        if opened is not None:
            lock(opened, folder)
        try:
            yield
        finally:
            if new:
                with suppress(OSError):
                    folder.rmdir()
    finally:
        if opened is not None:
            os.close(opened)
