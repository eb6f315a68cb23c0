"""Looking at a folder again and again for photos that arrive."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

from restore.folders.options import FixOptions
from restore.folders.photo import Job
from restore.folders.tree import Plan, Tree, find_owners, pair_folder, part_like_names, part_of

LOOK_SECONDS = 2.0  # between two looks
Stamp = tuple[tuple[int, int], ...]  # size and time of change of a photo and its mask


def watch_tree(
    tree: Tree, interval: float, stop: Event, warn: Callable[[str], None]
) -> Iterator[Plan]:
    """Yield plans of the photos that have arrived, until `stop` is set.

    A photo is there once it and its mask have had the same size and time of change for two looks
    and may be read. One that changes later is handed out again; one without a mask waits, and
    `warn` is called with a sentence about it. One whose result would be another photo's where upper
    and lower case are the same is a failure of the plan.

    Args:
        tree: where to look.
        interval: seconds between two looks.
        stop: ends it.
        warn: takes a sentence.
    """
    before: dict[Path, Stamp | None] = {}
    handled: dict[Path, Stamp | None] = {}
    owners = find_owners(tree)  # of the results so far
    missed: dict[str, int] = {}  # for how many looks a photo has had no mask
    while not stop.is_set():
        plan = pair_folder(tree)
        now = {job.photo: _stamp_of(job, tree.options) for job in plan.jobs}
        ready = {
            photo: stamp
            for photo, stamp in now.items()
            if stamp is not None and stamp == before.get(photo) and stamp != handled.get(photo)
        }
        waiting = part_of(plan).failures
        missed = {name: missed.get(name, 0) + 1 for name, _ in waiting}
        for name, sentence in waiting:
            if missed[name] == 2:
                warn(sentence)
        before = now
        if ready:
            handled.update(ready)
            jobs = [job for job in plan.jobs if job.photo in ready]
            owners = {
                name: photo for name, photo in owners.items() if photo in now or photo.exists()
            }
            arrived = replace(plan, jobs=tuple(jobs), failures=())
            yield part_of(part_like_names(arrived, owners))  # alike in all parts
        stop.wait(interval)  # also where photos took long: looks are never closer than that


def _stamp_of(job: Job, options: FixOptions) -> Stamp | None:
    """Return what changes while a photo or its mask is written; None while it can't be read."""
    try:
        paths = [path for path in (job.photo, job.mask_of(options)) if path is not None]
        if not all(os.access(path, os.R_OK) for path in paths):
            return None
        statuses = [path.stat() for path in paths]
    except OSError:
        return None
    return tuple((status.st_size, status.st_mtime_ns) for status in statuses)
