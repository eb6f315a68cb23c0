import pytest
import torch

from restore.training.optimizers import OPTIMIZERS, follow, make_optimizer
from restore.training.recipe import OptimizerSettings


def test_the_average_follows_weights_slowly_and_counts_at_once() -> None:
    old, new = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    torch.nn.init.constant_(old.weight, 1)
    torch.nn.init.constant_(new.weight, 3)
    new.running_mean, new.num_batches_tracked = torch.tensor([5.0, 7.0]), torch.tensor(9)
    follow(old, new, 0.75)
    assert old.weight.tolist() == [1.5, 1.5] and new.weight.tolist() == [3, 3]
    assert old.running_mean is not None and old.running_mean.tolist() == [5, 7]
    assert old.num_batches_tracked == 9


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_gradient_moves_its_own_weights_however_it_lies_in_memory(kind: str) -> None:
    gradients = torch.randn(3, 8, 6, 4, 4, generator=torch.Generator().manual_seed(0))
    moved = []
    for layout in (torch.channels_last, torch.contiguous_format):
        weight = torch.nn.Parameter(torch.zeros(8, 6, 4, 4).to(memory_format=torch.channels_last))
        optimizer = make_optimizer([weight], 0.1, OptimizerSettings(kind=kind))
        for gradient in gradients:
            weight.grad = gradient.contiguous(memory_format=layout)
            optimizer.step()
        moved.append(weight.detach().clone())
        kept = [v for v in optimizer.state[weight].values() if torch.is_tensor(v) and v.ndim == 4]
        assert kept and all(value.stride() == weight.stride() for value in kept)
    assert torch.equal(*moved)
