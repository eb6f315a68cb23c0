"""A folder of photos: some are read and others written while the network works.

Each photo has a thread from its reading to its writing; what they have in common is the crew that
restores their windows, so that the bytes of a result depend on no other photo.
"""

import signal
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from threading import Event, current_thread, main_thread
from typing import TYPE_CHECKING

from restore.assets import checkpoint_path
from restore.errors import RestoreError, UsageError, sentence_of
from restore.folders.photo import Job, Opened, fill_photo, open_photo, write_result
from restore.folders.report import Entry, hash_file, open_report, read_reports
from restore.folders.run import Warn, load_restorer, pick_model
from restore.folders.tree import Plan, Tree, refuse_unwritable
from restore.folders.watch import watch_tree
from restore.image import AnyPixels, part_prefix

if TYPE_CHECKING:
    from restore.folders.crew import Crew


def fix_folder(
    plan: Plan,
    *,
    model: str | None = None,
    device: str = "auto",
    threads: int = 2,
    watch: float | None = None,
    warn: Warn = warnings.warn,
) -> Iterator[Entry]:
    """Fix the photos of a plan and write down in its report what became of each.

    Ctrl-C ends the run after the photos in hand, a second one at once. A run that was killed leaves
    whole results only, and can be gone on with (`Tree.resume`).

    Args:
        plan: from `plan_folder`.
        model: a checkpoint's name or file or a run's folder; None is "inpaint", or "mend"
            without masks.
        device: "auto", "cpu", "cuda" or "mps".
        threads: photos that are read or written while others are filled.
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
    model = pick_model(model, tree.options, tree.pattern)
    restorer = load_restorer(model, tree.options, device)
    from restore.folders.crew import Crew  # brings torch

    try:
        tree.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RestoreError(f"Can't make the folder {tree.out}: {error.strerror}.") from None
    with (
        open_report(tree.report, append=tree.resume) as write,
        _stop_on_interrupt() as stop,
        Crew(restorer) as crew,
    ):
        _remove_unfinished(plan)
        model_sha256 = hash_file(checkpoint_path(model))
        worker = Worker(tree, crew, model_sha256, read_reports(tree.out) if tree.resume else {})
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
    """Remove what a killed run left half written of these results; a run of another part goes on.

    The report's lock says that no other run makes these.
    """
    results = [result for job in plan.jobs for result in job.results]
    prefixes = {part_prefix(result) for result in results}
    for folder in {result.parent for result in results}:
        for part in folder.glob(".restore-*.part"):
            if part.name.rsplit("_", 1)[0] in prefixes:
                part.unlink(missing_ok=True)


def _fix_all(
    worker: "Worker", plan: Plan, threads: int, stop: Event, warn: Warn
) -> Iterator[Entry]:
    """Fix photos in threads, and yield entries in the order of the plan."""
    from restore.device import work_alone

    for name, sentence in plan.failures:
        yield worker.fail(name, None, UsageError(sentence), 0.0)
    waiting = iter(plan.jobs)
    running: deque[SimpleQueue[Entry | str | None]] = deque()
    places = worker.crew.way.lanes * worker.crew.way.batch + threads
    pool = ThreadPoolExecutor(places, "restore-photo", initializer=work_alone)
    try:
        while True:
            # Twice as many as places: the others go on while one photo takes long.
            while len(running) < 2 * places and not stop.is_set() and (job := next(waiting, None)):
                news: SimpleQueue[Entry | str | None] = SimpleQueue()
                pool.submit(worker.fix, job, news.put, stop)
                running.append(news)
            if not running:
                return
            news = running.popleft()
            while (item := news.get()) is not None:
                if isinstance(item, str):
                    warn(item)
                else:
                    yield item
    except BaseException:  # nobody wants the photos in hand any more
        worker.crew.close()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class Worker:
    """The steps on one photo of a folder.

    Attributes:
        tree: what was asked for.
        crew: fills the holes.
        model_sha256: of its checkpoint.
        done: what the report says was done, by result.
    """

    tree: Tree
    crew: "Crew"
    model_sha256: str | None
    done: dict[str, list[Entry]]

    def fix(self, job: Job, tell: Callable[[Entry | str | None], None], stop: Event) -> None:
        """Read a photo, fill and write each result, and tell warnings, entries and the end."""
        start = time.perf_counter()
        name = job.photo.relative_to(self.tree.folder).as_posix()
        try:
            for entry in [] if stop.is_set() else self._find_kept(job) or self._fix(job, tell):
                tell(entry)
        except Exception as error:  # even a mistake of ours must not stop the other photos
            tell(self.fail(name, job, error, time.perf_counter() - start))
        finally:
            tell(None)

    def _fix(self, job: Job, tell: Callable[[str], None]) -> Iterator[Entry]:
        start = time.perf_counter()
        opened = open_photo(job, self.tree.options)
        for sentence in opened.warnings:
            tell(sentence)
        for seed, result in enumerate(job.results, start=self.tree.options.seed):
            pixels = fill_photo(self.crew, opened, seed)
            yield self.write(opened, result, pixels, seed, start)
            start = time.perf_counter()

    def _find_kept(self, job: Job) -> list[Entry]:
        """Return the entries of a job of which nothing has to be done again."""
        kept: list[Entry] = []
        for seed, result in enumerate(job.results, start=self.tree.options.seed):
            entries = self.done.get(result.relative_to(self.tree.out).as_posix())
            if not entries:
                return []
            now = self._describe(job, result, seed)
            same = [e for e in entries if e == replace(now, mask=e.mask, seconds=e.seconds)]
            if not same:
                return []
            kept.append(replace(same[-1], status="kept"))
        return kept

    def write(
        self, opened: Opened, result: Path, pixels: AnyPixels, seed: int, start: float
    ) -> Entry:
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
            settings=self.tree.options.settings,
            model=self.crew.name,
            model_sha256=self.model_sha256,
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
            settings=self.tree.options.settings,
            model=self.crew.name,
            model_sha256=self.model_sha256,
            photo_sha256=hash_file(job.photo),
            mask_sha256=hash_file(mask) if mask else None,
            out_sha256=hash_file(result),
        )
