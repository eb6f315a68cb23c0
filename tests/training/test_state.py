from pathlib import Path

import pytest
import torch

from restore.errors import RestoreError
from restore.training.state import list_states, load_state, save_state


@pytest.mark.parametrize("name", ["state.json", "tensors.safetensors"])
def test_a_damaged_state_is_told_and_the_one_before_is_left(tmp_path: Path, name: str) -> None:
    layer = torch.nn.Linear(2, 2)
    for step in (1, 2):
        save_state(tmp_path, step, {"layer": layer}, {"step": step})
    (tmp_path / "00000002" / name).write_bytes(b"{")
    with pytest.raises(RestoreError, match="delete that folder to go on from the one before"):
        load_state(tmp_path / "00000002", {"layer": layer})
    assert load_state(tmp_path / "00000001", {"layer": layer}) == {"step": 1}


def test_what_a_killed_run_left_unfinished_is_removed_by_the_next_save(tmp_path: Path) -> None:
    left = tmp_path / ".00000007.tmp"
    left.mkdir()
    (left / "tensors.safetensors").write_bytes(b"half")
    save_state(tmp_path, 9, {}, {"step": 9})
    assert not left.exists() and [path.name for path in list_states(tmp_path)] == ["00000009"]
