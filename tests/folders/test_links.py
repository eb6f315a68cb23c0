"""Nothing is written outside of the folder of results, wherever links lead."""

from dataclasses import replace
from pathlib import Path

import pytest

from restore.errors import UsageError
from restore.folders import FixOptions, Tree, fix_folder, plan_folder

OUT = Path("out")
TREE = Tree(Path("photos"), OUT, FixOptions(Path("masks")))


def test_links_that_appear_meanwhile_are_not_written_through(make_album, fake_restorer) -> None:
    make_album("sub/a.png")
    plan = plan_folder(TREE)
    Path("elsewhere").mkdir()
    OUT.mkdir()
    (OUT / "sub").symlink_to("../elsewhere")
    (entry,) = fix_folder(plan)
    assert "leads out of" in str(entry.sentence)
    assert list(Path("elsewhere").iterdir()) == []


def test_a_report_that_is_a_link_is_refused(make_album, fake_restorer) -> None:
    make_album("a.png")
    OUT.mkdir()
    (OUT / "report.jsonl").symlink_to("../precious")
    with pytest.raises(UsageError, match="is a link"):
        list(fix_folder(plan_folder(replace(TREE, resume=True))))
    assert not Path("precious").exists()
