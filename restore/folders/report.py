"""OUT/report.jsonl: one line for each result and each failure, which the next run goes on from."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import MISSING, asdict, dataclass, fields
from io import FileIO
from pathlib import Path
from typing import Literal

from restore.errors import RestoreError, UsageError
from restore.folders.options import FixOptions
from restore.listing import REPORT
from restore.staging import lock


@dataclass(frozen=True)
class Entry:
    """What became of a photo: a line of the report.

    Attributes:
        photo: its path in the folder of photos, with "/".
        mask: the mask's path; None where the photo marks its own hole or none was found.
        out: the result's path in the folder of results; None where none was written.
        status: "done"; "failed"; or "kept": done by an earlier run, and not written down again.
        sentence: why it failed, or what is odd about it, as a mask that marks nothing.
        seconds: that reading, filling and writing took.
        seed: of the fill.
        settings: the other options that the result depends on.
        model: name of the restorer.
        model_sha256: of its checkpoint; several are joined by "+".
        photo_sha256: of the photo's file, None where it can't be read or failed before that.
        mask_sha256: of the mask's file.
        out_sha256: of the result's file.
        hole: the share of the photo that was filled; None where nothing said what to fill.
    """

    photo: str
    mask: str | None
    out: str | None
    status: Literal["done", "failed", "kept"]
    sentence: str | None
    seconds: float
    seed: int
    settings: dict[str, object]
    model: str
    model_sha256: str | None
    photo_sha256: str | None
    mask_sha256: str | None
    out_sha256: str | None
    hole: float | None = None


def find_reports(out: Path) -> list[Path]:
    """Return the reports of all earlier runs in a folder of results, whatever part they did."""
    return sorted(path for path in out.glob("report*.jsonl") if REPORT.fullmatch(path.name))


def read_reports(out: Path) -> dict[str, list[Entry]]:
    """Return what the reports in a folder of results say is done, by result.

    A line that is no entry, such as the last one of a run that was killed, is passed over, and so
    are links, which are no reports of ours.
    """
    done: dict[str, list[Entry]] = {}
    names = {field.name for field in fields(Entry)}
    needed = {field.name for field in fields(Entry) if field.default is MISSING}
    reports = (path for path in find_reports(out) if not path.is_symlink())
    for line in (line for path in reports for line in path.read_bytes().splitlines()):
        try:
            values = json.loads(line)
        except ValueError:
            continue
        if not isinstance(values, dict) or not needed <= set(values):
            continue
        if values["status"] == "done" and isinstance(values["settings"], dict):
            # Options that an older version did not know were as they are by default.
            values["settings"] = FixOptions().settings | values["settings"]
            known = {name: value for name, value in values.items() if name in names}
            done.setdefault(str(values["out"]), []).append(Entry(**known))
    return done


@contextmanager
def open_report(
    path: Path, *, append: bool, endless: bool = False
) -> Iterator[Callable[[Entry], None]]:
    """Open the report for this run alone, and hand out what writes an entry at once.

    Args:
        path: the report; it is made where it is missing.
        append: whether what it says stays. Else it goes at the end, so that a run which is stopped
            before can be gone on with.
        endless: whether the run has no end of its own; what does not stay goes at once then.

    Raises:
        UsageError: it is a link, which might lead out of the folder of results.
        RestoreError: another run has it open, or it can't be written.
    """
    if path.is_symlink():
        raise UsageError(f"{path} is a link and is not written to; remove it.")
    new = not path.exists()
    try:
        file = path.open("ab+", buffering=0)
    except OSError as error:
        raise RestoreError(f"Can't write {path}: {error.strerror}.") from None
    with file:
        lock(file.fileno(), path.parent)
        try:
            _refuse_other_parts(path)
        except RestoreError:
            if new:  # or it would tell of a run that has not begun
                path.unlink()
            raise
        if endless and not append:
            file.truncate(0)
        _end_line(file)
        start = file.seek(0, os.SEEK_END)
        yield lambda entry: _write_entry(file, path, entry)
        if not append:
            _drop_before(file, start, path)


def _refuse_other_parts(path: Path) -> None:
    """Refuse a run beside one that has the folder divided otherwise, and so may make the same."""
    for other in find_reports(path.parent):
        alike = REPORT.sub(r"\1", other.name) == REPORT.sub(r"\1", path.name)
        if not alike and not other.is_symlink():
            with suppress(OSError), other.open("rb", buffering=0) as file:
                lock(file.fileno(), other.parent, shared=True)


def _end_line(file: FileIO) -> None:
    """End a line that a killed run has left unfinished."""
    size = file.seek(0, os.SEEK_END)
    if size:
        file.seek(size - 1)
        if file.read(1) != b"\n":
            file.write(b"\n")


def _drop_before(file: FileIO, start: int, path: Path) -> None:
    """Drop the first bytes of a file that is open for appending; it is never without the others."""
    file.seek(start)
    kept = file.read()
    try:
        with path.open("r+b") as again:
            again.write(kept)
            again.truncate()
    except OSError as error:
        raise RestoreError(f"Can't write {path}: {error.strerror}.") from None


def _write_entry(file: FileIO, path: Path, entry: Entry) -> None:
    line = json.dumps(asdict(entry)).encode() + b"\n"
    try:
        whole = file.write(line) == len(line)
    except OSError:
        whole = False
    if not whole:
        raise RestoreError(f"Can't write {path}; make room on the disk and add --resume.")


def hash_file(path: Path) -> str | None:
    """Return the SHA-256 of a file in hexadecimal, None where it is no file or can't be read."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
