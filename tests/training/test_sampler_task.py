import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from restore.assets import discriminator_path, recipe_names
from restore.checkpoint import read_header
from restore.errors import RestoreError, UsageError
from restore.losses import GAMES
from restore.nets.style import StyleGenerator
from restore.sampler import Sampler
from restore.training import check_data, load_recipe, plan, train
from restore.training.loop import Training
from restore.training.recipe import SamplerRecipe
from restore.training.sampler_step import VaeStep
from restore.training.sampler_task import SamplerTask
from restore.training.state import list_states
from restore.training.tasks import find_task
from restore.training.team import Noise, Team

SMALL = {
    "mlp": "generator={kind='mlp', arguments={latent=8, widths=[16, 16]}}",
    "dcgan": "generator={kind='dcgan', arguments={latent=8, width=4, widest=8}}",
    "style": "generator={kind='style', arguments={latent=8, width=4, widest=8, mapping=2}}",
    "vae": "generator={kind='vae', arguments={latent=8, width=4, widest=8}}",
}
JUDGE = "discriminator={kind='dcgan', arguments={width=4, widest=8, norm='none'}}"
SHARED = ("workers=0", "precision=fp32", "warmup=2", "channels=1", "conditional=false")
STAGE = "stages=[{size=16, batch=4, share=1}]"
TINY = (*SHARED, SMALL["dcgan"], JUDGE, STAGE, "steps=6", "losses.r1.every=2", "mirror=true")
LABELLED = (*TINY, "conditional=true", "generator.arguments.dropout=0.3")


def _make_step(*overrides: str) -> SamplerTask:
    recipe = load_recipe("dcgan", (*SHARED, JUDGE, STAGE, *overrides))
    assert isinstance(recipe, SamplerRecipe)
    return SamplerTask(recipe, Team("cpu"), None, print)


def _update(task: SamplerTask, steps: int = 20) -> dict[str, torch.Tensor]:
    batch = task.make_probe(task.recipe.stages[-1])
    logs: dict[str, torch.Tensor] = {}
    for number in range(steps):
        logs = task.step.update(batch, number, Noise(number, task.step.team))
        assert all(value.isfinite() for value in logs.values()), (number, logs)
    return logs


def test_a_preview_takes_as_many_pictures_at_once_as_a_step() -> None:
    task = _make_step(SMALL["dcgan"])
    sizes: list[int] = []
    task.step.generator.register_forward_hook(lambda *at: sizes.append(len(at[-1])))
    picture = task.look(task.step.generator.eval(), task.recipe.stages[-1]).sheet
    assert sizes == [4] * 16 and picture is not None


def test_a_penalty_keeps_its_weight_however_short_gradients_are_cut(monkeypatch) -> None:
    lengths = []
    for weight in (0, 1, 2):
        task = _make_step(
            SMALL["dcgan"], "clip=1e-6", f"losses.r1.weight={weight}", "losses.r1.every=1"
        )
        weights = task.step.discriminator_weights

        def measure(of: list[torch.nn.Parameter] = weights) -> None:
            lengths.append(torch.stack([w.grad.norm() for w in of if w.grad is not None]).norm())

        monkeypatch.setattr(task.step, "move_discriminator", measure)
        _update(task, 1)
    game, once, twice = (length.item() for length in lengths)
    assert game == pytest.approx(1e-6, rel=0.01)
    assert once > 1e-4 and twice == pytest.approx(2 * once, rel=0.05)


@pytest.mark.parametrize("kind", [*GAMES, "relativistic"])
@pytest.mark.parametrize("generator", SMALL)
def test_every_sampler_learns_20_steps_by_every_game(generator: str, kind: str) -> None:
    extra = ("losses.gradient_penalty.weight=10",) if kind == "wasserstein" else ()
    extra += ("losses.kl.weight=1e-3", "losses.reconstruction.weight=1") * (generator == "vae")
    task = _make_step(SMALL[generator], f"losses.adversarial.kind={kind}", *extra)
    before = [weight.detach().clone() for weight in task.step.generator_weights]
    assert "discriminator" in _update(task)
    assert isinstance(task.step, VaeStep) == (generator == "vae")
    pairs = zip(before, task.step.generator_weights, strict=True)
    moved = [not torch.equal(old, new) for old, new in pairs]
    assert sum(moved) > len(moved) / 2
    assert all(weight.isfinite().all() for weight in task.step.generator_weights)


@pytest.mark.parametrize(
    "changes",
    [
        ("conditional=true", "discriminator.arguments.head=projection"),
        (
            "conditional=true",
            "discriminator.arguments.head=auxiliary",
            "losses.auxiliary.weight=1",
        ),
        ("conditional=true", "discriminator={kind='mlp', arguments={widths=[8]}}"),
        ("discriminator_steps=5", "augment=on", "losses.r2.every=2"),
        ("generator.arguments.blocks=dense", "discriminator.arguments.blocks=residual"),
        (SMALL["style"], "mixing=0.9"),
    ],
)
def test_other_ways_to_train_work_too(changes: tuple[str, ...]) -> None:
    logs = _update(_make_step(SMALL["dcgan"], *changes), 3)
    assert ("auxiliary" in logs) == ("losses.auxiliary.weight=1" in changes)


def test_penalties_look_at_the_pictures_that_they_are_named_for() -> None:
    class Square(torch.nn.Module):
        """Its slope is the length of a picture."""

        def forward(self, image: torch.Tensor, *_: object) -> tuple[torch.Tensor, list[Any]]:
            return image.square().sum((1, 2, 3)) / 2, []

    step = _make_step(SMALL["dcgan"]).step
    step.discriminator = Square()
    real, fake = torch.full((3, 1, 4, 4), 0.5), torch.full((3, 1, 4, 4), 2.0)
    needs = {"real_slope", "fake_slope", "mixed_slope"}
    noise = Noise(0, step.team)
    found = step.find_slopes(real, fake, None, noise, needs)
    assert found["real_slope"].tolist() == pytest.approx([2] * 3)  # 0.5 times the root of 16
    assert found["fake_slope"].tolist() == pytest.approx([8] * 3)
    part = Noise(0, step.team).uniform(3, 1, 1, 1).flatten()
    assert found["mixed_slope"].tolist() == pytest.approx((2 + 6 * part).tolist())


@pytest.mark.parametrize("weight", ["r1", "r2"])
def test_penalties_hold_the_discriminator_back(weight: str) -> None:
    def slope(strength: float) -> float:
        torch.manual_seed(0)
        penalty = f"losses.{weight}={{weight={strength}, every=1}}"
        task = _make_step(SMALL["dcgan"], penalty, "optimizer.discriminator_lr=0.01")
        _update(task, 30)
        images = task.make_probe(task.recipe.stages[-1]).image
        found = task.step.find_slopes(
            images, images, None, Noise(0, task.step.team), {"real_slope"}
        )
        return found["real_slope"].mean().item()

    assert slope(100) < 0.5 * slope(1e-6)


def test_styles_are_mixed_among_the_layers_that_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = "stages=[{size=8, batch=2, share=1}, {size=16, batch=2, share=1, fade=1.0}]"
    growing = "discriminator.arguments.growing=true"
    task = _make_step(SMALL["style"], stages, growing, "mixing=1", "steps=40")
    generator, cuts = task.step.generator, []
    assert isinstance(generator, StyleGenerator)
    mix = generator.mix

    def watch(noise: torch.Tensor, other: torch.Tensor, cut: int, *rest: Any) -> torch.Tensor:
        cuts.append((generator.shown_layers, cut))
        return mix(noise, other, cut, *rest)

    monkeypatch.setattr(generator, "mix", watch)
    for number in range(40):
        batch = task.make_probe(task.recipe.stage_at(number)[0])
        task.step.update(batch, number, Noise(number, task.step.team))
    assert {*cuts} == {(3, 1), (3, 2), *((5, cut) for cut in range(1, 5))}


def test_levels_that_are_not_reached_wait_for_their_first_step() -> None:
    """Adam would count steps of zeros for them, and its first real ones would be too long."""
    stages = "stages=[{size=8, batch=2, share=1}, {size=16, batch=2, share=1}]"
    growing = "discriminator.arguments.growing=true"
    task = _make_step(SMALL["style"], stages, growing, "losses.r1.every=2", "steps=4")
    optimizer = task.step.discriminator_optimizer
    assert optimizer is not None
    before, counts = [weight.clone() for weight in task.step.discriminator_weights], []
    for number in range(4):
        batch = task.make_probe(task.recipe.stage_at(number)[0])
        task.step.update(batch, number, Noise(number, task.step.team))
        known = [weight for weight in task.step.discriminator_weights if weight in optimizer.state]
        counts.append(len(known))
        if number == 1:
            for old, weight in zip(before, task.step.discriminator_weights, strict=True):
                assert weight in optimizer.state or torch.equal(old, weight)
    assert counts[0] == counts[1] < counts[2] == counts[3]


def test_a_plain_autoencoder_learns_to_draw_a_picture_again() -> None:
    task = _make_step(
        SMALL["vae"],
        "losses={reconstruction={distance='l2'}, kl={weight=0}}",
        "optimizer.lr=5e-3",
        "optimizer.betas=[0.9, 0.99]",
    )
    assert task.step.discriminator is None
    first = _update(task, 1)["reconstruction"]
    assert _update(task, 60)["reconstruction"] < first / 2


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_can_be_built(name: str) -> None:
    recipe = load_recipe(name)
    task = find_task(recipe)(recipe, Team("cpu"), None, lambda _: None)
    assert "generator" in task.step.networks
    if isinstance(task, SamplerTask):
        size = recipe.stages[-1].size
        assert (task.step.generator.size, task.step.generator.channels) == (size, recipe.channels)
        assert bool(task.step.generator.classes) == recipe.conditional


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for name in ("cat/1", "cat/2", "cat/3", "dog/1", "dog/2"):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8)).save(f"{folder / name}.png")
    return folder


@pytest.fixture(scope="module")
def done(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "whole"
    train(load_recipe("cgan", LABELLED), pictures, run, device="cpu")
    return run


def _tensors(run: Path) -> dict[str, torch.Tensor]:
    return load_file(list_states(run / "state")[-1] / "tensors.safetensors")


def test_a_run_ends_with_a_sampler_that_knows_its_labels(done: Path) -> None:
    header = read_header(done / "cgan.safetensors")
    assert (header.task, header.labels, header.size) == ("generate", ("cat", "dog"), 16)
    assert header.network.arguments["classes"] == 2 and header.images == 24
    sampler = Sampler.load(done, device="cpu")
    assert sampler.draw(3, label="dog").shape[:3] == (3, 16, 16)
    assert list((done / "samples").glob("*.png"))
    assert discriminator_path(done / "cgan.safetensors").is_file()


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_stopped_gan_resumes_to_the_bit(
    pictures: Path, done: Path, tmp_path: Path, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe("cgan", LABELLED)
    original = Training._update

    def update_then_stop(self: Training, *arguments: object) -> None:
        original(self, *arguments)  # type: ignore[arg-type]
        self.asked = self.number == stop

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_update", update_then_stop)
        train(recipe, pictures, tmp_path, device="cpu")
    assert list_states(tmp_path / "state")[-1].name == f"{stop:08d}"
    train(recipe, pictures, tmp_path, device="cpu")
    expected, resumed = _tensors(done), _tensors(tmp_path)
    assert expected.keys() == resumed.keys()
    for name, value in expected.items():
        assert torch.equal(value, resumed[name]), name


def test_a_run_on_idx_files_knows_its_pictures(pictures: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    places = [tmp_path / name for name in ("one", "same", "other")]
    drawn = rng.integers(0, 256, (5, 28, 28), np.uint8).tobytes()
    for place, content in zip(places, (drawn, drawn, drawn[::-1]), strict=True):
        place.mkdir()
        head = struct.pack(">BBBB3I", 0, 0, 8, 3, 5, 28, 28)
        (place / "train-images-idx3-ubyte").write_bytes(head + content)
    run = tmp_path / "run"
    train(load_recipe("dcgan", (*TINY, "steps=2")), places[0], run, device="cpu")
    longer = load_recipe("dcgan", (*TINY, "steps=3"))
    with pytest.raises(UsageError, match=r"trained on other pictures than those of .*other"):
        train(longer, places[2], run, device="cpu")
    with pytest.raises(UsageError, match=r"trained on other pictures than those of .*pictures"):
        train(longer, pictures, run, device="cpu")
    train(longer, places[1], run, device="cpu")
    assert read_header(run / "dcgan.safetensors").steps == 3


def test_what_a_recipe_of_labels_needs_without_is_told(tmp_path: Path) -> None:
    Image.new("L", (28, 28)).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match="has none") as caught:
        train(load_recipe("digits"), tmp_path, tmp_path / "run", device="cpu")
    _, *settings = str(caught.value).rstrip(".").split(" --set ")
    assert len(settings) == 2
    assert not load_recipe("digits", settings).conditional  # which refuses one of the two alone


def test_a_run_on_photos_does_not_go_on_with_idx_files(pictures: Path, tmp_path: Path) -> None:
    train(load_recipe("dcgan", (*TINY, "steps=2")), pictures, tmp_path / "run", device="cpu")
    (tmp_path / "idx").mkdir()
    head = struct.pack(">BBBB3I", 0, 0, 8, 3, 5, 28, 28)
    (tmp_path / "idx/train-images-idx3-ubyte").write_bytes(head + bytes(5 * 28 * 28))
    with pytest.raises(UsageError, match=r"trained on other pictures than those of .*idx"):
        train(load_recipe("dcgan", TINY), tmp_path / "idx", tmp_path / "run", device="cpu")


def test_pictures_may_grow(pictures: Path, tmp_path: Path) -> None:
    growing = ("generator.arguments.growing=true", "discriminator.arguments.growing=true")
    stages = "stages=[{size=8, batch=2, share=1}, {size=16, batch=2, share=1, fade=1.0}]"
    recipe = load_recipe("dcgan", (*TINY, *growing, stages))
    assert isinstance(recipe, SamplerRecipe)
    found = [recipe.growth_at(step) for step in range(6)]
    assert found[:3] == [(8, 1.0)] * 3 and [size for size, _ in found[3:]] == [16] * 3
    assert [fade for _, fade in found[3:]] == pytest.approx([1 / 3, 2 / 3, 1])
    train(recipe, pictures, tmp_path, device="cpu")
    assert all(value.isfinite().all() for value in _tensors(tmp_path).values())


def test_small_pictures_need_networks_that_grow() -> None:
    stages = "stages=[{size=8, batch=2, share=1}, {size=16, batch=2, share=1}]"
    with pytest.raises(UsageError, match="growing"):
        load_recipe("dcgan", (*TINY, stages))


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (("losses.perceptual.weight=1",), "'perceptual' makes no sense for the task 'generate'"),
        (("losses.kl.weight=1",), "kind vae"),
        (("losses.auxiliary.weight=1",), "head=auxiliary"),
        (("stages=[{size=16, batch=1, share=1}]",), "batch"),
        (("generator.kind=dcgam",), "Did you mean 'dcgan'"),
        (("stages=[{size=20, batch=2, share=1}]",), "no pictures of 20 pixels; try 28"),
    ],
)
def test_a_mistake_in_a_recipe_is_told(
    pictures: Path, tmp_path: Path, overrides: tuple[str, ...], words: str
) -> None:
    with pytest.raises((UsageError, RestoreError), match=words):
        train(load_recipe("dcgan", (*TINY, *overrides)), pictures, tmp_path, device="cpu")


def test_fine_tuning_starts_from_given_weights(pictures: Path, done: Path, tmp_path: Path) -> None:
    recipe = load_recipe("cgan", (*LABELLED, "steps=1", "optimizer.lr=1e-12", "seed=2"))
    train(recipe, pictures, tmp_path, device="cpu", start=done)
    given, tuned = (load_file(run / "cgan.safetensors") for run in (done, tmp_path))
    weights = [name for name in given if "running" not in name and "num_" not in name]
    assert all(torch.allclose(given[n].float(), tuned[n].float(), atol=1e-3) for n in weights)


def test_weights_of_other_classes_are_told_or_refused(
    pictures: Path, done: Path, tmp_path: Path, capsys
) -> None:
    recipe = load_recipe("cgan", (*LABELLED, "steps=1"))
    other, known = tmp_path / "other", sorted(path.name for path in pictures.iterdir())
    shutil.copytree(pictures, other)
    (other / known[-1]).rename(other / "zebra")
    train(recipe, other, tmp_path / "a", device="cpu", start=done)
    told = " ".join(capsys.readouterr().err.split())
    assert f"knows the classes {', '.join(known)}, and the pictures have" in told
    (other / "zebu").mkdir()
    (other / "cat/1.png").rename(other / "zebu/1.png")
    plain = load_recipe("dcgan", (*TINY, "steps=1"))
    with pytest.raises(UsageError, match="another generator than the recipe names"):
        train(plain, other, tmp_path / "c", device="cpu", start=done)
    with pytest.raises(UsageError, match=f"knows {len(known)} classes .*zebra, zebu"):
        train(recipe, other, tmp_path / "b", device="cpu", start=done)


def test_a_restorer_is_no_start_for_a_sampler(
    pictures: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    recipe = load_recipe("dcgan", TINY)
    with pytest.raises(UsageError, match="restores photos"):
        train(recipe, pictures, tmp_path, device="cpu", start=tiny_checkpoint)


def test_missing_labels_are_told(pictures: Path, tmp_path: Path) -> None:
    recipe = load_recipe("cgan")
    with pytest.raises(UsageError, match=r"learns classes and .*cat has none"):
        train(recipe, pictures / "cat", tmp_path, device="cpu")
    stray = next((pictures / "cat").glob("*")).read_bytes()
    beside = shutil.copytree(pictures, tmp_path / "beside")
    (beside / "stray.png").write_bytes(stray)
    with pytest.raises(UsageError, match=r"in .*beside stray\.png lies beside the folders"):
        train(recipe, beside, tmp_path / "run", device="cpu")


def test_pairs_are_refused(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="doesn't learn from pairs"):
        train(load_recipe("dcgan"), (pictures, pictures), tmp_path, device="cpu")


def test_a_check_names_the_classes(pictures: Path) -> None:
    assert check_data(load_recipe("cgan"), pictures).lines()[-1] == "2 classes: cat, dog"


def test_a_plan_is_made_without_pictures() -> None:
    assert "hours in all" in list(plan(load_recipe("cgan", LABELLED), "cpu"))[-1]
