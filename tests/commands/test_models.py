"""`restore models`: the table, and what can be fetched."""

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


def test_every_restorer_has_a_line(run, installed: Path) -> None:
    ran = run("models")
    assert ran.code == 0
    heading, line = ran.out.splitlines()
    assert heading.split("  ")[0] == "name"
    assert line.split() == ["tiny", "inpaint", "64", "px", "-", "psnr", "9.5", "CC0"]


def test_columns_stand_below_each_other(run, installed: Path) -> None:
    heading, line = run("models").out.splitlines()
    for title, value in (("task", "inpaint"), ("size", "64 px"), ("licence", "CC0")):
        assert heading.index(title) == line.index(value)


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
