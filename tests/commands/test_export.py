"""`restore export`: the line that it prints, and what it says where nothing was compared."""

from pathlib import Path

import pytest

from restore.assets import checkpoints_folder
from restore.checkpoint import load_network, read_header, save_checkpoint
from restore.nets import RESTORERS


@pytest.fixture
def no_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long is done at once."""
    monkeypatch.setattr("restore.export.to_onnx", lambda *_: bytes(1_500_000))
    monkeypatch.setattr("restore.export.largest_difference", lambda *_: 3e-7)


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
    monkeypatch.setattr("restore.export.largest_difference", lambda *_: None)
    ran = run("export", tiny_checkpoint, "--out", tmp_path / "a.onnx")
    assert ran.code == 0
    assert "not compared" in ran.err and ran.err.count("\n") == 1
    assert ran.out.endswith("a.onnx (1.5 MB)\n")


def test_an_unknown_name_is_one_sentence(run) -> None:
    ran = run("export", "inpiant")
    assert ran.code == 2
    assert "Did you mean 'inpaint'" in ran.sentence


def test_the_name_that_a_header_gives_leads_nowhere(
    run, no_onnx, tiny_checkpoint: Path, tmp_path: Path, monkeypatch
) -> None:
    header = read_header(tiny_checkpoint).model_copy(update={"name": str(tmp_path / "evil")})
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    _, network = load_network(tiny_checkpoint, RESTORERS)
    save_checkpoint(Path("a.safetensors"), network, header)
    assert run("export", "a.safetensors").code == 0
    assert Path("a.onnx").exists() and not (tmp_path / "evil.onnx").exists()


def test_classifiers_and_discriminators_are_no_models(run) -> None:
    shipped = checkpoints_folder()
    for name, sentence in (("mnist.classifier", "tells"), ("digits.discriminator", "adversary")):
        ran = run("export", shipped / f"{name}.safetensors")
        assert ran.code == 2 and sentence in ran.sentence
