"""Optimisers by name, and the running average of weights."""

from collections.abc import Callable, Iterable

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
    return OPTIMIZERS[settings.kind](list(weights), lr, settings)


def set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of all weights."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def match_layout(optimizer: torch.optim.Optimizer) -> None:
    """Give the loaded state of an optimiser the memory layout of its weights, as it had before."""
    for weight, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == weight.shape:
                values[name] = torch.empty_like(weight, requires_grad=False).copy_(value)


def follow(average: nn.Module, network: nn.Module, keep: float) -> None:
    """Move the running average of the weights: average = keep · average + (1 - keep) · network.

    What is counted and not learned, as by batch norm, is copied.
    """
    with torch.no_grad():
        for old, new in zip(average.buffers(), network.buffers(), strict=True):
            old.copy_(new)
        torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - keep)
