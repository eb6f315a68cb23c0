import numpy as np
import pytest

from restore.degradations.cracks import PAPERS
from restore.degradations.rims import Mount, WornRims


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_mount_is_an_even_border_and_no_damage(flat: np.ndarray, rng) -> None:
    kind = Mount(width=(0.05, 0.05), lines=(0, 0), tilt=(0, 0), dark=0)
    mounted, mask = kind.damage(flat, rng)
    assert not mask.any()
    assert np.array_equal(mounted[6:-6, 6:-6], flat[6:-6, 6:-6])
    rims = np.concatenate([mounted[:5].reshape(-1, 3), mounted[:, -5:].reshape(-1, 3)])
    assert np.ptp(rims, axis=0).max() == 0 and rims.min() > 130
    assert Mount(dark=1, lines=(0, 0))(flat, rng)[0, 0].max() < 100


def test_lines_of_a_mount_stand_out_from_it(flat: np.ndarray) -> None:
    drawn = [
        Mount(width=(0.07, 0.07), lines=(n, n), dark=0)(flat, np.random.default_rng(4))
        for n in (0, 2)
    ]
    assert drawn[1].min() < 100 < drawn[0].min()


def test_rims_are_worn_and_the_middle_is_not(rng) -> None:
    opacity = WornRims(torn=0).draw(200, 300, rng).opacity
    assert opacity.max() == 1 and not opacity[40:-40, 40:-40].any()
    shares = [
        (WornRims(torn=0, worn=(s, s)).draw(200, 300, np.random.default_rng(1)).opacity > 0).mean()
        for s in (0.1, 0.9)
    ]
    assert 0 < shares[0] < shares[1] < 0.15


def test_corners_are_torn_off(rng) -> None:
    kind = WornRims(torn=1, worn=(0, 0), corner=(0.2, 0.2), slant=(0, 0.02))
    counts, seen = [], np.zeros(4)
    for _ in range(16):
        opacity = kind.draw(200, 300, rng).opacity
        corners = opacity[[4, 4, -5, -5], [4, -5, 4, -5]]
        counts.append(int((corners == 1).sum()))
        seen += corners
        assert not opacity[60:-60, 60:-60].any()
    assert min(counts) >= 1 and max(counts) == 3
    assert (seen > 0).all()


def test_tears_are_ragged() -> None:
    kind, uneven = WornRims(), np.ones((200, 200), np.float32)
    uneven[::2] = 2
    straight, ragged = (
        kind._tear(plane, 0, np.random.default_rng(0)) for plane in (np.ones_like(uneven), uneven)
    )
    assert (straight[1::2] == ragged[1::2]).all() and (ragged[::2] - straight[::2]).min() > 0.5


def test_a_mount_may_be_tilted(flat: np.ndarray, rng) -> None:
    mounted = Mount(width=(0.07, 0.07), lines=(0, 0), tilt=(2, 2), dark=0)(flat, rng)
    assert np.ptp(np.argmin((mounted != flat).any(axis=2)[12:-12], axis=1)) >= 2


@pytest.mark.parametrize("corner", [0.0, 0.002, 0.01])
def test_small_corners_leave_the_middle_alone(corner: float) -> None:
    kind = WornRims(torn=1, depth=(0, 0), corner=(0, corner), slant=(0, 0.02))
    for seed in range(20):
        opacity = kind.draw(200, 200, np.random.default_rng(seed)).opacity
        assert not opacity[20:-20, 20:-20].any()


def test_a_photo_of_one_pixel_can_be_worn_and_mounted(rng) -> None:
    pixel = np.full((1, 1, 3), 90, np.uint8)
    for kind in (WornRims(torn=1), Mount()):
        assert kind(pixel, rng).shape == (1, 1, 3)


def draw_tear(slant: float, rough: float = 0, peeled: float = 0) -> np.ndarray:
    """Return the colours of a torn corner (H, W, 3), NaN where the photo shows."""
    kind = WornRims(
        torn=1,
        peeled=peeled,
        worn=(0, 0),
        corner=(0.2, 0.2),
        slant=(slant, slant),
        rough=(rough, rough),
    )
    layer = kind.draw(200, 300, np.random.default_rng(4))
    return np.where(layer.opacity[..., None] == 1, layer.color, np.nan)


def test_paper_shows_along_a_slanting_tear() -> None:
    torn, slanting = draw_tear(0), draw_tear(0.02)
    gone = ~np.isnan(torn).any(axis=2)
    assert np.array_equal(slanting[gone], torn[gone])
    assert len(np.unique(torn[gone], axis=0)) == 1, "what lies behind is even"
    bare = slanting[~gone & ~np.isnan(slanting).any(axis=2)]
    assert 0.05 < len(bare) / gone.sum() < 1
    assert (bare >= np.min(PAPERS, axis=0) - 1).all() and (bare <= np.max(PAPERS, axis=0) + 1).all()
    wide = ~np.isnan(draw_tear(0.1)).any(axis=2)
    assert wide.sum() > gone.sum() + 3 * len(bare)


def test_a_peeled_corner_is_bare_where_a_torn_one_is_gone() -> None:
    torn, peeled = draw_tear(0.02), draw_tear(0.02, peeled=1)
    assert np.array_equal(np.isnan(torn), np.isnan(peeled))
    bare = peeled[~np.isnan(peeled).any(axis=2)]
    assert (bare >= np.min(PAPERS, axis=0) - 1).all() and (bare <= np.max(PAPERS, axis=0) + 1).all()
    assert len(np.unique(bare, axis=0)) > 10, "paper is not even"


def test_fibres_show_in_rough_paper() -> None:
    even, rough = draw_tear(0.1), draw_tear(0.1, 0.1)
    ratio = rough[..., 1] / even[..., 1]
    assert 0.05 < np.nanstd(ratio) < 0.15
    assert abs(np.nanmean(ratio) - 1) < 0.03
