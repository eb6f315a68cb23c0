import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore.errors import UsageError
from restore.image import read_image, write_bytes, write_image

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 36, 3), np.uint8)


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def _refuse(*_: object) -> None:
    raise PermissionError


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("links", [True, False])
def test_what_has_come_while_a_file_was_written_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    path = tmp_path / "a.bin"

    def be_slow(_: int) -> None:
        path.write_text("precious")

    monkeypatch.setattr(os, "fsync", be_slow)
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", _refuse)
    with pytest.raises(UsageError, match="exists; add --overwrite"):
        write_bytes(path, b"new")
    assert path.read_text() == "precious"
    write_bytes(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"
    assert [*tmp_path.iterdir()] == [path]


def test_a_file_comes_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "hardlink_to", _refuse)
    write_bytes(tmp_path / "a.bin", b"new")
    assert (tmp_path / "a.bin").read_bytes() == b"new"
    assert (tmp_path / "a.bin").stat().st_nlink == 1


@needs_posix
@pytest.mark.usefixtures("usual_umask")
def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    for mode in (0o600, 0o640, 0o664, 0o444):
        path = tmp_path / f"{mode:o}.bin"
        path.write_text("old")
        path.chmod(mode)
        write_bytes(path, b"new", overwrite=True)
        assert path.read_bytes() == b"new"
        assert _mode(path) == mode


@needs_posix
@pytest.mark.usefixtures("usual_umask")
@pytest.mark.parametrize(
    ("given", "gets"), [(0o600, 0o600), (0o640, 0o640), (0o666, 0o644), (0o444, 0o644)]
)
def test_a_result_may_be_read_by_nobody_else_than_its_photo(
    tmp_path: Path, given: int, gets: int
) -> None:
    write_bytes(tmp_path / "fresh.bin", b"new")
    assert _mode(tmp_path / "fresh.bin") == 0o644
    write_image(tmp_path / "a.png", PIXELS, read_image(_photo(tmp_path, given)))
    assert _mode(tmp_path / "a.png") == gets


def _photo(folder: Path, mode: int) -> Path:
    path = folder / "photo.png"
    Image.fromarray(PIXELS).save(path)
    path.chmod(mode)
    return path
