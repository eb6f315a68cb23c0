from pathlib import Path

import pytest

from restore.errors import UsageError
from restore.outputs import Output, check_folder_name, is_folder_name, plan_output, plan_outputs


def plan(folder: Path, out: Path, **options) -> list[Output]:
    return plan_outputs(folder, out, sorted(folder.rglob("*.*")), **options)


def test_photos_are_never_replaced(two_photos, tmp_path) -> None:
    for out in (two_photos, two_photos / "out", two_photos / ".." / "photos"):
        with pytest.raises(UsageError, match="among the photos"):
            plan(two_photos, out, overwrite=True)
    with pytest.raises(UsageError, match="lie inside"):
        plan(two_photos / "sub", two_photos, overwrite=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png").symlink_to(two_photos / "sub/b.png")
    with pytest.raises(UsageError, match="leads to a photo"):
        plan(two_photos, tmp_path / "out", overwrite=True)
    (tmp_path / "link.png").symlink_to(two_photos / "a.png")
    for out in (two_photos / "a.png", two_photos, tmp_path / "link.png"):
        with pytest.raises(UsageError, match="is the photo itself"):
            plan_output(two_photos / "a.png", str(out), overwrite=True)


def test_a_folder_needs_a_folder(two_photos, tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="needs a folder"):
        plan(two_photos, tmp_path / "file")


def test_results_may_have_another_extension(two_photos, tmp_path) -> None:
    jobs = plan(two_photos, tmp_path / "out", extension=".webp")
    assert [job.out for job in jobs] == [tmp_path / "out/a.webp", tmp_path / "out/sub/b.webp"]
    assert [job.name for job in jobs] == ["a.png", "sub/b.png"]


def test_a_name_that_may_be_meant_as_two_things_is_refused(two_photos, tmp_path) -> None:
    with pytest.raises(UsageError, match=r"write .*new/ or .*new\.png"):
        plan_output(two_photos / "a.png", str(tmp_path / "new"))
    with pytest.raises(UsageError, match=r"looks like a picture, and .*photos is a folder"):
        check_folder_name("new.PNG", two_photos)
    (tmp_path / "there.png").mkdir()
    for name in ("new.png/", "new", "new.2", str(tmp_path / "there.png")):
        check_folder_name(name, two_photos)
    assert [is_folder_name(name, Path("a.png")) for name in ("b.jpg", "b.x", "b/")] == [
        False,
        False,
        True,
    ]
    assert not is_folder_name("bare", Path("scan.1"))


@pytest.mark.parametrize("other", ["a.jpg", "A.jpg"])
def test_two_photos_never_become_one_file(two_photos, write_picture, tmp_path, other) -> None:
    write_picture(f"photos/{other}")
    plan(two_photos, tmp_path / "out")
    with pytest.raises(UsageError, match=r"would both become .*a\.png; rename one"):
        plan(two_photos, tmp_path / "out", extension=".png")
