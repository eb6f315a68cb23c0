"""A folder of photos, from the first look at the report to its last line."""

import signal
import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from threading import Event, Thread
from typing import TYPE_CHECKING

from restore.errors import RestoreError, UsageError
from restore.folders.cluster import check_ray, fix_on_ray
from restore.folders.report import Entry, open_report
from restore.folders.run import Warn, load_fixer, pick_model
from restore.folders.tree import Plan
from restore.folders.watch import watch_tree
from restore.folders.worker import News, Worker, fix_jobs, make_worker
from restore.handlers import handled
from restore.image import part_prefix
from restore.listing import ALL

if TYPE_CHECKING:
    from restore.folders.repairer import Repairer
    from restore.restorer import Restorer


def fix_folder(
    plan: Plan,
    *,
    model: str | None = None,
    device: str = "auto",
    threads: int = 2,
    watch: float | None = None,
    ray: str | None = None,
    warn: Warn = warnings.warn,
) -> Iterator[Entry]:
    """Fix the photos of a plan and write down in its report what became of each.

    Ctrl-C ends the run after the photos in hand, a second one after the step each thread is in. A
    run that was killed leaves whole results only, and can be gone on with (`Tree.resume`).

    Args:
        plan: from `plan_folder`.
        model: a checkpoint's name or file or a run's folder; None is "inpaint", or "mend"
            without masks.
        device: see `restore.device.pick_device`.
        threads: photos that are read or written while others are filled.
        watch: seconds between two looks at the folder for photos that arrive, for ever; None fixes
            what the plan holds and ends.
        ray: address of a Ray cluster whose machines see the same folders and do the work; None does
            it here.
        warn: is called with a sentence where a result should be looked at.

    Yields:
        An entry for each result and each photo that failed, in the order of the plan.

    Raises:
        UsageError: an unknown name or device, a model that doesn't do what is asked for, a report
            that is a link, or both `watch` and `ray`.
        RestoreError: the checkpoint can't be loaded, or the report can't be written.
        KeyboardInterrupt: after Ctrl-C, once everything is written.
    """
    tree = plan.tree
    if ray is not None:
        if watch is not None:
            raise UsageError("--watch waits for photos here, and --ray sends them away; name one.")
        from restore.device import check_device_name  # brings torch

        check_device_name(device)
        check_ray()
    model = pick_model(model, tree.options)
    # Of a cluster the workers load their own; here only its name is needed.
    fixer = load_fixer(model, tree.options, device if ray is None else "cpu")
    try:
        tree.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RestoreError(f"Can't make the folder {tree.out}: {error.strerror}.") from None
    endless = watch is not None
    appends = tree.resume or tree.choice != ALL  # then it tells of other photos, too
    with (
        open_report(tree.report, append=appends, endless=endless) as write,
        _stop_on_interrupt() as stop,
    ):
        _remove_unfinished(plan)
        worker = make_worker(tree, fixer, model)
        if ray is not None:
            news = fix_on_ray(worker, plan, ray, model=model, device=device, threads=threads)
        else:
            rounds = [plan] if watch is None else watch_tree(tree, watch, stop, warn)
            news = _fix_here(worker, fixer, rounds, threads, stop)
        with closing(news):  # so that nothing is written any more when the report is let go
            for item in news:
                if isinstance(item, str):
                    warn(item)
                    continue
                if item.status != "kept":
                    write(item)
                yield item
                if ray is not None and stop.is_set():
                    break
        if stop.is_set():
            raise KeyboardInterrupt


def _fix_here(
    worker: Worker,
    fixer: "Restorer | Repairer",
    rounds: Iterable[Plan],
    threads: int,
    stop: Event,
) -> Generator[News, None, None]:
    """Fix the photos of each round in this process."""
    from restore.folders.crew import gather  # brings torch

    crew, member = gather(fixer)
    with crew:
        together = replace(worker, fixer=member)
        for plan in rounds:
            yield from worker.fail_all(plan.failures)
            yield from fix_jobs(together, crew, plan.jobs, threads, stop)


@contextmanager
def _stop_on_interrupt() -> Iterator[Event]:
    """Let Ctrl-C set an event; a second one raises KeyboardInterrupt as usual."""
    stop = Event()
    asked = False

    def handle(*_: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        # Not from here, as its lock may be held by what is interrupted: a wait between two looks.
        Thread(target=stop.set, daemon=True).start()

    with handled([signal.SIGINT], handle):
        yield stop


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
