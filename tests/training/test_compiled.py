import shutil
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from restore.checkpoint import build_network
from restore.data import Batch
from restore.errors import RestoreError
from restore.nets import DETECTORS, RESTORERS
from restore.training import compiled, load_recipe
from restore.training.compiled import Compiled
from restore.training.detector_task import DetectorStep
from restore.training.recipe import DetectorRecipe, RestorerRecipe
from restore.training.restorer_step import RestorerStep
from restore.training.step import Step
from restore.training.team import Noise, Team

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")


def _wave(one: Tensor, other: Tensor) -> Tensor:
    return (one.sin() * other).sum(1)


@needs_compiler
def test_compiled_functions_and_their_gradients_are_the_same() -> None:
    fast = Compiled(_wave)
    for rows in (2, 3):
        first = torch.rand(rows, 40, requires_grad=True)
        second = first.detach().clone().requires_grad_()
        other = torch.rand(rows, 40)
        for _ in range(2):
            torch.testing.assert_close(fast(first, other), _wave(second, other))
        fast(first, other).sum().backward()
        _wave(second, other).sum().backward()
        torch.testing.assert_close(first.grad, second.grad)
    assert fast.calls == {torch.Size((2, 40)): 3, torch.Size((3, 40)): 3}


@pytest.mark.parametrize("factor", [1.2, float("nan")])
def test_what_computes_something_else_is_refused(
    factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(function: object, dynamic: bool) -> object:
        return lambda *tensors: factor * _wave(*tensors)

    monkeypatch.setattr(compiled.torch, "compile", spoil)
    with pytest.raises(RestoreError, match="other results than before"):
        Compiled(_wave)(torch.rand(2, 9), torch.rand(2, 9))


def test_a_machine_without_a_compiler_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*tensors: Tensor) -> Tensor:
        raise RuntimeError("No working C++ compiler found.\nSet TORCHDYNAMO_VERBOSE=1")

    monkeypatch.setattr(compiled.torch, "compile", lambda function, dynamic: fail)
    with pytest.raises(
        RestoreError, match=r"compiler found\); on a CPU .* without it\.$"
    ) as caught:
        Compiled(_wave)(torch.rand(2, 9), torch.rand(2, 9))
    assert "\n" not in str(caught.value)


def _make_detector(*settings: str) -> DetectorStep:
    small = "generator.arguments={channels=[4, 8, 8], dilations=[1]}"
    recipe = load_recipe("scratches", (small, "precision=fp32", *settings))
    assert isinstance(recipe, DetectorRecipe)
    torch.manual_seed(0)
    return DetectorStep(build_network(DETECTORS, recipe.generator), recipe, Team("cpu"))


def _make_restorer(*settings: str) -> RestorerStep:
    small = "generator.arguments={channels=[8, 16], dilations=[1], attention=[1]}"
    alone = ("losses.adversarial.weight=0", "losses.feature_matching.weight=0", "hint=0")
    recipe = load_recipe("inpaint", (small, *alone, "precision=fp32", *settings))
    assert isinstance(recipe, RestorerRecipe)
    torch.manual_seed(0)
    generator = build_network(RESTORERS, recipe.generator)
    return RestorerStep(generator, None, recipe, None, Team("cpu"))


def _train(step: Step[Batch]) -> list[Tensor]:
    """Return the weights after two steps on the same photos."""
    generator = torch.Generator().manual_seed(1)
    clean = torch.rand(2, 3, 32, 32, generator=generator)
    mask = torch.zeros(2, 1, 32, 32)
    mask[..., 8:16, 8:16] = 1
    for number in range(2):
        step.update(Batch(clean, mask), number, Noise(number, step.team))
    return [weight.detach() for weight in step.generator_weights]


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("make", [_make_detector, _make_restorer])
def test_a_compiled_run_learns_the_same(make: Callable[[str], Step[Batch]]) -> None:
    plain, fast = _train(make("compile=false")), _train(make("compile=true"))
    for one, other in zip(plain, fast, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
