"""The report of a folder, which the next run goes on from."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from restore.errors import RestoreError
from restore.folders import Entry, FixOptions
from restore.folders.report import open_report, read_reports


@pytest.mark.parametrize("name", ["report-1-of-2.jsonl", "report-2-of-3.jsonl"])
def test_a_part_and_the_whole_refuse_each_other(tmp_path: Path, name: str) -> None:
    for names in ((name, "report.jsonl"), ("report.jsonl", name)):
        first, second = (open_report(tmp_path / n, append=True) for n in names)
        with first, pytest.raises(RestoreError, match="Another run"), second:
            pass
        (report,) = tmp_path.iterdir()  # none of the run that has not begun
        report.unlink()
    with open_report(tmp_path / name, append=True):
        pass


def test_parts_of_one_division_go_on_side_by_side(tmp_path: Path) -> None:
    with open_report(tmp_path / "report-1-of-3.jsonl", append=True):
        with open_report(tmp_path / "report-2-of-3.jsonl", append=True):
            pass
        other = open_report(tmp_path / "report-2-of-2.jsonl", append=True)
        with pytest.raises(RestoreError, match="Another run"), other:
            pass


def test_entries_of_other_versions_are_understood(tmp_path: Path) -> None:
    """An option that an older one did not know was as it is by default; what is new is left out."""
    entry = Entry("a.png", None, "a.png", "done", None, 0.1, 0, {}, "m", None, None, None, None)
    newer = asdict(replace(entry, settings=FixOptions(tta=True).settings)) | {"mood": "good"}
    lines = [json.dumps(asdict(entry)), json.dumps(newer), json.dumps({"photo": "a.png"}), "{"]
    (tmp_path / "report.jsonl").write_text("\n".join(lines))
    first, second = read_reports(tmp_path)["a.png"]
    assert first.settings == FixOptions().settings
    assert second.settings == FixOptions(tta=True).settings
