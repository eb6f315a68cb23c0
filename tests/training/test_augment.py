import pytest
import torch

from restore.training.augment import Augment
from restore.training.team import Noise, Team


def _augment(seed: int = 0) -> Augment:
    return Augment(2, 32, Noise(seed, Team("cpu")))


def test_real_and_fake_are_changed_alike_and_gradients_flow() -> None:
    change = _augment()
    real = torch.rand(2, 3, 32, 32)
    fake = real.clone().requires_grad_()
    assert torch.equal(change(real), change(fake))
    assert not torch.allclose(change(real), real, atol=0.05)
    change(fake).sum().backward()
    assert fake.grad is not None and fake.grad.abs().sum() > 0


def test_the_mask_moves_with_the_photo() -> None:
    change = _augment(3)
    mask = torch.zeros(2, 1, 32, 32)
    mask[:, :, 10:20, 10:20] = 1
    moved = change.move(mask)
    assert set(moved.unique().tolist()) == {0.0, 1.0} and moved.sum() == mask.sum()
    photo = mask.expand(-1, 3, -1, -1)
    bright = change(photo).mean(1, keepdim=True)
    assert (bright[moved == 1].mean() > bright[moved == 0].mean()).all()


def test_nothing_is_cut_off_where_values_lie_beyond_0_and_1() -> None:
    photo = (torch.rand(2, 3, 32, 32) * 2 - 0.5).requires_grad_()
    change = _augment(1)
    change(photo).square().sum().backward()
    assert photo.grad is not None
    inner = photo.grad[:, :, 8:24, 8:24]  # what no shift moves out
    assert (inner != 0).all()
    gray = torch.rand(2, 1, 32, 32)
    assert change(gray).shape == gray.shape


@pytest.mark.parametrize("size", [96, 256])
def test_half_precision_shifts_by_the_same_pixels(size: int) -> None:
    change = Augment(8, size, Noise(0, Team("cpu")))
    photo = torch.rand(8, 3, size, size)
    with torch.autocast("cpu", torch.bfloat16):
        moved = change.move(photo)
    assert torch.equal(moved, change.move(photo))


def test_equal_noise_gives_equal_changes() -> None:
    photo = torch.rand(2, 3, 32, 32)
    assert torch.equal(_augment(5)(photo), _augment(5)(photo))
    assert not torch.equal(_augment(5)(photo), _augment(6)(photo))
