"""The best checkpoint of a run stays beside its newest one."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from restore.checkpoint import Header, NetworkSettings, read_header
from restore.restorer import Restorer
from restore.training import load_recipe, train
from restore.training.best import Best
from restore.training.photos import check_source
from restore.training.restorer_task import RestorerTask
from restore.training.task import Look
from restore.training.team import Team

NETWORK = NetworkSettings(kind="unet")
MEND = (
    "warmup=2",
    "workers=0",
    "precision=fp32",
    "preview_seconds=1e-9",
    "stages=[{size=32, batch=2, share=1}]",
    "generator.arguments={base='damaged', channels=[8, 8], blocks=[1, 1]}",
)


def offer(best: Best, weight: float, size: int, **scores: float) -> bool:
    layer = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(layer.weight, weight)
    header = Header(name="mine", task="mend", network=NETWORK, size=size)
    return best.offer(layer, header, scores)


def kept(best: Best) -> float:
    return float(load_file(best.path)["weight"])


def test_of_checkpoints_of_one_size_the_best_is_kept(tmp_path: Path) -> None:
    best = Best(tmp_path, "mine", ("-loss", "gain"))
    assert not offer(best, 1, 32, other=1.0) and not best.path.exists()
    assert not offer(best, 1, 32, loss=float("nan")) and not best.path.exists()
    assert offer(best, 2, 32, loss=0.5, gain=1.0) and kept(best) == 2
    assert not offer(best, 3, 32, loss=0.5, gain=2.0) and kept(best) == 2
    assert offer(best, 4, 32, loss=0.4) and kept(best) == 4
    assert offer(best, 5, 64, loss=0.9) and kept(best) == 5, "a later size counts for more"
    again = Best(tmp_path, "mine", ("-loss", "gain"))
    again.go_on()
    assert not offer(again, 6, 64, loss=1.0) and offer(again, 7, 64, loss=0.8)
    assert read_header(best.path).scores == {"loss": 0.8}
    assert not offer(again, 8, 64, gain=9.0), "it was chosen by what counts for more"
    gain = Best(tmp_path / "b", "mine", ("-loss", "gain"))
    assert offer(gain, 1, 32, gain=1.0) and not offer(gain, 2, 32, gain=0.5)


def test_a_run_keeps_what_scored_best(photos: Path, tmp_path: Path, monkeypatch) -> None:
    scores = iter([0.5, 0.2, 0.3, 0.4, 0.4, 0.1])
    monkeypatch.setattr(
        "restore.training.restorer_task.RestorerTask.look",
        lambda *_: Look({"held_out_l1": next(scores)}, None),
    )
    for steps, best in ((3, 2), (4, 5)):  # the second start goes on
        train(load_recipe("mend", (*MEND, f"steps={steps}")), photos, tmp_path, device="cpu")
        restorer = Restorer.load(tmp_path / "best", device="cpu")
        assert restorer.settings.steps == min(best, steps)
        assert Restorer.load(tmp_path, device="cpu").settings.steps == steps
    assert restorer.settings.scores == {"held_out_l1": 0.1}


def test_held_out_photos_are_named(photos: Path, tmp_path: Path) -> None:
    train(load_recipe("mend", (*MEND, "steps=1")), photos, tmp_path, device="cpu")
    (name,) = (tmp_path / "held-out.txt").read_text().splitlines()
    assert (photos / name).is_file()
    (line, *_) = (tmp_path / "log.jsonl").read_text().splitlines()[-1:]
    assert "held_out_l1" in json.loads(line)


@pytest.mark.parametrize(
    ("settings", "told"), [((), True), (("name=mine",), False), ((MEND[-1],), False)]
)
def test_few_photos_are_told_of_a_better_start(
    photos: Path, settings: tuple[str, ...], told: bool
) -> None:
    recipe = load_recipe("mend", settings)
    task = RestorerTask(recipe, Team("cpu"), check_source(recipe, photos), lambda _: None)
    assert bool(task.advice) == told
    assert not told or "29 photos are few" in str(task.advice)
