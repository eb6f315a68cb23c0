from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import restore.data.check as check
from restore.data import Report, check_photos, find_photos, load_facts, save_facts, usable
from restore.data.check import Facts, find_alike
from restore.errors import RestoreError


@pytest.fixture
def folder(tmp_path: Path, write_photo: Callable[..., Path]) -> Path:
    """Each kind of trouble once."""
    photos = tmp_path / "photos"
    for seed in range(3):
        write_photo(photos / f"good{seed}.png", seed)
    (photos / "same.png").write_bytes((photos / "good1.png").read_bytes())
    write_photo(photos / "worse.jpg", 2, quality=60)
    write_photo(photos / "large.jpg", 3, size=(300, 400))
    write_photo(photos / "tiny.png", 4, size=(31, 90))
    gray = Image.open(write_photo(photos / "gray.png", 5)).convert("L").convert("RGB")
    gray.save(photos / "gray.png")
    cut = write_photo(photos / "cut.jpg", 6, size=(300, 400)).read_bytes()
    (photos / "cut.jpg").write_bytes(cut[: len(cut) // 2])
    (photos / "text.png").write_text("no picture")
    return photos


def _check(folder: Path, size: int = 64, **options: object) -> Report:
    return check_photos(find_photos(folder), size, **options)  # type: ignore[arg-type]


def test_each_trouble_is_found_and_the_rest_is_kept(folder: Path) -> None:
    report = _check(folder, size=128)
    good = ["good0.png", "good1.png", "good2.png"]
    assert list(report.photos) == [*good, "gray.png", "large.jpg", "worse.jpg"]
    found = report.found
    assert len(found["unreadable"]) == 2
    assert found["unreadable"][0].startswith("cut.jpg is damaged or cut short")
    assert found["unreadable"][1].startswith("text.png is not a picture")
    assert found["duplicate"] == ["same.png = good1.png"]
    assert found["tiny"] == ["tiny.png (90 × 31)"]
    assert found["gray"] == ["gray.png"]
    assert found["alike"] == ["worse.jpg ~ good2.png"]
    assert found["small"] == [f"{n} (90 × 70)" for n in [*good, "gray.png", "worse.jpg"]]
    assert found["unpaired"] == []


def test_a_report_can_be_read(folder: Path) -> None:
    lines = _check(folder, size=128).lines(most=1)
    assert lines[0] == f"{folder}: 10 photos, 6 to train on"
    assert lines[1] == "Left out, can't be read: 2"
    assert lines[3] == "  and 1 more"
    assert "Kept but enlarged, less than 128 pixels wide or high: 5" in lines
    assert len(_check(folder, size=128).lines()) == 1 + 6 + 2 + 1 + 1 + 5 + 1 + 1


def test_what_did_not_change_is_not_looked_at_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, write_photo: Callable[..., Path]
) -> None:
    first = _check(folder)
    save_facts(folder / "photos.json", first.facts)
    known = load_facts(folder / "photos.json")
    assert known == first.facts
    write_photo(folder / "good0.png", 9, size=(80, 80))
    looked = []
    original = check._look_at
    monkeypatch.setattr(check, "_look_at", lambda job: looked.append(job[0]) or original(job))
    again = _check(folder, known=known)
    assert sorted(looked) == ["cut.jpg", "good0.png", "text.png"]  # and what could not be read
    assert again.facts["good0.png"].width == 80
    assert {n: f for n, f in again.facts.items() if n != "good0.png"} == {
        n: f for n, f in first.facts.items() if n != "good0.png"
    }


def test_damaged_or_missing_facts_are_none(tmp_path: Path) -> None:
    for content in (b"", b"[]", b"{", b'{"a.png": [1]}', b'{"a.png": 3}', b"\xff"):
        (tmp_path / "photos.json").write_bytes(content)
        assert load_facts(tmp_path / "photos.json") == {}
    assert load_facts(tmp_path / "absent") == {}


def test_a_long_check_is_announced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "MANY", 5)
    said: list[str] = []
    report = _check(folder, say=said.append)
    assert said == ["Looking at 10 photos, once."]
    _check(folder, known=report.facts, say=said.append)
    assert len(said) == 1


def test_pairs_are_checked_as_one(tmp_path: Path, write_photo: Callable[..., Path]) -> None:
    damaged, clean = tmp_path / "damaged", tmp_path / "clean"
    for seed, name in enumerate(("a.png", "b.png", "c.png", "d.png")):
        write_photo(damaged / name, seed, size=(70, 90) if name != "b.png" else (90, 70))
        write_photo(clean / name, seed)
    (damaged / "c.png").write_text("no picture")
    for side in (damaged, clean):
        (side / "e.png").write_bytes((side / "a.png").read_bytes())
    write_photo(clean / "alone.png")
    report = check_photos(find_photos((damaged, clean)), 64)
    assert list(report.photos) == ["a.png", "d.png"]
    assert report.found["unpaired"] == [str(clean / "alone.png")]
    assert report.found["duplicate"] == ["e.png = a.png"]
    assert "the two of a pair have to be of one size" in report.found["unreadable"][0]
    assert report.found["unreadable"][1].startswith(f"{damaged / 'c.png'} is not a picture")


def test_a_photo_is_measured_as_displayed(tmp_path: Path, write_photo: Callable[..., Path]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    write_photo(tmp_path / "turned.jpg", exif=exif)
    facts = _check(tmp_path).facts["turned.jpg"]
    assert (facts.height, facts.width) == (90, 70)


def test_nothing_to_train_on_is_told(tmp_path: Path, write_photo: Callable[..., Path]) -> None:
    write_photo(tmp_path / "tiny.png", size=(20, 20))
    words = r"no photo that can be trained on: tiny.png \(20 × 20\) is too small\."
    with pytest.raises(RestoreError, match=words):
        _check(tmp_path)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(RestoreError, match=r"trained on: text.png is not a picture .*\.$"):
        _check(tmp_path)


def test_photos_that_differ_little_are_found_whichever_bits_differ() -> None:
    rng = np.random.default_rng(0)
    looks = rng.integers(0, 256, (50, 8), np.uint8)
    near, far = looks[:20].copy(), looks[20:40].copy()
    for number in range(20):
        for bit in rng.choice(64, 3, replace=False):
            near[number, bit // 8] ^= 1 << (bit % 8)
        for bit in rng.choice(64, 4, replace=False):
            far[number, bit // 8] ^= 1 << (bit % 8)
    names = [row.tobytes().hex() for row in (*looks, *near, *far)]
    assert list(find_alike(names)) == [(50 + n, n) for n in range(20)]
    assert list(find_alike([])) == []


def test_photos_that_all_look_the_same_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "COMMON", 3)
    assert list(find_alike(["00" * 8] * 3)) == [(1, 0), (2, 0)]
    assert list(find_alike(["00" * 8] * 4)) == []


def test_of_equal_photos_the_first_is_usable() -> None:
    fact = Facts([], "", "d1", "", 50, 50)
    facts = {"a": fact, "b": fact, "c": fact._replace(digest="d2"), "d": Facts([], "cut")}
    assert usable(facts) == {"a": "d1", "c": "d2"}
