"""What a person sees while a folder of photos is fixed."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from restore.commands.messages import say, to_printable

if TYPE_CHECKING:
    from rich.progress import Progress

    from restore.folders import Entry, Plan


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

    for note in plan.notes():
        say(note)
    total = None if watch else sum(len(job.results) for job in plan.jobs) + len(plan.failures)
    counts: Counter[str] = Counter()
    interval = LOOK_SECONDS if watch else None
    entries = fix_folder(
        plan, model=model, device=device, threads=jobs, watch=interval, ray=ray, warn=say
    )
    try:
        with _progress(total) as bar:
            for entry in entries:
                counts[entry.status] += 1
                bar.update(bar.task_ids[0], advance=1, facts=_facts(bar, counts))
                _tell(entry, as_json)
    except KeyboardInterrupt:
        click.echo(to_printable(_summary(plan, counts)), err=as_json)
        raise
    click.echo(to_printable(_summary(plan, counts)), err=as_json)
    return int(counts["failed"] > 0)


@contextmanager
def _progress(total: int | None) -> Iterator["Progress"]:
    """Show a bar on stderr where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.completed:.0f}/{task.fields[of]} photos"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[facts]}"),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        bar.add_task("fix", total=total, of="?" if total is None else total, facts="")
        yield bar


def _facts(bar: "Progress", counts: Counter[str]) -> str:
    speed = bar.tasks[0].finished_speed or bar.tasks[0].speed or 0.0
    return f"{speed:.1f} photos/s, {counts['failed']} failed"


def _tell(entry: "Entry", as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(entry)))
    if entry.status == "failed":
        say(entry.sentence or "")


def _summary(plan: "Plan", counts: Counter[str]) -> str:
    parts = [f"{counts['done']} fixed", f"{counts['failed']} failed"]
    if plan.tree.resume:
        parts.append(f"{counts['kept']} kept from before")
    if plan.skipped:
        parts.append(f"{plan.skipped} skipped, no pictures")
    return f"{', '.join(parts)}; see {plan.tree.report}"
