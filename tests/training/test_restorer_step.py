import pytest
import torch
from torch import Tensor

from restore.checkpoint import build_network
from restore.data import Batch
from restore.lpips import GRID, Lpips
from restore.nets import RESTORERS
from restore.training import load_recipe
from restore.training.recipe import RestorerRecipe
from restore.training.restorer_step import RestorerStep
from restore.training.task import build_discriminator
from restore.training.team import Noise, Team


class _Witness(Lpips):
    """Keeps what it is shown and finds all pictures equally wrong."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:
        self.seen.append((restored.detach(), clean))
        return restored.flatten(1).mean(1)


def _make_step(*overrides: str, lpips: Lpips | None = None) -> RestorerStep:
    small = "generator.arguments={channels=[8, 16], dilations=[1], attention=[]}"
    recipe = load_recipe("inpaint", (small, "precision=fp32", "hint=0", *overrides))
    assert isinstance(recipe, RestorerRecipe)
    generator = build_network(RESTORERS, recipe.generator)
    discriminator = build_discriminator(recipe, torch.device("cpu"))
    return RestorerStep(generator, discriminator, recipe, lpips, Team("cpu"))


def test_the_discriminator_learns_in_its_own_steps_where_its_game_has_no_weight() -> None:
    step = _make_step("discriminator_steps=3", "losses.adversarial.weight=0")
    clean, mask = torch.rand(2, 3, 32, 32), torch.zeros(2, 1, 32, 32)
    mask[..., 8:16, 8:16] = 1
    step.update(Batch(clean, mask), 0, Noise(0, step.team))
    optimizer = step.discriminator_optimizer
    assert optimizer is not None
    assert {int(state["step"]) for state in optimizer.state.values()} == {3}


def test_only_the_last_update_needs_the_gradients_of_the_generator() -> None:
    step = _make_step("discriminator_steps=3")
    improve, learns = step.improve, []

    def watch(*arguments: Tensor) -> Tensor:
        learns.append(torch.is_grad_enabled())
        return improve(*arguments)

    step.improve = watch
    step.update(Batch(torch.rand(2, 3, 32, 32), torch.ones(2, 1, 32, 32)), 1, Noise(0, step.team))
    assert learns == [False, False, True]


def test_a_lazy_loss_counts_for_the_steps_it_missed() -> None:
    step = _make_step("losses.reconstruction.weight=2", "losses.diversity={weight=0.5, every=8}")
    losses = {"reconstruction": torch.tensor(3.0), "diversity": torch.tensor(5.0)}
    assert step.weigh(losses).item() == pytest.approx(2 * 3 + 0.5 * 8 * 5)
    assert ["diversity" in step.due_losses(number) for number in (0, 1, 7, 8)] == [
        True,
        False,
        False,
        True,
    ]


def test_a_hint_shows_the_hole_at_low_resolution_and_nothing_else() -> None:
    witness = _Witness()
    step = _make_step("hint=1", lpips=witness)
    seen: list[Tensor] = []

    def keep(base: Tensor, mask: Tensor, noise: Tensor) -> Tensor:
        seen.append(base)
        return step.generator.improve(base, mask, noise)

    step.improve = keep
    clean, mask = torch.rand(2, 3, 32, 32), torch.zeros(2, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    step.update(Batch(clean, mask), 1, Noise(0, step.team))
    (base,) = seen
    known = (mask == 0).expand_as(clean)
    torch.testing.assert_close(base[known], clean[known])
    coarse = [
        torch.nn.functional.interpolate(
            torch.nn.functional.avg_pool2d(clean, n), scale_factor=n, mode="bicubic"
        )
        for n in (2, 4)
    ]
    assert any(torch.allclose(base[~known], shown[~known], atol=1e-5) for shown in coarse)


def test_a_hint_is_not_left_in_the_batch() -> None:
    step = _make_step("hint=1", "generator.arguments.base=damaged")
    batch = Batch(*(torch.rand(2, n, 32, 32).round() for n in (3, 1, 3)))
    before = batch.damaged.clone()
    step.update(batch, 1, Noise(0, step.team))
    assert torch.equal(batch.damaged, before)


@pytest.mark.parametrize("size", [32, 48])
def test_lpips_never_knows_where_its_grid_lies(size: int) -> None:
    witness = _Witness()
    alone = ("losses.adversarial.weight=0", "losses.feature_matching.weight=0")
    step = _make_step(*alone, lpips=witness)
    assert step.discriminator is None
    clean = torch.rand(2, 3, size, size)
    mask = torch.zeros(2, 1, size, size)
    mask[..., 8:16, 8:16] = 1
    noise = Noise(0, step.team)
    for number in range(4):
        step.update(Batch(clean, mask), number, noise)
    places = set()
    for restored, shown in witness.seen:
        assert restored.shape == shown.shape == (2, 3, size + GRID, size + GRID)
        offsets = [(y, x) for y in range(GRID) for x in range(GRID)]
        (place,) = [
            (y, x) for y, x in offsets if torch.equal(shown[..., y : y + size, x : x + size], clean)
        ]
        known = (mask == 0).expand_as(clean)
        inner = restored[..., place[0] : place[0] + size, place[1] : place[1] + size]
        torch.testing.assert_close(inner[known], clean[known])
        places.add(place)
    assert len(places) > 1
