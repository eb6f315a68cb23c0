"""Photos that arrive while a folder is watched."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PIL import Image

from restore.folders import Entry, FixOptions, Tree, fix_folder, plan_folder
from restore.folders.watch import watch_tree
from restore.listing import Choice

TREE = Tree(Path("photos"), Path("out"), FixOptions(Path("masks")))


@pytest.fixture(autouse=True)
def ends_soon() -> Iterator[None]:
    """Let what would wait for ever fail."""

    def stop(*_: object) -> None:
        pytest.fail("no photo was handed out in a minute")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    old = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)


class Looks(Event):
    """Stands in for the pause between two looks: changes files instead of waiting."""

    def __init__(self, *changes) -> None:
        super().__init__()
        self.changes = list(changes)

    def wait(self, timeout: float | None = None) -> bool:
        if self.changes:
            self.changes.pop(0)()
        else:
            self.set()
        return self.is_set()


def look(*changes) -> tuple[list[list[str]], list[str]]:
    """Return the photos of each plan and what was said, with a change at each pause."""
    said: list[str] = []
    plans = watch_tree(TREE, 1.0, Looks(*changes), said.append)
    return [[job.photo.name for job in plan.jobs] for plan in plans], said


def grow() -> None:
    with Path("photos/b.png").open("ab") as file:
        file.write(b"more")


def nothing() -> None:
    pass


def test_a_photo_is_taken_once_it_is_still_for_two_looks(make_album) -> None:
    make_album("a.png", "b.png")
    assert look(grow, grow, nothing, nothing)[0] == [["a.png"], ["b.png"]]


def test_results_of_a_run_before_belong_to_their_photos(
    make_album, write_picture, fake_restorer
) -> None:
    make_album("a.tif")
    tree = replace(TREE, options=replace(TREE.options, extension=".png"))
    assert [entry.out for entry in fix_folder(plan_folder(tree))] == ["a.png"]
    write_picture("photos/a.jpg")  # whose result would be the same file, and which comes first
    resumed = replace(tree, resume=True)
    (plan,) = watch_tree(resumed, 1.0, Looks(nothing), lambda sentence: None)
    assert [job.photo.name for job in plan.jobs] == ["a.tif"]
    assert [name for name, _ in plan.failures] == ["a.jpg"]
    chosen = replace(tree, resume=True, choice=Choice(only=("*.jpg",)))
    (plan,) = watch_tree(chosen, 1.0, Looks(nothing), lambda sentence: None)
    assert plan.jobs == () and [name for name, _ in plan.failures] == ["a.jpg"]


def test_a_photo_that_changes_is_taken_again(make_album) -> None:
    make_album("b.png")
    assert look(nothing, grow, nothing)[0] == [["b.png"], ["b.png"]]


def test_where_the_mask_of_all_changes_all_are_taken_again(make_album, write_picture) -> None:
    make_album("a.png", "b.png", masks=False)
    hole = write_picture("hole.png", np.zeros((40, 60), np.uint8))

    def change() -> None:
        write_picture("hole.png", np.full((40, 60), 255, np.uint8))
        os.utime(hole, (1, 1))

    tree = replace(TREE, options=FixOptions(Path("hole.png")))
    plans = watch_tree(tree, 1.0, Looks(nothing, change, nothing), print)
    assert [[job.photo.name for job in plan.jobs] for plan in plans] == [["a.png", "b.png"]] * 2


def test_a_photo_waits_for_its_mask(make_album, write_picture) -> None:
    make_album("a.png", masks=False)
    Path("masks").mkdir()
    hole = np.zeros((40, 60), np.uint8)
    arrive = [nothing, lambda: write_picture("masks/a.png", hole), nothing]
    plans, said = look(*arrive)
    assert plans == [["a.png"]]
    assert said == ["photos/a.png has no mask in masks."]


def test_a_photo_does_not_take_the_place_of_one_of_another_case(make_album, write_picture) -> None:
    make_album("a.png")

    def arrive() -> None:
        write_picture("photos/A.png")
        write_picture("masks/A.png", np.zeros((40, 60), np.uint8))

    plans = list(watch_tree(TREE, 1.0, Looks(nothing, arrive, nothing, nothing), print))
    assert [[job.photo.name for job in plan.jobs] for plan in plans] == [["a.png"], []]
    ((name, sentence),) = plans[1].failures
    assert name == "A.png"
    assert sentence.startswith("photos/a.png and photos/A.png would both become out/A.png")


def test_a_photo_that_gets_another_case_is_fixed_again(make_album) -> None:
    make_album("a.png")

    def rename() -> None:
        for folder in ("photos", "masks"):
            Path(folder, "a.png").rename(Path(folder, "A.png"))

    plans = watch_tree(TREE, 1.0, Looks(nothing, rename, nothing, nothing), print)
    assert [[job.photo.name for job in plan.jobs] for plan in plans] == [["a.png"], ["A.png"]]


def test_photos_that_arrive_are_fixed(make_album, fake_restorer, write_picture) -> None:
    make_album("a.png")
    plan = plan_folder(TREE, may_be_empty=True)
    entries = fix_folder(plan, watch=0.01)
    assert next(entries).out == "a.png"
    write_picture("masks/new/b.png", np.eye(40, 60, dtype=np.uint8) * 255)
    write_picture("incoming.png")
    Path("photos/new").mkdir()
    Path("incoming.png").replace("photos/new/b.png")
    (entry,) = islice(entries, 1)
    assert (entry.status, entry.out) == ("done", "new/b.png")
    Image.open("out/new/b.png").load()
    entries.close()


@pytest.mark.parametrize("count", [1, 2])
def test_a_photo_that_changes_replaces_its_own_results(
    count: int, make_album, fake_restorer, write_picture
) -> None:
    make_album("a.png")
    tree = replace(TREE, options=replace(TREE.options, count=count))
    entries = fix_folder(plan_folder(tree), watch=0.01)
    before = list(islice(entries, count))
    write_picture("incoming.png", np.full((40, 60, 3), 90, np.uint8))
    Path("incoming.png").replace("photos/a.png")
    after = list(islice(entries, count))
    entries.close()
    assert [entry.status for entry in after] == ["done"] * count
    assert [entry.out for entry in after] == [entry.out for entry in before]
    assert all((read(entry)[0] == 90).all() for entry in after)


def test_a_result_of_somebody_else_is_not_replaced(
    make_album, fake_restorer, write_picture
) -> None:
    make_album("a.png")
    entries = fix_folder(plan_folder(TREE), watch=0.01)
    next(entries)
    write_picture("out/a.png", np.full((40, 60, 3), 7, np.uint8))  # retouched
    write_picture("out/b.png", np.full((40, 60, 3), 7, np.uint8))
    write_picture("masks/b.png", np.eye(40, 60, dtype=np.uint8) * 255)
    for name in ("a", "b"):
        write_picture("incoming.png", np.full((40, 60, 3), 90, np.uint8))
        Path("incoming.png").replace(f"photos/{name}.png")
        (entry,) = islice(entries, 1)
        assert "is not from one, so it stays" in str(entry.sentence)
        assert (np.array(Image.open(f"out/{name}.png")) == 7).all()
    entries.close()


def read(entry: Entry) -> np.ndarray:
    return np.array(Image.open(Path("out", str(entry.out))))
