"""Writing files: whole or not at all, and never over what shall stay."""

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from restore.errors import RestoreError, UsageError


def check_target(path: Path, *, overwrite: bool = False) -> None:
    """Refuse what can't be written to, before any work is done.

    Raises:
        UsageError: it is a folder, or exists and shall not be overwritten.
        RestoreError: there is no folder to write it into, or none that may be written into.
    """
    if str(path) == "-":
        raise UsageError("Pictures are written to files, not to standard output; name a file.")
    with _told_of(path):
        if path.is_dir():
            raise UsageError(f"{path} is a folder; name a file in it.")
        if not path.parent.is_dir():
            raise RestoreError(f"There is no folder {path.parent} to write {path.name} into.")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if os.path.lexists(path):
            if not overwrite:
                raise UsageError(f"{path} exists; add --overwrite, or name another file.")
            if (path.exists() and not path.is_file()) or _leads_to_a_process(path):
                raise UsageError(f"{path} is not a file that could be replaced.")


def _leads_to_a_process(path: Path) -> bool:
    """Tell whether a link leads to what a process has open, as /dev/stdout does.

    It looks like a file where that is redirected to one.
    """
    for _ in range(40):  # links, as many as the system follows
        place = real_path(path.parent)
        if place.is_relative_to("/proc") or path.parent == Path("/dev/fd"):
            return True
        if not path.is_symlink():
            return False
        path = path.parent / path.readlink()
    return False


def write_bytes(
    path: str | Path,
    data: bytes | memoryview,
    *,
    overwrite: bool = False,
    permissions: int = 0o666,
) -> None:
    """Write a file under another name in the same folder and rename it once it is whole.

    A file that is there already and holds the same is left as it is.

    Args:
        path: the file.
        data: its content.
        overwrite: replace an existing file, whose permissions stay.
        permissions: that a new file gets as far as the umask allows.

    Raises:
        UsageError: the file exists and shall not be overwritten.
        RestoreError: no such folder, no permission, a full disk; nothing is left behind.
    """
    path = Path(path)
    part = path.with_name(f"{part_prefix(path)}_{secrets.token_hex(6)}.part")
    with _told_of(path):
        if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
            return
        check_target(path, overwrite=overwrite)
        try:
            part.touch(permissions | 0o600, exist_ok=False)
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _put(part, path, overwrite)
        finally:
            part.unlink(missing_ok=True)


def _put(part: Path, path: Path, overwrite: bool) -> None:
    """Give a whole file its name, but not that of a file which has come meanwhile.

    Without hard links one that comes between two system calls would still be replaced.
    """
    if not overwrite:
        try:
            path.hardlink_to(part)  # fails where the name is taken, as renaming does not
        except OSError:  # taken, or no hard links on this disk
            if path.exists() and path.samefile(part):  # a network disk did it and lost its answer
                return
        else:
            return
    check_target(path, overwrite=overwrite)
    with suppress(OSError):  # a new file, or a disk without permissions
        part.chmod(stat.S_IMODE(path.stat().st_mode))
    part.replace(path)


def permissions_for(path: Path) -> int:
    """Return what a new file made of this one may have: its owner all, others no more than here.

    A new file may be of another group, which then counts as others do.
    """
    facts = path.stat()
    others = facts.st_mode & 0o006
    own_group = not hasattr(os, "getegid") or facts.st_gid == os.getegid()
    return 0o600 | (facts.st_mode & 0o060 if own_group else others << 3) | others


def part_prefix(path: Path) -> str:
    """Return how the names begin under which a file is written before it is whole."""
    return f".restore-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}"


@contextmanager
def _told_of(path: Path) -> Iterator[None]:
    """Turn the system's errors into a sentence about `path`."""
    try:
        yield
    except OSError as error:
        raise RestoreError(f"Can't write {path}: {error.strerror or error}.") from None


def real_path(path: Path) -> Path:
    """Return where a path leads through all links; of links that loop, as far as they lead.

    `Path.resolve` has an error for these that is none of the system's (before Python 3.13).
    """
    return Path(os.path.realpath(path))
