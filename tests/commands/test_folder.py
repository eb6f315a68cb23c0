"""`restore fix FOLDER`: what it prints and how it ends."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from restore.errors import RestoreError
from restore.folders import LOOK_SECONDS


@pytest.fixture
def album(make_album, tmp_path, fake_restorer) -> Path:
    """A folder photos/ with two photos and masks/ with theirs, in the working folder."""
    make_album("a.png", "sub/b.png")
    return tmp_path


def test_a_folder_is_fixed_and_summed_up(run, album) -> None:
    (album / "photos/notes.txt").write_text("notes")
    ran = run("fix", "photos", "--mask", "masks", "--out", "out", "--jobs", 1)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "2 fixed, 0 failed, 1 skipped, no pictures; see out/report.jsonl\n"
    assert (album / "out/sub/b.png").exists()
    ran = run("fix", "photos", "--mask", "masks", "--out", "out", "--resume")
    assert ran.out.startswith("0 fixed, 0 failed, 2 kept from before")


def test_photos_in_which_nothing_is_marked_are_counted_apart(run, album, write_picture) -> None:
    write_picture("masks/a.png", np.zeros((40, 60), np.uint8))
    ran = run("fix", "photos", "--mask", "masks", "--out", "out")
    assert ran.out.startswith("1 fixed, 0 failed, 1 as they were, since nothing was marked; ")
    assert "--mask-is alpha" in ran.err


def test_results_get_the_format_that_is_named(run, album) -> None:
    ran = run("fix", "photos", "--mask", "masks", "--out", "out", "--format", "webp")
    assert ran.code == 0
    assert {path.name for path in Path("out").rglob("*.*")} == {"a.webp", "b.webp", "report.jsonl"}
    ran = run("fix", "photos", "--mask", "masks", "--out", "out", "--format", "webp", "--resume")
    assert ran.out.startswith("0 fixed, 0 failed, 2 kept from before")


def test_what_would_be_done_is_listed(run, album, write_picture) -> None:
    write_picture("photos/c.png")
    ran = run("fix", "photos", "--mask", "masks", "--out", "out", "--dry-run", "--skip", "sub")
    assert ran.out.splitlines() == [
        "photos/a.png + masks/a.png -> out/a.png",
        "1 to fix, 1 can't be; nothing was written",
    ]
    assert ran.code == 1 and "photos/c.png has no mask in masks" in ran.err
    assert not Path("out").exists()
    ran = run("fix", "photos", "--box", "1,1,5,5", "--out", "out", "--dry-run", "--only", "a.*")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "photos/a.png -> out/a.png\n1 to fix, 0 can't be; nothing was written\n"


def test_photos_of_a_folder_are_chosen(run, album) -> None:
    ran = run("fix", "photos", "--mask", "masks", "--out", "out", "--only", "sub/*")
    assert ran.out == "1 fixed, 0 failed; see out/report.jsonl\n" and ran.err == ""
    assert [path.name for path in Path("out").rglob("*.png")] == ["b.png"]
    ran = run("fix", "photos/a.png", "--mask", "masks/a.png", "--only", "a*")
    assert ran.code == 2 and "choose among the photos of a folder" in ran.sentence


def test_how_far_it_is_is_told_where_there_is_no_bar(run, album, monkeypatch) -> None:
    monkeypatch.setattr("restore.commands.folder.TELL_SECONDS", 0)
    ran = run("fix", "photos", "--mask", "masks", "--out", "out")
    first, last = ran.err.splitlines()
    assert first.startswith("restore: 1/2 photos, ") and ", 0 failed, " in first
    assert last.startswith("restore: 2/2 photos, ") and last.endswith(" left.")


def test_the_speed_is_that_of_what_was_fixed(run, album, monkeypatch) -> None:
    words = ["fix", "photos", "--mask", "masks", "--out", "out"]
    assert run(*words).code == 0
    monkeypatch.setattr("restore.commands.folder.TELL_SECONDS", 0)
    ran = run(*words, "--resume")
    assert "2/2 photos, 0.0 photos/s, 0 failed." in ran.err.splitlines()[-1]
    (album / "out/sub/b.png").unlink()
    seconds = iter(range(0, 1000, 10))
    monkeypatch.setattr("restore.commands.folder.time.monotonic", lambda: next(seconds))
    ran = run(*words, "--resume")  # one was kept after 10 seconds, one fixed after 10 more
    assert "2/2 photos, 0.1 photos/s, 0 failed" in ran.err.splitlines()[-1]


def test_a_folder_does_not_go_into_a_picture(run, album) -> None:
    ran = run("fix", "photos", "--mask", "masks", "--out", "out.png")
    assert ran.code == 2 and "looks like a picture" in ran.sentence
    assert run("fix", "photos", "--mask", "masks", "--out", "out.png/").code == 0


@pytest.mark.parametrize("words", [["--mask", "masks"], ["--mask-pattern", "{stem}_m"], []])
def test_a_folder_that_is_misspelt_is_told(run, album, words: list[str]) -> None:
    ran = run("fix", "phtos", "--out", "out", "--resume", *words)
    assert (ran.code, ran.sentence) == (1, "There is no folder phtos.")


def test_a_bad_checkpoint_is_one_sentence(run, album, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RestoreError("It is broken.")

    monkeypatch.setattr("restore.restorer.Restorer.load", fail)
    ran = run("fix", "photos", "--mask", "masks", "--out", "out")
    assert (ran.code, ran.sentence) == (1, "It is broken.")
    assert not Path("out").exists()


def test_failures_are_sentences_and_the_code_is_1(run, album) -> None:
    (album / "photos/a.png").write_bytes(b"nothing")
    ran = run("fix", "photos", "--mask", "masks", "--out", "out")
    assert ran.code == 1
    assert ran.out.startswith("1 fixed, 1 failed; ")
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("restore: photos/a.png is not a picture")


def test_json_is_the_report_with_whole_paths_and_the_summary_goes_to_stderr(run, album) -> None:
    ran = run("fix", "photos", "--mask", "masks", "--out", "out", "--json")
    told = [json.loads(line) for line in ran.out.splitlines()]
    report = [json.loads(line) for line in (album / "out/report.jsonl").read_text().splitlines()]
    assert [line["out"] for line in report] == ["a.png", "sub/b.png"]
    assert [line["out"] for line in told] == ["out/a.png", "out/sub/b.png"]
    assert [line["photo"] for line in told] == ["photos/a.png", "photos/sub/b.png"]
    assert [line | {"photo": 0, "out": 0} for line in told] == [
        line | {"photo": 0, "out": 0} for line in report
    ]
    assert ran.err.startswith("2 fixed")


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["--watch"], {"watch": LOOK_SECONDS}),
        (["--jobs", "3"], {"threads": 3}),
        (["--ray", "auto"], {"ray": "auto"}),
        (["--model", "mine", "--device", "cpu"], {"model": "mine", "device": "cpu"}),
    ],
)
def test_what_is_asked_of_a_folder_arrives(run, album, monkeypatch, words: list, asked) -> None:
    given = {}

    def note(plan: object, **named: object) -> list[object]:
        given.update(named)
        return []

    monkeypatch.setattr("restore.folders.fix_folder", note)
    assert run("fix", "photos", "--mask", "masks", "--out", "out", *words).code == 0
    plain = {"watch": None, "ray": None, "model": None, "device": "auto"}
    assert {name: given[name] for name in plain | asked} == plain | asked


def test_parts_of_a_folder_are_together_all_of_it(run, album, fake_restorer) -> None:
    for part in ("1/2", "2/2"):
        words = ["--mask", "masks", "--out", "out", "--resume", "--shard", part]
        assert run("fix", "photos", *words).code == 0
    assert {path.name for path in Path("out").glob("*.jsonl")} == {
        "report-1-of-2.jsonl",
        "report-2-of-2.jsonl",
    }
    results = {path.relative_to("out") for path in Path("out").rglob("*.png")}
    assert results == {path.relative_to("photos") for path in Path("photos").rglob("*.png")}


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no UTF-8")
def test_odd_bytes_in_a_name_are_no_trouble(run, album) -> None:
    Path("photos/sub/b.png").rename(b"photos/b\xff\n.png".decode(errors="surrogateescape"))
    Path("masks/sub/b.png").rename(b"masks/b\xff\n.png".decode(errors="surrogateescape"))
    Path("photos/c\udcff.png").write_bytes(b"no picture")
    Path("masks/c\udcff.png").write_bytes(b"no picture")
    ran = run("fix", "photos", "--mask", "masks", "--out", "out")
    assert ran.out.startswith("2 fixed, 1 failed")
    assert r"c\udcff.png is not a picture" in ran.err
    assert Path("out/b\udcff\n.png").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["photos", "--mask", "masks"], "say where results go with --out FOLDER"),
        (["photos", "masks", "--mask", "masks/a.png", "--out", "out"], "fix it by itself"),
        (["photos", "--out", "out"], "'mend', which is not installed"),
        (["photos", "--mask", "masks", "--out", "photos"], "not written over"),
        (["photos/a.png", "--mask", "masks/a.png", "--resume"], "are for a folder"),
        (["photos/a.png", "--mask", "masks/a.png", "--watch"], "are for a folder"),
        (["photos/a.png", "--mask-pattern", "{stem}_mask"], "are for a folder"),
        (["photos/a.png", "--mask", "masks/a.png", "--jobs", "2"], "are for a folder"),
        (["photos/a.png", "--mask", "masks"], "is a folder, which is for a folder of photos"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_loaded(
    words: list[str], sentence: str, run, album, fake_restorer, monkeypatch
) -> None:
    monkeypatch.setattr("restore.folders.run.checkpoint_names", lambda: ["inpaint"])
    ran = run("fix", *words)
    assert ran.code == 2
    assert sentence in ran.sentence
    assert fake_restorer.loaded == []
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--shard", "9/8"], "--shard is K/N, part K of N with K from 1 to N, as 2/8, not '9/8'."),
        (["--watch", "--ray", "auto"], "--watch waits for photos here"),
        (["--adapt", "5"], "photos is a folder, and --adapt takes photos"),
    ],
)
def test_what_a_folder_can_not_do_is_one_sentence(
    words: list[str], sentence: str, run, album
) -> None:
    ran = run("fix", "photos", "--mask", "masks", "--out", "out", *words)
    assert ran.code == 2
    assert ran.sentence.startswith(sentence)
    assert not Path("out").exists()
