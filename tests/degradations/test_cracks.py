import cv2
import numpy as np
import pytest

from restore.degradations.cracks import Cracks, Creases, Flaking, draw_crack
from restore.degradations.damage import VISIBLE, lay_over


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


def test_creases_are_light_on_one_side_and_dark_on_the_other(rng) -> None:
    kind = Creases(rubbed=(0, 0), broken=(0, 0), width=(0.01, 0.01), opacity=(0.8, 0.8))
    gray = lay_over(np.full((200, 200, 3), 128, np.uint8), kind.draw(200, 200, rng))[..., 0]
    light, dark = (gray > 140).mean(), (gray < 116).mean()
    assert light > 0.005 and 0.5 < dark / light < 2
    near = cv2.dilate((gray > 140).view(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert near[gray < 116].mean() > 0.9


def test_creases_run_off_the_photo_as_they_came(rng) -> None:
    kind, ridge = Creases(rubbed=(0, 0)), np.ones((60, 80), np.float32)
    assert not kind._draw_relief(ridge, 3, rng).opacity.any()


def test_rubbed_creases_are_only_light_and_broken_ones_show_the_paper() -> None:
    whole, broken = (
        Creases(rubbed=(1, 1), opacity=(0.2, 0.2), broken=(share, share)).draw(
            200, 200, np.random.default_rng(2)
        )
        for share in (0, 0.5)
    )
    assert np.asarray(whole.color)[whole.opacity > 0.05].min() > 200
    assert whole.opacity.max() < 0.5 < broken.opacity.max()


def test_no_creases_are_none(rng) -> None:
    assert not Creases(count=(0, 0)).draw(50, 60, rng).opacity.any()


def test_flakes_are_solid_and_lie_along_a_crack() -> None:
    kind = Flaking(
        count=(1, 1),
        length=(1, 1),
        share=(1, 1),
        left=(0, 0),
        opacity=(1, 1),
        raised=0,
        width=(0.05, 0.05),
    )
    spans = []
    for seed in range(8):
        layer = kind.draw(200, 200, np.random.default_rng(seed))
        gone = (layer.opacity > 0.5).astype(np.uint8)
        deep = cv2.distanceTransform(np.pad(gone, 1), cv2.DIST_L2, 5).max()
        assert 2 < deep < 30 and gone.mean() < 0.3
        spans.append(np.ptp(np.argwhere(gone), axis=0).max() / deep)
        assert np.asarray(layer.color)[gone > 0].min() > 100
    assert np.median(spans) > 6  # a disk has 2


def test_flakes_leave_crumbs_and_stretches_on() -> None:
    def count_gone(**settings: tuple[float, float]) -> int:
        kind = Flaking(count=(3, 3), opacity=(1, 1), raised=0, **settings)
        return int((kind.draw(200, 200, np.random.default_rng(4)).opacity > 0.5).sum())

    whole = count_gone(share=(1, 1), left=(0, 0))
    assert 0.3 * whole < count_gone(share=(1, 1), left=(0.3, 0.3)) < 0.95 * whole
    assert count_gone(share=(0.2, 0.2), left=(0, 0)) < 0.6 * whole


def test_where_narrow_flakes_stay_on_no_hairline_is_left() -> None:
    def count_marked(share: float) -> int:
        kind = Flaking(count=(1, 1), share=(share, share), left=(0, 0), width=(0.004, 0.004))
        layers = [kind.draw(128, 128, np.random.default_rng(seed)) for seed in range(12)]
        return sum(int((layer.opacity >= VISIBLE).sum()) for layer in layers)

    assert count_marked(0.2) < 0.4 * count_marked(1)


def test_flakes_throw_a_shadow_where_their_rims_are_raised() -> None:
    for raised in (0, 1):
        layer = Flaking(raised=raised).draw(200, 200, np.random.default_rng(1))
        dark = np.asarray(layer.color)[layer.opacity > 0.1].min()
        assert (dark < 80) == bool(raised)


def test_no_flakes_are_none(rng) -> None:
    assert not Flaking(count=(0, 0)).draw(50, 60, rng).opacity.any()
