import json
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from restore.data import Report
from restore.errors import RestoreError, UsageError
from restore.restorer import Restorer
from restore.training import Recipe, check_data, load_recipe, train
from restore.training.photos import gather_photos, remember_photos
from restore.training.restorer_task import RestorerTask
from restore.training.task import Source

RECIPE = load_recipe("inpaint")


def _silent(_: str) -> None:
    pass


def _write(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(noise).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for seed in range(5):
        _write(tmp_path / "photos" / f"{seed}.png", seed)
    return tmp_path / "photos"


@pytest.fixture
def run(tmp_path: Path, photos: Path) -> Path:
    """A run that was trained on the photos."""
    state = tmp_path / "run" / "state" / "00000001"
    state.mkdir(parents=True)
    (state / "state.json").write_text("{}")
    remember_photos(gather_photos(RECIPE, photos, tmp_path / "run", _silent), tmp_path / "run")
    return tmp_path / "run"


def test_what_is_wrong_is_said_at_the_start(photos: Path, tmp_path: Path) -> None:
    (photos / "bad.png").write_text("no picture")
    said: list[str] = []
    report = gather_photos(RECIPE, photos, tmp_path / "run", said.append)
    assert list(report.photos) == [f"{seed}.png" for seed in range(5)]
    assert said[:2] == [f"{photos}: 6 photos, 5 to train on", "Left out, can't be read: 1"]
    assert said[-1] == "  and 2 more" and report.size == 320
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_with_the_same_photos_wherever_they_are(photos: Path, run: Path) -> None:
    moved = photos.rename(photos.with_name("elsewhere"))
    (moved / "9.png").write_bytes((moved / "0.png").read_bytes())  # left out, so no change
    (moved / "bad.png").write_text("no picture")
    assert len(gather_photos(RECIPE, moved, run, _silent).photos) == 5


def test_a_run_does_not_go_on_with_other_photos(photos: Path, run: Path) -> None:
    for seed in range(4):
        (photos / f"{seed}.png").unlink()
    _write(photos / "4.png", 44)
    _write(photos / "new.png", 9)
    with pytest.raises(UsageError) as told:
        gather_photos(RECIPE, photos, run, _silent)
    assert str(told.value) == (
        f"{run} was trained on 5 photos, of which these differ now: 4 missing (0.png, 1.png, "
        f"2.png, …), 1 new (new.png), 1 changed (4.png); give the same photos, or "
        f"go on from its weights with --from {run} --out ANOTHER."
    )


def test_without_a_state_other_photos_are_fine(photos: Path, run: Path) -> None:
    (run / "state" / "00000001" / "state.json").unlink()
    (photos / "0.png").unlink()
    assert len(gather_photos(RECIPE, photos, run, _silent).photos) == 4


def test_a_run_that_remembers_no_photos_goes_on(photos: Path, run: Path) -> None:
    (run / "photos.json").unlink()
    (photos / "0.png").unlink()
    assert len(gather_photos(RECIPE, photos, run, _silent).photos) == 4


def _recipe(*overrides: str) -> Recipe:
    return load_recipe("inpaint", overrides)


BEGINS = ("generator.arguments.base=damaged", "hint=0")


@pytest.mark.parametrize(
    "overrides", [(), BEGINS, ("task=mend", BEGINS[0]), ("task=mend", "hint=0")]
)
def test_pairs_need_a_recipe_that_begins_with_the_damaged_photo(
    photos: Path, tmp_path: Path, overrides: Sequence[str]
) -> None:
    with pytest.raises(UsageError, match="take --recipe mend"):
        RestorerTask.gather(_recipe(*overrides), (photos, photos), tmp_path / "run", _silent)
    recipe = _recipe("task=mend", *BEGINS)
    assert len(RestorerTask.gather(recipe, (photos, photos), tmp_path / "run", _silent).photos) == 5


def test_a_source_is_checked_without_a_run(photos: Path, tmp_path: Path) -> None:
    assert len(check_data(RECIPE, photos).found["small"]) == 5
    with pytest.raises(RestoreError, match="There is nothing at"):
        check_data(RECIPE, tmp_path / "absent")
    for wrong in (("mask=nope",), ("mask=mixed", "degrade=nope", "task=mend", *BEGINS)):
        with pytest.raises(UsageError, match="'nope'"):
            check_data(_recipe(*wrong), photos)


TINY = (
    "steps=3",
    "workers=0",
    "precision=fp32",
    "stages=[{size=32, batch=2, share=1}]",
    "generator.arguments={channels=[8, 16], dilations=[1], attention=[], base='damaged'}",
    "discriminator.arguments={channels=[8, 8, 8, 8]}",
    "hint=0",
)


@pytest.mark.parametrize("kind", ["pairs", "zip", "one photo"])
def test_a_restorer_is_trained_on(kind: str, photos: Path, tmp_path: Path) -> None:
    source: Source = (photos, photos) if kind == "pairs" else tmp_path / "photos.zip"
    with ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in sorted(photos.iterdir())[: 1 if kind == "one photo" else None]:
            archive.write(path, path.name)
    task = "mend" if kind == "pairs" else "inpaint"
    checkpoint = train(_recipe(*TINY, f"task={task}"), source, tmp_path / "run", device="cpu")
    restorer = Restorer.load(checkpoint, device="cpu")
    assert (restorer.settings.task, restorer.settings.images) == (task, 6)
    assert len(list((tmp_path / "run" / "samples").iterdir())) == 1
    log = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    score = json.loads(log[-1])["held_out_l1" if task == "inpaint" else "held_out_psnr"]
    assert np.isfinite(score)


def test_photos_that_vanish_do_not_end_a_run(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def remember_then_spoil(report: Report, run: Path) -> None:
        for name in list(report.photos)[:4]:
            (photos / name).unlink()

    monkeypatch.setattr("restore.training.photo_task.remember_photos", remember_then_spoil)
    checkpoint = train(_recipe(*TINY), photos, tmp_path / "run", device="cpu")
    assert checkpoint.is_file()
    told = [line for line in capsys.readouterr().err.splitlines() if "No such file" in line]
    assert told and len(set(told)) == len(told)
