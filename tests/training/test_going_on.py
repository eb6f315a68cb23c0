"""What a run finds in its folder: a state to go on from, or files that are not its own."""

import shutil
from pathlib import Path

import pytest

from restore.errors import UsageError
from restore.training import load_recipe, train
from restore.training.state import list_states

MEND = (
    "warmup=2",
    "workers=0",
    "precision=fp32",
    "stages=[{size=32, batch=2, share=1}]",
    "generator.arguments={base='damaged', channels=[8, 8], blocks=[1, 1]}",
)


def test_a_run_of_an_older_version_goes_on_at_another_rate(photos: Path, tmp_path: Path) -> None:
    train(load_recipe("mend", (*MEND, "steps=1")), photos, tmp_path, device="cpu")
    text = (tmp_path / "recipe.toml").read_text()
    newer = [line for line in text.splitlines() if line.startswith(("hint = ", "decay = "))]
    assert len(newer) == 2
    for line in newer:
        text = text.replace(f"{line}\n", "")
    (tmp_path / "recipe.toml").write_text(text)
    slower = ("steps=2", "optimizer.lr=1e-4", "optimizer.discriminator_lr=1e-4")
    train(load_recipe("mend", (*MEND, *slower)), photos, tmp_path, device="cpu")
    assert list_states(tmp_path / "state")[-1].name == "00000002"


def test_files_that_no_run_goes_on_from_are_not_replaced(photos: Path, tmp_path: Path) -> None:
    recipe = load_recipe("mend", (*MEND, "steps=1"))
    for name in ("mend.safetensors", "recipe.toml"):
        run = tmp_path / name
        run.mkdir()
        (run / name).write_text("mine")
        with pytest.raises(UsageError, match=rf"{name} exists, and .* holds no state"):
            train(recipe, photos, run, device="cpu")
        assert (run / name).read_text() == "mine" and len(list(run.iterdir())) == 1


def test_a_run_that_was_stopped_early_begins_anew_with_other_settings(
    photos: Path, tmp_path: Path
) -> None:
    train(load_recipe("mend", (*MEND, "steps=1")), photos, tmp_path, device="cpu")
    shutil.rmtree(tmp_path / "state")
    (tmp_path / "mend.safetensors").unlink()
    slower = ("steps=2", "optimizer.lr=1e-4")
    train(load_recipe("mend", (*MEND, *slower)), photos, tmp_path, device="cpu")
    assert list_states(tmp_path / "state")[-1].name == "00000002"


def test_a_finished_run_says_so(photos: Path, tmp_path: Path, capsys) -> None:
    recipe = load_recipe("mend", (*MEND, "steps=1"))
    train(recipe, photos, tmp_path, device="cpu")
    capsys.readouterr()
    train(recipe, photos, tmp_path, device="cpu")
    assert "1/1 steps" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overrides", "start", "words"),
    [
        ((), "nope", "There is no checkpoint 'nope'"),
        (("mask=nope",), None, "no mask preset 'nope'|There is no .* 'nope'"),
        (("generator.arguments={nope=1}",), None, "'nope'"),
        ((), "digits", "draws pictures from noise"),
    ],
)
def test_wrong_names_are_told_before_photos_are_looked_at(
    tmp_path: Path, overrides: tuple[str, ...], start: str | None, words: str
) -> None:
    nowhere = tmp_path / "nowhere"
    with pytest.raises(UsageError, match=words):
        train(load_recipe("inpaint", overrides), nowhere, tmp_path / "run", "cpu", start=start)
