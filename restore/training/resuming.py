"""Whether a run may go on by a recipe: what is learned has to be the same."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import tomli_w

from restore.assets import BEST, RECIPE, chain_path, discriminator_path, preset_path
from restore.config import read_toml
from restore.errors import RestoreError, UsageError
from restore.image import write_bytes
from restore.training.recipe import FREE_KEYS, FREE_RATES, Recipe, load_recipe, to_plain

PRESETS = {"mask": preset_path, "degrade": chain_path}  # keys of recipes that name other files


def refuse_losses(recipe: Recipe, run: Path) -> None:
    """Refuse a folder with files of a run's names that are no run's and would be replaced.

    Raises:
        UsageError: naming the first.
    """
    weights = run / f"{recipe.name}.safetensors"
    written = (weights, discriminator_path(weights), run / BEST / weights.name)
    there = [path for path in written if path.exists()]
    if not _is_written_by_a_run(run / RECIPE):
        there.append(run / RECIPE)
    if there:
        raise UsageError(
            f"{there[0]} exists, and {run} holds no state of a run to go on from; name another "
            f"--out."
        )


def _is_written_by_a_run(recipe: Path) -> bool:
    """Tell whether a recipe is as runs write it, without comments, or not there.

    So it may be of one that was stopped before its first state.
    """
    if not recipe.exists():
        return True
    with suppress(RestoreError):
        return recipe.read_bytes() == tomli_w.dumps(read_toml(recipe)).encode()
    return False


def check_same_recipe(recipe: Recipe, path: Path) -> None:
    """Raise `UsageError` naming the key where a run's recipe differs in what is learned."""
    before = load_recipe(path)  # so that keys which an older version did not know have defaults
    old, new = (_forget_free(to_plain(either)) for either in (before, recipe))
    for key, preset in _find_presets(recipe):  # of another name, but what the run began with
        if key in old and _is_kept(key, preset, path.parent):
            old[key] = new[key]
    for key, *values in _find_changes(old, new):
        was, wanted = ("none" if value is None else repr(value) for value in values)
        raise UsageError(
            f"{path.parent} is a run with another '{key}' ({was}, not {wanted}); give the same "
            f"recipe, or go on from its weights with --from {path.parent} --out ANOTHER."
        )
    for key, preset in _find_presets(recipe):
        kept = _copy_of(key, path.parent)
        if kept.exists() and not _is_kept(key, preset, path.parent):
            raise UsageError(
                f"The '{key}' of {path.parent} was another one when that run began, as {kept} "
                f"tells: {preset} has changed; change it back, add --set {key}={kept}, or go on "
                f"from its weights with --from {path.parent} --out ANOTHER."
            )


def keep_presets(recipe: Recipe, run: Path) -> None:
    """Copy the presets of holes or damage that a recipe names into the folder of its run.

    Raises:
        RestoreError: it can't be written.
    """
    for key, preset in _find_presets(recipe):
        kept = _copy_of(key, run)
        if not (kept.exists() and kept.samefile(preset)):
            write_bytes(kept, preset.read_bytes(), overwrite=True)


def _find_presets(recipe: Recipe) -> Iterator[tuple[str, Path]]:
    """Yield the keys of a recipe that name a preset which is used, and its file."""
    key = "degrade" if getattr(recipe, "degrade", "") else "mask"
    if name := getattr(recipe, key, ""):
        yield key, PRESETS[key](name)


def _is_kept(key: str, preset: Path, run: Path) -> bool:
    """Tell whether a preset is as the one that a run began with."""
    kept = _copy_of(key, run)
    return kept.exists() and read_toml(kept) == read_toml(preset)


def _copy_of(key: str, run: Path) -> Path:
    return run / f"{key}-preset.toml"


def _forget_free(plain: dict[str, Any]) -> dict[str, Any]:
    """Return the tables of a recipe without what a resumed run may change."""
    kept = {key: value for key, value in plain.items() if key not in FREE_KEYS}
    rates = plain.get("optimizer", {})
    return kept | {"optimizer": {key: rates[key] for key in rates if key not in FREE_RATES}}


def _find_changes(
    old: dict[str, Any], new: dict[str, Any], place: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Yield each dotted key whose value differs, with both; None where there is none."""
    for key in sorted(old.keys() | new.keys()):
        before, now = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(now, dict):
            yield from _find_changes(before, now, f"{place}{key}.")
        elif before != now:
            yield f"{place}{key}", before, now
