import numpy as np
import pytest

from restore.config import validate
from restore.errors import UsageError
from restore.masks import MASKS, Blobs, Boxes, Irregular, Scratches, Strokes, hole_share

SIZES = [(1, 1), (1, 200), (200, 1), (7, 513), (64, 48), (256, 256)]


def draw(name: str, size: tuple[int, int], seed: int) -> np.ndarray:
    return MASKS[name]().draw(*size, np.random.default_rng(seed))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", MASKS)
def test_a_mask_has_the_size_asked_for_and_zeros_and_ones(name: str, size: tuple[int, int]) -> None:
    for seed in range(5):
        mask = draw(name, size, seed)
        assert mask.shape == size
        assert mask.dtype == np.uint8
        assert set(np.unique(mask)) <= {0, 1}


@pytest.mark.parametrize("name", MASKS)
def test_the_generator_decides_the_mask(name: str) -> None:
    assert np.array_equal(draw(name, (96, 128), 1), draw(name, (96, 128), 1))
    assert not np.array_equal(draw(name, (96, 128), 1), draw(name, (96, 128), 2))


@pytest.mark.parametrize("name", MASKS)
def test_a_kind_covers_about_the_same_share_at_any_size(name: str) -> None:
    shares = [
        np.mean([hole_share(draw(name, (side, side), seed)) for seed in range(60)])
        for side in (128, 384)
    ]
    assert shares[0] == pytest.approx(shares[1], rel=0.25)


@pytest.mark.parametrize("name", MASKS)
def test_holes_are_everywhere(name: str) -> None:
    total = sum(draw(name, (32, 32), seed).astype(int) for seed in range(400))
    assert total.min() > 0.3 * total.mean()


def test_strokes_follow_their_ranges() -> None:
    rng = np.random.default_rng(0)
    dot = Strokes(count=(1, 1), pieces=(1, 1), length=(0, 0), width=(0.2, 0.2))
    assert hole_share(dot.draw(100, 100, rng)) < 0.05
    line = Strokes(count=(1, 1), pieces=(9, 9), length=(0.3, 0.3), width=(0.02, 0.02), turn=0)
    rows, columns = np.nonzero(line.draw(400, 400, rng))
    residual = np.polyfit(columns, rows, 1, full=True)[1] / len(rows)
    assert residual[0] < 30  # straight


@pytest.mark.parametrize("kind", [Strokes, Scratches])
def test_a_brush_may_be_wider_than_opencv_draws(kind: type[Strokes | Scratches]) -> None:
    """Its limit is 32767 pixels, and a large photo times a wide brush is more."""
    wide = kind.model_validate({"count": (2, 2), "width": (10, 10)})
    assert wide.draw(3300, 3300, np.random.default_rng(0)).all()


def test_boxes_are_boxes() -> None:
    mask = Boxes(count=(1, 1), side=(0.3, 0.5)).draw(80, 120, np.random.default_rng(3))
    rows, columns = mask.any(axis=1), mask.any(axis=0)
    assert np.array_equal(mask, np.outer(rows, columns))


def test_blobs_cover_the_share_asked_for() -> None:
    rng = np.random.default_rng(0)
    shares = [hole_share(Blobs(share=(0.4, 0.4)).draw(200, 300, rng)) for _ in range(10)]
    assert shares == pytest.approx([0.4] * 10, abs=0.03)


def test_scratches_are_thin() -> None:
    rng = np.random.default_rng(0)
    mask = Scratches(count=(6, 6), width=(0.01, 0.01)).draw(400, 400, rng)
    eroded = [mask[y:, x:][:380, :380] for y in (0, 20) for x in (0, 20)]
    assert not np.logical_and.reduce(eroded).sum() > 40


def test_irregular_masks_mix_widths() -> None:
    wide = Irregular(width=(0.1, 0.1)).draw(256, 256, np.random.default_rng(1))
    thin = Irregular(width=(0.01, 0.01)).draw(256, 256, np.random.default_rng(1))
    assert hole_share(wide) > 2 * hole_share(thin) > 0


@pytest.mark.parametrize("settings", [{"count": [3, 1]}, {"width": [-0.1, 0.1]}, {"turn": 2}])
def test_impossible_ranges_are_refused(settings: dict) -> None:
    with pytest.raises(UsageError, match="must be"):
        validate(Strokes, settings, "test")


@pytest.mark.parametrize(("kind", "key"), [(Blobs, "share"), (Irregular, "kept")])
def test_a_share_above_1_is_refused(kind: type[Blobs | Irregular], key: str) -> None:
    with pytest.raises(UsageError, match=f"{key}.*largest <= 1"):
        validate(kind, {key: [0.5, 1.5]}, "test")
    whole = validate(kind, {key: [1, 1]}, "test")
    assert hole_share(whole.draw(64, 48, np.random.default_rng(0))) > 0.2
