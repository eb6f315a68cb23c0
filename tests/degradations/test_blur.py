import numpy as np
import pytest

from restore.degradations import DEGRADATIONS
from restore.degradations.blur import (
    FILTERS,
    Downscale,
    blur,
    make_disk_kernel,
    make_gaussian_kernel,
    make_motion_kernel,
    shrink_and_enlarge,
)

KERNELS = {
    "no gaussian": make_gaussian_kernel(0),
    "gaussian": make_gaussian_kernel(2),
    "oval": make_gaussian_kernel(3, 0.3, 30),
    "no motion": make_motion_kernel(0, 0),
    "motion": make_motion_kernel(9, 45),
    "no disk": make_disk_kernel(0),
    "disk": make_disk_kernel(4.5),
}


def spread(kernel: np.ndarray) -> np.ndarray:
    """The covariance (x, y) of a kernel, in square pixels."""
    radius = kernel.shape[0] // 2
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.array([[(kernel * a * b).sum() for a in (x, y)] for b in (x, y)])


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_is_odd_centred_and_sums_to_one(name: str) -> None:
    kernel = KERNELS[name]
    assert kernel.shape[0] == kernel.shape[1]
    assert kernel.shape[0] % 2 == 1
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    assert np.allclose(kernel, kernel[::-1, ::-1], atol=1e-7)


@pytest.mark.parametrize("name", [name for name in KERNELS if name.startswith("no ")])
def test_no_blur_changes_nothing(name: str, photo: np.ndarray) -> None:
    assert np.array_equal(blur(photo, KERNELS[name]), photo)


def test_kernels_are_as_wide_as_asked() -> None:
    assert np.allclose(spread(make_gaussian_kernel(2)), np.diag([4, 4]), atol=0.15)
    assert np.allclose(spread(make_gaussian_kernel(3, 0.5, 90)), np.diag([2.25, 9]), atol=0.4)
    motion = spread(make_motion_kernel(20, 0))
    assert motion[0, 0] == pytest.approx(20**2 / 12, rel=0.15)
    assert motion[1, 1] < 0.3
    assert spread(make_motion_kernel(20, 45))[0, 1] > 10
    assert spread(make_disk_kernel(6))[0, 0] == pytest.approx(6**2 / 4, rel=0.1)


@pytest.mark.parametrize("name", ["gaussian-blur", "motion-blur", "lens-blur", "downscale"])
def test_a_flat_picture_stays_flat(name: str, flat: np.ndarray) -> None:
    for seed in range(5):
        spoiled = DEGRADATIONS[name]()(flat, np.random.default_rng(seed))
        assert np.abs(spoiled.astype(int) - flat).max() <= 1


def test_more_blur_leaves_less_detail(photo: np.ndarray) -> None:
    details = [blur(photo, make_gaussian_kernel(sigma)).std() for sigma in (0, 1, 2, 4)]
    assert details == sorted(details, reverse=True)


@pytest.mark.parametrize("down", FILTERS)
@pytest.mark.parametrize("up", FILTERS)
def test_every_pair_of_filters_keeps_size_and_brightness(up, down, photo: np.ndarray) -> None:
    small = shrink_and_enlarge(photo, 3, down, up)
    assert small.shape == photo.shape
    assert small.mean() == pytest.approx(photo.mean(), abs=4)
    assert (small != photo).any()


def test_a_factor_of_one_changes_nothing(photo: np.ndarray) -> None:
    assert np.array_equal(shrink_and_enlarge(photo, 1, "area", "cubic"), photo)
    assert Downscale(factor=(64, 64))(photo, np.random.default_rng(0)).shape == photo.shape


@pytest.mark.parametrize("down", [*FILTERS, "bicubic"])
@pytest.mark.parametrize("up", [*FILTERS, "bicubic"])
@pytest.mark.parametrize("factor", [2.3, 3])  # of two or four pixels none is in the middle
def test_what_was_small_for_a_while_lies_where_it_lay(down: str, up: str, factor: float) -> None:
    ramp = np.repeat(np.tile(np.arange(240, dtype=np.uint8), (60, 1))[..., None], 3, axis=2)
    kind = Downscale(factor=(factor, factor), down=[down], up=[up])
    there, back = (kind(r, np.random.default_rng(0)).astype(float) for r in (ramp, ramp[:, ::-1]))
    moved = (back[:, ::-1] - there)[16:-16, 16:-16].mean() / 2  # how each is rounded cancels out
    assert abs(moved) < 0.1
