"""`restore evaluate`: the table, its JSON, the sheet, and what is told when a thing is missing."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(3):
        picture = Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8))
        picture.resize((72, 64), Image.Resampling.BICUBIC).save(folder / f"{index}.png")
    return folder


def test_the_table_has_a_line_for_each_method_and_band(
    run, tiny_checkpoint: Path, photos: Path
) -> None:
    ran = run("evaluate", str(tiny_checkpoint), str(photos), "--mask", "wide", "--limit", "2")
    assert ran.code == 0
    heading, *lines = ran.out.splitlines()
    assert heading.split()[:3] == ["hole", "photos", "method"]
    assert {line.split("%")[1].split()[1] for line in lines} == {"telea", "ns", "ours"}
    assert all(heading.index("PSNR") == line.index(line.split("%")[1].split()[2]) for line in lines)


def test_json_and_a_sheet(run, tiny_checkpoint: Path, photos: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    ran = run(
        "evaluate", str(tiny_checkpoint), str(photos), "--mask", "boxes", "--json", "--sheet", sheet
    )
    means = json.loads(ran.out)["means"]
    assert {row["method"] for row in means} == {"telea", "ns", "ours"}
    assert all(row["values"]["psnr"] > 0 for row in means)
    with Image.open(sheet) as picture:
        assert picture.width > 5 * 64 and picture.height > 3 * 64


def test_fid_without_its_package_is_one_sentence(
    run, tiny_checkpoint: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restore.fidelity.find_spec", lambda name: None)
    ran = run("evaluate", str(tiny_checkpoint), str(photos), "--mask", "wide", "--fid")
    assert ran.code == 1
    assert "restore-gan[fidelity]" in ran.sentence


def test_wrong_names_are_told(run, tiny_checkpoint: Path, photos: Path, tmp_path: Path) -> None:
    model = str(tiny_checkpoint)
    ran = run("evaluate", model, str(photos), "--mask", "wid")
    assert ran.code == 2 and "Did you mean 'wide'" in ran.sentence
    ran = run("evaluate", model, str(tmp_path / "absent"), "--mask", "wide")
    assert ran.code == 1 and "absent" in ran.sentence
