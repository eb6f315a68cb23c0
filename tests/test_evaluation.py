"""Evaluation with restorers whose scores are known beforehand."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut, chelsea, coffee

from restore import evaluation
from restore.cases import (
    BLANK,
    Case,
    crop_mask,
    hole_band,
    read_cases,
    read_paired_cases,
    read_spoiled_cases,
)
from restore.errors import UsageError
from restore.evaluation import (
    BASELINES,
    OURS,
    Score,
    average,
    fill,
    lpips_ratio,
    measure,
    score_restorer,
)
from restore.hole_metrics import HOLE_METRICS
from restore.image import Mask, Pixels
from restore.lpips import load_lpips


class Painter:
    """A restorer that paints the hole in one colour, `step` brighter with each seed."""

    mends = False

    def __init__(self, color: int, step: int = 0) -> None:
        self.color, self.step = color, step
        self.seen: list[Pixels] = []

    def fix(self, photo: Pixels, mask: Mask, *, seed: int = 0) -> Pixels:
        self.seen.append(photo)
        return np.where(mask[..., None] == 1, np.uint8(self.color + self.step * seed), photo)


class Oracle:
    """A restorer that knows the clean photo."""

    mends = False

    def __init__(self, clean: Pixels) -> None:
        self.clean = clean

    def fix(self, photo: Pixels, mask: Mask, *, seed: int = 0) -> Pixels:
        return self.clean


def box(size: int, top: int, left: int, side: int) -> Mask:
    mask = np.zeros((size, size), np.uint8)
    mask[top : top + side, left : left + side] = 1
    return mask


@pytest.fixture
def case() -> Case:
    return Case("cat", "10–20 %", chelsea()[50:178, 100:228], box(128, 40, 50, 48))


def a_score(method: str, name: str, lpips: float | None, group: str = "a") -> Score:
    values = {} if lpips is None else {"lpips": lpips}
    return Score(name, group, method, 0.1, values, 1.0)


def test_every_method_is_kept_from_seeing_the_hole(case: Case) -> None:
    painter = Painter(0)
    score_restorer(painter, [case], [])
    assert all((photo[case.mask == 1] == BLANK).all() for photo in painter.seen)
    assert all(
        (photo[case.mask == 0] == case.clean[case.mask == 0]).all() for photo in painter.seen
    )


@pytest.mark.parametrize("name", ["telea", "ns", "biharmonic"])
def test_baselines_fill_the_hole_and_keep_the_rest(name: str, case: Case) -> None:
    answer = fill(BASELINES[name], case)
    known = case.mask == 0
    assert answer.pixels.dtype == np.uint8 and answer.seconds > 0
    assert (answer.pixels[known] == case.clean[known]).all()
    blank = measure(case, case.damaged)["hole_psnr"]
    assert measure(case, answer.pixels)["hole_psnr"] > blank


def test_scores_of_a_painted_hole_have_closed_forms() -> None:
    clean = np.full((64, 64, 3), 100, np.uint8)
    result = score_restorer(
        Painter(151), [Case("flat", "a", clean, box(64, 0, 0, 32))], [], seeds=1
    )
    (score,) = result.scores
    assert score.hole == 0.25
    assert score.values["l1"] == pytest.approx(0.2 * 0.25)
    assert score.values["psnr"] == pytest.approx(-10 * np.log10(0.2**2 * 0.25), abs=1e-3)
    assert score.values["hole_psnr"] == pytest.approx(-20 * np.log10(0.2))
    assert "diversity" not in score.values


def test_a_perfect_restorer_scores_finite_best(case: Case) -> None:
    (ours,) = score_restorer(Oracle(case.clean), [case], []).means
    assert ours.values["psnr"] == ours.values["hole_psnr"] == 100
    assert ours.values["ssim"] == pytest.approx(1) and ours.values["l1"] == 0


def test_a_hole_that_is_empty_is_no_whole_photo(case: Case) -> None:
    empty = replace(case, mask=np.zeros_like(case.mask))
    (score,) = score_restorer(Painter(0), [empty], []).scores  # the painter can't do without a mask
    assert score.values["psnr"] == 100 and "hole_psnr" not in score.values


def test_two_seeds_differ_or_not(case: Case) -> None:
    if load_lpips() is None:
        pytest.skip("the LPIPS backbone is not on disk")
    same, other = (
        score_restorer(Painter(60, step), [case], []).scores[0].values["diversity"]
        for step in (0, 80)
    )
    assert same == 0 and other > 0.01


def test_without_lpips_its_columns_are_empty(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore.metrics._lpips_on", lambda device: None)
    result = score_restorer(Painter(0), [case], ["telea", "ns"])
    measured = {"psnr", "ssim", "l1", *HOLE_METRICS}
    assert [set(line.values) for line in result.means] == [measured] * 3
    assert lpips_ratio(result.scores) is None


def test_baselines_stand_beside_ours_and_progress_is_told(case: Case) -> None:
    told: list[Score] = []
    result = score_restorer(Painter(0), [case, case], ["ns"], tell=told.append)
    assert [(line.method, line.count) for line in result.means] == [("ns", 2), (OURS, 2)]
    assert told == result.scores and asdict(result.means[0])["values"]["ssim"] > 0.5
    assert result.sheet is None


def test_a_case_that_memory_does_not_suffice_for_is_left_out(case: Case) -> None:
    class Short(Painter):
        def fix(self, photo: Pixels, mask: Mask, *, seed: int = 0) -> Pixels:
            if len(photo) < 128:
                raise MemoryError
            return super().fix(photo, mask, seed=seed)

    small = Case("small", "a", case.clean[:100], case.mask[:100])
    told: list[str] = []
    found = score_restorer(Short(9), [small, case], (), seeds=1, warn=told.append)
    assert [score.name for score in found.scores] == ["cat"]
    assert len(told) == 1 and "Left out: small: There is not enough memory" in told[0]


def test_an_unknown_baseline_is_named(case: Case) -> None:
    with pytest.raises(UsageError, match="Did you mean 'telea'"):
        score_restorer(Painter(0), [case], ["tellea"])


def test_the_sheet_shows_the_first_cases(case: Case) -> None:
    result = score_restorer(Painter(7), [case] * 3, ["telea"], sheet_rows=2)
    assert result.sheet is not None
    height, width = result.sheet.shape[:2]
    assert 2 * 128 < height < 3 * 128 and width > 5 * 128
    painted = (result.sheet == 7).all(axis=2).sum()
    assert painted >= 2 * 2 * 48 * 48  # two rows, two seeds


def test_means_are_taken_by_group_and_method() -> None:
    scores = [
        a_score("ours", "1", 0.2, "b"),
        a_score("ours", "2", 0.4, "b"),
        a_score("ns", "1", None, "a"),
    ]
    lines = [(line.group, line.method, line.count, line.values) for line in average(scores)]
    assert lines == [("a", "ns", 1, {}), ("b", "ours", 2, {"lpips": pytest.approx(0.3)})]


def test_the_ratio_takes_the_better_baseline_of_each_photo() -> None:
    table = {"telea": (0.2, 0.5), "ns": (0.4, 0.3), OURS: (0.1, 0.1)}
    scores = [a_score(m, str(i), v) for m, both in table.items() for i, v in enumerate(both)]
    assert lpips_ratio(scores) == pytest.approx(0.1 / 0.25)
    assert lpips_ratio(scores[1:]) is None


@pytest.mark.parametrize(
    ("side", "band"),
    [(0, "0–10 %"), (31, "0–10 %"), (32, "10–20 %"), (72, "50–60 %"), (100, "90–100 %")],
)
def test_bands_of_the_hole(side: int, band: str) -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[:side, :side] = 1
    assert hole_band(mask) == band


@pytest.mark.parametrize("size", [(40, 60), (64, 64), (65, 64), (200, 100), (10, 300)])
def test_masks_are_cropped_from_the_top_left_and_enlarged_where_too_small(
    size: tuple[int, int],
) -> None:
    mask = box(64, 0, 0, 32)
    fitted = crop_mask(mask, size)
    assert fitted.shape == size and set(np.unique(fitted)) <= {0, 1}
    if max(size) <= 64:
        assert (fitted == mask[: size[0], : size[1]]).all()
    else:
        reach = 32 * max(size[0] / 64, size[1] / 64)
        assert fitted[0].sum() == pytest.approx(min(reach, size[1]), abs=1)


def write(folder: Path, pictures: Sequence[np.ndarray]) -> Path:
    folder.mkdir(parents=True)
    for index, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(folder / f"{index:02d}.png")
    return folder


def test_photos_take_the_masks_of_a_folder_in_turn(tmp_path: Path) -> None:
    photos = write(
        tmp_path / "photos", [coffee()[:64, :64], chelsea()[:64, :64], astronaut()[:64, :64]]
    )
    masks = write(tmp_path / "masks", [255 * box(64, 0, 0, 16), 255 * box(64, 0, 0, 48)])
    cases = list(read_cases(photos, masks))
    assert [case.name for case in cases] == ["00.png", "01.png", "02.png"]
    assert [int(case.mask.sum()) for case in cases] == [16**2, 48**2, 16**2]
    assert [case.group for case in cases] == ["0–10 %", "50–60 %", "0–10 %"]
    assert (cases[1].clean == chelsea()[:64, :64]).all()
    assert len(list(read_cases(photos, masks, limit=2))) == 2
    last = list(read_cases(photos, masks, last=2))
    assert all((a.mask == b.mask).all() for a, b in zip(last, cases[1:], strict=True))


def test_a_mask_of_the_shape_of_its_photo_is_scaled_to_it(tmp_path: Path) -> None:
    photos = write(tmp_path / "photos", [coffee()[:64, :80], chelsea()[:64, :80]])
    large, square = np.zeros((128, 160), np.uint8), np.zeros((128, 128), np.uint8)
    large[96:, 120:] = square[16:32, 16:32] = 255
    scaled, cropped = read_cases(photos, write(tmp_path / "masks", [large, square]))
    assert scaled.mask[48:, 60:].all() and scaled.mask.sum() == 16 * 20
    assert cropped.mask[16:32, 16:32].all() and cropped.mask.sum() == 16**2


def test_masks_of_a_preset_depend_on_the_seed_alone(tmp_path: Path) -> None:
    photos = write(tmp_path / "photos", [coffee()[:64, :80], chelsea()[:80, :64]])
    first, again, other = (
        [case.mask for case in read_cases(photos, "wide", seed=seed)] for seed in (1, 1, 2)
    )
    assert [mask.shape for mask in first] == [(64, 80), (80, 64)]
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_an_unreadable_photo_is_left_out_with_a_warning(tmp_path: Path) -> None:
    photos = write(tmp_path / "photos", [coffee()[:64, :64]])
    (photos / "broken.png").write_bytes(b"no picture")
    warnings: list[str] = []
    assert [case.name for case in read_cases(photos, "wide", warn=warnings.append)] == ["00.png"]
    assert len(warnings) == 1 and "broken.png" in warnings[0]


def test_masks_are_read_as_for_fixing(tmp_path: Path) -> None:
    photos = write(tmp_path / "photos", 2 * [coffee()[:64, :64]])
    clear = np.full((64, 64, 4), 255, np.uint8)
    clear[9:, :, 3] = 0  # what is transparent marks nothing
    masks = write(tmp_path / "masks", [clear])
    (masks / "01.png").write_bytes(b"no picture")
    warnings: list[str] = []
    (case,) = read_cases(photos, masks, warn=warnings.append)
    assert case.name == "00.png" and int(case.mask.sum()) == 9 * 64
    assert len(warnings) == 1 and "01.png, since its mask can't be used" in warnings[0]


def test_a_photo_that_its_mask_covers_or_misses_is_left_out_with_a_warning(tmp_path: Path) -> None:
    photos = write(tmp_path / "photos", 3 * [coffee()[:64, :64]])
    mask = np.zeros((3, 96, 64), np.uint8)
    mask[0], mask[1, :9], mask[2, 64:] = 255, 255, 255
    masks = write(tmp_path / "masks", mask)
    warnings: list[str] = []
    found = list(read_cases(photos, masks, warn=warnings.append))
    assert [case.name for case in found] == ["01.png"]
    assert "00.png, whose mask covers all" in warnings[0]
    assert "02.png, whose mask covers nothing" in warnings[1]


def test_masks_among_the_photos_are_no_photos(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    Image.fromarray(astronaut()[:64, :64]).save(tmp_path / "a.png")
    Image.fromarray(255 * box(64, 8, 8, 20)).save(tmp_path / "masks" / "a.png")
    assert [case.name for case in read_cases(tmp_path, tmp_path / "masks")] == ["a.png"]
    assert len(list(read_cases(tmp_path / "masks", tmp_path / "masks"))) == 1
    (tmp_path / "masks" / "photos").mkdir()
    Image.fromarray(astronaut()[:64, :64]).save(tmp_path / "masks" / "photos" / "b.png")
    below = read_cases(tmp_path / "masks" / "photos", tmp_path / "masks")
    assert [case.name for case in below] == ["b.png"]


def test_photos_that_chance_left_alone_are_spoiled_anew(tmp_path: Path) -> None:
    for name in "abcdef":
        Image.fromarray(astronaut()[:64, :64]).save(tmp_path / f"{name}.png")
    preset = tmp_path / "rare.toml"
    step = '[[stages]]\n[[stages.steps]]\nkind = "gaussian-noise"\nchance = '
    preset.write_text(f"{step}0.3")
    cases = list(read_spoiled_cases(tmp_path, preset))
    assert len(cases) == 6
    assert all((case.damaged != case.clean).any() for case in cases)
    preset.write_text(f"{step}0")
    warnings: list[str] = []
    assert not list(read_spoiled_cases(tmp_path, preset, warn=warnings.append))
    assert len(warnings) == 6 and "leaves as it is" in warnings[0]


def test_photos_that_were_damaged_go_with_their_clean_ones(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    clean, damaged = tmp_path / "clean", tmp_path / "damaged"
    drawn = {}
    for name in ("b", "sub/a", "small", "other"):
        for folder, ending in ((clean, ".png"), (damaged, ".bmp")):
            pixels = rng.integers(0, 256, (8 if name == "small" else 40, 50, 3), np.uint8)
            if (name, folder) == ("other", damaged):
                pixels = pixels[:30]
            path = folder / f"{name}{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
            drawn[name, folder] = pixels
    Image.fromarray(drawn["b", clean]).save(clean / "alone.png")
    warned: list[str] = []
    cases = list(read_paired_cases(clean, damaged, warn=warned.append))
    assert [case.group for case in cases] == ["damaged"] * 2
    for case, name in zip(cases, ("b", "sub/a"), strict=True):
        assert np.array_equal(case.clean, drawn[name, clean])
        assert np.array_equal(case.damaged, drawn[name, damaged]) and not case.mask.any()
    told = " ".join(warned)
    assert "alone.png" in told and "differ in size" in told and "can't be scored" in told
    assert len(list(read_paired_cases(clean, damaged, limit=1, warn=warned.append))) == 1


def test_without_lpips_and_sheet_a_second_seed_is_not_drawn(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "knows_lpips", lambda: False)
    for rows, times in ((0, 1), (1, 2)):
        painter = Painter(9)
        score_restorer(painter, [case], [], sheet_rows=rows)
        assert len(painter.seen) == times


def test_scores_are_kept_where_fid_fails(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore.fidelity.find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "torch_fidelity", ModuleType("torch_fidelity"))
    told: list[str] = []
    found = score_restorer(Painter(9), [case], [], seeds=1, fidelity=True, warn=told.append)
    assert len(found.scores) == 1 and found.fidelity == {}
    assert "2 pictures or more" in told[0]


def test_biharmonic_is_the_one_of_scikit_image(case: Case) -> None:
    from skimage.restoration import inpaint_biharmonic

    small = Case("small", "a", case.clean[30:70, 40:80].copy(), box(40, 15, 15, 6))
    expected = inpaint_biharmonic(small.damaged, small.mask, channel_axis=-1)
    filled = evaluation.fill_biharmonic(small.damaged, small.mask)
    assert np.abs(filled - 255 * expected).max() <= 0.51
