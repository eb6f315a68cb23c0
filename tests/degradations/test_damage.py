import numpy as np
import pytest

from restore.degradations.damage import (
    Damage,
    Dust,
    Folds,
    Layer,
    Line,
    Scratches,
    Stains,
    draw_fold,
    draw_lines,
    draw_stain,
    lay_over,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_layer_is_mixed_by_its_opacity(flat: np.ndarray) -> None:
    opacity = np.zeros((120, 160), np.float32)
    opacity[0], opacity[1] = 1, 0.5
    mixed = lay_over(flat, Layer(np.array([220, 20, 120], np.float32), opacity))
    assert mixed[0, 0].tolist() == [220, 20, 120]
    assert mixed[1, 0].tolist() == [170, 70, 120]
    assert np.array_equal(mixed[2:], flat[2:])


def test_a_path_is_drawn_where_it_says() -> None:
    path = np.array([[10, 20], [90, 20]], np.float32)
    opacity = draw_lines((40, 100), [Line(path, np.full(2, 3, np.float32), 0.8)])
    assert opacity[20, 10:90] == pytest.approx(0.8, abs=0.01)
    assert opacity[25:].max() == opacity[:15].max() == 0


def test_where_lines_cross_the_one_that_hides_more_is_seen() -> None:
    across, down = np.array([[[10, 20], [90, 20]], [[50, 2], [50, 38]]], np.float32)
    wide = np.full(2, 6, np.float32)
    lines = [Line(across, wide), Line(down, wide, 0.3)]
    for order in (lines, lines[::-1]):
        opacity = draw_lines((40, 100), order)
        assert opacity[20, 12:88].min() == 1
        assert opacity[5, 50] == pytest.approx(0.3, abs=0.01)


def test_scratches_are_long_and_thin(rng) -> None:
    kind = Scratches(count=(1, 1), length=(0.8, 0.8), width=(0.005, 0.005), turn=(0, 0))
    opacity = kind.draw(400, 400, rng).opacity
    rows, columns = np.nonzero(opacity)
    assert np.hypot(np.ptp(rows), np.ptp(columns)) > 100
    assert 0 < (opacity > 0).mean() < 0.02


def test_dark_is_how_often_damage_is_dark(rng) -> None:
    for kind in (Scratches, Dust):
        assert kind(dark=1).draw(50, 50, rng).color.max() < 60
        assert kind(dark=0).draw(50, 50, rng).color.min() > 150


def test_what_is_thinner_than_a_pixel_is_fainter() -> None:
    path = np.array([[10, 20], [90, 20]], np.float32)
    thin, thick = (
        draw_lines((40, 100), [Line(path, np.full(2, width, np.float32))]) for width in (0.25, 1)
    )
    assert 0.1 < thin.sum() / thick.sum() < 0.6


def test_specks_are_small(rng) -> None:
    opacity = Dust(specks=(30, 30), hairs=(0, 0)).draw(300, 300, rng).opacity
    assert 0 < (opacity > 0).mean() < 0.02


def test_no_damage_is_no_damage(flat: np.ndarray, rng) -> None:
    kinds = (Scratches(count=(0, 0)), Folds(count=(0, 0)), Stains(count=(0, 0)))
    for kind in (*kinds, Dust(specks=(0, 0), hairs=(0, 0))):
        spoiled, mask = kind.damage(flat, rng)
        assert np.array_equal(spoiled, flat)
        assert not mask.any()


def test_a_fold_goes_from_rim_to_rim_with_its_shadow_on_one_side() -> None:
    layer = draw_fold((60, 80), np.pi / 2, 5, 2, np.zeros((60, 80), np.float32))
    spoiled = lay_over(np.full((60, 80, 3), 128, np.uint8), layer)
    assert (spoiled[35] > 170).all()
    assert (spoiled[42] < 125).all()
    assert (spoiled[20] == 128).all()


def test_a_stain_has_its_radius_and_a_rim() -> None:
    opacity = draw_stain((100, 100), (50, 50), 30, np.zeros((100, 100), np.float32))
    assert opacity[50, 50] == pytest.approx(0.55)
    assert opacity[50, 78] > 0.6
    assert opacity[50, 81:].max() == 0


@pytest.mark.parametrize("kind", [Scratches, Dust, Folds, Stains])
def test_the_largest_damage_is_drawn_too(kind: type[Damage]) -> None:
    lengths = {n: (10, 10) for n in ("length", "width", "radius") if n in kind.model_fields}
    assert lengths
    photo = np.full((300, 4000, 3), 128, np.uint8)
    assert kind(**lengths)(photo, np.random.default_rng(0)).shape == photo.shape
