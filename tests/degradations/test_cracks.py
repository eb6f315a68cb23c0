import numpy as np
import pytest

from restore.degradations.cracks import Cracks, draw_crack


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_crack_goes_where_it_is_sent(rng) -> None:
    points, widths, _ = draw_crack(np.array([5.0, 7.0]), 0.0, 20, 3.0, 2.0, 0.2, rng)
    assert points[0].tolist() == [5, 7] and len(points) == 21
    steps = np.hypot(*np.diff(points, axis=0).T)
    assert steps == pytest.approx(3, abs=1e-4)
    assert points[-1, 0] > 50 and (widths > 0).all()


def test_a_crack_without_turns_is_straight(rng) -> None:
    points, _, _ = draw_crack(np.zeros(2), np.pi / 2, 10, 2.0, 1.0, 0.0, rng)
    assert np.abs(points[:, 0]).max() < 1e-4 and points[-1, 1] == pytest.approx(20)


def test_cracks_are_thin_and_show_paper_or_dirt(rng) -> None:
    for dark, least, most in ((0, 130, 256), (1, 0, 60)):
        layer = Cracks(dark=dark, raised=0, flakes=(0, 0)).draw(200, 200, rng)
        inside = np.asarray(layer.color)[layer.opacity > 0.3]
        assert 0 < (layer.opacity > 0.1).mean() < 0.2
        assert least <= inside.min() and inside.max() < most


def test_raised_rims_throw_a_shadow(rng) -> None:
    layer = Cracks(raised=1, dark=0, opacity=(1, 1), count=(6, 6)).draw(200, 200, rng)
    gray = layer.opacity[..., None] * (np.asarray(layer.color) - 128) + 128
    assert gray.min() < 110 and gray.max() > 200


def test_no_cracks_are_none(rng) -> None:
    assert not Cracks(count=(0, 0)).draw(50, 60, rng).opacity.any()
