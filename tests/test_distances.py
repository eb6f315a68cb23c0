"""Distances between collections, against closed forms, sums by hand and sets whose answer shows."""

from math import sqrt

import numpy as np
import pytest
import torch
from torch import Tensor

from restore import distances
from restore.distances import frechet_distance, gaussian_distance, kernel_distance, overlap


def draw(count: int, dimensions: int, seed: int = 0) -> Tensor:
    return torch.randn(count, dimensions, generator=torch.Generator().manual_seed(seed))


def test_gaussians_of_one_dimension_have_a_closed_form() -> None:
    one, other = torch.tensor([2.0]).double(), torch.tensor([-1.0]).double()
    covariances = torch.tensor([[9.0]]).double(), torch.tensor([[0.25]]).double()
    found = gaussian_distance(one, covariances[0], other, covariances[1])
    assert found == pytest.approx((2 - -1) ** 2 + (3 - 0.5) ** 2)


def test_gaussians_that_commute_have_a_closed_form() -> None:
    turn = torch.linalg.qr(draw(6, 6).double()).Q
    first = torch.tensor([0.0, 1, 4, 9, 16, 25]).double()  # one direction without spread
    second = torch.tensor([1.0, 1, 1, 4, 0, 36]).double()
    means = draw(2, 6, 1).double()
    covariances = [turn @ torch.diag(values) @ turn.T for values in (first, second)]
    expected = (means[0] - means[1]).square().sum() + (first.sqrt() - second.sqrt()).square().sum()
    found = gaussian_distance(means[0], covariances[0], means[1], covariances[1])
    assert found == pytest.approx(float(expected))


def test_gaussians_that_do_not_commute_agree_with_the_root_of_their_product() -> None:
    factors = draw(10, 4, 2).double(), draw(10, 4, 3).double()
    first, second = (factor.T @ factor for factor in factors)
    eigenvalues = np.linalg.eigvals((first @ second).numpy()).real  # of C C₂, not symmetric
    expected = float(first.trace() + second.trace()) - 2 * np.sqrt(eigenvalues).sum()
    zero = torch.zeros(4).double()
    assert gaussian_distance(zero, first, zero, second) == pytest.approx(expected)
    assert gaussian_distance(zero, second, zero, first) == pytest.approx(expected)


def test_the_distance_of_samples_nears_that_of_what_they_are_drawn_from() -> None:
    one, other = draw(20_000, 3), draw(20_000, 3, 1) * torch.tensor([2.0, 1, 1]) + 1
    assert frechet_distance(one, other) == pytest.approx(3 + 1, rel=0.05)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)


def test_fewer_pictures_than_dimensions_will_do() -> None:
    few = draw(5, 40)
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(few, few + 2) == pytest.approx(4 * 40)


def test_the_kernel_distance_is_the_sum_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "ROWS", 3)
    one, other = draw(7, 4).double(), draw(5, 4, 1).double() + 1

    def kernel(x: Tensor, y: Tensor) -> float:
        return float((x @ y / 4 + 1) ** 3)

    def mean(pairs: list[tuple[Tensor, Tensor]]) -> float:
        return sum(kernel(x, y) for x, y in pairs) / len(pairs)

    def others(rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        return [(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j]

    between = [(x, y) for x in one for y in other]
    expected = mean(others(one)) + mean(others(other)) - 2 * mean(between)
    assert kernel_distance(one, other) == pytest.approx(expected)


def test_the_kernel_distance_of_one_kind_is_zero_on_average() -> None:
    same = [kernel_distance(draw(50, 4, 2 * n), draw(50, 4, 2 * n + 1)) for n in range(40)]
    assert abs(np.mean(same)) < 3 * np.std(same) / sqrt(40)
    assert kernel_distance(draw(50, 4), draw(50, 4, 1) + 2) > 10 * np.std(same)


def test_precision_and_recall_of_sets_on_a_line() -> None:
    real = torch.arange(10.0)[:, None]  # each reaches as far as its third neighbour: 2 or 3
    assert overlap(real, real + 0.1) == (1, 1)
    assert overlap(real, real + 100) == (0, 0)
    narrow = torch.linspace(4, 5, 10)[:, None]  # all among the real ones, and near each other
    assert overlap(real, narrow) == (1, 0.2)
    wide = torch.cat([real[:5], 1000 + 10 * real[:5]])  # half of them far off, reaching 30 or less
    assert overlap(real, wide).precision == 0.5
    assert overlap(real, wide).recall == pytest.approx(0.8)


def test_precision_and_recall_do_not_depend_on_the_size_of_parts(monkeypatch) -> None:
    real, fake = draw(40, 3), draw(40, 3, 1) * 0.7 + 0.5
    whole = overlap(real, fake)
    monkeypatch.setattr(distances, "ROWS", 7)
    assert overlap(real, fake) == whole
    assert 0 < whole.recall < 1
