import sys
from pathlib import Path

import pytest

from restore.errors import RestoreError, UsageError
from restore.staging import alone_in, replace_all, staged


def _fill(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return [folder / name for name in names]


def _list(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def _replace(folder: Path, old: list[Path], *names: str) -> None:
    with staged(folder) as part:
        _fill(part, *names)
        replace_all(folder, old, part)


def test_the_new_take_the_place_of_the_old(tmp_path: Path) -> None:
    old = [*_fill(tmp_path, "0.png", "1.png"), _fill(tmp_path, "cats/0.png")[0].parent]
    _fill(tmp_path, "mine.txt")
    _replace(tmp_path, old, "0.png", "old/0.png")
    assert _list(tmp_path) == ["0.png", "mine.txt", "old/0.png"]
    assert not (tmp_path / "cats").exists()


@pytest.mark.parametrize("moves", range(5))
def test_an_interruption_leaves_the_old_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    old = _fill(tmp_path, "0.png", "1.png")
    for path in old:
        path.write_text("old")
    rename, left = Path.rename, [moves]

    def interrupt(path: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] == -1:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupt)
    if moves == 4:  # as many as there are
        _replace(tmp_path, old, "0.png", "1.png")
    else:
        with pytest.raises(KeyboardInterrupt):
            _replace(tmp_path, old, "0.png", "1.png")
    assert _list(tmp_path) == ["0.png", "1.png"]
    assert {path.read_text() == "old" for path in old} == {moves < 4}
    assert len([*tmp_path.iterdir()]) == 2


def test_what_has_come_meanwhile_stays_and_nothing_is_replaced(tmp_path: Path) -> None:
    old = _fill(tmp_path, "0.png")
    _fill(tmp_path, "1.png")
    with pytest.raises(UsageError, match="exists; add --overwrite"):
        _replace(tmp_path, old, "0.png", "1.png", "2.png")
    assert _list(tmp_path) == ["0.png", "1.png"]


def test_of_a_failure_no_folder_is_left(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), staged(tmp_path / "a" / "b") as part:
        _fill(part, "0.png")
        raise ZeroDivisionError
    assert [*tmp_path.iterdir()] == []


def test_what_comes_while_files_are_replaced_stays_beside_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = _fill(tmp_path, "0.png")
    old[0].write_text("old")
    rename = Path.rename

    def come(path: Path, target: Path) -> Path:
        moved = rename(path, target)
        if path == old[0]:
            path.write_text("newcomer")
        return moved

    monkeypatch.setattr(Path, "rename", come)
    with pytest.raises(UsageError, match="exists; add --overwrite"):
        _replace(tmp_path, old, "0.png")
    assert old[0].read_text() == "newcomer"
    (kept,) = tmp_path.glob(".restore-*.part/.old/0.png")
    assert kept.read_text() == "old"


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX")
def test_a_folder_is_one_runs_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "mine"
    with alone_in(folder):
        with pytest.raises(RestoreError, match="Another run is writing into"), alone_in(folder):
            raise AssertionError
        (folder / "a").touch()
    with alone_in(folder):
        (folder / "a").unlink()
    assert folder.exists(), "it was there before"
    folder.rmdir()
    with alone_in(folder):
        pass
    assert not folder.exists(), "nothing has come into it"
