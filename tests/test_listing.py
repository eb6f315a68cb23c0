"""Which photos of a folder are taken."""

import pytest

from restore.errors import RestoreError
from restore.listing import ALL, Choice
from restore.outputs import choose_photos

NAMES = ("a.TIF", "a.jpg", "2019/b.tif", "2019/rejects/c.tif", "café/d.jpg")


@pytest.mark.parametrize(
    ("only", "skip", "taken"),
    [
        ([], [], NAMES),
        (["*.tif"], [], ["a.TIF", "2019/b.tif", "2019/rejects/c.tif"]),
        (["*.tif"], ["rejects"], ["a.TIF", "2019/b.tif"]),
        ([], ["rejects/"], ["a.TIF", "a.jpg", "2019/b.tif", "café/d.jpg"]),
        (["2019/*"], [], ["2019/b.tif", "2019/rejects/c.tif"]),
        (["2019", "a.jpg"], ["c*"], ["a.jpg", "2019/b.tif"]),
        (["cafe\N{COMBINING ACUTE ACCENT}"], [], ["café/d.jpg"]),
        (["tif"], [], []),
        ([], ["2019/rejects"], ["a.TIF", "a.jpg", "2019/b.tif", "café/d.jpg"]),
        ([], ["./2019/"], ["a.TIF", "a.jpg", "café/d.jpg"]),
        (["2019/*.tif"], ["*/rejects/*"], ["2019/b.tif"]),
    ],
)
def test_patterns_choose_photos(only: list[str], skip: list[str], taken: list[str]) -> None:
    choice = Choice(tuple(only), tuple(skip))
    assert [name for name in NAMES if choice.takes(name)] == list(taken)


def test_a_folder_of_which_nothing_is_left_is_told(write_picture, tmp_path) -> None:
    photo = write_picture("photos/a.png")
    assert choose_photos(photo.parent, print) == ([photo], [])
    with pytest.raises(RestoreError, match=r"no photos in .*photos that --only and --skip leave"):
        choose_photos(photo.parent, print, Choice(only=("*.jpg",)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(RestoreError, match=r"no photos in .*empty\.$"):
        choose_photos(tmp_path / "empty", print, ALL)


def test_what_a_pattern_misses_is_told_and_what_is_skipped_is_not(write_picture, tmp_path) -> None:
    write_picture("photos/a.png")
    write_picture("photos/old/b.png")
    (tmp_path / "photos/old/link").symlink_to(tmp_path)
    told: list[str] = []
    choose_photos(
        tmp_path / "photos", told.append, Choice(skip=("old", "odl", "link"), only=("*.png",))
    )
    assert told == ["Patterns of --only and --skip that match no photo: 1; the first is odl."]
