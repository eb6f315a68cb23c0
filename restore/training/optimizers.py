"""Optimisers by name, and the running average of weights."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from restore.training.recipe import OptimizerSettings

Weights = list[nn.Parameter]
Maker = Callable[[Weights, float, OptimizerSettings], torch.optim.Optimizer]

OPTIMIZERS: dict[str, Maker] = {
    "adamw": lambda weights, lr, s: torch.optim.AdamW(
        weights, lr, betas=s.betas, weight_decay=s.weight_decay, fused=True
    ),
    "adam": lambda weights, lr, s: torch.optim.Adam(
        weights, lr, betas=s.betas, weight_decay=s.weight_decay, fused=True
    ),
    "sgd": lambda weights, lr, s: torch.optim.SGD(
        weights, lr, momentum=s.betas[0], weight_decay=s.weight_decay, fused=True
    ),
}


def make_optimizer(
    weights: Iterable[nn.Parameter], lr: float, settings: OptimizerSettings
) -> torch.optim.Optimizer:
    """Return the optimiser that `settings` describe."""
    optimizer = OPTIMIZERS[settings.kind](list(weights), lr, settings)
    optimizer.register_step_pre_hook(_match_gradients)
    return optimizer


def _match_gradients(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    """Give each gradient the memory layout of its weight.

    Fused optimisers of PyTorch 2.14 read both as they lie in memory. After a second derivative, as
    penalties take, a gradient lies otherwise, and its numbers would move other weights.
    """
    for group in optimizer.param_groups:
        for weight in group["params"]:
            if weight.grad is not None and weight.grad.stride() != weight.stride():
                weight.grad = _as_laid_out(weight.grad, weight)


def _as_laid_out(values: Tensor, weight: Tensor) -> Tensor:
    return torch.empty_like(weight, requires_grad=False).copy_(values)


def set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of all weights."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def match_layout(optimizer: torch.optim.Optimizer) -> None:
    """Give the loaded state of an optimiser the memory layout of its weights, as it had before."""
    for weight, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == weight.shape:
                values[name] = _as_laid_out(value, weight)


def follow(average: nn.Module, network: nn.Module, keep: float) -> None:
    """Move the running average of the weights: average = keep · average + (1 - keep) · network.

    What is counted and not learned, as by batch norm, is copied.
    """
    with torch.no_grad():
        for old, new in zip(average.buffers(), network.buffers(), strict=True):
            old.copy_(new)
        torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - keep)
