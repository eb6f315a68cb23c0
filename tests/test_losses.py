import math

import pytest
import torch

from restore.losses import (
    GAMES,
    LOSSES,
    R1,
    R2,
    Adversarial,
    CrossEntropy,
    Dice,
    Diversity,
    GradientPenalty,
    Outputs,
    Reconstruction,
    Repulsion,
    TotalVariation,
    WeightSize,
)
from restore.nets import Discriminator
from restore.training.step import find_slope


def _outputs(**changes: object) -> Outputs:
    torch.manual_seed(0)
    clean, restored = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32, requires_grad=True)
    mask = torch.zeros(2, 1, 32, 32)
    mask[:, :, 8:24, 8:24] = 1
    known = {
        "clean": clean,
        "mask": mask,
        "restored": restored,
        "another": torch.rand(2, 3, 32, 32),
        "real_logits": torch.randn(2, 1, 4, 4),
        "fake_logits": restored.mean((1, 2, 3), keepdim=True).expand(2, 1, 4, 4),
        "real_features": [torch.rand(2, 4, 8, 8)],
        "fake_features": [restored[:, :, :8, :8].repeat(1, 2, 1, 1)[:, :4]],
        "lpips": restored.mean((1, 2, 3)),
        "real_slope": restored.mean((1, 2, 3)),
        "fake_slope": restored.mean((1, 2, 3)),
        "mixed_slope": restored.mean((1, 2, 3)),
        "weights": [restored],
        "found": restored[:, :1] - 0.5,
        "label": torch.tensor([0, 2]),
        "real_guess": torch.zeros(2, 3),
        "fake_guess": restored.mean((2, 3)),
        "mean": restored.flatten(1),
        "log_variance": restored.flatten(1),
    }
    return Outputs(**(known | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_a_finite_scalar_with_a_gradient(name: str) -> None:
    outputs = _outputs()
    if name == "diversity":  # within reach of the target, where the hinge slopes
        near = outputs.restored.detach() + 0.001
        outputs = _outputs(restored=outputs.restored, another=near)
    if name == "repulsion":
        both = outputs.restored[:1].detach() + torch.tensor([0.0, 0.05]).reshape(2, 1, 1, 1)
        outputs = _outputs(restored=both.requires_grad_())
    loss = LOSSES[name]()(outputs)
    assert loss.shape == () and torch.isfinite(loss)
    loss.backward()
    assert outputs.restored.grad is not None and outputs.restored.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("distance", "expected"),
    [("l1", 0.25), ("l2", 0.0625), ("charbonnier", math.hypot(0.25, 1e-3))],
)
def test_reconstruction_is_the_mean_over_the_hole_alone(distance: str, expected: float) -> None:
    outputs = _outputs()
    restored = outputs.clean + 0.25 * outputs.mask
    loss = Reconstruction(distance=distance)(_outputs(restored=restored))  # type: ignore[arg-type]
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    far = restored + 9 * (1 - outputs.mask)
    assert float(Reconstruction()(_outputs(restored=far))) == pytest.approx(0.25, rel=1e-4)


def test_adversarial_counts_hole_patches_only() -> None:
    outputs = _outputs()
    logits = torch.full((2, 1, 4, 4), 50.0)
    logits[:, :, 1:3, 1:3] = 0  # the hole covers these patches and no others
    adversarial = LOSSES["adversarial"]()
    assert float(adversarial(_outputs(fake_logits=logits))) == pytest.approx(math.log(2))
    both = _outputs(fake_logits=logits, real_logits=logits)
    assert float(adversarial.discriminator(both)) == pytest.approx(2 * math.log(2))  # type: ignore[attr-defined]
    assert float(adversarial(_outputs(fake_logits=logits, mask=0 * outputs.mask))) == 0


def test_feature_matching_ignores_the_gradient_of_the_real_features() -> None:
    real = torch.rand(2, 4, 8, 8, requires_grad=True)
    fake = (real + 0.5).detach().requires_grad_()
    loss = LOSSES["feature_matching"]()(_outputs(real_features=[real], fake_features=[fake]))
    assert loss.item() == pytest.approx(0.5)
    loss.backward()
    assert real.grad is None


def test_diversity_is_a_hinge() -> None:
    outputs = _outputs()
    for apart, expected in ((0.0, 1.0), (0.01, 0.5), (0.02, 0.0), (0.3, 0.0)):
        another = outputs.restored.detach() + apart * outputs.mask
        loss = Diversity()(_outputs(another=another))
        assert loss.item() == pytest.approx(expected, abs=1e-4)
    assert float(Diversity()(_outputs(another=None))) == 0


def test_repulsion_counts_near_pairs_alone() -> None:
    levels = torch.tensor([0.1, 0.1, 0.165, 0.9]).reshape(4, 1, 1, 1)
    pictures = levels.expand(4, 3, 16, 16).clone().requires_grad_()
    loss = Repulsion()(_outputs(restored=pictures))
    # One pair is equal, two are at half the target, three are beyond it.
    assert loss.item() == pytest.approx((1 + 2 * 0.5) / 4, abs=1e-4)
    loss.backward()
    assert pictures.grad is not None
    assert pictures.grad[2].max() < 0 and pictures.grad[3].abs().max() == 0


def test_perceptual_is_lpips_by_share_of_hole_and_zero_without_it() -> None:
    perceptual = LOSSES["perceptual"]()
    assert float(perceptual(_outputs(lpips=torch.tensor([0.1, 0.3])))) == pytest.approx(0.2 / 0.25)
    assert float(perceptual(_outputs(lpips=None))) == 0


LOG2 = math.log(2)
# What both sides pay for logits of 0, and for real 3 with fake -1.
GAME_VALUES = {
    "non-saturating": (
        (2 * LOG2, LOG2),
        (math.log1p(math.exp(-3)) + math.log1p(math.exp(-1)), math.log1p(math.e)),
    ),
    "saturating": (
        (2 * LOG2, -LOG2),
        (math.log1p(math.exp(-3)) + math.log1p(math.exp(-1)), -math.log1p(math.exp(-1))),
    ),
    "least-squares": ((1.0, 1.0), (5.0, 4.0)),
    "hinge": ((2.0, 0.0), (0.0, 1.0)),
    "wasserstein": ((0.0, 0.0), (-4.0, 1.0)),
    "relativistic": ((LOG2, LOG2), (math.log1p(math.exp(-4)), math.log1p(math.exp(4)))),
}


@pytest.mark.parametrize("kind", GAME_VALUES)
def test_each_game_pays_what_its_paper_says(kind: str) -> None:
    adversarial = Adversarial(kind=kind)  # type: ignore[arg-type]
    for (real, fake), expected in zip(((0.0, 0.0), (3.0, -1.0)), GAME_VALUES[kind], strict=True):
        outputs = _outputs(
            real_logits=torch.full((2, 1, 4, 4), real), fake_logits=torch.full((2, 1, 4, 4), fake)
        )
        paid = adversarial.discriminator(outputs).item(), adversarial(outputs).item()
        assert paid == pytest.approx(expected, rel=1e-4)
    assert set(GAME_VALUES) == {*GAMES, "relativistic"}


def test_known_patches_of_a_fake_may_count_as_real() -> None:
    logits = torch.full((2, 1, 4, 4), -9.0)
    logits[:, :, 1:3, 1:3] = 0
    outputs = _outputs(real_logits=torch.zeros(2, 1, 4, 4), fake_logits=logits)
    plain = Adversarial().discriminator(outputs).item()
    soft = Adversarial(known=1).discriminator(outputs).item()
    assert soft - plain == pytest.approx(math.log1p(math.exp(9)), rel=1e-4)


class _Linear(Discriminator):
    """A discriminator whose only logit is twice the sum of the photo."""

    def forward(self, image, condition=None):
        return 2 * image.sum((1, 2, 3), keepdim=True), []


def test_penalties_on_a_linear_discriminator_are_known() -> None:
    image, mask = torch.rand(2, 3, 4, 4), torch.ones(2, 1, 4, 4)
    slope = find_slope(_Linear(), image, mask)
    length = 2 * math.sqrt(3 * 4 * 4)
    assert slope.tolist() == pytest.approx([length, length])
    outputs = _outputs(real_slope=slope, fake_slope=slope, mixed_slope=slope)
    assert R1()(outputs).item() == pytest.approx(length**2 / 2)
    assert R2()(outputs).item() == pytest.approx(length**2 / 2)
    assert GradientPenalty()(outputs).item() == pytest.approx((length - 1) ** 2)


def test_total_variation_of_a_ramp_and_the_size_of_weights() -> None:
    ramp = torch.linspace(0, 0.31, 32).expand(2, 3, 32, 32)
    assert TotalVariation()(_outputs(restored=ramp)).item() == pytest.approx(0.01, rel=1e-3)
    weights = [torch.tensor([1.0, -2.0]), torch.tensor([[3.0]])]
    assert WeightSize(power=1)(_outputs(weights=weights)).item() == pytest.approx(6)
    assert WeightSize(power=2)(_outputs(weights=weights)).item() == pytest.approx(14)


@pytest.mark.parametrize("rows", [slice(0, 8), slice(24, None)])
@pytest.mark.parametrize("down", [False, True])
def test_total_variation_sees_a_step_at_each_rim_of_the_hole(rows: slice, down: bool) -> None:
    stepped = torch.zeros(2, 3, 32, 32)
    stepped[..., rows, :] = 1
    restored = stepped if down else stepped.mT
    # One row of 16 pairs differs by 1, of 17 rows of pairs that touch the hole.
    assert TotalVariation()(_outputs(restored=restored)).item() == pytest.approx(1 / 17)


def _finding(logit: float, mask: torch.Tensor) -> Outputs:
    found = torch.full_like(mask, -logit) + 2 * logit * mask
    return _outputs(found=found, mask=mask)


@pytest.mark.parametrize("loss", [CrossEntropy(), Dice()])
def test_finding_all_damage_costs_nothing_and_missing_it_does(loss: CrossEntropy | Dice) -> None:
    mask = _outputs().mask
    assert loss(_finding(30, mask)) < 1e-6
    assert loss(_finding(-30, mask)) > 0.9


def test_dice_lets_photos_without_damage_have_their_say() -> None:
    none = torch.zeros(1, 1, 16, 16)
    assert Dice()(_finding(30, none)) == 1 and Dice()(_finding(-30, none)) == 1
    both = torch.cat([none, torch.ones_like(none)])
    right, wrong = both.clone(), torch.ones_like(both)
    losses = [Dice()(_outputs(found=60 * found - 30, mask=both)) for found in (right, wrong)]
    assert losses[0] < 1e-6 and losses[1] == pytest.approx(1 / 3)


def test_damage_weighs_more_than_its_share() -> None:
    mask = _outputs().mask
    none = _outputs(found=torch.zeros_like(mask), mask=mask)
    plain, heavy = CrossEntropy(damaged=1)(none), CrossEntropy(damaged=5)(none)
    share = float(mask.mean())
    assert heavy / plain == pytest.approx(1 + 4 * share, abs=1e-4)


def test_the_divergence_is_that_of_two_normal_distributions() -> None:
    mean, variance = torch.tensor([[1.0, 0.0], [0.0, -2.0]]), torch.tensor([[1.0, 4.0], [0.25, 1]])
    loss = LOSSES["kl"]()(_outputs(mean=mean, log_variance=variance.log()))
    found = torch.distributions.Normal(mean, variance.sqrt())
    exact = torch.distributions.kl_divergence(found, torch.distributions.Normal(0.0, 1.0))
    assert loss.item() == pytest.approx(exact.sum(1).mean().item(), rel=1e-6)
    # ½ (1 + 4 - 1 - ln 4) and ½ (0.25 - 1 + ln 4 + 4), by hand
    assert loss.item() == pytest.approx((0.5 * (4 - 2 * LOG2) + 0.5 * (3.25 + 2 * LOG2)) / 2)
    nothing = torch.zeros(2, 5)
    assert LOSSES["kl"]()(_outputs(mean=nothing, log_variance=nothing)).item() == 0


def test_a_guess_costs_its_cross_entropy_on_both_sides() -> None:
    guess = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    outputs = _outputs(fake_guess=guess)
    expected = (math.log(math.exp(2) + 2) - 2 + math.log(3)) / 2
    auxiliary = LOSSES["auxiliary"]()
    assert auxiliary(outputs).item() == pytest.approx(expected)
    assert auxiliary.discriminator(outputs).item() == pytest.approx(math.log(3))  # type: ignore[attr-defined]
