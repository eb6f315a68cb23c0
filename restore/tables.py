"""Looking a name up in a table of parts, with a helpful sentence when it is not there."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

from restore.errors import UsageError

Part = TypeVar("Part")


def suggest(name: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the choice nearest to `name`, or "" when none is near."""
    near = get_close_matches(name.lower(), list(choices), n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else ""


def look_up(table: Mapping[str, Part], name: str, what: str) -> Part:
    """Return `table[name]`.

    Raises:
        UsageError: no such name; the sentence lists the names of the table and the nearest one.
    """
    if name in table:
        return table[name]
    known = ", ".join(table) or "none"
    raise UsageError(f"There is no {what} '{name}'; known: {known}.{suggest(str(name), table)}")
