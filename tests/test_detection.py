import numpy as np
import pytest

from restore.degradations import load_chain
from restore.detection import Agreement, read_damaged, score_detector
from restore.draw import write_sheet
from restore.errors import RestoreError


class Oracle:
    """Knows where damage is, by having seen the clean photo, and calls it 60 % likely."""

    def __init__(self, clean: np.ndarray) -> None:
        self.clean = clean

    def rate(self, photo: np.ndarray) -> np.ndarray:
        changed = np.abs(photo.astype(int) - self.clean).max(axis=2) > 0
        return np.where(changed, np.float32(0.6), np.float32(0.1))


@pytest.fixture
def chain(tmp_path):
    path = tmp_path / "lines.toml"
    path.write_text('[[stages]]\n[[stages.steps]]\nkind = "scratches"\nopacity = [1, 1]\n')
    return path


def line(row: int) -> np.ndarray:
    mask = np.zeros((20, 30), np.uint8)
    mask[row] = 1
    return mask


def test_masks_are_compared_to_the_pixel_or_nearly() -> None:
    assert Agreement.of(line(5), line(5)).f1 == 1
    assert Agreement.of(line(6), line(5)).f1 == 0
    assert Agreement.of(line(6), line(5), 1).f1 == 1
    assert Agreement.of(line(7), line(5), 1).f1 == 0
    half = Agreement.of(line(5) | line(15), line(5), 1)
    assert (half.precision, half.recall) == (0.5, 1)
    assert half.f1 == pytest.approx(2 / 3)


def test_nothing_found_where_nothing_is_counts_as_right() -> None:
    none = np.zeros((4, 4), np.uint8)
    assert Agreement.of(none, none) == Agreement()
    assert Agreement().f1 == 1
    assert Agreement.of(none, np.ones_like(none)).f1 == 0


def test_counts_add_up() -> None:
    total = Agreement.of(line(5), line(5)).plus(Agreement.of(line(9), line(5)))
    assert total == Agreement(30, 60, 30, 60)


def test_a_detector_is_scored_at_each_threshold(write_picture, chain, tmp_path) -> None:
    photo = np.full((80, 90, 3), 90, np.uint8)
    write_picture("photos/a.png", photo)
    cases = list(read_damaged(tmp_path / "photos", chain, seed=1))
    found = score_detector(Oracle(photo), cases, (0.05, 0.5, 0.7), sheet_rows=1)
    assert found.photos == 1 and found.pixels == 80 * 90
    assert found.agreements[0.5, 0].recall == 1
    assert found.agreements[0.5, 1].f1 > found.agreements[0.05, 1].f1
    assert found.agreements[0.7, 0].recall == 0
    assert [found.false_share(t) for t in (0.05, 0.5, 0.7)] == [1, 0, 0]
    write_sheet(tmp_path / "sheet.png", found.sheet)
    assert (tmp_path / "sheet.png").is_file()


def test_a_photo_that_memory_does_not_suffice_for_is_left_out(write_picture, tmp_path) -> None:
    class Short(Oracle):
        def rate(self, photo: np.ndarray) -> np.ndarray:
            if len(photo) < 80:
                raise RestoreError("There is not enough memory.")
            return super().rate(photo)

    for name, height in (("a.png", 80), ("b.png", 79)):
        write_picture(f"photos/{name}", np.full((height, 90, 3), 90, np.uint8))
    told: list[str] = []
    oracle = Short(np.full((80, 90, 3), 90, np.uint8))
    found = score_detector(oracle, read_damaged(tmp_path / "photos"), warn=told.append)
    assert found.photos == 1 and told == ["Left out: b.png: There is not enough memory."]


def test_photos_are_damaged_by_seed_and_place(write_picture, tmp_path) -> None:
    for name in ("a.png", "b.png"):
        write_picture(f"photos/{name}")
    folder = tmp_path / "photos"
    first, again, other = (list(read_damaged(folder, seed=seed)) for seed in (0, 0, 1))
    assert [case.name for case in first] == ["a.png", "b.png"]
    assert all((x.damaged == y.damaged).all() for x, y in zip(first, again, strict=True))
    assert any((x.damaged != y.damaged).any() for x, y in zip(first, other, strict=True))
    expected = load_chain("scratched").damage(first[1].clean, np.random.default_rng([0, 1]))
    assert (first[1].mask == expected[1]).all()


def test_only_the_first_of_the_last_photos_are_damaged(write_picture, tmp_path) -> None:
    for name in "abcde":
        write_picture(f"photos/{name}.png")
    names = [case.name for case in read_damaged(tmp_path / "photos", last=3, limit=2)]
    assert names == ["c.png", "d.png"]


def test_photos_that_can_not_be_read_are_told_and_left_out(write_picture, tmp_path) -> None:
    write_picture("photos/a.png")
    (tmp_path / "photos/b.png").write_bytes(b"no picture")
    told: list[str] = []
    assert len(list(read_damaged(tmp_path / "photos", warn=told.append))) == 1
    assert len(told) == 1 and "b.png" in told[0]
    with pytest.raises(RestoreError, match="could be scored"):
        score_detector(Oracle(np.zeros((1, 1, 3))), [])
