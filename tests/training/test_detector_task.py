import json
from pathlib import Path

import numpy as np
import pytest
import torch

from restore.detector import Detector
from restore.errors import UsageError
from restore.losses import LOSSES
from restore.training import load_recipe, train
from restore.training.detector_task import score
from restore.training.estimate import estimate

TINY = (
    "steps=3",
    "warmup=1",
    "workers=0",
    "precision=fp32",
    "stages=[{size=64, batch=2, share=1}]",
    "generator.arguments={channels=[4, 8, 8], dilations=[1]}",
)
FITTING = [name for name, loss in LOSSES.items() if "detect" in loss.tasks]


def test_a_run_ends_with_a_detector_that_can_be_loaded(photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(load_recipe("scratches", TINY), photos, run, device="cpu").is_file()
    detector = Detector.load(run, device="cpu")
    assert (detector.settings.task, detector.settings.steps) == ("detect", 3)
    assert (detector.settings.size, detector.settings.zoom) == (64, 2.5)
    assert detector.find(np.zeros((30, 50, 3), np.uint8)).shape == (30, 50)
    assert list((run / "samples").glob("*.png"))
    assert not list(run.glob("*.discriminator.safetensors"))


def test_a_detector_learns_from_photos_alone(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pairs"):
        train(load_recipe("scratches", TINY), (photos, photos), tmp_path / "run", device="cpu")


def test_where_nothing_is_damaged_there_is_nothing_to_find(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to find"):
        train(load_recipe("scratches", (*TINY, "degrade=noisy")), photos, tmp_path, device="cpu")


@pytest.mark.parametrize("name", FITTING)
def test_a_detector_takes_a_step_by_every_loss_that_fits(
    photos: Path, tmp_path: Path, name: str
) -> None:
    alone = [f"losses.{other}.weight=0" for other in FITTING if other != name]
    recipe = load_recipe("scratches", (*TINY, *alone, f"losses.{name}.weight=0.01", "steps=1"))
    train(recipe, photos, tmp_path, device="cpu")
    (line, *_) = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert line[name] > 0


def test_what_a_run_would_take_can_be_told() -> None:
    found = estimate(load_recipe("scratches", TINY), "cpu")
    assert found.generator > 0 and found.stages[0].gigaflop > 0


def test_held_out_scores_are_of_all_photos_together() -> None:
    mask = torch.zeros(2, 1, 20, 20)
    mask[0, 0, 5, :] = 1
    beside = torch.zeros(2, 1, 20, 20)
    beside[0, 0, 6, :] = 1
    assert score(mask, mask) == {"held_out_f1": 1, "held_out_f1_within_1": 1}
    assert score(beside, mask) == {"held_out_f1": 0, "held_out_f1_within_1": 1}
    beside[1, 0, 6, :] = 1  # found where nothing is
    assert score(beside, mask)["held_out_f1_within_1"] == pytest.approx(2 / 3, abs=1e-3)
