"""Whether a run may go on by a recipe: what is learned has to be the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from restore.errors import UsageError
from restore.training.recipe import FREE_KEYS, FREE_RATES, Recipe, load_recipe, to_plain


def check_same_recipe(recipe: Recipe, path: Path) -> None:
    """Raise `UsageError` naming the key where a run's recipe differs in what is learned."""
    before = load_recipe(path)  # so that keys which an older version did not know have defaults
    old, new = (_forget_free(to_plain(either)) for either in (before, recipe))
    for key, *values in _find_changes(old, new):
        was, wanted = ("none" if value is None else repr(value) for value in values)
        raise UsageError(
            f"{path.parent} is a run with another '{key}' ({was}, not {wanted}); give the same "
            "recipe or another --out."
        )


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
