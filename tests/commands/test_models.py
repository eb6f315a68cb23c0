"""`restore models`: the table, and what can be fetched."""

import json
import shutil
from pathlib import Path

import pytest

from restore.errors import RestoreError


@pytest.fixture
def installed(tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of checkpoints: one restorer and its discriminator."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    shutil.copy(tiny_checkpoint, folder / "tiny.safetensors")
    shutil.copy(tiny_checkpoint, folder / "tiny.discriminator.safetensors")
    monkeypatch.setattr("restore.assets.checkpoints_folder", lambda: folder)
    return folder


def test_every_restorer_has_its_lines(run, installed: Path) -> None:
    ran = run("models")
    assert ran.code == 0
    heading, first, *others = ran.out.splitlines()
    assert heading.split() == ["name", "task", "size"]
    assert first.split() == ["tiny", "inpaint", "64", "px"]
    assert others == ["    scores: psnr 9.5", "    licence of the data: CC0"]
    for title, value in (("task", "inpaint"), ("size", "64 px")):
        assert heading.index(title) == first.index(value)


def test_no_line_is_wider_than_a_terminal(run) -> None:
    assert max(map(len, run("models").out.splitlines())) <= 80


def test_headers_come_as_json(run, installed: Path) -> None:
    (line,) = run("models", "--json").out.splitlines()
    found = json.loads(line)
    assert (found["name"], found["task"], found["scores"]) == ("tiny", "inpaint", {"psnr": 9.5})


def test_fetch_says_where_it_went(run, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("restore.lpips.fetch_lpips", lambda: tmp_path / "backbone.pth")
    assert run("models", "--fetch", "lpips").out == f"lpips -> {tmp_path / 'backbone.pth'}\n"


def test_fetch_without_a_network_is_one_sentence(run, monkeypatch) -> None:
    def fail() -> None:
        raise RestoreError("The address could not be fetched.")

    monkeypatch.setattr("restore.lpips.fetch_lpips", fail)
    ran = run("models", "--fetch", "lpips")
    assert ran.code == 1
    assert "could not be fetched" in ran.sentence
