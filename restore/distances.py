"""How far two collections of pictures are apart, by features of each picture.

Features are (N, D), one row for a picture; sums are in float64.
"""

from typing import NamedTuple

import torch
from torch import Tensor

ROWS = 1000  # of a table of distances that are in memory at once
NEIGHBOURS = 3  # whose farthest says how far a picture's surroundings reach, as in the paper


class Overlap(NamedTuple):
    """How two collections cover each other, each 0 to 1."""

    precision: float  # share of fake pictures that lie among the real ones
    recall: float  # share of real pictures that lie among the fake ones


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Return the Fréchet distance between Gaussians fitted to two sets of features.

    Heusel et al., eq. 6, arXiv:1706.08500 (with Inception features it is FID). It is larger the
    fewer pictures there are, so compare equal numbers only. Both sets have two rows or more.
    """
    first, second = one.double(), other.double()
    return gaussian_distance(first.mean(0), first.T.cov(), second.mean(0), second.T.cov())


def gaussian_distance(
    mean: Tensor, covariance: Tensor, mean2: Tensor, covariance2: Tensor
) -> float:
    """Return |m − m₂|² + tr(C + C₂ − 2 (C C₂)^½) of Gaussians (Dowson and Landau, 1982, eq. 4).

    The trace of the root is the sum of the roots of the eigenvalues of C^½ C₂ C^½, which is
    symmetric, so it is real and exact where there are fewer pictures than dimensions, too.
    """
    values, vectors = torch.linalg.eigh(torch.atleast_2d(covariance))
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    between = torch.linalg.eigvalsh(root @ torch.atleast_2d(covariance2) @ root)
    traces = root.square().sum() + torch.atleast_2d(covariance2).trace()
    distance = (mean - mean2).square().sum() + traces - 2 * between.clamp(min=0).sqrt().sum()
    return max(0.0, float(distance))


def kernel_distance(one: Tensor, other: Tensor) -> float:
    """Return the kernel distance of two sets of features, near 0 for sets of one kind.

    The unbiased squared maximum mean discrepancy under k(x, y) = (x·y / D + 1)³ (Bińkowski et al.,
    section 4, arXiv:1801.01401; with Inception features it is KID), over all pairs.
    """
    first, second = one.double(), other.double()
    between = _sum_kernel(first, second) / (len(first) * len(second))
    return _mean_within(first) + _mean_within(second) - 2 * between


def overlap(real: Tensor, fake: Tensor) -> Overlap:
    """Return precision and recall (Kynkäänniemi et al., eq. 1 and 2, arXiv:1904.06991).

    A picture lies among others if it is no farther from one of them than that one's k-th nearest
    neighbour. Both sets have more than `NEIGHBOURS` rows, and as many as each other.
    """
    first, second = real.double(), fake.double()
    return Overlap(_share_among(second, first), _share_among(first, second))


def _kernel(one: Tensor, other: Tensor) -> Tensor:
    return (one @ other.T / one.shape[1] + 1) ** 3


def _sum_kernel(one: Tensor, other: Tensor) -> float:
    return sum(float(_kernel(part, other).sum()) for part in one.split(ROWS))


def _mean_within(features: Tensor) -> float:
    """Return the mean kernel between a picture and another one of the same set."""
    own = float(((features.square().sum(1) / features.shape[1] + 1) ** 3).sum())
    return (_sum_kernel(features, features) - own) / (len(features) * (len(features) - 1))


def _share_among(given: Tensor, others: Tensor) -> float:
    reach = torch.cat(  # + 1: each is its own nearest
        [torch.cdist(part, others).kthvalue(NEIGHBOURS + 1).values for part in others.split(ROWS)]
    )
    inside = [(torch.cdist(part, others) <= reach).any(1) for part in given.split(ROWS)]
    return float(torch.cat(inside).double().mean())
