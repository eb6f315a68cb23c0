"""Where results go, and what is refused before a photo is opened."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.errors import UsageError
from restore.folders import FixOptions, Job, check_mask, plan_jobs

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("photo", "out", "count", "expected"),
    [
        ("a/p.jpg", None, 1, ["a/p-fixed.jpg"]),
        ("a/p.jpg", None, 2, ["a/p-fixed-1.jpg", "a/p-fixed-2.jpg"]),
        ("a/p", None, 1, ["a/p-fixed"]),
        ("a/p.tar.png", None, 1, ["a/p.tar-fixed.png"]),
        ("a/scan 2.5", None, 2, ["a/scan 2.5-fixed-1", "a/scan 2.5-fixed-2"]),
        ("a/p.jpg", "new/", 1, ["new/p.jpg"]),
        ("a/p.jpg", "new/deep/", 2, ["new/deep/p-1.jpg", "new/deep/p-2.jpg"]),
        ("a/p.jpg", "there", 1, ["there/p.jpg"]),
        ("a/p.jpg", "b.png", 1, ["b.png"]),
        ("a/p.jpg", "a/b.png", 3, ["a/b-1.png", "a/b-2.png", "a/b-3.png"]),
        ("a/p", "bare", 1, ["bare"]),
    ],
)
def test_results_have_the_names_that_were_promised(
    photo: str, out: str | None, count: int, expected: list[str], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    (job,) = plan_jobs([Path(photo)], out, FixOptions(count=count))
    assert job == Job(Path(photo), tuple(Path(name) for name in expected))


def test_photos_may_get_another_format() -> None:
    options = FixOptions(extension=".webp")
    jobs = plan_jobs([Path("a/p.jpg"), Path("b/q.png")], "out/", options)
    assert [job.results for job in jobs] == [(Path("out/p.webp"),), (Path("out/q.webp"),)]
    assert plan_jobs([Path("a/p.jpg")], None, options)[0].results == (Path("a/p-fixed.webp"),)
    with pytest.raises(UsageError, match="says the format; leave out --format"):
        plan_jobs([Path("a/p.jpg")], "b.png", options)


def test_photos_keep_their_names_in_a_folder() -> None:
    jobs = plan_jobs([Path("a/p.jpg"), Path("b/q.png")], "out/", FixOptions())
    assert [job.results for job in jobs] == [(Path("out/p.jpg"),), (Path("out/q.png"),)]


@pytest.mark.parametrize(
    ("photos", "out", "count", "sentence"),
    [
        (["p.png", "b/p.png"], "new/", 1, "p.png and b/p.png would both become new/p.png"),
        (["p.png", "p.png"], None, 1, "would both become p-fixed.png"),
        (["p.png", "b/P.PNG"], "new/", 1, "p.png and b/P.PNG would both become new/P.PNG"),
        (["p.png", "P.PNG"], None, 1, None),
        (["p.png", "p-1.png"], None, 1, None),
        (["p-1.png", "p.png"], "new/", 2, None),
        (["p.png", "q.png"], "one.png", 1, "write --out FOLDER/"),
        (["p.png"], "p.png", 1, "p.png is an input"),
        (["p.png"], "new", 1, "write new/ or new.png"),
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


def test_what_can_not_be_written_is_refused(
    write_picture: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = write_picture("p.png")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file is a file where a folder should go"):
        plan_jobs([photo], f"{tmp_path}/file/new/", FixOptions())
    (tmp_path / "locked").mkdir()
    monkeypatch.setattr(
        os, "access", lambda path, mode: not (mode & os.W_OK and Path(path).name == "locked")
    )
    with pytest.raises(UsageError, match="locked can't be written to"):
        plan_jobs([photo], f"{tmp_path}/locked/new/", FixOptions())
    assert plan_jobs([photo], f"{tmp_path}/new/", FixOptions())


def test_a_link_that_leads_to_itself_stops_no_plan(write_picture: Write, tmp_path: Path) -> None:
    loop = tmp_path / "loop.png"
    loop.symlink_to("loop.png")
    photos = [loop, write_picture("p.png")]
    assert len(plan_jobs(photos, f"{tmp_path}/new/", FixOptions())) == 2
    with pytest.raises(UsageError, match="is an input"):
        plan_jobs(photos[:1], str(loop), FixOptions(overwrite=True))


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


def test_more_results_than_seeds_are_refused(write_picture: Write) -> None:
    check_mask(FixOptions(seed=2**32 - 2, count=2))
    with pytest.raises(UsageError, match="to 4294967295 at most; begin lower"):
        check_mask(FixOptions(seed=2**32 - 1, count=2))
