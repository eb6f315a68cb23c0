"""`restore train`: what reaches the training, and wrong usage."""

from pathlib import Path

import pytest
import torch

from restore.checkpoint import Header, NetworkSettings, save_checkpoint


def write_checkpoint(run: Path, steps: int) -> Path:
    """Write what a run leaves that did so many steps."""
    header = Header(
        name="inpaint", task="inpaint", network=NetworkSettings(kind="x"), size=8, steps=steps
    )
    run.mkdir(exist_ok=True)
    save_checkpoint(run / "inpaint.safetensors", torch.nn.Linear(1, 1), header)
    return run / "inpaint.safetensors"


def test_everything_reaches_the_training(run, monkeypatch, tmp_path) -> None:
    asked = []

    def train(recipe, folder, run, device, start) -> Path:
        asked.append((recipe.name, recipe.steps, recipe.optimizer.lr, folder, run, device, start))
        return write_checkpoint(run, 7)

    monkeypatch.setattr("restore.training.train", train)
    words = ["--set", "steps=7", "--set", "optimizer.lr=0.5", "--device", "cpu", "--from", "faces"]
    ran = run("train", tmp_path, "--out", tmp_path / "run", *words)
    assert ran.code == 0
    assert asked == [("inpaint", 7, 0.5, tmp_path, tmp_path / "run", "cpu", "faces")]
    assert ran.out == f"{tmp_path} -> {tmp_path / 'run' / 'inpaint.safetensors'}\n"


def test_pairs_reach_the_training(run, monkeypatch, tmp_path) -> None:
    asked = []

    def train(recipe, source, run, device, start) -> Path:
        asked.append(source)
        return write_checkpoint(run, recipe.steps)

    monkeypatch.setattr("restore.training.train", train)
    ran = run("train", "--pairs", "old", "new", "--out", tmp_path / "run")
    assert ran.code == 0
    assert asked == [(Path("old"), Path("new"))]
    assert ran.out.startswith("old and new -> ")


def test_a_run_goes_into_no_file(run, write_picture, tmp_path) -> None:
    file = write_picture("photos/a.png")
    ran = run("train", file.parent, "--out", file)
    assert ran.code == 2 and "is a file where the folder" in ran.sentence


def test_a_run_that_was_stopped_says_so(run, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("restore.training.train", lambda *_, **__: write_checkpoint(tmp_path, 5))
    ran = run("train", tmp_path, "--out", tmp_path, "--set", "steps=7")
    assert ran.code == 130 and "step 5 of 7" in ran.err
    assert ran.out.endswith("inpaint.safetensors\n")


def test_check_lists_what_is_wrong_and_writes_nothing(run, write_picture, tmp_path) -> None:
    photos = write_picture("photos/a.png").parent
    (photos / "b.png").write_bytes((photos / "a.png").read_bytes())
    before = sorted(tmp_path.rglob("*"))
    ran = run("train", photos, "--check")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        f"{photos}: 2 photos, 1 to train on",
        "Left out, equal to another byte by byte: 1",
        "  b.png = a.png",
        "Kept but enlarged, less than 320 pixels wide or high: 1",
        "  a.png (60 × 40)",
    ]
    assert sorted(tmp_path.rglob("*")) == before
    ran = run("train", tmp_path / "absent", "--check")
    assert ran.code == 1
    assert ran.sentence.startswith("There is nothing at")


def test_it_takes_photos_or_pairs(run, tmp_path) -> None:
    for words in ([], [tmp_path, "--pairs", "a", "b"]):
        ran = run("train", *words, "--out", tmp_path / "run")
        assert ran.code == 2
        assert ran.sentence.startswith("Name a folder or zip of photos, or two with --pairs")


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


def test_a_dry_run_prints_the_recipe_and_the_hours(run) -> None:
    tiny = ["generator.arguments={channels=[8, 16], dilations=[1], attention=[]}"]
    tiny += [
        "discriminator.arguments={channels=[8, 8, 8, 8]}",
        "stages=[{size=32,batch=1,share=1}]",
    ]
    words = [word for override in tiny for word in ("--set", override)]
    ran = run("train", "--dry-run", *words)
    assert ran.code == 0
    assert 'name = "inpaint"' in ran.out and "hours in all" in ran.out
    ran = run("train", "--dry-run", "--check", *words)
    assert ran.code == 2 and "name one" in ran.sentence


def test_a_data_set_is_fetched_only_on_demand(run, monkeypatch, tmp_path) -> None:
    asked = []

    def train(recipe, source, run, device, start) -> Path:
        asked.append((str(source), recipe.download))
        return write_checkpoint(run, recipe.steps)

    monkeypatch.setattr("restore.training.train", train)
    words = ["torchvision:MNIST", "--recipe", "digits", "--out", tmp_path / "run"]
    assert run("train", *words).code == run("train", *words, "--download").code == 0
    assert asked == [("torchvision:MNIST", False), ("torchvision:MNIST", True)]


def test_only_samplers_fetch_data_sets(run, tmp_path) -> None:
    ran = run("train", tmp_path, "--out", tmp_path / "run", "--download")
    assert ran.code == 2 and "as in --recipe digits" in ran.sentence


def test_missing_labels_are_told_in_one_sentence(run, write_picture, tmp_path) -> None:
    photos = write_picture("photos/a.png").parent
    ran = run("train", photos, "--recipe", "cgan", "--out", tmp_path / "run")
    assert ran.code == 2
    assert "has none; give a folder with a folder for each class" in ran.sentence
    assert not (tmp_path / "run").exists()
