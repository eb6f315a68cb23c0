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
    kind = WornRims(torn=1, worn=(0, 0), corner=(0.2, 0.2))
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
    kind = WornRims(torn=1, depth=(0, 0), corner=(0, corner))
    for seed in range(20):
        opacity = kind.draw(200, 200, np.random.default_rng(seed)).opacity
        assert not opacity[20:-20, 20:-20].any()


def test_a_photo_of_one_pixel_can_be_worn_and_mounted(rng) -> None:
    pixel = np.full((1, 1, 3), 90, np.uint8)
    for kind in (WornRims(torn=1), Mount()):
        assert kind(pixel, rng).shape == (1, 1, 3)


def test_paper_shows_along_a_slanting_tear() -> None:
    def draw(slant: float) -> np.ndarray:
        kind = WornRims(torn=1, worn=(0, 0), corner=(0.2, 0.2), slant=(slant, slant))
        layer = kind.draw(200, 300, np.random.default_rng(4))
        return np.where(layer.opacity[..., None] == 1, layer.color, -1).astype(np.float32)

    torn, slanting = draw(0), draw(0.02)
    assert np.array_equal(slanting[torn >= 0], torn[torn >= 0])
    bare = (slanting >= 0).all(axis=2) & (torn < 0).all(axis=2)
    assert 0.05 < bare.sum() / (torn >= 0).all(axis=2).sum() < 1
    papers, behind = np.array(PAPERS, np.float32), np.unique(torn[(torn >= 0).all(axis=2)], axis=0)
    assert len(behind) == 1 and not (papers == behind).all(axis=1).any()
    assert (slanting[bare][:, None] == papers).all(axis=2).any(axis=1).mean() > 0.7
