"""The job on one photo: its hole, its results, and what is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, features
from PIL.PngImagePlugin import PngInfo

from restore.errors import RestoreError, UsageError
from restore.folders import FixOptions, Job, Record, fix_job, plan_jobs
from restore.image import Photo
from restore.restorer import Restorer


def read(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


def white_rows(rows: int, of: int = 100) -> np.ndarray:
    return np.repeat(np.where(np.arange(of) < rows, 255, 0)[:, None], 30, axis=1).astype(np.uint8)


def test_only_the_hole_changes(write_picture, mask_file, fake_restorer, tmp_path) -> None:
    photo = write_picture("p.png")
    options = FixOptions(mask_file, seed=7)
    (record,) = fix_job(fake_restorer, Job(photo, (tmp_path / "out.png",)), options)
    before, after = read(photo), read(tmp_path / "out.png")
    hole = read(mask_file) == 255
    assert (after[hole] == 7).all()
    assert (after[~hole] == before[~hole]).all()
    assert replace(record, seconds=0) == Record(
        photo, mask_file, tmp_path / "out.png", 7, "fake", 0, hole.mean()
    )


def test_each_result_has_the_next_seed(write_picture, mask_file, fake_restorer, tmp_path) -> None:
    (job,) = plan_jobs([write_picture("p.png")], f"{tmp_path}/new/", FixOptions(count=3))
    records = list(fix_job(fake_restorer, job, FixOptions(mask_file, seed=4, count=3)))
    assert [record.seed for record in records] == fake_restorer.seeds == [4, 5, 6]
    assert [read(record.out)[15, 30, 0] for record in records] == [4, 5, 6]


def test_a_restorer_practises_once_for_all_results_of_a_photo(
    write_picture, mask_file, fake_restorer, tmp_path, monkeypatch
) -> None:
    asked: list[object] = []

    def adapt(photo: Photo, mask: np.ndarray, seconds: float, seed: int) -> object:
        asked.append((photo.size, int(mask.sum()), seconds, seed))
        return fake_restorer

    monkeypatch.setattr(fake_restorer, "adapt_photo", adapt, raising=False)
    options = FixOptions(mask_file, seed=4, count=2, adapt=30)
    (job,) = plan_jobs([write_picture("p.png")], f"{tmp_path}/new/", options)
    assert [record.seed for record in fix_job(fake_restorer, job, options)] == [4, 5]
    assert asked == [((40, 60), 200, 30, 4)]


def test_a_restorer_that_is_the_same_afterwards_has_not_practised(
    write_picture, mask_file, fake_restorer, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(fake_restorer, "adapt_photo", lambda *_, **__: fake_restorer, raising=False)
    said: list[str] = []
    job, options = Job(write_picture("p.png"), (tmp_path / "out.png",)), FixOptions(mask_file)
    list(fix_job(fake_restorer, job, replace(options, adapt=30), said.append))
    (sentence,) = said
    assert "p.png or its hole is too small to practise on" in sentence


def test_the_transparent_part_of_a_mask_may_be_the_hole(
    write_picture, fake_restorer, tmp_path
) -> None:
    photo = write_picture("p.png", np.full((20, 30, 4), 200, np.uint8))
    mask = np.full((20, 30, 4), 255, np.uint8)
    mask[5:9, 5:9, 3] = 0
    options = FixOptions(write_picture("m.png", mask), "alpha", seed=7)
    list(fix_job(fake_restorer, Job(photo, (tmp_path / "out.png",)), options))
    fixed = np.array(Image.open(tmp_path / "out.png"))
    changed = (fixed != 200).any(axis=2)
    assert changed[5:9, 5:9].all() and changed.sum() == 16
    assert (fixed[..., 3] == 200).all(), "the photo's own transparency stays"


def test_a_box_over_what_is_invisible_is_told(write_picture, fake_restorer, tmp_path) -> None:
    pixels = np.full((40, 60, 4), 90, np.uint8)
    pixels[:20, :, 3], pixels[20:, :, 3] = 0, 255
    photo = write_picture("p.png", pixels)
    options = FixOptions(boxes=((0, 0, 9, 9),))
    (record,) = fix_job(fake_restorer, Job(photo, (tmp_path / "out.png",)), options, print)
    assert record.sentence == (
        f"Nothing that is visible of {photo} is in the boxes, so nothing is filled."
    )


def test_white_may_mark_what_is_known(write_picture, fake_restorer, tmp_path) -> None:
    photo = write_picture("p.png", np.full((100, 30, 3), 200, np.uint8))
    mask = write_picture("mask.png", white_rows(70))
    job = Job(photo, (tmp_path / "out.png",))
    list(fix_job(fake_restorer, job, FixOptions(mask, "known")))
    after = read(tmp_path / "out.png")
    assert (after[:70] == 200).all()
    assert (after[70:] == 0).all()


def test_grow_widens_the_hole(write_picture, mask_file, fake_restorer, tmp_path) -> None:
    photo = write_picture("p.png", np.full((40, 60, 3), 200, np.uint8))
    job = Job(photo, (tmp_path / "out.png",))
    list(fix_job(fake_restorer, job, FixOptions(mask_file, grow=3)))
    filled = (read(tmp_path / "out.png") == 0).all(axis=2)
    assert np.flatnonzero(filled.any(axis=1)).tolist() == list(range(7, 23))
    assert np.flatnonzero(filled.any(axis=0)).tolist() == list(range(17, 43))


def test_transparent_pixels_come_back_opaque(write_picture, fake_restorer, tmp_path) -> None:
    pixels = np.full((40, 60, 4), 200, np.uint8)
    pixels[:30, :30, 3] = 255
    pixels[5:15, 5:15, 3] = 0
    job = Job(write_picture("p.png", pixels), (tmp_path / "out.png",))
    list(fix_job(fake_restorer, job, FixOptions(mask_is="alpha", seed=9)))
    after = read(tmp_path / "out.png")
    assert (after[5:15, 5:15] == (9, 9, 9, 255)).all()
    after[5:15, 5:15] = pixels[5:15, 5:15]
    # Elsewhere nothing changed, half transparent pixels included.
    assert np.array_equal(after, pixels)


@pytest.mark.parametrize("spoiled", ["transparency", "metadata"])
@pytest.mark.parametrize("masked", [True, False])
def test_what_a_format_cant_hold_is_refused_before_the_work(
    spoiled: str, masked: bool, write_picture, mask_file, fake_restorer, tmp_path
) -> None:
    pixels = np.full((40, 60, 4), 200, np.uint8)
    pixels[..., 3] = 255
    photo, chunks = tmp_path / "p.png", PngInfo()
    if spoiled == "transparency":
        pixels[:5, :5, 3] = 0
    else:
        chunks.add_itxt("XML:com.adobe.xmp", "x" * 70_000)
    Image.fromarray(pixels).save(photo, pnginfo=chunks)
    options = FixOptions(mask_file if masked else None)
    with pytest.raises(UsageError, match="can't keep"):
        list(fix_job(fake_restorer, Job(photo, (tmp_path / "a.jpg",)), options))
    assert fake_restorer.seeds == []
    assert len(list(fix_job(fake_restorer, Job(photo, (tmp_path / "a.png",)), options))) == 1


def test_a_photo_without_transparency_has_no_hole(write_picture, fake_restorer, tmp_path) -> None:
    job = Job(write_picture("p.png"), (tmp_path / "out.png",))
    with pytest.raises(UsageError, match="no transparency"):
        list(fix_job(fake_restorer, job, FixOptions(mask_is="alpha")))


@pytest.mark.parametrize("name", ["p.jpg", "p.webp", "p.png"])
def test_without_a_hole_the_file_itself_is_copied(
    name: str, write_picture, fake_restorer, tmp_path
) -> None:
    photo = write_picture(name)
    empty = write_picture("mask.png", np.zeros((40, 60), np.uint8))
    said: list[str] = []
    (job,) = plan_jobs([photo], f"{tmp_path}/new/", FixOptions())
    (record,) = fix_job(fake_restorer, job, FixOptions(empty), said.append)
    assert record.out.read_bytes() == photo.read_bytes()
    assert fake_restorer.seeds == []
    assert len(said) == 1
    assert "nothing is filled" in said[0]


def test_a_copy_keeps_what_could_not_be_written(write_picture, fake_restorer, tmp_path) -> None:
    photo = write_picture("p.jpg")
    parts = [b"Exif\0\0II*\0\x08\0\0\0" + bytes(60_000), b"Exif\0\0" + bytes(20_000)]
    exif = b"".join(b"\xff\xe1" + (len(p) + 2).to_bytes(2, "big") + p for p in parts)
    photo.write_bytes(photo.read_bytes()[:2] + exif + photo.read_bytes()[2:])
    empty = write_picture("mask.png", np.zeros((40, 60), np.uint8))
    job = Job(photo, (tmp_path / "out.jpg",))
    list(fix_job(fake_restorer, job, FixOptions(empty), lambda _: None))
    assert (tmp_path / "out.jpg").read_bytes() == photo.read_bytes()


def test_without_a_hole_another_format_is_still_honoured(
    write_picture, fake_restorer, tmp_path
) -> None:
    photo = write_picture("p.bmp")
    empty = write_picture("mask.png", np.zeros((40, 60), np.uint8))
    job = Job(photo, (tmp_path / "out.png",))
    list(fix_job(fake_restorer, job, FixOptions(empty), lambda _: None))
    assert Image.open(tmp_path / "out.png").format == "PNG"
    assert (read(tmp_path / "out.png") == read(photo)).all()


@pytest.mark.parametrize(
    ("rows", "outcome"), [(60, "fine"), (61, "warned"), (95, "warned"), (96, "refused")]
)
def test_a_large_hole_is_warned_of_and_a_huge_one_refused(
    rows: int, outcome: str, write_picture, fake_restorer, tmp_path
) -> None:
    photo = write_picture("p.png", np.full((100, 30, 3), 200, np.uint8))
    mask = write_picture("mask.png", white_rows(rows))
    said: list[str] = []
    jobs = plan_jobs([photo], f"{tmp_path}/new/", FixOptions())
    if outcome == "refused":
        with pytest.raises(UsageError, match=r"96\.0%.*at most 95%.*--mask-is known"):
            list(fix_job(fake_restorer, jobs[0], FixOptions(mask), said.append))
        assert not (tmp_path / "new").exists()
    else:
        list(fix_job(fake_restorer, jobs[0], FixOptions(mask), said.append))
        assert len(said) == (outcome == "warned")


@pytest.mark.parametrize("deep", [False, True])
def test_a_mender_does_not_see_what_was_hidden_in_a_photos_own_hole(
    deep: bool, write_picture, save_mender, tmp_path
) -> None:
    pixels = np.full((32, 32, 4), 150, np.uint8)
    pixels[..., 3] = 255
    pixels[8:24, 8:24] = 0
    path = write_picture("p.png", pixels)
    if deep:
        cv2.imwrite(str(path), pixels.astype(np.uint16) * 257)
    mender = Restorer.load(save_mender(tmp_path / "whole.safetensors", 0, std=0.0), device="cpu")
    job, options = Job(path, (tmp_path / "out.png",)), FixOptions(mask_is="alpha")
    list(fix_job(mender, job, options))
    assert np.abs(read(tmp_path / "out.png").astype(int) - (150, 150, 150, 255)).max() <= 1


@pytest.mark.parametrize("levels", [(0, 255), (0, 254), (255,)])
def test_a_mask_in_a_photos_place_is_told(
    levels: tuple[int, ...], write_picture, fake_restorer, tmp_path
) -> None:
    pixels = np.resize(np.uint8(levels), (20, 30)).repeat(3).reshape(20, 30, 3)
    job, said = Job(write_picture("mask.png", pixels), (tmp_path / "out.png",)), list[str]()
    list(fix_job(fake_restorer, job, FixOptions(), said.append))
    assert ["--mask" in sentence for sentence in said] == [True] * (levels == (0, 255))
    said.clear()
    pixels[..., 1:] = 0  # a drawing in red
    job = Job(write_picture("red.png", pixels), (tmp_path / "red-out.png",))
    list(fix_job(fake_restorer, job, FixOptions(), said.append))
    assert said == []


def test_a_mask_of_another_shape_is_told_with_its_photo(
    write_picture, fake_restorer, tmp_path
) -> None:
    photo = write_picture("p.png", np.zeros((20, 30, 3), np.uint8))
    mask = write_picture("mask.png", white_rows(7))
    with pytest.raises(UsageError, match=r"p\.png: The mask .* is 30 x 100"):
        list(fix_job(fake_restorer, Job(photo, (tmp_path / "o.png",)), FixOptions(mask)))


def test_a_hole_that_was_widened_too_far_says_so(write_picture, fake_restorer, tmp_path) -> None:
    photo = write_picture("p.png", np.full((100, 30, 3), 200, np.uint8))
    options = FixOptions(write_picture("mask.png", white_rows(10)), grow=95)
    (job,) = plan_jobs([photo], f"{tmp_path}/new/", options)
    with pytest.raises(UsageError, match=r"^The mask, widened by 95 pixels, marks 100\.0%"):
        list(fix_job(fake_restorer, job, options))


@pytest.mark.parametrize(("mask_is", "hint"), [("hole", "known"), ("known", "hole")])
def test_the_other_polarity_is_the_one_suggested(
    mask_is: str, hint: str, write_picture, fake_restorer, tmp_path
) -> None:
    photo = write_picture("p.png", np.full((100, 30, 3), 200, np.uint8))
    mask = write_picture("mask.png", white_rows(70 if mask_is == "hole" else 30))
    said: list[str] = []
    job = Job(photo, (tmp_path / "out.png",))
    list(fix_job(fake_restorer, job, FixOptions(mask, mask_is), said.append))
    assert f"use --mask-is {hint}" in said[0]


def test_a_photo_under_a_wrong_name_keeps_its_format(
    write_picture, mask_file, fake_restorer
) -> None:
    photo = write_picture("p.png").rename(mask_file.with_name("p.jpg"))
    (job,) = plan_jobs([photo], None, FixOptions())
    (record,) = fix_job(fake_restorer, job, FixOptions(mask_file))
    assert record.out.name == "p-fixed.jpg" and "is written as PNG" in record.sentence
    assert Image.open(record.out).format == "PNG"


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow over `size` bytes, as on a disk that is full."""
    resource = pytest.importorskip("resource", reason="limits of POSIX")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("hole", [0, 255], ids=["copy", "fill"])
def test_a_full_disk_leaves_nothing_behind(
    hole: int, write_picture, fake_restorer, tmp_path
) -> None:
    photo = write_picture("p.png", np.random.default_rng(1).integers(0, 256, (400, 400, 3), "u1"))
    mask = write_picture("mask.png", np.pad(np.full((9, 9), hole, np.uint8), ((0, 391), (0, 391))))
    (job,) = plan_jobs([photo], f"{tmp_path}/new/", FixOptions())
    with largest_file(100_000), pytest.raises(RestoreError, match=r"Can't write .*p\.png"):
        list(fix_job(fake_restorer, job, FixOptions(mask), lambda _: None))
    assert list((tmp_path / "new").iterdir()) == []


def test_16_bits_stay_and_what_is_lost_is_told(
    write_picture, mask_file, fake_restorer, tmp_path
) -> None:
    samples = np.random.default_rng(0).integers(0, 65_536, (40, 60, 3)).astype(np.uint16)
    hole = read(mask_file) == 255
    for name in ("deep.png", "deep.tif", "deep.avif"):
        depth = [cv2.IMWRITE_AVIF_DEPTH, 10] if name == "deep.avif" else []
        if depth and not (cv2.haveImageWriter(".avif") and features.check("avif")):
            continue
        photo, out = tmp_path / name, tmp_path / f"out-{name}"
        content = samples >> 6 if depth else samples
        photo.write_bytes(cv2.imencode(photo.suffix, content, depth)[1].tobytes())
        warnings: list[str] = []
        job, options = Job(photo, (out,)), FixOptions(mask_file, seed=9)
        list(fix_job(fake_restorer, job, options, warnings.append))
        assert ("more than 8 bits" in " ".join(warnings)) == bool(depth)
        if not depth:
            after = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)
            assert np.array_equal(after[~hole], samples[~hole])
            assert (np.abs(after[hole] - 9.0 * 257) <= 128).all()


def test_what_is_invisible_does_not_show_in_a_fill(
    write_picture, fake_restorer, tmp_path, monkeypatch
) -> None:
    pixels = np.full((60, 900, 4), 200, np.uint8)
    pixels[:, :300] = 0
    hole = np.zeros((60, 900), np.uint8)
    hole[:, 300:340] = 255
    asked: list[np.ndarray] = []
    plain = type(fake_restorer).fix

    def fix(self: object, photo: np.ndarray, mask: np.ndarray, seed: int = 0) -> np.ndarray:
        asked.append(mask)
        return plain(self, photo, mask, seed)

    monkeypatch.setattr(type(fake_restorer), "fix", fix)
    photo, mask = write_picture("p.png", pixels), write_picture("m.png", hole)
    job = Job(photo, (tmp_path / "out.png",))
    list(fix_job(fake_restorer, job, FixOptions(mask, seed=7)))
    (seen,) = asked
    assert seen[:, 300 - 192 : 340].all() and not seen[:, :108].any() and not seen[:, 340:].any()
    after = read(tmp_path / "out.png")
    assert (after[:, 300:340, :3] == 7).all()
    assert (after[hole == 0] == pixels[hole == 0]).all()


def test_colour_far_from_the_hole_on_an_empty_canvas_is_not_taken_for_gray(
    write_picture, tmp_path, tiny_checkpoint
) -> None:
    pixels = np.zeros((300, 1300, 4), np.uint8)
    pixels[100:160, 100:160] = (200, 60, 30, 255)
    hole = np.zeros((300, 1300), np.uint8)
    hole[120:130, 120:130] = 255
    job = Job(write_picture("p.png", pixels), (tmp_path / "out.png",))
    options = FixOptions(write_picture("m.png", hole))
    list(fix_job(Restorer.load(tiny_checkpoint, device="cpu"), job, options))
    after = read(tmp_path / "out.png")
    assert np.ptp(after[120:130, 120:130, :3].astype(int), axis=2).max() > 20
    assert (after[hole == 0] == pixels[hole == 0]).all()
