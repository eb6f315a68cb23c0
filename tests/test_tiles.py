import numpy as np
import pytest

from restore.tiles import MARGIN, OVERLAP, SIDES, Blend, Span, pick_side, split_side


@pytest.mark.parametrize("length", [1, 512, 513, 700, 1001, 1999, 6000])
def test_spans_cover_a_side_and_their_weights_add_up_to_one(length: int) -> None:
    spans = split_side(length, 512, 8)
    whole = np.zeros(length)
    for span in spans:
        assert span.start % 8 == 0 and 0 < span.stop - span.start <= 512 + 8
        whole[span.slice] += span.weights
    assert np.allclose(whole, 1, atol=1e-6)
    assert (len(spans) == 1) == (length <= 512)


def test_what_lies_near_the_rim_of_a_tile_does_not_count() -> None:
    for span in split_side(3000, 512, 8)[1:-1]:
        rim = np.r_[span.weights[: MARGIN - 4], span.weights[-MARGIN + 4 :]]
        assert not rim.any() and span.weights.max() == 1


def test_a_tile_fades_as_half_a_sine() -> None:
    first, second = split_side(1000, 600, 8)
    ramp = second.weights[(second.weights > 0) & (second.weights < 1)]
    assert len(ramp) == 32 and np.allclose(ramp + ramp[::-1], 1, atol=1e-6)
    assert ramp[0] < 0.001 and ramp[8] == pytest.approx(0.5 - 0.5 * np.cos(np.pi * 8.5 / 32))
    assert len(first.weights) < 1000


@pytest.mark.parametrize("step", [8, 64])
@pytest.mark.parametrize("length", [481, 512, 513, 2000])
def test_tiles_never_overlap_more_than_once(step: int, length: int) -> None:
    spans = split_side(length, 2 * OVERLAP, step)
    assert all(one.stop <= other.start for one, other in zip(spans, spans[2:], strict=False))
    total = np.zeros(length)
    for span in spans:
        total[span.slice] += span.weights
    assert np.allclose(total, 1, atol=1e-6)


def test_tiles_of_a_picture_join_to_the_picture() -> None:
    picture = np.random.default_rng(0).random((1100, 900, 3)).astype(np.float32)
    rows, columns = split_side(1100, 512, 8), split_side(900, 512, 8)
    blend, joined = Blend(rows, columns), np.full_like(picture, -1)
    assert len(blend.boxes) == len(rows) * len(columns) > 4
    for row, column in blend.boxes:
        for place, values in blend.add(picture[row.slice, column.slice]):
            joined[place] = values
    assert np.allclose(joined, picture, atol=1e-6)


def test_a_seam_is_a_gentle_slope() -> None:
    def step_at(spans: list[Span]) -> np.ndarray:
        blend, joined = Blend(spans[:1], spans), np.zeros((len(spans[0].weights), 1000, 1))
        for number, (row, column) in enumerate(blend.boxes):
            tile = np.full((len(row.weights), len(column.weights), 1), number % 2, np.float32)
            for place, values in blend.add(tile):
                joined[place] = values
        return joined[0, :, 0]

    assert np.abs(np.diff(step_at(split_side(1000, 600, 8)))).max() < 0.06


def test_tiles_have_one_of_few_sides() -> None:
    sides = [pick_side(memory) for memory in range(0, 8 * 2**30, 2**27)]
    assert sides == sorted(sides)
    assert sorted(set(sides)) == [*SIDES]
    assert pick_side(4 * 2**30) == pick_side(60 * 2**30) == 1280
