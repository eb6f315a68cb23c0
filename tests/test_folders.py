"""Where results go, what is refused before anything is written, and the job on one photo."""

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from restore.errors import RestoreError, UsageError
from restore.folders import Failure, FixOptions, Job, Record, fix_photo, fix_photos, plan_jobs

Write = Callable[..., Path]


def read(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


def white_rows(rows: int, of: int = 100) -> np.ndarray:
    return np.repeat(np.where(np.arange(of) < rows, 255, 0)[:, None], 30, axis=1).astype(np.uint8)


# Where the results go


@pytest.mark.parametrize(
    ("photo", "out", "count", "expected"),
    [
        ("a/p.jpg", None, 1, ["a/p-fixed.jpg"]),
        ("a/p.jpg", None, 2, ["a/p-fixed-1.jpg", "a/p-fixed-2.jpg"]),
        ("a/p", None, 1, ["a/p-fixed"]),
        ("a/p.tar.png", None, 1, ["a/p.tar-fixed.png"]),
        ("a/p.jpg", "new/", 1, ["new/p.jpg"]),
        ("a/p.jpg", "new/deep/", 2, ["new/deep/p-1.jpg", "new/deep/p-2.jpg"]),
        ("a/p.jpg", "there", 1, ["there/p.jpg"]),
        ("a/p.jpg", "b.png", 1, ["b.png"]),
        ("a/p.jpg", "a/b.png", 3, ["a/b-1.png", "a/b-2.png", "a/b-3.png"]),
        ("a/p.jpg", "bare", 1, ["bare"]),
    ],
)
def test_results_have_the_names_that_were_promised(
    photo: str, out: str | None, count: int, expected: list[str], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    (job,) = plan_jobs([Path(photo)], out, FixOptions(count=count))
    assert job == Job(Path(photo), tuple(Path(name) for name in expected))


def test_photos_keep_their_names_in_a_folder() -> None:
    jobs = plan_jobs([Path("a/p.jpg"), Path("b/q.png")], "out/", FixOptions())
    assert [job.results for job in jobs] == [(Path("out/p.jpg"),), (Path("out/q.png"),)]


@pytest.mark.parametrize(
    ("photos", "out", "count", "sentence"),
    [
        (["p.png", "b/p.png"], "new/", 1, "p.png and b/p.png would both become new/p.png"),
        (["p.png", "p.png"], None, 1, "would both become p-fixed.png"),
        (["p.png", "p-1.png"], None, 1, None),
        (["p-1.png", "p.png"], "new/", 2, None),
        (["p.png", "q.png"], "one.png", 1, "write --out one.png/"),
        (["p.png"], "p.png", 1, "p.png is an input"),
        (["p.png"], ".", 1, "p.png is an input"),
        (["p.png"], "b/../p.png", 1, "is an input"),
        (["p.png"], "link.png", 1, "link.png is an input"),
        (["p.png", "p-fixed.png"], None, 1, "p-fixed.png is an input"),
        (["p.png"], "mask.png", 1, "mask.png is an input"),
        (["q.png"], "old.png", 1, "old.png exists"),
        (["q.png"], "dangling.png", 1, "dangling.png exists"),
        (["b"], None, 1, "b is a folder"),
    ],
)
def test_what_would_lose_a_file_is_refused(
    photos: list[str],
    out: str | None,
    count: int,
    sentence: str | None,
    tmp_path: Path,
    write_picture: Write,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("p.png", "b/p.png", "q.png", "old.png", "mask.png"):
        write_picture(name)
    Path("link.png").symlink_to("p.png")
    Path("dangling.png").symlink_to("nowhere.png")
    options = FixOptions(Path("mask.png"), count=count)
    paths = [Path(name) for name in photos]
    if sentence is None:
        assert len(plan_jobs(paths, out, options)) == len(photos)
        return
    with pytest.raises(UsageError, match=sentence):
        plan_jobs(paths, out, options)


def test_overwrite_replaces_results_but_never_an_input(write_picture: Write) -> None:
    photo, old = write_picture("p.png"), write_picture("old.png")
    plan_jobs([photo], str(old), FixOptions(overwrite=True))
    with pytest.raises(UsageError, match="is an input"):
        plan_jobs([photo], str(photo), FixOptions(overwrite=True))


NAMES = st.sampled_from(["p.png", "p-1.png", "p-2.png", "p-fixed.png", "p-fixed-1.png", "b/p.png"])


@given(
    photos=st.lists(NAMES, min_size=1, max_size=4),
    out=st.sampled_from([None, "new/", "b/", "./", "p.png", "p-2.png"]),
    count=st.integers(1, 3),
)
def test_no_plan_ever_has_two_results_in_one_place(photos, out, count, tmp_path_factory) -> None:
    folder = tmp_path_factory.getbasetemp() / "plan"
    (folder / "b").mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in photos]
    target = None if out is None else f"{folder}/{out}"
    try:
        jobs = plan_jobs(paths, target, FixOptions(count=count))
    except UsageError:
        return
    results = [result.resolve() for job in jobs for result in job.results]
    assert len(set(results)) == len(results) == count * len(photos)
    assert not set(results) & {path.resolve() for path in paths}


# The job on one photo


def test_only_the_hole_changes(write_picture, mask_file, fake_restorer, tmp_path) -> None:
    photo = write_picture("p.png")
    options = FixOptions(mask_file, seed=7)
    (record,) = fix_photo(fake_restorer, Job(photo, (tmp_path / "out.png",)), options)
    before, after = read(photo), read(tmp_path / "out.png")
    hole = read(mask_file) == 255
    assert (after[hole] == 7).all()
    assert (after[~hole] == before[~hole]).all()
    assert replace(record, seconds=0) == Record(
        photo, mask_file, tmp_path / "out.png", 7, "fake", 0
    )


def test_each_result_has_the_next_seed(write_picture, mask_file, fake_restorer, tmp_path) -> None:
    (job,) = plan_jobs([write_picture("p.png")], f"{tmp_path}/new/", FixOptions(count=3))
    records = list(fix_photo(fake_restorer, job, FixOptions(mask_file, seed=4, count=3)))
    assert [record.seed for record in records] == fake_restorer.seeds == [4, 5, 6]
    assert [read(record.out)[15, 30, 0] for record in records] == [4, 5, 6]


def test_white_may_mark_what_is_known(write_picture, fake_restorer, tmp_path) -> None:
    photo = write_picture("p.png", np.full((100, 30, 3), 200, np.uint8))
    mask = write_picture("mask.png", white_rows(70))
    job = Job(photo, (tmp_path / "out.png",))
    list(fix_photo(fake_restorer, job, FixOptions(mask, "known")))
    after = read(tmp_path / "out.png")
    assert (after[:70] == 200).all()
    assert (after[70:] == 0).all()


def test_grow_widens_the_hole(write_picture, mask_file, fake_restorer, tmp_path) -> None:
    photo = write_picture("p.png", np.full((40, 60, 3), 200, np.uint8))
    job = Job(photo, (tmp_path / "out.png",))
    list(fix_photo(fake_restorer, job, FixOptions(mask_file, grow=3)))
    filled = (read(tmp_path / "out.png") == 0).all(axis=2)
    assert np.flatnonzero(filled.any(axis=1)).tolist() == list(range(7, 23))
    assert np.flatnonzero(filled.any(axis=0)).tolist() == list(range(17, 43))


def test_transparent_pixels_come_back_opaque(write_picture, fake_restorer, tmp_path) -> None:
    pixels = np.full((40, 60, 4), 200, np.uint8)
    pixels[5:15, 5:15, 3] = 0
    job = Job(write_picture("p.png", pixels), (tmp_path / "out.png",))
    list(fix_photo(fake_restorer, job, FixOptions(mask_is="alpha", seed=9)))
    after = read(tmp_path / "out.png")
    assert (after[5:15, 5:15] == (9, 9, 9, 255)).all()
    after[5:15, 5:15] = 200
    assert (after == 200).all()  # elsewhere nothing changed, half transparent pixels included


def test_a_photo_without_transparency_has_no_hole(write_picture, fake_restorer, tmp_path) -> None:
    job = Job(write_picture("p.png"), (tmp_path / "out.png",))
    with pytest.raises(UsageError, match="no transparency"):
        list(fix_photo(fake_restorer, job, FixOptions(mask_is="alpha")))


@pytest.mark.parametrize("name", ["p.jpg", "p.webp", "p.png"])
def test_without_a_hole_the_file_itself_is_copied(
    name: str, write_picture, fake_restorer, tmp_path
) -> None:
    photo = write_picture(name)
    empty = write_picture("mask.png", np.zeros((40, 60), np.uint8))
    said: list[str] = []
    (job,) = plan_jobs([photo], f"{tmp_path}/new/", FixOptions())
    (record,) = fix_photo(fake_restorer, job, FixOptions(empty), said.append)
    assert record.out.read_bytes() == photo.read_bytes()
    assert fake_restorer.seeds == []
    assert len(said) == 1
    assert "copied" in said[0]


def test_without_a_hole_another_format_is_still_honoured(
    write_picture, fake_restorer, tmp_path
) -> None:
    photo = write_picture("p.bmp")
    empty = write_picture("mask.png", np.zeros((40, 60), np.uint8))
    job = Job(photo, (tmp_path / "out.png",))
    list(fix_photo(fake_restorer, job, FixOptions(empty), lambda _: None))
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
            list(fix_photo(fake_restorer, jobs[0], FixOptions(mask), said.append))
        assert not (tmp_path / "new").exists()
    else:
        list(fix_photo(fake_restorer, jobs[0], FixOptions(mask), said.append))
        assert len(said) == (outcome == "warned")


@pytest.mark.parametrize(("mask_is", "hint"), [("hole", "known"), ("known", "hole")])
def test_the_other_polarity_is_the_one_suggested(
    mask_is: str, hint: str, write_picture, fake_restorer, tmp_path
) -> None:
    photo = write_picture("p.png", np.full((100, 30, 3), 200, np.uint8))
    mask = write_picture("mask.png", white_rows(70 if mask_is == "hole" else 30))
    said: list[str] = []
    job = Job(photo, (tmp_path / "out.png",))
    list(fix_photo(fake_restorer, job, FixOptions(mask, mask_is), said.append))
    assert f"use --mask-is {hint}" in said[0]


def test_a_photo_under_a_wrong_name_keeps_its_format(
    write_picture, mask_file, fake_restorer
) -> None:
    photo = write_picture("p.png").rename(mask_file.with_name("p.jpg"))
    (job,) = plan_jobs([photo], None, FixOptions())
    (record,) = fix_photo(fake_restorer, job, FixOptions(mask_file))
    assert record.out.name == "p-fixed.jpg"
    assert Image.open(record.out).format == "PNG"


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow over `size` bytes, as on a disk that is full."""
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
        list(fix_photo(fake_restorer, job, FixOptions(mask), lambda _: None))
    assert list((tmp_path / "new").iterdir()) == []


# Several photos


def test_a_bad_photo_does_not_stop_the_others(
    write_picture, mask_file, fake_restorer, tmp_path
) -> None:
    good = [write_picture("a.png"), write_picture("c.png")]
    bad = tmp_path / "b.png"
    bad.write_bytes(b"not a picture")
    first, failure, last = fix_photos([good[0], bad, good[1]], None, FixOptions(mask_file))
    assert isinstance(failure, Failure)
    assert failure.photo == bad
    assert isinstance(failure.error, RestoreError)
    assert [first.photo, last.photo] == good
    assert first.out.exists()
    assert last.out.exists()


def test_collisions_are_found_before_anything_is_opened(
    write_picture, mask_file, fake_restorer, tmp_path
) -> None:
    photos = [tmp_path / "missing.png", write_picture("p.png"), write_picture("b/p.png")]
    with pytest.raises(UsageError, match="would both become"):
        list(fix_photos(photos, f"{tmp_path}/new/", FixOptions(mask_file)))
    assert fake_restorer.loaded == []
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        (FixOptions(), UsageError, "'mend', which is not installed.*--mask MASK"),
        (FixOptions(mask_is="known"), UsageError, "Without a mask"),
        (FixOptions(Path("m.png"), "alpha"), UsageError, "leave out --mask"),
        (FixOptions(Path("nowhere.png")), RestoreError, "no mask nowhere.png"),
        (FixOptions(Path(os.sep)), UsageError, "is a folder"),
    ],
)
def test_a_request_without_a_usable_mask_is_refused_at_once(
    options: FixOptions, error: type, sentence: str, write_picture, fake_restorer
) -> None:
    with pytest.raises(error, match=sentence):
        list(fix_photos([write_picture("p.png")], None, options))
    assert fake_restorer.loaded == []


def test_the_model_and_the_device_are_handed_on(write_picture, mask_file, fake_restorer) -> None:
    list(fix_photos([write_picture("a.png")], None, FixOptions(mask_file)))
    list(fix_photos([write_picture("b.png")], None, FixOptions(mask_file), model="m", device="cpu"))
    assert fake_restorer.loaded == [("inpaint", "auto"), ("m", "cpu")]


def test_a_real_checkpoint_fills_the_hole_and_nothing_else(
    write_picture, mask_file, tiny_checkpoint, tmp_path
) -> None:
    photo = write_picture("p.png")
    options = FixOptions(mask_file, count=2)
    first, second = fix_photos([photo], None, options, model=str(tiny_checkpoint), device="cpu")
    again = FixOptions(mask_file, seed=1)
    (third,) = fix_photos([photo], f"{tmp_path}/new/", again, model=str(tiny_checkpoint))
    hole = read(mask_file) == 255
    assert (read(first.out)[~hole] == read(photo)[~hole]).all()
    assert (read(first.out)[hole] != read(second.out)[hole]).any()
    assert third.out.read_bytes() == second.out.read_bytes()
    assert first.model == "tiny"
