"""Holes that are filled one after the other, and taken back."""

from dataclasses import replace

import numpy as np
import pytest

from restore.errors import RestoreError, UsageError
from restore.image import Mask, Photo, to_eight_bits
from restore.web import Retouching
from restore.windows import Box


@pytest.fixture
def photo() -> Photo:
    deep = np.random.default_rng(0).integers(0, 2**16, (40, 60, 3), np.uint16)
    return Photo(to_eight_bits(deep), deep=deep)


@pytest.fixture
def retouching(fake_restorer, photo: Photo) -> Retouching:
    return Retouching(fake_restorer, photo, seed=5)


def hole_at(top: int, left: int, side: int = 10) -> Mask:
    mask = np.zeros((40, 60), np.uint8)
    mask[top : top + side, left : left + side] = 1
    mask[top, left] = 0  # so that a box is not all hole
    return mask


def test_a_hole_is_filled_and_all_else_stays(retouching: Retouching, photo: Photo) -> None:
    hole = hole_at(5, 20)
    assert retouching.fill(hole) == Box(5, 20, 15, 30)
    assert (retouching.photo.pixels[hole == 1] == 5).all()  # the seed
    stays = hole == 0
    assert np.array_equal(retouching.photo.pixels[stays], photo.pixels[stays])
    assert np.array_equal(retouching.photo.deep[stays], photo.deep[stays])
    assert np.array_equal(retouching.filled, hole)
    assert retouching.original is photo


def test_the_next_fill_goes_on_from_the_one_before(retouching: Retouching) -> None:
    first, second = hole_at(5, 20), hole_at(10, 25)
    retouching.fill(first)
    retouching.fill(second)
    assert np.array_equal(retouching.filled, first | second)
    assert (retouching.photo.pixels[retouching.filled == 1] == 5).all()


def test_fills_are_taken_back_in_turn(retouching: Retouching, photo: Photo) -> None:
    retouching.fill(hole_at(5, 20))
    between = retouching.photo
    retouching.fill(hole_at(10, 25))
    assert retouching.undo() == Box(10, 25, 20, 35)
    assert np.array_equal(retouching.photo.pixels, between.pixels)
    assert np.array_equal(retouching.photo.deep, between.deep)
    retouching.undo()
    assert retouching.photo is photo  # which is saved as a copy of its file
    with pytest.raises(UsageError, match="Nothing has been filled"):
        retouching.undo()


def test_what_was_taken_back_is_put_back_in_turn(retouching: Retouching) -> None:
    first, second = hole_at(5, 20), hole_at(10, 25)
    retouching.fill(first)
    retouching.fill(second)
    filled = retouching.photo
    retouching.undo()
    retouching.undo()
    assert retouching.redo() == Box(5, 20, 15, 30)
    assert np.array_equal(retouching.filled, first)
    assert retouching.redo() == Box(10, 25, 20, 35)
    assert np.array_equal(retouching.photo.pixels, filled.pixels)
    assert np.array_equal(retouching.photo.deep, filled.deep)
    with pytest.raises(UsageError, match="Nothing has been taken back"):
        retouching.redo()


def test_a_fill_ends_what_can_be_put_back(retouching: Retouching) -> None:
    retouching.fill(hole_at(5, 20))
    retouching.undo()
    retouching.fill(hole_at(10, 25))
    with pytest.raises(UsageError, match="Nothing has been taken back"):
        retouching.redo()


def test_a_mended_place_is_put_back_with_how_it_is_saved(
    fake_restorer, photo: Photo, monkeypatch
) -> None:
    coarse = replace(photo, deep=None, format="JPEG", encoding={"qtables": [[99] * 64]})
    retouching = Retouching(fake_restorer, coarse)
    monkeypatch.setattr(fake_restorer, "mends", True)
    retouching.fill(hole_at(5, 20))
    fine = retouching.photo.encoding
    assert fine != coarse.encoding
    retouching.undo()
    assert retouching.photo.encoding == coarse.encoding
    retouching.redo()
    assert retouching.photo.encoding == fine


def test_another_fill_takes_the_next_seed(
    retouching: Retouching, fake_restorer, monkeypatch
) -> None:
    hole = hole_at(5, 20)
    retouching.fill(hole)
    retouching.fill_again()
    assert retouching.fill_again() == Box(5, 20, 15, 30)
    assert fake_restorer.seeds == [5, 6, 7]
    assert len(retouching.fills) == 3 and np.array_equal(retouching.filled, hole)
    assert (retouching.photo.pixels[hole == 1] == 7).all()
    for seed in (6, 5):  # none of them is lost
        retouching.undo()
        assert (retouching.photo.pixels[hole == 1] == seed).all()
    retouching.redo()
    assert (retouching.photo.pixels[hole == 1] == 6).all()
    retouching.undo()
    retouching.fill_again()
    assert fake_restorer.seeds[-1] == 8, "6 and 7 were not liked"
    monkeypatch.setattr("restore.web.retouching.SEEDS", 200)
    last = Retouching(fake_restorer, retouching.original, 199)
    last.fill(hole)
    last.fill_again()
    last.undo()
    last.fill_again()
    assert fake_restorer.seeds[-1] == 1
    retouching.undo()
    retouching.undo()
    assert retouching.photo is retouching.original
    retouching.fill(hole_at(20, 0))
    assert fake_restorer.seeds[-1] == 5  # another hole begins anew


def test_where_another_fill_fails_the_one_before_stays(
    retouching: Retouching, fake_restorer, monkeypatch
) -> None:
    retouching.fill(hole_at(5, 20))
    filled, fills = retouching.photo, retouching.fills

    def fail(*_: object, **__: object) -> None:
        raise RestoreError("There is not enough memory.")

    monkeypatch.setattr(fake_restorer, "fix", fail)
    with pytest.raises(RestoreError, match="memory"):
        retouching.fill_again()
    assert retouching.photo is filled and retouching.fills == fills


def test_nothing_and_nearly_everything_are_refused(retouching: Retouching) -> None:
    with pytest.raises(UsageError, match="Nothing is painted"):
        retouching.fill(np.zeros((40, 60), np.uint8))
    hidden = replace(retouching.photo, alpha=np.zeros((40, 60), np.uint8))
    with pytest.raises(UsageError, match="Only what is transparent is painted"):
        Retouching(retouching.fixer, hidden).fill(np.ones((40, 60), np.uint8))
    with pytest.raises(UsageError, match=r"100\.0% of the photo"):
        retouching.fill(np.ones((40, 60), np.uint8))
    assert retouching.fills == []


def test_a_fill_keeps_the_pixels_of_its_hole_alone(fake_restorer) -> None:
    """Dust in two corners lies in a box as large as the photo."""
    deep = np.random.default_rng(0).integers(0, 65_536, (40, 60, 3), np.uint16)
    photo = Photo((deep >> 8).astype(np.uint8), deep=deep)
    hole = np.zeros((40, 60), np.uint8)
    hole[0, 0] = hole[39, 58:] = 1
    retouching = Retouching(fake_restorer, photo, seed=7)
    retouching.fill(hole)
    retouching.fill_again()
    assert all(len(fill.hidden.pixels) == 3 for fill in retouching.fills)
    assert (retouching.photo.pixels[hole == 1] == 8).all()
    retouching.undo()
    assert (retouching.photo.pixels[hole == 1] == 7).all()
    retouching.undo()
    retouching.redo()
    retouching.redo()
    retouching.undo()
    assert retouching.photo.deep is not None
    assert (retouching.photo.deep[hole == 1] == 7 * 257).all()
    assert np.array_equal(retouching.photo.deep[hole == 0], deep[hole == 0])
