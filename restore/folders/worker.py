"""What is done for each photo of a folder, in a thread from its reading to its writing.

What the threads have in common is the crew that restores their windows, so that the bytes of a
result depend on no other photo, unless memory is so short that large ones are mended in smaller
tiles.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

from restore.assets import checkpoint_path, natural_path
from restore.errors import UsageError, sentence_of
from restore.fixing import Fixer
from restore.folders.photo import Job, Opened, make_results, write_result
from restore.folders.report import Entry, hash_file, read_reports
from restore.folders.run import name_checkpoints
from restore.folders.tree import Tree, refuse_leaving
from restore.image import Photo

if TYPE_CHECKING:
    from restore.folders.crew import Crew

News = Entry | str  # or a sentence that warns
TOLD = {"mask", "seconds", "sentence", "hole"}  # of an entry, without which a result is the same
HASHES = {"photo_sha256", "mask_sha256", "out_sha256"}  # of an entry, for which files are read


def fix_jobs(
    worker: "Worker", crew: "Crew", jobs: Iterable[Job], threads: int, stop: Event
) -> Generator[News, None, None]:
    """Fix photos in threads, and yield what is new in the order of the jobs.

    Args:
        worker: fixes one.
        crew: restores for it; it is closed where nobody wants the photos in hand any more.
        jobs: the photos.
        threads: photos in hand beside those that the crew is at.
        stop: no further photo is begun once it is set.
    """
    from restore.device import work_alone

    waiting = iter(jobs)
    running: deque[SimpleQueue[News | None]] = deque()
    places = crew.way.lanes * crew.way.batch + threads
    pool = ThreadPoolExecutor(places, "restore-photo", initializer=work_alone)
    try:
        while True:
            # Twice as many as places: the others go on while one photo takes long.
            while len(running) < 2 * places and not stop.is_set() and (job := next(waiting, None)):
                news: SimpleQueue[News | None] = SimpleQueue()
                pool.submit(worker.fix, job, news.put, stop)
                running.append(news)
            if not running:
                return
            news = running.popleft()
            while (item := news.get()) is not None:
                yield item
    except BaseException:
        crew.close()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def make_worker(tree: Tree, fixer: Fixer, model: str) -> "Worker":
    """Return what fixes the photos of a tree; `fixer` was loaded with the checkpoint `model`."""
    done = read_reports(tree.out) if tree.resume else {}
    paths = [checkpoint_path(name) for name in name_checkpoints(model, tree.options)]
    if tree.options.natural:
        paths.append(natural_path(paths[-1]))  # of what mends, which comes last
    hashes = [hash_file(path) for path in paths]
    return Worker(tree, fixer, "+".join(h for h in hashes if h) or None, done)


@dataclass(frozen=True)
class Worker:
    """The steps on one photo of a folder.

    Attributes:
        tree: what was asked for.
        fixer: fills the holes.
        model_sha256: of its checkpoint; several are joined by "+".
        done: what the report says was done, by result.
        written: SHA-256 of the results written here: a photo that changes while it is watched
            replaces its own result, but no other file.
    """

    tree: Tree
    fixer: Fixer
    model_sha256: str | None
    done: dict[str, list[Entry]]
    written: dict[Path, str | None] = field(default_factory=dict)

    def fix(self, job: Job, tell: Callable[[News | None], None], stop: Event) -> None:
        """Read a photo, fill and write each result, and tell warnings, entries and the end."""
        start = time.perf_counter()
        name = self.tree.name_of(job.photo)
        try:
            if stop.is_set():
                return
            for entry in self._find_kept(job) or self._fix(job, tell):
                tell(entry)
        except Exception as error:  # even a mistake of ours must not stop the other photos
            tell(self.fail(name, job, error, time.perf_counter() - start))
        finally:
            tell(None)

    def _fix(self, job: Job, tell: Callable[[str], None]) -> Iterator[Entry]:
        start = time.perf_counter()
        hashes = self._hash_inputs(job)  # before it is read, as it may change while it is in hand
        for seed, result, opened, fixed in make_results(self.fixer, job, self.tree.options, tell):
            yield self._write(opened, result, fixed, seed, start, hashes)
            start = time.perf_counter()

    def _find_kept(self, job: Job) -> list[Entry]:
        """Return the entries of a job of which nothing has to be done again."""
        told: list[list[Entry]] = []
        for seed, result in enumerate(job.results, start=self.tree.options.seed):
            now = self._describe(job, result, seed, Hashes(None, None), None)
            entries = self.done.get(self._name(result), [])
            told.append([entry for entry in entries if _is_same(entry, now, but=HASHES)])
        if not all(told) or not all(map(Path.exists, job.results)):  # then no file has to be read
            return []
        kept: list[Entry] = []
        hashes = self._hash_inputs(job)
        for seed, (result, entries) in enumerate(
            zip(job.results, told, strict=True), start=self.tree.options.seed
        ):
            now = self._describe(job, result, seed, hashes, hash_file(result))
            same = [entry for entry in entries if _is_same(entry, now)]
            if not same or now.out_sha256 is None:  # it may have been gone before it was told of
                return []
            kept.append(replace(same[-1], status="kept"))
        return kept

    def _write(
        self,
        opened: Opened,
        result: Path,
        fixed: Photo,
        seed: int,
        start: float,
        hashes: "Hashes",
    ) -> Entry:
        """Write a result and return the entry for the report."""
        job = opened.job
        try:
            refuse_leaving(result, self.tree.out)
            self._write_result(opened, result, fixed)
        except Exception as error:
            name = self.tree.name_of(job.photo)
            return self.fail(name, job, error, time.perf_counter() - start)
        seconds = round(time.perf_counter() - start, 3)
        entry = replace(
            self._describe(job, result, seed, hashes, hash_file(result)),
            seconds=seconds,
            sentence=opened.told,
            hole=None if opened.share is None else float(f"{opened.share:.4g}"),
        )
        self.written[result] = entry.out_sha256
        return entry

    def _write_result(self, opened: Opened, result: Path, fixed: Photo) -> None:
        options = self.tree.options
        overwrite = options.overwrite or self._wrote(result, opened.job.photo)
        try:
            write_result(result, fixed, opened, options, overwrite=overwrite)
        except UsageError:
            if overwrite or not os.path.lexists(result):
                raise
            raise UsageError(
                f"{result} has changed since a run wrote it, or is not from one, so it stays; "
                "--overwrite replaces it."
            ) from None

    def _wrote(self, result: Path, photo: Path) -> bool:
        """Return whether a photo's result was written here or by a run before and is still so.

        That of a photo which is gone may be replaced, too.
        """
        name = self.tree.name_of(photo)
        done = self.done.get(self._name(result), ())
        written = {
            entry.out_sha256
            for entry in done
            if entry.photo == name or not (self.tree.folder / entry.photo).exists()
        }
        return hash_file(result) in (written | {self.written.get(result)}) - {None}

    def _name(self, result: Path) -> str:
        """Return a result's path below the folder of all results, as reports name it."""
        return result.relative_to(self.tree.out).as_posix()

    def fail_all(self, failures: Iterable[tuple[str, str]]) -> Iterator[Entry]:
        """Yield an entry for each photo that a plan says can't be fixed."""
        for name, sentence in failures:
            yield self.fail(name, None, UsageError(sentence), 0.0)

    def fail(self, name: str, job: Job | None, error: Exception, seconds: float) -> Entry:
        """Return the entry for a photo that can't be fixed."""
        # One that was never opened isn't read for its hash: there may be thousands.
        return self._make_entry(
            name,
            job.mask_of(self.tree.options) if job else None,
            self._hash_inputs(job) if job else Hashes(None, None),
            out=None,
            status="failed",
            sentence=sentence_of(error),
            seconds=round(seconds, 3),
            seed=self.tree.options.seed,
            out_sha256=None,
        )

    def _hash_inputs(self, job: Job) -> "Hashes":
        mask = job.mask_of(self.tree.options)
        return Hashes(hash_file(job.photo), hash_file(mask) if mask else None)

    def _describe(
        self, job: Job, result: Path, seed: int, hashes: "Hashes", out_sha256: str | None
    ) -> Entry:
        """Return the entry for a result of these hashes."""
        return self._make_entry(
            self.tree.name_of(job.photo),
            job.mask_of(self.tree.options),
            hashes,
            out=self._name(result),
            status="done",
            sentence=None,
            seconds=0.0,
            seed=seed,
            out_sha256=out_sha256,
        )

    def _make_entry(self, name: str, mask: Path | None, hashes: "Hashes", **facts: Any) -> Entry:
        """Return an entry with what all entries of a run have in common."""
        return Entry(
            photo=name,
            mask=str(mask) if mask else None,
            settings=self.tree.options.settings,
            model=self.fixer.name,
            model_sha256=self.model_sha256,
            photo_sha256=hashes.photo,
            mask_sha256=hashes.mask,
            **facts,
        )


class Hashes(NamedTuple):
    """SHA-256 of the files of a photo and of its mask, as they were before they were read."""

    photo: str | None
    mask: str | None


def _is_same(one: Entry, other: Entry, but: Set[str] = frozenset()) -> bool:
    """Tell whether two entries are of the same result, whatever was told of it."""
    names = {each.name for each in fields(Entry)} - TOLD - but
    return all(getattr(one, name) == getattr(other, name) for name in names)
