from pathlib import Path

import numpy as np
import pytest

from restore.data import Damaging
from restore.degradations import Chain, load_chain
from restore.degradations.chain import SEEN
from restore.image import Pixels

SIZE = 64


@pytest.fixture
def folded(tmp_path: Path) -> Chain:
    path = tmp_path / "folded.toml"
    path.write_text(
        '[[stages]]\n[[stages.steps]]\nkind = "folds"\ncount = [1, 1]\nwidth = [0.03, 0.03]\n'
    )
    return load_chain(path)


@pytest.fixture
def dark() -> Pixels:
    rows = np.arange(SIZE, dtype=np.uint8)[:, None, None]
    return np.repeat(np.repeat(rows, SIZE, axis=1), 3, axis=2)


def test_a_part_of_a_larger_photo_has_wider_damage(folded: Chain, dark: Pixels) -> None:
    def widest(zoom: float) -> int:
        masks = [Damaging(folded, zoom).draw(dark, np.random.default_rng(n))[2] for n in range(60)]
        return max(int(mask.sum()) for mask in masks)

    assert widest(4) > 1.8 * widest(1)


def test_mask_crop_and_damage_lie_on_each_other(folded: Chain, dark: Pixels) -> None:
    hit = 0
    for n in range(40):
        crop, damaged, mask = Damaging(folded, 3).draw(dark, np.random.default_rng(n))
        assert crop.shape == damaged.shape == (SIZE, SIZE, 3) and mask.shape == (SIZE, SIZE)
        change = np.abs(damaged.astype(int) - crop).max(axis=2)
        assert (change[mask == 1] >= SEEN).all()
        assert change[mask == 0].max() < 2 * SEEN  # what is fainter than `VISIBLE` may be outside
        hit += bool(mask.any())
    assert 5 < hit < 40, "the damage of a larger photo may lie elsewhere"


def test_in_each_direction_two_in_three_parts_lie_at_a_rim(tmp_path: Path, dark: Pixels) -> None:
    path = tmp_path / "worn.toml"
    path.write_text(
        '[[stages]]\n[[stages.steps]]\nkind = "worn-rims"\nworn = [1, 1]\ndepth = [0.1, 0.1]\n'
        "torn = 0\n"
    )
    worn = Damaging(load_chain(path), 3)
    masks = [worn.draw(dark, np.random.default_rng(n))[2] for n in range(120)]
    for rim in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        assert 30 < sum(mask[rim].mean() > 0.5 for mask in masks) < 75


def test_some_parts_are_enlarged_and_some_are_as_they_were(folded: Chain, dark: Pixels) -> None:
    crops = [Damaging(folded, 3).draw(dark, np.random.default_rng(n))[0] for n in range(40)]
    rows = [int(np.ptp(crop[:, 0, 0].astype(int))) + 1 for crop in crops]
    same = rows.count(SIZE)
    assert 10 < same < 30
    assert SIZE / 3 - 2 <= min(rows) < SIZE / 2


def test_without_zoom_the_photo_is_damaged_as_a_whole(folded: Chain, dark: Pixels) -> None:
    crop, damaged, mask = Damaging(folded).draw(dark, np.random.default_rng(5))
    same, where = folded.damage(dark, np.random.default_rng(5))
    assert crop is dark and np.array_equal(damaged, same) and np.array_equal(mask, where)


def test_equal_generators_give_equal_parts(dark: Pixels) -> None:
    damaging = Damaging(load_chain("scratched"), 2.5)
    one, two = (damaging.draw(dark, np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
