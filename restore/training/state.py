"""The state of a training run: saved whole, the last two kept, resumed to the bit."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from restore.errors import RestoreError

KEPT = 2  # states
UNFINISHED = ".tmp"


def save_state(folder: Path, step: int, parts: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Save networks and optimisers under `folder`/STEP, then forget all but the last two.

    Args:
        parts: anything with `state_dict()`, by name.
        facts: JSON values.

    Raises:
        RestoreError: the folder can't be written or the disk is full; older states stay.
    """
    target = folder / f"{step:08d}"
    temporary = folder / f".{target.name}{UNFINISHED}"
    tensors: dict[str, Tensor] = {}
    plain = {name: _split(part.state_dict(), name, tensors) for name, part in parts.items()}
    try:
        for left in folder.glob(f".*{UNFINISHED}"):  # by a run that was killed while it saved
            shutil.rmtree(left, ignore_errors=True)
        temporary.mkdir(parents=True)
        save_file(tensors, temporary / "tensors.safetensors")
        (temporary / "state.json").write_text(json.dumps({"facts": dict(facts), "plain": plain}))
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
    except (OSError, RuntimeError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise RestoreError(f"Can't save the run's state to {target}: {error}.") from error
    for old in list_states(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def list_states(folder: Path) -> list[Path]:
    """Return the saved states, oldest first."""
    return sorted(path for path in folder.glob("[0-9]*") if (path / "state.json").is_file())


def load_state(state: Path, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Put a saved state back into `parts` and return its facts.

    Raises:
        RestoreError: the files are damaged or belong to other networks.
    """
    try:
        tensors = load_file(state / "tensors.safetensors")
        content = json.loads((state / "state.json").read_text())
        for name, part in parts.items():
            part.load_state_dict(_join(content["plain"][name], tensors))
    except Exception as error:
        raise RestoreError(
            f"The state {state} can't be loaded ({error}); delete that folder to go on from the "
            f"one before."
        ) from error
    facts: dict[str, Any] = content["facts"]
    return facts


def _split(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """Return `value` as JSON, its tensors moved to `tensors` and replaced by their path there."""
    if isinstance(value, Tensor):
        tensors[path] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"tensor": path}
    if isinstance(value, Mapping):
        return {"items": [[k, _split(v, f"{path}.{k}", tensors)] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        return {"list": [_split(v, f"{path}.{n}", tensors) for n, v in enumerate(value)]}
    return {"value": value}


def _join(plain: Any, tensors: Mapping[str, Tensor]) -> Any:
    match plain:
        case {"tensor": path}:
            return tensors[path]
        case {"items": items}:
            return {key: _join(value, tensors) for key, value in items}
        case {"list": values}:
            return [_join(value, tensors) for value in values]
    return plain["value"]
