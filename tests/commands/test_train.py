"""`restore train`: what reaches the training, and wrong usage."""

from pathlib import Path

import pytest


def test_everything_reaches_the_training(run, monkeypatch, tmp_path) -> None:
    asked = []

    def train(recipe, folder, run, device) -> Path:
        asked.append((recipe.name, recipe.steps, recipe.optimizer.lr, folder, run, device))
        return run / "inpaint.safetensors"

    monkeypatch.setattr("restore.training.train", train)
    words = ["--set", "steps=7", "--set", "optimizer.lr=0.5", "--device", "cpu"]
    ran = run("train", tmp_path, "--out", tmp_path / "run", *words)
    assert ran.code == 0
    assert asked == [("inpaint", 7, 0.5, tmp_path, tmp_path / "run", "cpu")]
    assert ran.out == f"{tmp_path} -> {tmp_path / 'run' / 'inpaint.safetensors'}\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--out", "run", "--recipe", "inpiant"], "Did you mean 'inpaint'?"),
        (["--out", "run", "--set", "stepz=3"], "Did you mean 'steps'?"),
        (["--out", "run", "--set", "steps"], "KEY=VALUE"),
        (["--out", "run", "--set", "steps=0"], "'steps' must"),
        ([], "Missing option '--out'"),
    ],
)
def test_wrong_usage_is_told_in_one_sentence(
    words: list[str], sentence: str, run, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("train", tmp_path, *words)
    assert ran.code == 2
    assert sentence in ran.sentence
    assert list(tmp_path.iterdir()) == []
