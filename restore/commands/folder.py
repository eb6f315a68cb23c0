"""What a person sees while a folder of photos is fixed."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import click

from restore.commands.messages import say, to_printable
from restore.quiet import stderr_spoken

if TYPE_CHECKING:
    from rich.progress import Progress

    from restore.folders import Entry, Plan

TELL_SECONDS = 60.0  # between two sentences on how far it is, where there is no terminal for a bar


def fix_plan(
    plan: "Plan",
    *,
    model: str | None,
    device: str,
    jobs: int,
    watch: bool,
    ray: str | None,
    as_json: bool,
) -> int:
    """Fix the photos of a plan, print a summary, and return 1 where any failed, else 0."""
    from restore.folders import LOOK_SECONDS, fix_folder

    # A watch lets photos wait for their masks and tells of them itself.
    for note in (replace(plan, failures=()) if watch else plan).notes():
        say(note)
    mends = plan.tree.options.repairs  # then what has no damage is mended
    total = None if watch else sum(len(job.results) for job in plan.jobs) + len(plan.failures)
    counts: Counter[str] = Counter()
    interval = LOOK_SECONDS if watch else None
    told = begun = time.monotonic()
    try:
        to_screen = as_json and sys.stdout is not None and sys.stdout.isatty()
        with _progress(total, shown=not to_screen) as bar:
            warn = partial(_say_above, bar)
            for entry in fix_folder(
                plan, model=model, device=device, threads=jobs, watch=interval, ray=ray, warn=warn
            ):
                counts[entry.status] += 1
                now = time.monotonic()
                if counts["kept"] == counts.total():  # so far it was only seen what is there
                    begun = now
                counts["copied"] += entry.status == "done" and entry.hole == 0 and not mends
                bar.advance(bar.task_ids[0])
                bar.update(bar.task_ids[0], facts=_facts(bar, counts, now - begun))
                if as_json:
                    click.echo(json.dumps(_with_folders(plan, entry)))
                if entry.status == "failed":
                    warn(entry.sentence or "")
                if bar.disable and now - told > TELL_SECONDS:
                    told = now
                    say(_how_far(bar, counts, now - begun))
    except KeyboardInterrupt:
        click.echo(to_printable(_summary(plan, counts)), err=as_json)
        raise
    click.echo(to_printable(_summary(plan, counts)), err=as_json)
    return int(counts["failed"] > 0)


def show_plan(plan: "Plan") -> int:
    """Print what would become of each photo, and return 1 where any can't be fixed, else 0."""
    for note in replace(plan, failures=()).notes():  # which are told one by one
        say(note)
    for job in plan.jobs:
        mask = job.mask_of(plan.tree.options)
        marked = f" + {mask}" if mask else ""
        becomes = ", ".join(str(result) for result in job.results)
        click.echo(to_printable(f"{job.photo}{marked} -> {becomes}"))
    for _, sentence in plan.failures:
        say(sentence)
    parts = [f"{len(plan.jobs)} to fix", f"{len(plan.failures)} can't be"]
    if plan.skipped:
        parts.append(f"{plan.skipped} skipped, no pictures")
    click.echo(f"{', '.join(parts)}; nothing was written")
    return int(bool(plan.failures))


@contextmanager
def _progress(total: int | None, *, shown: bool) -> Iterator["Progress"]:
    """Show a bar on stderr where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.completed:.0f}/{task.fields[of]} photos"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[facts]}"),
    )
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as bar:
        bar.add_task("fix", total=total, of="?" if total is None else total, facts="")
        yield bar


def _how_far(bar: "Progress", counts: Counter[str], seconds: float) -> str:
    """Return a sentence for where there is no bar."""
    task = bar.tasks[0]
    return f"{task.completed:.0f}/{task.fields['of']} photos, {_facts(bar, counts, seconds)}."


def _facts(bar: "Progress", counts: Counter[str], seconds: float) -> str:
    """Return the speed so far, as results come in bursts, with what has failed and time left."""
    task = bar.tasks[0]
    speed = counts["done"] / seconds if seconds else 0.0
    facts = f"{speed:.1f} photos/s, {counts['failed']} failed"
    if task.total is None or not speed:
        return facts
    left = timedelta(seconds=round((task.total - task.completed) / speed))
    return f"{facts}, {left} left"


def _with_folders(plan: "Plan", entry: "Entry") -> dict[str, object]:
    """Return an entry of the report with paths that can be opened."""
    told = asdict(entry) | {"photo": str(plan.tree.folder / entry.photo)}
    return told if entry.out is None else told | {"out": str(plan.tree.out / entry.out)}


def _say_above(bar: "Progress", sentence: str) -> None:
    """Print a sentence for the user above the bar, where there is one."""
    if bar.disable:
        say(sentence)
        return
    from rich.text import Text  # which is printed as it is

    with stderr_spoken():
        bar.console.print(Text(f"restore: {to_printable(sentence)}"), soft_wrap=True)


def _summary(plan: "Plan", counts: Counter[str]) -> str:
    copied = counts["copied"]
    parts = [f"{counts['done'] - copied} fixed", f"{counts['failed']} failed"]
    if copied:
        parts.append(f"{copied} as they were, since nothing was marked")
    if plan.tree.resume:
        parts.append(f"{counts['kept']} kept from before")
    if plan.skipped:
        parts.append(f"{plan.skipped} skipped, no pictures")
    return f"{', '.join(parts)}; see {plan.tree.report}"
