"""The photos of a run: found, checked, and the same ones whenever the run goes on."""

from collections.abc import Callable, Mapping
from pathlib import Path

from restore.data import (
    Report,
    Spoiling,
    check_photos,
    find_photos,
    load_facts,
    save_facts,
    usable,
)
from restore.degradations import load_chain
from restore.errors import UsageError
from restore.masks import Preset, load_preset
from restore.training.recipe import Recipe, RestorerRecipe
from restore.training.state import list_states
from restore.training.task import Source

MEMORY = "photos.json"  # what was found out about the photos of a run
SHOWN = 3  # photos that are named under each heading when a run starts


def check_source(recipe: Recipe, source: Source) -> Report:
    """Look at all photos of a source as a run of `recipe` would, and report what is wrong.

    Raises:
        RestoreError: no such place, or no photo there to train on.
    """
    return check_photos(find_photos(source), _largest(recipe), least=recipe.least_side)


def gather_photos(recipe: Recipe, source: Source, run: Path, say: Callable[[str], None]) -> Report:
    """Find and check the photos for a run, and say what is wrong with them.

    What an earlier start found out, see `remember_photos`, is not looked at again.

    Raises:
        UsageError: the run has been trained on other photos.
        RestoreError: no such place, or no photo there to train on.
    """
    known = load_facts(run / MEMORY)
    photos = find_photos(source)
    report = check_photos(photos, _largest(recipe), known, say, recipe.least_side)
    if known and list_states(run / "state"):
        _check_same(usable(known, report.least), usable(report.facts, report.least), run)
    for line in report.lines(SHOWN):
        say(line)
    return report


def remember_photos(report: Report, run: Path) -> None:
    """Write what was found out about the photos into the run folder.

    Raises:
        RestoreError: the folder can't be written.
    """
    save_facts(run / MEMORY, report.facts)


def load_holes_or_spoiling(recipe: RestorerRecipe) -> Preset | Spoiling:
    """Return what is wrong with the photos that a recipe learns from: holes, or all of them.

    Raises:
        UsageError: no such preset. RestoreError: its file can't be read.
    """
    if recipe.degrade:
        return Spoiling(load_chain(recipe.degrade), recipe.gray)
    return load_preset(recipe.mask)


def _largest(recipe: Recipe) -> int:
    return max(stage.size for stage in recipe.stages)


def check_begins_with_photo(recipe: RestorerRecipe) -> None:
    """Refuse a recipe that would begin by throwing the damaged photo away.

    Raises:
        UsageError: it is one that fills holes, or has some photos shown at low resolution.
    """
    begins = recipe.generator.arguments.get("base") == "damaged" and not recipe.hint
    if recipe.task != "mend" or not begins:
        raise UsageError(
            f"The recipe {recipe.name} can't learn from photos that are damaged as a whole; take "
            f"--recipe mend, or one of your own with task=mend, generator.arguments.base=damaged "
            f"and hint=0."
        )


def _check_same(before: Mapping[str, str], now: Mapping[str, str], run: Path) -> None:
    """Raise `UsageError` naming what changed where the photos to train on are not the same."""
    changes = {
        "missing": [name for name in before if name not in now],
        "new": [name for name in now if name not in before],
        "changed": [name for name in now if before.get(name, now[name]) != now[name]],
    }
    told = [f"{len(names)} {what} ({_some(names)})" for what, names in changes.items() if names]
    if told:
        raise UsageError(
            f"{run} was trained on {len(before)} photos, of which these differ now: "
            f"{', '.join(told)}; give the same photos, or go on from its weights with --from {run} "
            "--out ANOTHER."
        )


def _some(names: list[str]) -> str:
    return ", ".join([*names[:SHOWN], *(["…"] if len(names) > SHOWN else [])])
