import torch

from restore.training.optimizers import follow


def test_the_average_follows_weights_slowly_and_counts_at_once() -> None:
    old, new = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    torch.nn.init.constant_(old.weight, 1)
    torch.nn.init.constant_(new.weight, 3)
    new.running_mean, new.num_batches_tracked = torch.tensor([5.0, 7.0]), torch.tensor(9)
    follow(old, new, 0.75)
    assert old.weight.tolist() == [1.5, 1.5] and new.weight.tolist() == [3, 3]
    assert old.running_mean is not None and old.running_mean.tolist() == [5, 7]
    assert old.num_batches_tracked == 9
