"""Reading settings: TOML in, frozen pydantic models out, every mistake told in one sentence."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from restore.errors import RestoreError, UsageError
from restore.tables import suggest


class Settings(BaseModel):
    """The base of every settings class: frozen, without unknown keys, without NaN or infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=BaseModel)


def read_toml(path: str | Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises:
        RestoreError: the file can't be read or is not TOML; the sentence names line and column.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RestoreError(f"Can't read {path}: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:
        raise RestoreError(f"{path} is not a TOML file: {error}.") from None


def apply_overrides(data: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """Return a copy of `data` with each "a.b=value" put in; the later of two wins.

    A value is read as TOML (`3`, `0.1`, `true`, `[1, 2]`, `"text"`); what isn't TOML is taken as
    text, so that `name=wide` needs no quotes.

    Raises:
        UsageError: no "=", an empty key, or a key that goes through something that is no table.
    """
    result = deepcopy(dict(data))
    for override in overrides:
        key, equals, value = override.partition("=")
        *tables, last = names = [name.strip() for name in key.split(".")]
        if not equals or not all(names):
            raise UsageError(f"Can't set '{override}'; write KEY=VALUE, as in optimizer.lr=1e-4.")
        table = result
        for name in tables:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise UsageError(f"Can't set '{key.strip()}': '{name}' is a value, not a table.")
        table[last] = _parse_value(value.strip())
    return result


def _parse_value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if len(parsed) == 1 else text


def validate(model: type[Model], data: Mapping[str, Any], source: str | Path) -> Model:
    """Return `data` as settings of the class `model`; `source`, a file, begins the error.

    Raises:
        UsageError: the first mistake, by dotted key, with what is accepted and the nearest key.
    """
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        mistakes = error.errors()
        # A misspelt key often leaves another one missing; the spelling is the thing to tell.
        first = next((e for e in mistakes if e["type"] == "extra_forbidden"), mistakes[0])
        raise UsageError(f"{source}: {_sentence(model, first)}") from None


def _sentence(model: type[BaseModel], mistake: ErrorDetails) -> str:
    key = ".".join(str(part) for part in mistake["loc"]) or "the settings"
    message = mistake["msg"]
    match mistake["type"]:
        case "extra_forbidden":
            *path, last = mistake["loc"]
            known = _known_keys(model, path)
            return f"There is no key '{key}'; known: {', '.join(known)}.{suggest(str(last), known)}"
        case "missing":
            return f"The key '{key}' is missing."
        case "value_error" | "assertion_error":
            return f"'{key}': {message.partition(', ')[2].rstrip('.')}."
    given = repr(mistake["input"])
    given = given if len(given) <= 60 else given[:57] + "..."
    wanted = re.sub(r"^.*? should (be )?", r"must \1", message)
    choices = re.findall(r"'([^']*)'", mistake.get("ctx", {}).get("expected", ""))
    return f"'{key}' {wanted}, not {given}.{suggest(str(mistake['input']), choices)}"


def _known_keys(model: type[BaseModel], path: list[int | str]) -> list[str]:
    """Return the keys that the settings at `path` inside `model` accept."""
    models = [model]
    for part in path:
        fields = [m.model_fields[part] for m in models if part in m.model_fields]
        if fields:
            models = [found for field in fields for found in _models_in(field.annotation)]
    return list(dict.fromkeys(key for found in models for key in found.model_fields))


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models_in(part)]
