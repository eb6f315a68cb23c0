"""A folder from start to end: one bad file, another run, any number of threads."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore.errors import RestoreError
from restore.folders import Entry, FixOptions, Shard, Tree, fix_folder, fix_photos, plan_folder
from restore.folders.report import hash_file, read_reports
from restore.image import part_prefix
from restore.listing import Choice

OUT, REPORT = Path("out"), Path("out/report.jsonl")
TREE = Tree(Path("photos"), OUT, FixOptions(Path("masks")))


def fix(tree: Tree = TREE, **options: object) -> list[Entry]:
    return list(fix_folder(plan_folder(tree), **options))


def lines() -> list[dict]:
    return [json.loads(line) for line in REPORT.read_text().splitlines()]


def files() -> dict[str, bytes]:
    return {
        str(path.relative_to(OUT)): path.read_bytes()
        for path in OUT.rglob("*")
        if path.is_file() and path.suffix != ".jsonl"
    }


def test_every_photo_is_fixed_and_written_down(make_album, fake_restorer) -> None:
    make_album("a.jpg", "sub/b.png")
    entries = fix(replace(TREE, options=replace(TREE.options, seed=7)), model="m", device="cpu")
    assert fake_restorer.loaded == [("m", "cpu")]
    assert sorted(files()) == ["a.jpg", "sub/b.png"]
    assert (np.array(Image.open("out/sub/b.png"))[10:20, 20:40] == 7).all()
    assert entries[1] == Entry(
        photo="sub/b.png",
        mask="masks/sub/b.png",
        out="sub/b.png",
        status="done",
        sentence=None,
        seconds=entries[1].seconds,
        seed=7,
        settings=TREE.options.settings,
        model="fake",
        model_sha256=None,
        photo_sha256=hash_file(Path("photos/sub/b.png")),
        mask_sha256=hash_file(Path("masks/sub/b.png")),
        out_sha256=hash_file(Path("out/sub/b.png")),
        hole=0.08333,
    )
    assert [Entry(**line) for line in lines()] == entries


def test_bad_files_never_stop_the_rest(make_album, fake_restorer, write_picture) -> None:
    make_album("a.png", "b.png", "c.png", "d.png", "e.png")
    Path("photos/b.png").write_bytes(b"no picture")
    Path("masks/c.png").write_bytes(b"no picture")
    write_picture("masks/d.png", np.zeros((9, 9), np.uint8))
    Path("photos/gone.png").symlink_to("nowhere")
    write_picture("photos/lonely.png")
    write_picture("masks/gone.png")
    entries = fix()
    assert [entry.photo for entry in entries if entry.status == "done"] == ["a.png", "e.png"]
    failed = {entry.photo: entry for entry in entries if entry.status == "failed"}
    assert set(failed) == {"b.png", "c.png", "d.png", "gone.png", "lonely.png"}
    assert "masks/c.png" in str(failed["c.png"].sentence)
    assert failed["b.png"].photo_sha256 is not None
    assert failed["gone.png"].photo_sha256 is None
    assert failed["lonely.png"].photo_sha256 is None  # it was never opened
    assert sorted(files()) == ["a.png", "e.png"]


def test_a_mistake_of_ours_is_one_failure(make_album, fake_restorer, monkeypatch) -> None:
    make_album("a.png", "b.png")
    true_fix = fake_restorer.fix

    def fail_once(photo, mask, seed):
        monkeypatch.setattr(fake_restorer, "fix", true_fix)
        raise ZeroDivisionError

    monkeypatch.setattr(fake_restorer, "fix", fail_once)
    assert sorted(entry.status for entry in fix()) == ["done", "failed"]


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_bytes_do_not_depend_on_threads_or_neighbours(
    threads: int, make_album, fake_restorer
) -> None:
    names = [f"{n}.{extension}" for n in range(5) for extension in ("png", "jpg")]
    make_album(*names)
    entries = fix(replace(TREE, options=replace(TREE.options, count=2)), threads=threads)
    assert [entry.out for entry in entries] == [
        name.replace(".", f"-{n}.") for name in sorted(names) for n in (1, 2)
    ]
    many = files()
    alone = Tree(TREE.folder, OUT, replace(TREE.options, count=2, overwrite=True))
    for name in names:
        if name != "3.jpg":
            Path("photos", name).unlink()
    fix(alone)
    assert {name: many[name] for name in ("3-1.jpg", "3-2.jpg")}.items() <= files().items()


# Another run


RESUMED = replace(TREE, resume=True)


def test_resume_keeps_what_is_done_and_unchanged(make_album, fake_restorer, write_picture) -> None:
    make_album("a.png", "b.png", "c.png", "d.png")
    Path("photos/d.png").write_bytes(b"not yet")
    fix()
    Path("out/b.png").unlink()
    write_picture("photos/c.png", np.zeros((40, 60, 3), np.uint8))
    write_picture("photos/d.png")
    fake_restorer.seeds.clear()
    assert [entry.status for entry in fix(RESUMED)] == ["kept", "done", "done", "done"]
    assert len(fake_restorer.seeds) == 3
    assert [entry.status for entry in fix(RESUMED)] == ["kept"] * 4
    assert len(lines()) == 4 + 3


def test_resume_replaces_nothing_that_it_has_not_made(
    make_album, fake_restorer, write_picture
) -> None:
    make_album("a.png", "b.png", "c.png")
    fix()
    old = Path("out/b.png").read_bytes()
    write_picture("out/a.png", np.zeros((9, 9, 3), np.uint8))  # retouched
    retouched = Path("out/a.png").read_bytes()
    Path("out/report.jsonl").write_text("".join(f"{line}\n" for line in lines_of("a.png", "c.png")))
    write_picture("photos/c.png", np.zeros((40, 60, 3), np.uint8))
    first, second, third = fix(RESUMED)
    assert first.status == "failed" and "--overwrite" in str(first.sentence)
    assert Path("out/a.png").read_bytes() == retouched
    assert second.status == "done" and Path("out/b.png").read_bytes() == old  # killed, not told
    assert third.status == "done"
    fixed = fix(replace(RESUMED, options=replace(TREE.options, overwrite=True)))
    assert [entry.status for entry in fixed] == ["done", "kept", "kept"]


def test_a_photo_that_changes_in_hand_is_made_anew_by_resume(
    make_album, fake_restorer, write_picture, monkeypatch
) -> None:
    make_album("a.png")
    plain = type(fake_restorer).steps

    def steps(self: object, *arguments: object):
        write_picture("photos/a.png", np.full((40, 60, 3), 90, np.uint8))
        return plain(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(type(fake_restorer), "steps", steps)
        assert [entry.status for entry in fix()] == ["done"]
    assert [entry.status for entry in fix(RESUMED)] == ["done"]
    assert (np.array(Image.open("out/a.png"))[0] == 90).all()


def test_the_report_tells_of_a_mask_that_marks_nothing(
    make_album, fake_restorer, write_picture
) -> None:
    make_album("a.png", "b.png")
    write_picture("masks/b.png", np.zeros((40, 60), np.uint8))
    first, second = fix()
    assert first.sentence is None
    assert second.status == "done" and "marks nothing" in str(second.sentence)
    assert [entry.status for entry in fix(RESUMED)] == ["kept", "kept"]


def lines_of(*photos: str) -> list[str]:
    """Return the lines of the report that tell of some photos."""
    told = Path("out/report.jsonl").read_text().splitlines()
    return [line for line in told if json.loads(line)["photo"] in photos]


def test_resume_makes_anew_what_would_come_out_differently(
    make_album, fake_restorer, write_picture
) -> None:
    make_album("a.png", "b.png")
    fix()
    write_picture("masks/b.png", np.eye(40, 60, dtype=np.uint8) * 255)
    assert [entry.status for entry in fix(RESUMED)] == ["kept", "done"]
    moved = replace(RESUMED, options=replace(TREE.options, mask=Path("masks").absolute()))
    assert [entry.status for entry in fix(moved)] == ["kept", "kept"]


def test_what_has_to_be_done_again_anyway_is_not_read_for_its_hash(
    make_album, fake_restorer, monkeypatch
) -> None:
    make_album("a.png")
    fix()
    read: list[str] = []

    def hash_named(path: Path) -> str | None:
        read.append(path.as_posix())
        return hash_file(path)

    monkeypatch.setattr("restore.folders.worker.hash_file", hash_named)
    assert [entry.status for entry in fix(RESUMED)] == ["kept"]
    assert read.count("photos/a.png") == read.count("out/a.png") == 1
    read.clear()
    other = replace(RESUMED, options=replace(TREE.options, seed=8, overwrite=True))
    assert [entry.status for entry in fix(other)] == ["done"]
    assert read.count("photos/a.png") == read.count("out/a.png") == 1  # for the new entry alone


def test_every_option_counts_for_resume_but_those_that_change_no_result() -> None:
    apart = {"mask", "mask_pattern", "seed", "count", "overwrite", "extension"}
    apart |= {"max_pixels", "max_bytes"}
    assert {*FixOptions().settings} == {field.name for field in fields(FixOptions)} - apart


@pytest.mark.parametrize(
    "changed", [{"seed": 3}, {"grow": 2}, {"mask_is": "known"}, {"quality": 60}]
)
def test_resume_makes_anew_what_was_made_with_other_options(
    changed: dict, make_album, fake_restorer
) -> None:
    make_album("a.png", "b.png")
    fix()
    other = replace(RESUMED, options=replace(TREE.options, **changed))
    assert [entry.status for entry in fix(other)] == ["done", "done"]
    assert [entry.status for entry in fix(other)] == ["kept", "kept"]


def test_resume_makes_anew_what_another_restorer_made(make_album, fake_restorer, tmp_path) -> None:
    make_album("a.png")
    model = tmp_path / "some.safetensors"
    model.write_bytes(b"weights")
    fix(model=str(model))
    assert [entry.status for entry in fix(RESUMED, model=str(model))] == ["kept"]
    model.write_bytes(b"trained on")
    assert [entry.status for entry in fix(RESUMED, model=str(model))] == ["done"]


def test_overwrite_starts_a_new_report(make_album, fake_restorer) -> None:
    make_album("a.png")
    fix()
    fix(replace(TREE, options=replace(TREE.options, overwrite=True)))
    assert len(lines()) == 1


def test_an_overwriting_run_that_is_stopped_can_be_gone_on_with(make_album, fake_restorer) -> None:
    make_album("a.png", "b.png", "c.png")
    fix()
    again = replace(TREE, options=replace(TREE.options, overwrite=True, seed=7))
    stopped = fix_folder(plan_folder(again))
    assert next(stopped).photo == "a.png"
    stopped.close()
    assert {entry["photo"] for entry in lines()} == {"a.png", "b.png", "c.png"}
    resumed = fix(replace(again, options=replace(again.options, overwrite=False), resume=True))
    assert [entry.status for entry in resumed][1:] == ["done", "done"]
    fix(again)
    assert len(lines()) == 3


def test_a_run_without_end_starts_its_report_at_once(make_album, fake_restorer) -> None:
    make_album("a.png", "b.png")
    fix()
    again = replace(TREE, options=replace(TREE.options, overwrite=True))
    watched = fix_folder(plan_folder(again), watch=0.001)
    assert next(watched).photo == "a.png"
    assert len(lines()) == 1
    watched.close()


def test_a_report_cut_short_is_gone_on_with(make_album, fake_restorer) -> None:
    make_album("a.png", "b.png")
    fix()
    whole = REPORT.read_bytes()
    REPORT.write_bytes(b'[1]\n{"photo": 3}\n\xff\n' + whole[:-9])
    half = OUT / f"{part_prefix(OUT / 'b.png')}_0123.part"
    half.write_bytes(b"half")
    assert [entry.status for entry in fix(RESUMED)] == ["kept", "done"]
    assert set(read_reports(OUT)) == {"a.png", "b.png"}
    assert sorted(files()) == ["a.png", "b.png"]


def test_two_runs_do_not_write_into_one_folder(make_album, fake_restorer) -> None:
    make_album("a.png", "b.png")
    first = fix_folder(plan_folder(TREE))
    next(first)
    with pytest.raises(RestoreError, match="Another run"):
        fix(RESUMED)
    assert [entry.photo for entry in first] == ["b.png"]


# Parts


def test_parts_make_together_what_one_run_makes(make_album, fake_restorer) -> None:
    names = [f"{folder}{n}.png" for folder in ("", "sub/") for n in range(8)]
    make_album(*names)
    fix()
    whole = files()
    for path in whole:
        (OUT / path).unlink()
    REPORT.unlink()
    parts = [replace(TREE, shard=Shard(k, 3)) for k in (1, 2, 3)]
    found = [[entry.photo for entry in fix(tree)] for tree in parts]
    assert sorted(name for part in found for name in part) == sorted(names)
    assert all(found)
    assert files() == whole
    assert sorted(path.name for path in OUT.glob("*.jsonl")) == [
        f"report-{k}-of-3.jsonl" for k in (1, 2, 3)
    ]
    assert {entry.status for entry in fix(RESUMED)} == {"kept"}, "by the reports of the parts"


def test_a_chosen_part_that_is_made_again_leaves_the_report_of_the_others(
    make_album, fake_restorer
) -> None:
    make_album("a.png", "b.png", "c.png")
    fix()
    again = replace(TREE.options, overwrite=True, seed=3)
    assert [e.photo for e in fix(replace(TREE, options=again, choice=Choice(("a*",))))] == ["a.png"]
    entries = fix(RESUMED)
    assert {e.photo: e.status for e in entries} == {
        "a.png": "done",
        "b.png": "kept",
        "c.png": "kept",
    }


def test_a_result_of_another_photo_is_not_replaced(
    make_album, fake_restorer, write_picture
) -> None:
    """Whatever is chosen, and whichever comes first by name."""
    make_album("b.png", "x.tif")
    as_webp = replace(TREE.options, extension=".webp")
    fix(replace(TREE, options=as_webp))
    before = (OUT / "x.webp").read_bytes()
    write_picture("photos/x.jpg", np.zeros((40, 60, 3), np.uint8))
    for choice in (Choice(), Choice(("*.jpg", "b*"))):
        entries = fix(replace(RESUMED, options=as_webp, choice=choice))
        told = {entry.photo: entry.status for entry in entries}
        assert told.pop("x.jpg") == "failed" and {*told.values()} <= {"kept"}
    assert (OUT / "x.webp").read_bytes() == before
    Path("photos/x.tif").unlink()  # then it may be
    told = {entry.photo: entry.status for entry in fix(replace(RESUMED, options=as_webp))}
    assert told == {"b.png": "kept", "x.jpg": "done"}


def test_a_part_leaves_alone_what_another_is_writing(make_album, fake_restorer) -> None:
    names = [f"{n}.png" for n in range(6)]
    make_album(*names)
    OUT.mkdir()
    halves = {name: OUT / f"{part_prefix(OUT / name)}_00.part" for name in names}
    for half in halves.values():
        half.write_bytes(b"half")
    first = Shard(1, 2)
    fix(replace(TREE, shard=first))
    assert [half.exists() for half in halves.values()] == [not first.holds(n) for n in names]


def test_a_collision_between_parts_is_found_by_each(make_album, fake_restorer) -> None:
    make_album("a.png", "A.png")
    entries = [entry for k in (1, 2, 3) for entry in fix(replace(TREE, shard=Shard(k, 3)))]
    assert {entry.photo: entry.status for entry in entries} == {"A.png": "done", "a.png": "failed"}


def test_a_real_restorer_gives_the_same_bytes_alone_in_a_folder_and_in_a_part(
    make_album, write_picture, tiny_checkpoint
) -> None:
    names = ["a.png", "b.jpg", "sub/c.webp"]
    make_album(*names)
    rng = np.random.default_rng(0)
    for n in range(5):  # neighbours of other sizes
        write_picture(f"photos/n{n}.png", rng.integers(0, 256, (40 + 40 * n, 60, 3), np.uint8))
        hole = np.zeros((40 + 40 * n, 60), np.uint8)
        hole[5 : 30 + 30 * n, 10:40] = 255
        write_picture(f"masks/n{n}.png", hole)
    options = {"model": str(tiny_checkpoint), "device": "cpu"}
    fix(**options)
    many = {name: data for name, data in files().items() if name in names}
    for k in (1, 2):
        list(
            fix_folder(plan_folder(replace(TREE, out=Path("parts"), shard=Shard(k, 2))), **options)
        )
    for name in names:
        mask = Path("masks", name).with_suffix(".png")
        (record,) = fix_photos(
            [Path("photos", name)], f"alone/{name}/", FixOptions(mask), **options
        )
        assert record.out.read_bytes() == many[name] == Path("parts", name).read_bytes()
