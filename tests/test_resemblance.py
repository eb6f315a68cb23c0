"""Scores of samplers whose quality is known beforehand."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from restore.errors import RestoreError, UsageError
from restore.lpips import load_lpips
from restore.reader import Read, Reader
from restore.resemblance import (
    LEAST,
    SHOWN_LABELS,
    Pictures,
    _alone,
    compare,
    draw_sheet,
    mean_distance,
    read_real,
    score_sampler,
)
from restore.sampler import Sampler

DIGITS = tuple("01234567")


class ColumnReader(Reader):
    """Reads the class of a picture from its whitest column; each column is a feature."""

    name, labels, device = "columns", DIGITS, torch.device("cpu")

    def look(self, images: Tensor) -> Read:
        columns = images.mean((1, 2))
        return Read(columns, columns.argmax(1))


class Repeater(Sampler):
    """Draws one and the same picture, whatever is asked of it."""

    def draw(self, count: int = 1, *_: object, **__: object) -> np.ndarray:
        return super().draw(1, 3).repeat(count, axis=0)


@pytest.fixture
def digits(make_sampler) -> Sampler:
    """Gray, with eight classes: the picture of class 3 is white in column 3."""
    return Sampler.load(make_sampler("digits", DIGITS, channels=1), device="cpu")


@pytest.fixture(autouse=True)
def without_lpips(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All pairs by LPIPS take seconds, so only one test measures them."""
    if "repeats" not in request.node.name:
        monkeypatch.setattr("restore.resemblance.load_lpips", lambda: None)


def real_of(sampler: Sampler, count: int = 80) -> Pictures:
    """Return what the sampler itself draws from another seed as real pictures."""
    labels = [sampler.label_of(number) for number in range(count)]
    return Pictures(sampler.draw(count, seed=99), tuple(name for name in labels if name))


def test_a_perfect_sampler_is_like_the_real_pictures(digits: Sampler) -> None:
    found = compare(digits, real_of(digits), ColumnReader(), count=80)
    assert (found.model, found.features) == ("digits", "columns")
    assert (found.pictures, found.real_pictures, found.classes) == (80, 80, 8)
    assert found.values["frechet"] < 0.02 and abs(found.values["kernel"]) < 0.01
    assert found.values["precision"] > 0.8 and found.values["recall"] > 0.8
    assert found.values["right"] == found.real["right"] == 1
    assert found.values["modes"] == found.real["modes"] == 8
    assert list(found.labels) == list(DIGITS)
    assert all(values["right"] == 1 for values in found.labels.values())
    assert all(0.7 < values["spread"] < 1.4 for values in found.labels.values())


def test_a_sampler_that_repeats_itself_is_found_out(digits: Sampler) -> None:
    repeater = Repeater(digits.name, digits.settings, digits.generator, digits.device)
    found = compare(repeater, real_of(digits), ColumnReader(), count=80)
    assert found.values["modes"] == 1 and found.values["right"] == 1 / 8
    assert found.values["recall"] < 0.2 and found.values["frechet"] > 0.1
    assert found.values["spread"] == 0
    assert [found.labels[label]["right"] for label in ("3", "4")] == [1, 0]
    if load_lpips() is None:
        pytest.skip("the LPIPS backbone is not on disk")
    assert found.values["diversity"] == pytest.approx(0, abs=1e-4) and found.values["alike"] == 1
    assert found.real["alike"] < 1


def test_other_labels_are_not_called_wrong(digits: Sampler, make_sampler) -> None:
    moods = Sampler.load(make_sampler("moods", ("smiling", "grim"), channels=1), device="cpu")
    found = compare(moods, real_of(moods), ColumnReader(), count=20)
    assert "right" not in found.values and "right" not in found.labels["grim"]
    assert found.values["modes"] == 2


def test_without_labels_there_is_nothing_by_label(make_sampler) -> None:
    faces = Sampler.load(make_sampler("faces"), device="cpu")
    real = Pictures(faces.draw(30, seed=5))
    found = compare(faces, real, ColumnReader(), count=20)
    assert found.labels == {} and not {"right", "spread"} & set(found.values)
    assert found.pictures == 20 and found.real_pictures == 30
    unlabelled = compare(faces, Pictures(real.pixels, ("x",) * 30), ColumnReader(), count=20)
    assert "spread" in unlabelled.real and unlabelled.labels == {}


def test_the_distance_within_a_label_is_over_all_pairs() -> None:
    pictures = np.zeros((3, 2, 2), np.uint8)
    pictures[1], pictures[2, 0] = 255, 255
    assert mean_distance(pictures) == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert np.isnan(mean_distance(pictures[:1]))


def test_some_are_taken_at_even_distances() -> None:
    pictures = Pictures(np.arange(10, dtype=np.uint8)[:, None, None])
    assert pictures.some(5).ravel().tolist() == [0, 2, 4, 6, 8]
    assert pictures.some(99).ravel().tolist() == [*range(10)]
    in_turn = Pictures(pictures.pixels, tuple("ab" * 5), in_turn=True)
    assert in_turn.some(5).ravel().tolist() == [0, 1, 2, 3, 4]


def test_few_real_pictures_are_compared_with_drawn_ones_of_all_classes(digits: Sampler) -> None:
    found = compare(digits, real_of(digits, 40), ColumnReader(), count=80)
    assert found.values["precision"] > 0.7 and found.values["recall"] > 0.7


def test_real_pictures_that_are_all_the_same_have_no_spread(digits: Sampler) -> None:
    same = Pictures(digits.draw(1, label="3").repeat(9, axis=0), ("3",) * 9)
    found = compare(digits, same, ColumnReader(), count=80)
    assert "spread" not in found.labels["3"] and found.values["spread"] > 0


def test_the_sheet_has_rows_of_both(digits: Sampler, make_sampler) -> None:
    sheet = compare(digits, real_of(digits), ColumnReader(), count=80).sheet
    assert sheet is not None and sheet.shape[0] >= 16 * 8 and sheet.shape[1] >= 10 * 8
    faces = Sampler.load(make_sampler("faces"), device="cpu")
    real = Pictures(faces.draw(30, seed=5))
    sheet = compare(faces, real, ColumnReader(), count=20).sheet
    assert sheet is not None and sheet.shape[0] >= 4 * 8


def test_of_many_labels_some_are_on_the_sheet() -> None:
    labels = tuple(str(number) for number in range(70))
    drawn = Pictures(np.zeros((70, 8, 8), np.uint8), labels)
    sheet = draw_sheet(drawn, drawn)
    assert 2 * 15 * 8 <= sheet.shape[0] <= 2 * SHOWN_LABELS * 2 * 8


def test_too_few_pictures_are_refused(digits: Sampler) -> None:
    with pytest.raises(UsageError, match=f"Scores need {LEAST} pictures"):
        compare(digits, real_of(digits, 4), ColumnReader(), count=80)


def test_fid_is_measured_on_all_pictures(digits: Sampler, monkeypatch) -> None:
    shapes: list[tuple[int, ...]] = []

    class Pool:
        def __enter__(self) -> "Pool":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def __init__(self, device: object) -> None:
            pass

        def add_restored(self, pixels: np.ndarray) -> None:
            shapes.append(pixels.shape)

        def add_clean(self, pixels: np.ndarray) -> None:
            shapes.append(pixels.shape)

        def measure_or_warn(self, warn: object) -> dict[str, float]:
            return {"fid": 7.0}

    monkeypatch.setattr("restore.resemblance.FidelityPool", Pool)
    found = compare(digits, real_of(digits, 30), ColumnReader(), count=20, fidelity=True)
    assert found.values["fid"] == 7 and shapes == [(8, 8, 3)] * 50


def write_pictures(folder: Path, pictures: np.ndarray) -> Path:
    folder.mkdir(parents=True)
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    return folder


def test_folders_of_classes_are_read_as_the_sampler_draws(digits: Sampler, tmp_path: Path) -> None:
    for label in ("0", "5"):
        write_pictures(tmp_path / "real" / label, digits.draw(3, label))
    real = read_real(tmp_path / "real", digits)
    assert real.labels == ("0",) * 3 + ("5",) * 3 and real.names == ("0", "5")
    assert (real.of("5") == digits.draw(3, "5")).all()


def test_classes_that_are_no_classes_or_in_other_shares_are_told(
    digits: Sampler, tmp_path: Path
) -> None:
    for label, count in (("0", 16), ("5", 2)):
        write_pictures(tmp_path / "real" / label, digits.draw(count, label))
    told: list[str] = []
    compare(digits, read_real(tmp_path / "real", digits), ColumnReader(), warn=told.append)
    assert len(told) == 1 and "89% of the real pictures are of the class 0 and 12%" in told[0]
    told.clear()
    for label in ("cat", "dog"):
        write_pictures(tmp_path / "pets" / label, digits.draw(6, "1"))
    compare(digits, read_real(tmp_path / "pets", digits), ColumnReader(), warn=told.append)
    assert told == [
        "The real pictures are of other classes, such as cat, than the drawn ones, such as 0; "
        "nothing is compared class by class."
    ]
    told.clear()
    compare(digits, real_of(digits), ColumnReader(), count=80, warn=told.append)
    assert told == []
    Image.fromarray(digits.draw(1)[0]).save(tmp_path / "real/stray.png")
    assert read_real(tmp_path / "real", digits, warn=told.append).labels == ()
    assert len(told) == 1 and "lies beside the folders" in told[0]


@pytest.mark.parametrize(("side", "compared"), [(64, 80), (128, 80), (256, 64), (512, 16)])
def test_fewer_large_pictures_are_compared_by_lpips(
    digits: Sampler, monkeypatch, side: int, compared: int
) -> None:
    seen: list[int] = []
    monkeypatch.setattr("restore.resemblance._diversity", lambda some: seen.append(len(some)) or {})
    pictures = Pictures(np.zeros((80, side, side), np.uint8))
    _alone(pictures, Read(torch.zeros(80, 8), None), ColumnReader())
    assert seen == [compared]


def test_squares_of_photos_are_scaled_to_the_sampler(make_sampler, tmp_path: Path) -> None:
    faces = Sampler.load(make_sampler("faces"), device="cpu")
    pictures = np.random.default_rng(0).integers(0, 256, (6, 16, 20, 3), np.uint8)
    place = write_pictures(tmp_path / "real", pictures)
    (place / "03.png").write_bytes(b"no picture")
    told: list[str] = []
    real = read_real(place, faces, last=4, limit=3, warn=told.append)
    assert real.labels == real.names == ()
    squares = pictures[[2, 4], :, 2:18].reshape(2, 8, 2, 8, 2, 3).mean((2, 4))
    assert np.abs(real.pixels - squares).max() <= 0.51
    assert len(told) == 1 and "03.png" in told[0]


def write_idx(folder: Path, name: str, pictures: np.ndarray, labels: list[int]) -> None:
    folder.mkdir(exist_ok=True)
    head = np.array([0x803, *pictures.shape], ">u4").tobytes()
    (folder / f"{name}-images-idx3-ubyte").write_bytes(head + pictures.tobytes())
    head = np.array([0x801, len(labels)], ">u4").tobytes()
    (folder / f"{name}-labels-idx1-ubyte").write_bytes(head + bytes(labels))


def test_of_idx_files_the_test_part_is_taken(digits: Sampler, tmp_path: Path) -> None:
    pictures = digits.draw(8)
    write_idx(tmp_path / "set", "train", pictures[:2], [0, 1])
    write_idx(tmp_path / "set", "t10k", pictures, [*range(8)])
    real = read_real(tmp_path / "set", digits)
    assert (real.pixels == pictures).all() and real.labels == real.names == DIGITS


def test_more_pictures_than_can_be_compared_are_thinned_out(
    digits: Sampler, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("restore.resemblance.MOST", 4)
    write_idx(tmp_path / "set", "t10k", digits.draw(8), [*range(8)])
    assert read_real(tmp_path / "set", digits).labels == ("0", "2", "4", "6")


def test_a_sampler_is_scored_from_files(make_sampler, tmp_path: Path) -> None:
    model = make_sampler("digits", DIGITS, channels=1)
    write_idx(tmp_path / "set", "t10k", Sampler.load(model, device="cpu").draw(16), [*range(8)] * 2)
    found = score_sampler(str(model), tmp_path / "set", "mnist", count=16, device="cpu")
    assert (found.features, found.real_pictures, found.classes) == ("mnist", 16, 10)
    with pytest.raises(RestoreError, match="nothing at"):
        score_sampler(str(model), tmp_path / "absent", "mnist", device="cpu")


def test_a_classifier_of_other_pictures_is_told(
    make_sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_sampler("digits", DIGITS, channels=1)
    pictures = Sampler.load(model, device="cpu").draw(16)
    told: list[str] = []
    monkeypatch.setattr("restore.resemblance.load_reader", lambda *_: ColumnReader())
    for name, moved in (("right", 0), ("wrong", 1)):
        labels = [(number + moved) % 8 for number in [*range(8)] * 2]
        write_idx(tmp_path / name, "t10k", pictures, labels)
        score_sampler(str(model), tmp_path / name, count=16, device="cpu", warn=told.append)
    assert len(told) == 1 and "reads only 0%" in told[0] and "--features squeeze" in told[0]
