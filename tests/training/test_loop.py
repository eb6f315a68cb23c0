import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file

from restore.assets import discriminator_path
from restore.checkpoint import read_header
from restore.errors import RestoreError, UsageError
from restore.image import encode_png, write_bytes
from restore.restorer import Restorer
from restore.training import load_recipe, train
from restore.training.loop import Training
from restore.training.photo_task import split_photos
from restore.training.restorer_step import RestorerStep
from restore.training.state import list_states, save_state
from restore.training.team import Team

TINY = (
    "steps=6",
    "warmup=2",
    "workers=0",
    "precision=fp32",
    "stages=[{size=32, batch=2, share=0.5}, {size=64, batch=2, share=0.5}]",
    "generator.arguments={channels=[8, 16], dilations=[1, 2], attention=[1]}",
    "discriminator.arguments={channels=[8, 8, 8, 8]}",
    "losses.diversity.every=2",
)


@pytest.fixture(scope="module")
def done(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "whole"
    train(load_recipe("inpaint", TINY), photos, run, device="cpu")
    return run


def _tensors(run: Path) -> dict[str, torch.Tensor]:
    return load_file(list_states(run / "state")[-1] / "tensors.safetensors")


def test_a_run_ends_with_a_restorer_that_can_be_loaded(done: Path) -> None:
    restorer = Restorer.load(done, device="cpu")
    assert restorer.settings.steps == 6 and restorer.settings.images == 12
    photo = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    assert restorer.fix(photo, np.eye(50, 60)).shape == photo.shape
    assert discriminator_path(done / "inpaint.safetensors").is_file()
    assert list((done / "samples").glob("*.png"))
    lines = [json.loads(line) for line in (done / "log.jsonl").read_text().splitlines()]
    assert np.isfinite(lines[-1]["held_out_l1"])


@pytest.mark.parametrize("stop", [1, 3, 4])
def test_a_stopped_run_resumes_to_the_bit(
    photos: Path, done: Path, tmp_path: Path, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import restore.training.loop as loop

    recipe = load_recipe("inpaint", TINY)
    original = loop.Training._update

    def update_then_stop(self: loop.Training, *arguments: object) -> None:
        original(self, *arguments)  # type: ignore[arg-type]
        self.asked = self.number == stop

    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "_update", update_then_stop)
        train(recipe, photos, tmp_path, device="cpu")
    assert list_states(tmp_path / "state")[-1].name == f"{stop:08d}"
    train(recipe, photos, tmp_path, device="cpu")
    expected, resumed = _tensors(done), _tensors(tmp_path)
    assert expected.keys() == resumed.keys()
    for name, value in expected.items():
        assert torch.equal(value, resumed[name]), name


def test_training_lowers_the_error(tmp_path: Path) -> None:
    """White specks on black: what is known says mostly gray, what is right is mostly black."""
    rng, photos = np.random.default_rng(0), tmp_path / "photos"
    photos.mkdir()
    for index in range(12):
        specks = np.where(rng.random((80, 90)) < 0.15, 255, 0)
        write_bytes(photos / f"{index}.png", encode_png(np.dstack([specks] * 3).astype(np.uint8)))
    others = ("adversarial", "feature_matching", "perceptual", "diversity")
    alone = (*TINY, *(f"losses.{name}.weight=0" for name in others), "ema=0.9", "hint=0")
    errors = []
    for name, more in (
        ("untrained", ["optimizer.lr=1e-12"]),
        ("trained", ["steps=60", "optimizer.lr=5e-3"]),
    ):
        train(load_recipe("inpaint", (*alone, *more)), photos, tmp_path / name, device="cpu")
        lines = (tmp_path / name / "log.jsonl").read_text().splitlines()
        errors.append(json.loads(lines[-1])["held_out_l1"])
    untrained, trained = errors
    assert trained < 0.9 * untrained


MEND = (
    *(line for line in TINY if line.split(".")[0] not in {"generator", "discriminator", "losses"}),
    "generator.arguments={base='damaged', channels=[8, 8], blocks=[1, 1]}",
)


def test_photos_spoiled_as_a_whole_are_learned_from(photos: Path, tmp_path: Path) -> None:
    train(load_recipe("mend", MEND), photos, tmp_path, device="cpu")
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert np.isfinite(lines[-1]["held_out_psnr"])
    assert not any("discriminator" in line for line in lines)
    tiny = "discriminator.arguments={channels=[8, 8, 8, 8]}"
    natural = load_recipe("mend-natural", (*MEND, tiny))
    train(natural, photos, tmp_path / "natural", device="cpu", start=tmp_path)
    assert read_header(tmp_path / "natural" / "mend-natural.safetensors").task == "mend"


def test_a_recipe_that_fills_holes_learns_nothing_from_spoiled_photos(
    photos: Path, tmp_path: Path
) -> None:
    recipe = load_recipe("inpaint", (*TINY, "degrade=mixed"))
    with pytest.raises(UsageError, match="damaged as a whole"):
        train(recipe, photos, tmp_path, device="cpu")


def test_photos_that_a_discriminator_can_not_take_are_told(photos: Path, tmp_path: Path) -> None:
    deep = ("discriminator.kind=multi-scale", "discriminator.arguments.scales=6")
    with pytest.raises(UsageError, match=r"takes no photos of 32 × 32 pixels; give it fewer"):
        train(load_recipe("inpaint", (*TINY, *deep)), photos, tmp_path / "run", device="cpu")


def test_fine_tuning_starts_from_given_weights(photos: Path, done: Path, tmp_path: Path) -> None:
    still = ("optimizer.lr=1e-12", "optimizer.discriminator_lr=1e-12", "seed=2")
    recipe = load_recipe("inpaint", (*TINY, "steps=1", *still))
    train(recipe, photos, tmp_path, device="cpu", start=done)
    for name in ("inpaint.safetensors", "inpaint.discriminator.safetensors"):
        given, tuned = load_file(done / name), load_file(tmp_path / name)
        for key, value in given.items():
            if not key.endswith(("_u", "_v")):  # of the power iteration, which goes on
                assert torch.allclose(value.float(), tuned[key].float(), atol=1e-3), key


def test_another_discriminator_is_told_and_a_new_one_trained(
    photos: Path, done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wider = ("steps=1", "discriminator.arguments={channels=[8, 8, 8, 16]}")
    recipe = load_recipe("inpaint", (*TINY, *wider))
    train(recipe, photos, tmp_path, device="cpu", start=done)
    assert "is another discriminator: a new one is trained" in " ".join(
        capsys.readouterr().err.split()
    )
    assert read_header(tmp_path / "inpaint.discriminator.safetensors").network == (
        recipe.discriminator
    )


@pytest.mark.parametrize(("count", "held"), [(1, 1), (2, 1), (200, 4), (5000, 16)])
def test_held_out_photos_are_not_trained_on(count: int, held: int) -> None:
    photos = [Path(f"{index}.png") for index in range(count)]
    rest, held_out = split_photos(photos)
    assert len(held_out) == held
    if count > 1:
        assert not {*rest} & {*held_out}
    assert {*rest} | {*held_out} == {*photos}


def test_weights_of_another_network_are_refused(photos: Path, done: Path, tmp_path: Path) -> None:
    other = load_recipe("inpaint", (*TINY, "generator.arguments.attention=[]"))
    with pytest.raises(UsageError, match="another generator"):
        train(other, photos, tmp_path, device="cpu", start=done)


def test_another_recipe_in_the_same_run_is_refused(photos: Path, done: Path) -> None:
    other = load_recipe("inpaint", (*TINY, "optimizer.weight_decay=0.1"))
    with pytest.raises(UsageError, match="optimizer"):
        train(other, photos, done, device="cpu")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("stepz=3", "Did you mean 'steps'"),
        ("steps=many", "steps"),
        ("losses.adversarail.weight=1", "adversarail"),
        ("losses.adversarial.wieght=1", "wieght"),
        ("optimizer.kind=adamm", "adamw"),
        ("mask=wid", "Did you mean 'wide'"),
        ("generator.kind=gatet", "Did you mean 'gated'"),
    ],
)
def test_a_mistake_in_a_recipe_is_named(
    photos: Path, tmp_path: Path, override: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        train(load_recipe("inpaint", (*TINY, override)), photos, tmp_path, device="cpu")


@pytest.mark.parametrize("kind", [OSError, SafetensorError])
def test_a_full_disk_keeps_the_old_state(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    layer = torch.nn.Linear(2, 2)
    save_state(tmp_path, 1, {"layer": layer}, {})

    def fail(*_: object) -> None:
        raise kind("No space left on device")

    monkeypatch.setattr("restore.training.state.save_file", fail)
    with pytest.raises(RestoreError, match="No space left"):
        save_state(tmp_path, 2, {"layer": layer}, {})
    assert [state.name for state in list_states(tmp_path)] == ["00000001"]
    assert [path.name for path in tmp_path.iterdir()] == ["00000001"]


def test_only_the_last_two_states_are_kept(tmp_path: Path) -> None:
    for step in range(4):
        save_state(tmp_path, step, {"layer": torch.nn.Linear(2, 2)}, {"step": step})
    assert [state.name for state in list_states(tmp_path)] == ["00000002", "00000003"]


@pytest.mark.parametrize(
    "changes",
    [
        ("losses.adversarial.kind=relativistic", "losses.r1.every=2", "losses.r2.every=2"),
        (
            "losses.adversarial.kind=wasserstein",
            "losses.gradient_penalty.weight=10",
            "discriminator_steps=3",
            "optimizer.kind=adam",
        ),
        ("discriminator.kind=multi-scale", "losses.adversarial.kind=hinge", "optimizer.kind=sgd"),
        ("augment=off", "losses.total_variation.weight=1", "losses.weight_size.power=1"),
        ("losses.adversarial.weight=0", "losses.feature_matching.weight=0", "decay=cosine"),
    ],
)
def test_other_ways_to_train_work_too(
    photos: Path, tmp_path: Path, changes: tuple[str, ...]
) -> None:
    train(load_recipe("inpaint", (*TINY, *changes)), photos, tmp_path, device="cpu")
    assert all(value.isfinite().all() for value in _tensors(tmp_path).values())


def test_a_run_that_dies_goes_back_once_then_stops(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe("inpaint", (*TINY, "steps=40", "save_seconds=0.001"))
    original = RestorerStep.update
    dying = {12, 25}

    def update(self: RestorerStep, *arguments: object) -> dict[str, torch.Tensor]:
        logs = original(self, *arguments)  # type: ignore[arg-type]
        if arguments[1] in dying:
            dying.remove(arguments[1])  # type: ignore[arg-type]
            logs["reconstruction"] = torch.tensor(float("nan"))
        return logs

    monkeypatch.setattr(RestorerStep, "update", update)
    with pytest.raises(RestoreError, match=r"step 26: a loss became .* NaN again; start .* --set"):
        train(recipe, photos, tmp_path, device="cpu")
    assert not dying
    assert list_states(tmp_path / "state")[-1].name == "00000025"


def test_steps_in_which_no_loss_is_due_change_nothing(photos: Path, tmp_path: Path) -> None:
    weights, alike = [], ("warmup=0", "cooldown=0", "stages=[{size=32, batch=2, share=1}]")
    for steps in (1, 3, 4):
        run, lazy = tmp_path / str(steps), ("losses.reconstruction.every=3", f"steps={steps}")
        train(load_recipe("mend", (*MEND, *lazy, *alike)), photos, run, device="cpu")
        tensors = _tensors(run)
        weights.append({n: v for n, v in tensors.items() if n.startswith("generator.")})
    first, third, fourth = weights
    assert all(torch.equal(value, third[name]) for name, value in first.items())
    assert not all(torch.equal(value, fourth[name]) for name, value in first.items())


def test_by_lpips_alone_nothing_is_learned_without_it(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restore.training.restorer_task.load_lpips", lambda: None)
    alone = ("losses.reconstruction.weight=0", "losses.perceptual.weight=1")
    with pytest.raises(RestoreError, match="fetch lpips"):
        train(load_recipe("mend", (*MEND, *alone)), photos, tmp_path, device="cpu")


def test_the_order_of_losses_is_no_other_recipe(photos: Path, tmp_path: Path) -> None:
    train(load_recipe("mend", (*MEND, "steps=1")), photos, tmp_path, device="cpu")
    text = (tmp_path / "recipe.toml").read_text()
    tables = text.split("[losses.")
    (tmp_path / "recipe.toml").write_text("[losses.".join([tables[0], *tables[:0:-1]]))
    train(load_recipe("mend", (*MEND, "steps=2")), photos, tmp_path, device="cpu")


def test_a_short_run_is_in_the_log(done: Path) -> None:
    lines = [json.loads(line) for line in (done / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "photos_per_second" in line] == [6]


def test_a_run_among_its_photos_goes_on(photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "all"
    shutil.copytree(photos, folder)
    train(load_recipe("inpaint", (*TINY, "steps=1")), folder, folder / "run", device="cpu")
    assert list((folder / "run/samples").glob("*.png"))
    train(load_recipe("inpaint", (*TINY, "steps=2")), folder, folder / "run", device="cpu")
    assert list_states(folder / "run/state")[-1].name == "00000002"


@pytest.mark.slow
def test_a_run_killed_ten_times_ends_with_a_restorer(photos: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from restore.training import load_recipe, train\n"
        "train(load_recipe('inpaint', sys.argv[3:]), Path(sys.argv[1]), Path(sys.argv[2]), 'cpu')"
    )
    overrides = [*TINY, "steps=200", "save_seconds=0.5"]
    command = [sys.executable, "-c", code, str(photos), str(tmp_path), *overrides]
    rng = np.random.default_rng(0)
    for _ in range(10):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=dict(os.environ))
        time.sleep(rng.uniform(4, 9))
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    assert Restorer.load(tmp_path, device="cpu").settings.steps == 200


def test_a_recipe_that_plays_no_game_has_no_discriminator(photos: Path, tmp_path: Path) -> None:
    off = ("losses.adversarial.weight=0", "losses.feature_matching.weight=0", "steps=1")
    train(load_recipe("inpaint", (*TINY, *off)), photos, tmp_path, device="cpu")
    assert not discriminator_path(tmp_path / "inpaint.safetensors").exists()
    assert not any("discriminator" in name for name in _tensors(tmp_path))
    recipe = load_recipe("inpaint")
    with pytest.raises(ValidationError, match="names none"):
        type(recipe)(**recipe.model_dump() | {"discriminator": None, "losses": recipe.losses})


def test_a_thread_may_train_too(photos: Path, tmp_path: Path) -> None:
    recipe = load_recipe("inpaint", (*TINY, "steps=1"))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(train, recipe, photos, tmp_path, device="cpu").result()
    assert Restorer.load(tmp_path, device="cpu").settings.steps == 1


def test_a_wish_to_stop_is_heard_while_processes_agree(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[Training] = []
    update, agree = Training._update, Team.any

    def remember(self: Training, *arguments: object) -> None:
        runs.append(self)
        update(self, *arguments)  # type: ignore[arg-type]

    def any_of(self: Team, *wishes: bool) -> list[bool]:
        answer = agree(self, *wishes)
        runs[-1].asked = True  # as a signal does it, when this process has already told its wish
        return answer

    monkeypatch.setattr(Training, "_update", remember)
    monkeypatch.setattr(Team, "any", any_of)
    train(load_recipe("mend", MEND), photos, tmp_path, device="cpu")
    assert list_states(tmp_path / "state")[-1].name == "00000002"


def test_processes_that_find_different_states_are_told(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Team, "agree", lambda *_: False)
    with pytest.raises(UsageError, match="or different photos"):
        train(load_recipe("mend", MEND), photos, tmp_path / "run", device="cpu")


def test_a_run_that_goes_back_to_a_stage_by_its_steps_tells(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(load_recipe("mend", (*MEND, "steps=4")), photos, tmp_path, device="cpu")
    assert "again" not in capsys.readouterr().err
    train(load_recipe("mend", (*MEND, "steps=10")), photos, tmp_path, device="cpu")
    told = capsys.readouterr().err
    assert "step 4 lies in stage 1 of 2 (32 pixels) again, after stage 2" in " ".join(told.split())
