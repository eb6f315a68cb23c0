"""`restore export`: the line that it prints, and what it says where nothing was compared."""

from pathlib import Path

import pytest


@pytest.fixture
def no_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long is done at once."""
    monkeypatch.setattr("restore.export.to_onnx", lambda *_: bytes(1_500_000))
    monkeypatch.setattr("restore.export.compare", lambda *_: 3e-7)


def test_it_tells_where_the_file_went(
    run, no_onnx, tiny_checkpoint: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("export", tiny_checkpoint)
    assert ran.code == 0
    assert ran.out == "tiny -> tiny.onnx (1.5 MB, 3e-07 from PyTorch at most)\n"
    assert run("export", tiny_checkpoint).code == 2
    assert run("export", tiny_checkpoint, "--overwrite").code == 0


def test_it_says_when_nothing_was_compared(
    run, no_onnx, tiny_checkpoint: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("restore.export.compare", lambda *_: None)
    ran = run("export", tiny_checkpoint, "--out", tmp_path / "a.onnx")
    assert ran.code == 0
    assert "not compared" in ran.err and ran.err.count("\n") == 1
    assert ran.out.endswith("a.onnx (1.5 MB)\n")


def test_an_unknown_name_is_one_sentence(run) -> None:
    ran = run("export", "inpiant")
    assert ran.code == 2
    assert "Did you mean 'inpaint'" in ran.sentence
