"""Which files are photos, which mask belongs to which, and what is refused before the start."""

import os
from pathlib import Path

import pytest

from restore.errors import RestoreError, UsageError
from restore.folders import FixOptions, Tree, plan_folder

PHOTOS, MASKS, OUT = Path("photos"), Path("masks"), Path("out")


def plan(mask: Path | None = MASKS, pattern: str | None = None, **options):
    """Plan photos/ into out/, or another tree where the options say so."""
    folder, out = options.pop("folder", PHOTOS), options.pop("out", OUT)
    resume = options.pop("resume", False)
    return plan_folder(Tree(folder, out, FixOptions(mask, mask_pattern=pattern, **options), resume))


def pairs(found) -> dict[str, str | None]:
    return {str(job.photo): job.mask and str(job.mask) for job in found.jobs}


def test_photos_keep_their_paths_and_find_their_masks(make_album) -> None:
    make_album("a.jpg", "b.PNG", "deep/er/a.webp", "name.with.dots.tif")
    found = plan()
    assert pairs(found) == {
        "photos/a.jpg": "masks/a.png",
        "photos/b.PNG": "masks/b.png",
        "photos/deep/er/a.webp": "masks/deep/er/a.png",
        "photos/name.with.dots.tif": "masks/name.with.dots.png",
    }
    assert [str(job.results[0]) for job in found.jobs] == [
        "out/a.jpg",
        "out/b.PNG",
        "out/deep/er/a.webp",
        "out/name.with.dots.tif",
    ]
    assert list(found.notes()) == []
    assert not OUT.exists()


def test_one_mask_serves_all_and_is_no_photo(make_album) -> None:
    make_album("a.png", "logo.png")
    assert pairs(plan(PHOTOS / "logo.png")) == {"photos/a.png": None}


@pytest.mark.parametrize(
    ("pattern", "mask"),
    [
        ("{stem}_mask", "photos/deep/a_mask.png"),
        ("{stem}_mask.PNG", "photos/deep/a_mask.PNG"),
        ("{stem}_mask.png", "photos/deep/a_mask.PNG"),
        ("masks/{stem}", "photos/deep/masks/a.bmp"),
        ("mask of {stem}", "photos/deep/mask of a.jpg"),
    ],
)
def test_a_pattern_finds_masks_beside_photos(
    pattern: str, mask: str, make_album, write_picture
) -> None:
    make_album("deep/a.jpg", masks=False)
    write_picture(mask)
    assert pairs(plan(None, pattern)) == {"photos/deep/a.jpg": mask}


def test_what_follows_a_dot_is_no_extension_unless_of_a_picture(make_album, write_picture) -> None:
    make_album("a.png")
    for number in (1, 2):
        write_picture(f"photos/scan{number}.png").rename(f"photos/scan.{number}")
        write_picture(f"masks/scan.{number}.png")
    write_picture("masks/scan.png")
    assert pairs(plan()) == {
        "photos/a.png": "masks/a.png",
        "photos/scan.1": "masks/scan.1.png",
        "photos/scan.2": "masks/scan.2.png",
    }


def test_a_pattern_names_the_masks_of_a_folder_too(make_album, write_picture) -> None:
    make_album("deep/a.jpg", masks=False)
    write_picture("masks/deep/a-hole.gif")
    assert pairs(plan(pattern="{stem}-hole")) == {"photos/deep/a.jpg": "masks/deep/a-hole.gif"}


def test_photos_without_masks_and_masks_without_photos_are_told(make_album, write_picture) -> None:
    make_album("a.png")
    write_picture("photos/lonely.png")
    write_picture("masks/idle.png")
    found = plan()
    assert list(pairs(found)) == ["photos/a.png"]
    assert found.failures == (("lonely.png", "photos/lonely.png has no mask in masks."),)
    assert found.idle_masks == (MASKS / "idle.png",)
    assert ["lonely.png" in note or "idle.png" in note for note in found.notes()] == [True, True]


@pytest.mark.parametrize("beside", [False, True])
def test_where_no_photo_has_a_mask_the_pattern_of_those_there_is_told(
    make_album, write_picture, beside: bool
) -> None:
    make_album("deep/a.jpg", "deep/a-fixed.jpg", masks=False)
    write_picture("photos/deep/a_mask.png" if beside else "masks/deep/a_mask.png")
    sentence = r"has no mask in .*\. Masks seem to go by --mask-pattern '{stem}_mask'"
    with pytest.raises(UsageError, match=sentence):
        plan(None, pattern="{stem}-hole") if beside else plan()


def test_masks_that_nobody_has_told_of_are_noticed(make_album, write_picture) -> None:
    make_album("a.jpg", "b.jpg", masks=False)
    write_picture("photos/a_mask.png")
    (note,) = plan(None).notes()
    assert "--mask-pattern '{stem}_mask'" in note
    with pytest.raises(UsageError, match=r"tell them apart with --mask-pattern '\{stem\}_mask'"):
        plan(PHOTOS)
    for name in ("a_2", "b_2"):  # more than masks, and none
        write_picture(f"photos/{name}.png")
    (note,) = plan(None).notes()
    assert "--mask-pattern '{stem}_mask'" in note
    Path("photos/a_mask.png").unlink()
    assert not list(plan(None).notes())
    with pytest.raises(UsageError, match=r"tell them apart with --mask-pattern '\{stem\}-mask'"):
        plan(PHOTOS)


def test_where_no_photo_has_a_mask_all_are_counted(make_album) -> None:
    make_album("a.jpg", "b.jpg", masks=False)
    MASKS.mkdir()
    with pytest.raises(UsageError, match="None of 2 photos can be fixed; of the first: photos/a"):
        plan()


def test_results_of_a_folder_may_have_one_format(make_album) -> None:
    make_album("deep/a.jpg", "b.png")
    options = FixOptions(mask=MASKS, extension=".webp", count=2)
    jobs = plan_folder(Tree(PHOTOS, OUT, options)).jobs
    names = [result.relative_to(OUT).as_posix() for job in jobs for result in job.results]
    assert sorted(names) == ["b-1.webp", "b-2.webp", "deep/a-1.webp", "deep/a-2.webp"]


def test_two_masks_for_a_photo_are_told_unless_one_has_its_name(make_album, write_picture) -> None:
    make_album("a.jpg", "b.jpg")
    write_picture("masks/a.bmp")
    write_picture("masks/b.jpg")
    found = plan()
    assert pairs(found) == {"photos/b.jpg": "masks/b.jpg"}
    assert [name for name, _ in found.failures] == ["a.jpg"]
    assert "several masks" in found.failures[0][1]


def test_a_mask_of_two_photos_is_told(make_album, write_picture) -> None:
    make_album("a.jpg", "a.png", "b.png", "c.png")
    found = plan()
    assert pairs(found)["photos/a.jpg"] == pairs(found)["photos/a.png"] == "masks/a.png"
    (note,) = found.notes()
    assert note == "Masks that serve two photos of one name: 1; the first is masks/a.png."
    write_picture("masks/a.jpg")
    assert not list(plan().notes())


def test_the_results_of_an_earlier_run_among_the_photos_are_no_photos(
    make_album, write_picture
) -> None:
    make_album("a.png")
    write_picture("photos/fixed/a.png")
    (PHOTOS / "fixed/report-1-of-2.jsonl").write_text("{}")
    found = plan_folder(Tree(PHOTOS, OUT, FixOptions(mask=MASKS)))
    assert [job.photo for job in found.jobs] == [PHOTOS / "a.png"]
    assert list(found.notes()) == ["Folders of results, passed over: 1; the first is fixed."]


def test_what_is_no_photo_is_counted_and_hidden_photos_are_found(make_album, write_picture) -> None:
    make_album("a.png", "no-extension.png")
    (PHOTOS / "no-extension.png").rename(PHOTOS / "no-extension")
    (PHOTOS / "notes.txt").write_text("BMW II*")
    (PHOTOS / "empty").write_bytes(b"")
    (PHOTOS / "._a.png").write_bytes(b"\0\5\x16\7")
    (PHOTOS / ".restore-00.part").write_bytes(b"\x89PNG\r\n")
    os.mkfifo(PHOTOS / "pipe")
    found = plan()
    assert list(pairs(found)) == ["photos/a.png", "photos/no-extension"]
    assert found.skipped == 3


def test_results_and_masks_inside_the_folder_are_not_photos(make_album, write_picture) -> None:
    make_album("a.png")
    MASKS.rename(PHOTOS / "masks")
    write_picture("photos/out/before.png")
    Path("photos/out/report.jsonl").touch()
    found = plan(PHOTOS / "masks", out=PHOTOS / "out", resume=True)
    assert list(pairs(found)) == ["photos/a.png"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_album_among_the_photos_is_no_place_for_results(
    make_album, write_picture, overwrite: bool
) -> None:
    make_album("a.png")
    write_picture("photos/best/mine.png")
    with pytest.raises(UsageError, match="holds pictures that no report there tells of"):
        plan(out=PHOTOS / "best", overwrite=overwrite)


def test_names_fit_however_their_accents_are_written(make_album) -> None:
    make_album("fru\u0308h.png")
    (MASKS / "fru\u0308h.png").rename(MASKS / "fr\u00fch.png")
    found = plan()
    assert len(found.jobs) == 1 and not found.failures and not found.idle_masks


def test_a_mask_of_other_case_is_named(make_album) -> None:
    make_album("IMG.png", "b.png")
    (MASKS / "IMG.png").rename(MASKS / "img.png")
    ((name, sentence),) = plan().failures
    assert name == "IMG.png" and sentence.endswith("masks/img.png differs in upper and lower case.")


def test_masks_may_lie_around_the_folder(make_album) -> None:
    make_album("a.png", "deep/b.jpg")
    for mask in ("a.png", "deep/b.png"):
        Path(mask).parent.mkdir(exist_ok=True)
        (MASKS / mask).rename(mask)
    found = plan(Path())
    assert pairs(found) == {"photos/a.png": "a.png", "photos/deep/b.jpg": "deep/b.png"}
    assert found.idle_masks == ()


def test_linked_folders_are_told_and_not_followed(make_album) -> None:
    make_album("a.png")
    (PHOTOS / "loop").symlink_to(".")
    found = plan()
    assert list(pairs(found)) == ["photos/a.png"]
    assert found.passed_over.links == ("loop",)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"out": PHOTOS}, "not written over"),
        ({"out": Path("photos/../photos")}, "not written over"),
        ({"out": Path()}, "lie inside --out"),
        ({"out": Path("masks/a.png")}, "is a file"),
        ({"out": MASKS}, "is the folder of the masks"),
        ({"out": Path("loop")}, "loop is a file where a folder should go"),
        ({"mask": PHOTOS}, "tell them apart"),
        ({"mask": None, "pattern": "{stem}"}, "tell them apart"),
        ({"pattern": "mask"}, "{stem} once"),
        ({"pattern": "{stem}{stem}"}, "{stem} once"),
        ({"pattern": "../{stem}"}, "{stem} once"),
        ({"mask": MASKS / "a.png", "pattern": "{stem}_mask"}, "is a file"),
        ({"mask": Path("nowhere")}, "no mask nowhere"),
        ({"adapt": 30}, "photos is a folder, and --adapt takes photos"),
        ({"pattern": "{stem}_mask"}, "^photos/a.png has no mask"),
    ],
)
def test_trees_that_make_no_sense_are_refused(change: dict, sentence: str, make_album) -> None:
    make_album("a.png")
    Path("loop").symlink_to("loop")
    with pytest.raises(RestoreError, match=sentence):
        plan(**change)


def test_names_that_differ_in_case_only_collide(make_album) -> None:
    make_album("Sub/a.png", "sub/A.PNG")
    found = plan()
    assert [job.photo for job in found.jobs] == [PHOTOS / "Sub/a.png"]
    ((name, sentence),) = found.failures
    assert name == "sub/A.PNG" and "upper and lower case" in sentence


def test_numbered_results_may_not_meet_those_of_another_photo(make_album) -> None:
    make_album("a.png", "a-1.png")
    names = [[result.name for result in job.results] for job in plan(count=2).jobs]
    assert names == [["a-1-1.png", "a-1-2.png"], ["a-1.png", "a-2.png"]]
    make_album("a.jpg")
    found = plan(count=2, extension=".webp")
    assert [job.photo.name for job in found.jobs] == ["a-1.png", "a.jpg"]
    assert "a.jpg and photos/a.png would both become out/a-1.webp" in found.failures[0][1]


def test_results_that_exist_are_refused_at_once(make_album, write_picture) -> None:
    make_album("a.png", "b.png")
    write_picture("out/b.png")
    with pytest.raises(UsageError, match=r"out/b\.png exists.*--resume.*--overwrite"):
        plan()
    with pytest.raises(UsageError, match=r"no out/report\.jsonl to go on from"):
        plan(resume=True)
    assert len(plan(overwrite=True).jobs) == 2
    (OUT / "report.jsonl").write_text("")
    assert len(plan(resume=True).jobs) == 2


@pytest.mark.parametrize("kind", ["file", "link", "folder", "photo"])
def test_places_that_cannot_be_written_are_refused_at_once(kind: str, make_album) -> None:
    make_album("sub/a.png")
    OUT.mkdir()
    if kind == "file":
        (OUT / "sub").write_text("")
    elif kind == "link":
        Path("elsewhere").mkdir()
        (OUT / "sub").symlink_to("../elsewhere")
    elif kind == "folder":
        (OUT / "sub/a.png").mkdir(parents=True)
    else:
        (OUT / "sub").mkdir()
        (OUT / "sub/a.png").symlink_to("../../photos/sub/a.png")
    with pytest.raises(UsageError, match=r"out/sub"):
        plan(overwrite=True)
