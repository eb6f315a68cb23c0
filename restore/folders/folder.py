"""A folder of photos: files are read ahead and written behind while the network works.

The network works in the main thread, one photo at a time, so that the bytes of a result depend
neither on the photos around it nor on the number of threads.
"""

import signal
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import TYPE_CHECKING

from restore.errors import RestoreError, UsageError, sentence_of
from restore.folders.photo import Job, Opened, fill_photo, open_photo, write_result
from restore.folders.report import REPORT, Entry, hash_file, open_report, read_report
from restore.folders.run import Warn, load_restorer
from restore.folders.tree import Plan, Tree, refuse_unwritable
from restore.folders.watch import watch_tree
from restore.image import Pixels

if TYPE_CHECKING:
    from restore.restorer import Restorer

Task = Callable[[], Entry]


def fix_folder(
    plan: Plan,
    *,
    model: str | None = None,
    device: str = "auto",
    threads: int = 2,
    watch: float | None = None,
    warn: Warn = warnings.warn,
) -> Iterator[Entry]:
    """Fix the photos of a plan and write down what became of each in OUT/report.jsonl.

    Ctrl-C ends the run after the photo in hand, a second one at once. A run that was killed leaves
    whole results only, and can be gone on with (`Tree.resume`).

    Args:
        plan: from `plan_folder`.
        model: a checkpoint's name or file or a run's folder; None is "inpaint".
        device: "auto", "cpu", "cuda" or "mps".
        threads: that read and write files.
        watch: seconds between two looks at the folder for photos that arrive, for ever; None fixes
            what the plan holds and ends.
        warn: is called with a sentence where a result should be looked at.

    Yields:
        An entry for each result and each photo that failed, in the order of the plan.

    Raises:
        RestoreError: the checkpoint can't be loaded, or the report can't be written.
        KeyboardInterrupt: after Ctrl-C, once everything is written.
    """
    tree = plan.tree
    restorer = load_restorer(model, device)
    try:
        tree.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RestoreError(f"Can't make the folder {tree.out}: {error.strerror}.") from None
    report = tree.out / REPORT
    with (
        open_report(report, append=tree.resume) as write,
        _stop_on_interrupt() as stop,
    ):
        _remove_unfinished(plan)
        worker = Worker(tree, restorer, read_report(report))
        rounds: Iterable[Plan] = [plan]
        if watch is not None:
            rounds = watch_tree(tree, watch, stop, warn)
        for found in rounds:
            for entry in _fix_all(worker, found, threads, stop, warn):
                if entry.status != "kept":
                    write(entry)
                yield entry
        if stop.is_set():
            raise KeyboardInterrupt


@contextmanager
def _stop_on_interrupt() -> Iterator[Event]:
    """Let Ctrl-C set an event; a second one raises KeyboardInterrupt as usual."""
    stop = Event()
    if current_thread() is not main_thread():  # only there can signals be handled
        yield stop
        return

    def handle(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    old = signal.signal(signal.SIGINT, handle)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, old)


def _remove_unfinished(plan: Plan) -> None:
    """Remove what a killed run left half written; the report's lock says that none is running."""
    for folder in {result.parent for job in plan.jobs for result in job.results}:
        for part in folder.glob(".restore-*.part"):
            part.unlink(missing_ok=True)


def _fix_all(
    worker: "Worker", plan: Plan, threads: int, stop: Event, warn: Warn
) -> Iterator[Entry]:
    """Read ahead in threads, fill here, write behind in threads, and yield entries in order."""
    for name, sentence in plan.failures:
        yield worker.fail(name, None, UsageError(sentence), 0.0)
    waiting = iter(plan.jobs)
    reading: deque[tuple[Job, Future[Opened | list[Entry]]]] = deque()
    writing: deque[Future[Entry]] = deque()
    pool = ThreadPoolExecutor(threads, "restore-files")
    try:
        while not stop.is_set():
            while len(reading) <= threads and (job := next(waiting, None)) is not None:
                reading.append((job, pool.submit(worker.read, job)))
            if not reading:
                break
            for task in worker.tasks(*reading.popleft(), warn):
                writing.append(pool.submit(task))
                # Few results wait in memory, and what is written is told soon.
                while writing and (len(writing) > threads or writing[0].done()):
                    yield writing.popleft().result()
        while writing:
            yield writing.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class Worker:
    """The steps on one photo of a folder.

    Attributes:
        tree: what was asked for.
        restorer: fills the holes.
        done: what the report says was done, by result.
    """

    tree: Tree
    restorer: "Restorer"
    done: dict[str, Entry]

    def read(self, job: Job) -> Opened | list[Entry]:
        """Return the photo with its hole, or what an earlier run has done for it; in a thread."""
        return self._find_kept(job) or open_photo(job, self.tree.options)

    def _find_kept(self, job: Job) -> list[Entry]:
        """Return the entries of a job of which nothing has to be done again."""
        kept: list[Entry] = []
        for seed, result in enumerate(job.results, start=self.tree.options.seed):
            entry = self.done.get(result.relative_to(self.tree.out).as_posix())
            if entry is None:
                return []
            now = self._describe(job, result, seed)
            if entry != replace(now, mask=entry.mask, seconds=entry.seconds):
                return []
            kept.append(replace(entry, status="kept"))
        return kept

    def tasks(self, job: Job, future: "Future[Opened | list[Entry]]", warn: Warn) -> Iterator[Task]:
        """Fill a photo, once for each result, and yield what is left to do in a thread."""
        start = time.perf_counter()
        name = job.photo.relative_to(self.tree.folder).as_posix()
        try:
            opened = future.result()
            if isinstance(opened, list):
                yield from (partial(replace, entry) for entry in opened)
                return
            for sentence in opened.warnings:
                warn(sentence)
            for seed, result in enumerate(job.results, start=self.tree.options.seed):
                pixels = fill_photo(self.restorer, opened, seed)
                yield partial(self.write, opened, result, pixels, seed, start)
                start = time.perf_counter()
        except Exception as error:  # even a mistake of ours must not stop the other photos
            yield partial(self.fail, name, job, error, time.perf_counter() - start)

    def write(self, opened: Opened, result: Path, pixels: Pixels, seed: int, start: float) -> Entry:
        """Write a result and return the entry for the report; in a thread."""
        job, options = opened.job, self.tree.options
        try:
            refuse_unwritable(result, self.tree.out)
            overwrite = options.overwrite or self.tree.resume
            write_result(result, pixels, opened, overwrite=overwrite)
        except Exception as error:
            name = job.photo.relative_to(self.tree.folder).as_posix()
            return self.fail(name, job, error, time.perf_counter() - start)
        seconds = round(time.perf_counter() - start, 3)
        return replace(self._describe(job, result, seed), seconds=seconds)

    def fail(self, name: str, job: Job | None, error: Exception, seconds: float) -> Entry:
        """Return the entry for a photo that can't be fixed."""
        path, options = self.tree.folder / name, self.tree.options
        mask = job and (job.mask or options.mask)
        return Entry(
            photo=name,
            mask=str(mask) if mask else None,
            out=None,
            status="failed",
            sentence=sentence_of(error),
            seconds=round(seconds, 3),
            seed=options.seed,
            model=self.restorer.name,
            photo_sha256=hash_file(path),
            mask_sha256=hash_file(mask) if mask else None,
            out_sha256=None,
        )

    def _describe(self, job: Job, result: Path, seed: int) -> Entry:
        """Return the entry for a result as the files are now."""
        mask = job.mask or self.tree.options.mask
        return Entry(
            photo=job.photo.relative_to(self.tree.folder).as_posix(),
            mask=str(mask) if mask else None,
            out=result.relative_to(self.tree.out).as_posix(),
            status="done",
            sentence=None,
            seconds=0.0,
            seed=seed,
            model=self.restorer.name,
            photo_sha256=hash_file(job.photo),
            mask_sha256=hash_file(mask) if mask else None,
            out_sha256=hash_file(result),
        )
