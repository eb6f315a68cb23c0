"""What a run finds in its folder: a state to go on from, or files that are not its own."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from restore.checkpoint import read_header, save_checkpoint
from restore.errors import RestoreError, UsageError
from restore.restorer import Restorer
from restore.training import check_data, load_recipe, train
from restore.training.restorer_step import RestorerStep
from restore.training.state import list_states, save_state
from restore.training.watch import Trouble, Watch

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
    assert "every = 1\n" in text  # of a loss
    text = text.replace("every = 1\n", "")
    (tmp_path / "recipe.toml").write_text(text)
    slower = ("steps=2", "optimizer.lr=1e-4", "optimizer.discriminator_lr=1e-4")
    train(load_recipe("mend", (*MEND, *slower)), photos, tmp_path, device="cpu")
    assert list_states(tmp_path / "state")[-1].name == "00000002"


@pytest.mark.parametrize(("won", "saved"), [(0, ["00000003", "00000004"]), (9, ["00000004"])])
def test_what_seems_lost_is_not_saved_over_what_there_is_to_go_back_to(
    photos: Path, tmp_path: Path, monkeypatch, won: int, saved: list[str]
) -> None:
    monkeypatch.setattr(Watch, "look", lambda watch: setattr(watch, "won", won))
    train(
        load_recipe("mend", (*MEND, "steps=4", "save_seconds=1e-9")), photos, tmp_path, device="cpu"
    )
    assert [state.name for state in list_states(tmp_path / "state")] == saved


def test_a_run_that_dies_in_its_last_steps_trains_them_again(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(load_recipe("mend", (*MEND, "steps=3")), photos, tmp_path, device="cpu")
    original, dying = RestorerStep.update, [4]

    def update(self: RestorerStep, *arguments: object) -> dict[str, torch.Tensor]:
        logs = original(self, *arguments)  # type: ignore[arg-type]
        if arguments[1] in dying:
            dying.clear()
            logs["reconstruction"] = torch.tensor(float("nan"))
        return logs

    monkeypatch.setattr(RestorerStep, "update", update)
    checkpoint = train(load_recipe("mend", (*MEND, "steps=5")), photos, tmp_path, device="cpu")
    assert not dying and Restorer.load(checkpoint, device="cpu").settings.steps == 5
    facts = json.loads((list_states(tmp_path / "state")[-1] / "state.json").read_text())["facts"]
    assert (facts["step"], facts["images"], facts["falls"]) == (5, 2 * (3 + 2 + 2), 1)
    dying.append(6)  # once in a run, also after another start
    with pytest.raises(RestoreError, match="a loss became"):
        train(load_recipe("mend", (*MEND, "steps=8")), photos, tmp_path, device="cpu")


def test_what_differs_is_named_and_nothing_else(photos: Path, tmp_path: Path) -> None:
    train(load_recipe("mend", (*MEND, "steps=1")), photos, tmp_path, device="cpu")
    for other, words in (
        (
            "losses.reconstruction.weight=3",
            r"another 'losses\.reconstruction\.weight' \(1\.0, not 3",
        ),
        ("losses.total_variation.weight=3", r"another 'losses\.\w+' \(none, not"),
        ("optimizer.betas=[0.1, 0.9]", r"another 'optimizer\.betas'"),
    ):
        with pytest.raises(UsageError, match=words):
            train(load_recipe("mend", (*MEND, other)), photos, tmp_path, device="cpu")


def test_a_run_that_goes_on_says_that_it_does_not_start_from_another(
    photos: Path, tmp_path: Path, capsys
) -> None:
    train(load_recipe("mend", (*MEND, "steps=1")), photos, tmp_path / "a", device="cpu")
    for steps in ("steps=1", "steps=2"):
        recipe = load_recipe("mend", (*MEND, steps))
        train(recipe, photos, tmp_path / "b", device="cpu", start=tmp_path / "a")
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("goes on from its own state, not from") == 1


def test_what_is_known_of_the_photos_before_goes_with_the_weights(
    photos: Path, tmp_path: Path
) -> None:
    first = load_recipe("mend", (*MEND, "steps=1", "data=birds", "licence=free", "name=old"))
    train(first, photos, tmp_path / "a", device="cpu")
    for steps in ("steps=1", "steps=2"):
        own = load_recipe("mend", (*MEND, steps, "data=fish"))
        train(own, photos, tmp_path / "b", device="cpu", start=tmp_path / "a")
        header = read_header(tmp_path / "b/mend.safetensors")
        assert header.data == "fish; before, as old: birds"
        assert header.licence == "before, as old: free"


def test_files_that_no_run_goes_on_from_are_not_replaced(photos: Path, tmp_path: Path) -> None:
    recipe = load_recipe("mend", (*MEND, "steps=1"))
    for name in ("mend.safetensors", "recipe.toml", "best/mend.safetensors"):
        run = tmp_path / name.replace("/", "-")
        (run / name).parent.mkdir(parents=True)
        (run / name).write_text("mine")
        with pytest.raises(UsageError, match=rf"{name} exists, and .* holds no state"):
            train(recipe, photos, run, device="cpu")
        assert (run / name).read_text() == "mine" and len(list(run.iterdir())) == 1


def test_a_run_that_was_stopped_early_begins_anew_with_other_settings(
    photos: Path, tmp_path: Path
) -> None:
    train(load_recipe("mend", (*MEND, "steps=1")), photos, tmp_path, device="cpu")
    shutil.rmtree(tmp_path / "state")
    shutil.rmtree(tmp_path / "best")
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


def test_a_run_knows_when_its_preset_has_changed(photos: Path, tmp_path: Path) -> None:
    preset, run = tmp_path / "mine.toml", tmp_path / "run"
    preset.write_text("[[stages]]\n[[stages.steps]]\nkind = 'gaussian-noise'\n")
    recipe = load_recipe("mend", (*MEND, "steps=1", f"degrade={preset}"))
    train(recipe, photos, run, device="cpu")
    text = preset.read_text()
    preset.write_text(f"# the same\n{text}")
    train(recipe, photos, run, device="cpu")
    preset.write_text(text.replace("gaussian", "poisson"))
    with pytest.raises(UsageError, match=r"The 'degrade' of .*run was another one.* has changed"):
        train(recipe, photos, run, device="cpu")
    assert (run / "degrade-preset.toml").read_text() == f"# the same\n{text}"
    kept = load_recipe("mend", (*MEND, "steps=1", f"degrade={run}/degrade-preset.toml"))
    train(kept, photos, run, device="cpu")


def test_a_preview_or_a_state_that_can_not_be_written_is_told_and_no_end(
    photos: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    for name, function in (("save_state", save_state), ("save_checkpoint", save_checkpoint)):

        def save(*arguments: Any, fails: Any = [True], function: Any = function) -> None:  # noqa: B006
            if fails and not fails.clear():
                raise RestoreError("Can't save: No space left on device.")
            function(*arguments)

        monkeypatch.setattr(f"restore.training.loop.{name}", save)
    (tmp_path / "samples").write_text("no folder")
    often = ("steps=3", "save_seconds=1e-9", "preview_seconds=1e-9")
    train(load_recipe("mend", (*MEND, *often)), photos, tmp_path, device="cpu")
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("training goes on, and tries again later") == 2 + 3 + 1
    assert "No space left on device; training goes on" in told
    assert list_states(tmp_path / "state")[-1].name == "00000003"


def test_a_wish_to_stop_when_it_seems_lost_keeps_the_state_before(
    photos: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    original = RestorerStep.update

    def update(self: RestorerStep, *arguments: object) -> dict[str, torch.Tensor]:
        if arguments[1] == 2:
            signal.raise_signal(signal.SIGINT)
        return original(self, *arguments)  # type: ignore[arg-type]

    recipe = load_recipe("mend", (*MEND, "steps=9", "save_seconds=1e-9"))
    monkeypatch.setattr(RestorerStep, "update", update)
    seen: list[int] = []

    def look(watch: Watch) -> None:
        seen.append(1)
        watch.won = 400 if len(seen) > 1 else 0

    monkeypatch.setattr(Watch, "look", look)
    train(recipe, photos, tmp_path, device="cpu")
    assert [state.name for state in list_states(tmp_path / "state")] == ["00000001"]
    assert "stays the newest" in " ".join(capsys.readouterr().err.split())


def test_a_check_refuses_what_a_run_would(photos: Path) -> None:
    with pytest.raises(UsageError, match="can't learn from photos that are damaged"):
        check_data(load_recipe("inpaint"), (photos, photos))
    with pytest.raises(UsageError, match="learns classes"):
        check_data(load_recipe("cgan"), photos)


def test_after_a_second_fall_lower_rates_are_advised(
    photos: Path, tmp_path: Path, monkeypatch
) -> None:
    recipe = load_recipe("mend", (*MEND, "steps=9", "save_seconds=1e-9", "optimizer.lr=3e-5"))
    trouble = Trouble("a loss became infinite or NaN", ("lr", "discriminator_lr"))
    monkeypatch.setattr(Watch, "look", lambda watch: trouble if watch.seen[2:] else None)
    with pytest.raises(RestoreError, match=r"NaN again; .* with --set optimizer.lr=1.5e-05\.$"):
        train(recipe, photos, tmp_path, device="cpu")
