"""From a photo's file to the page, and back to files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restore.errors import RestoreError, UsageError
from restore.folders import FixOptions
from restore.image import Mask, Pixels
from restore.masks import grow_mask
from restore.web import PaintServer, open_page

HOLE: Mask = np.zeros((40, 60), np.uint8)
HOLE[10:20, 20:40] = 1


@pytest.fixture
def photo(write_picture) -> Path:
    return write_picture("photo.png")


@pytest.fixture
def open_it(fake_restorer, monkeypatch, photo: Path):
    """Open the page of the photo, which is closed after the test."""
    monkeypatch.setattr("restore.web.opening.checkpoint_path", Path)
    pages: list[PaintServer] = []

    def open_it(out: str | None = None, **options: Any) -> PaintServer:
        pages.append(open_page(photo, out, FixOptions(**options)))
        return pages[-1]

    yield open_it
    for page in pages:
        page.server_close()


def test_what_is_filled_is_saved_beside_the_photo(open_it, photo: Path) -> None:
    page = open_it(seed=7)
    before = photo.read_bytes()
    page.retouching.fill(HOLE)
    assert page.save_photo() == str(photo.with_name("photo-fixed.png"))
    saved = np.asarray(Image.open(photo.with_name("photo-fixed.png")))
    assert np.array_equal(saved, page.retouching.photo.pixels)
    assert (saved[HOLE == 1] == 7).all()
    assert photo.read_bytes() == before


def test_what_the_page_has_saved_it_may_save_again(open_it, photo: Path) -> None:
    page = open_it()
    page.retouching.fill(HOLE)
    saved = Path(page.save_photo())
    page.retouching.undo()
    page.save_photo()
    assert saved.read_bytes() == photo.read_bytes()
    pixels = page.retouching.photo.pixels
    photo.write_bytes(b"another")
    page.save_photo()  # what is shown, not what the file is now
    assert np.array_equal(np.asarray(Image.open(saved)), pixels)
    page.retouching.redo()
    assert page.unsaved
    page.retouching.undo()
    assert not page.unsaved, "this is what was saved"


def test_what_comes_meanwhile_is_not_replaced(open_it, photo: Path) -> None:
    page = open_it()
    page.retouching.fill(HOLE)
    other = photo.with_name("photo-fixed.png")
    other.write_text("another's")
    with pytest.raises(UsageError, match="exists"):
        page.save_photo()
    assert page.unsaved and other.read_text() == "another's"


def test_what_exists_is_refused_before_anything_is_painted(open_it, photo: Path) -> None:
    photo.with_name("photo-fixed.png").write_text("another's")
    with pytest.raises(UsageError, match="--overwrite"):
        open_it()
    open_it(overwrite=True).save_photo()


def test_the_result_may_be_named(open_it, tmp_path: Path) -> None:
    page = open_it(str(tmp_path / "there" / "clean.tif"))
    page.retouching.fill(HOLE)
    assert Image.open(page.save_photo()).format == "TIFF"


def test_masks_get_names_that_are_free(open_it, photo: Path) -> None:
    taken = photo.with_name("photo-mask.png")
    taken.write_text("another's")
    page = open_it()
    saved = [page.save_mask(HOLE), page.save_mask(HOLE * 0)]
    assert saved == [str(photo.with_name("photo-mask-2.png"))] * 2  # its own, written again
    assert not np.asarray(Image.open(saved[0])).any()
    photo.with_name("photo-mask-2.png").unlink()
    photo.with_name("photo-mask-2.png").symlink_to("nowhere.png")
    assert page.save_mask(HOLE) == str(photo.with_name("photo-mask-3.png"))
    assert taken.read_text() == "another's"
    assert open_it(overwrite=True).save_mask(HOLE) == str(taken)
    assert np.array_equal(np.asarray(Image.open(taken)), HOLE * 255)


@pytest.mark.parametrize("taken", ["result", "mask"])
def test_a_saved_mask_replaces_neither_the_result_nor_the_mask_given(
    open_it, photo: Path, write_picture, taken: str
) -> None:
    path = str(photo.with_name("photo-mask.png"))
    options: dict[str, Any] = {"out": path}
    if taken == "mask":
        options = {"mask": write_picture("photo-mask.png", HOLE * 255)}
    page = open_it(overwrite=True, **options)
    page.retouching.fill(HOLE)
    page.save_photo()
    before = Path(path).read_bytes()
    assert page.save_mask(HOLE * 0) == str(photo.with_name("photo-mask-2.png"))
    assert Path(path).read_bytes() == before


def test_a_mask_to_begin_with_is_painted(open_it, mask_file: Path) -> None:
    assert open_it().painted is None
    assert np.array_equal(open_it(mask=mask_file).painted, HOLE)


@pytest.mark.parametrize("level", [0, 255])
def test_a_mask_to_begin_with_may_be_all_or_nothing(open_it, write_picture, level: int) -> None:
    page = open_it(mask=write_picture("m.png", np.full((40, 60), level, np.uint8)))
    assert page.painted is None if level == 0 else page.painted.all()


def test_what_another_has_written_meanwhile_stays(open_it, photo: Path) -> None:
    page = open_it()
    page.retouching.fill(HOLE)
    for saved in (Path(page.save_photo()), Path(page.save_mask(HOLE))):
        saved.write_text("another's")
    with pytest.raises(UsageError, match="exists"):
        page.save_photo()
    assert page.save_mask(HOLE) == str(photo.with_name("photo-mask-2.png"))
    assert photo.with_name("photo-mask.png").read_text() == "another's"


def test_a_mask_that_could_not_be_written_gets_another_name(
    open_it, photo: Path, monkeypatch
) -> None:
    page = open_it()

    def fail(*_: object, **__: object) -> None:
        raise RestoreError("The disk is full.")

    with monkeypatch.context() as patch, pytest.raises(RestoreError, match="full"):
        patch.setattr("restore.web.opening.write_mask", fail)
        page.save_mask(HOLE)
    photo.with_name("photo-mask.png").write_text("another's")
    assert page.save_mask(HOLE) == str(photo.with_name("photo-mask-2.png"))


def test_what_no_browser_draws_is_refused(open_it, photo: Path) -> None:
    Image.new("L", (32_768, 1)).save(photo)
    with pytest.raises(UsageError, match="browsers draw at most"):
        open_it()


def test_what_a_detector_finds_is_painted_to_begin_with(
    open_it, photo: Path, mask_file: Path, monkeypatch
) -> None:
    class Finder:
        def find(self, pixels: Pixels, *, threshold: float | None, grow: int) -> Mask:
            assert pixels.shape == (40, 60, 3) and threshold in (None, 0.3)
            return grow_mask(HOLE, grow)

    monkeypatch.setattr("restore.detector.Detector.load", lambda name, device: Finder())
    assert np.array_equal(open_it(find="scratches").painted, grow_mask(HOLE, 2))
    assert np.array_equal(open_it(find="scratches", grow=0, threshold=0.3).painted, HOLE)
    with pytest.raises(UsageError, match="leave out --mask"):
        open_it(find="scratches", mask=mask_file)


def test_what_mends_whole_photos_is_refused(open_it, fake_restorer, monkeypatch) -> None:
    monkeypatch.setattr(type(fake_restorer), "mends", True)
    with pytest.raises(UsageError, match="fills no holes"):
        open_it()


def test_an_unknown_name_is_told_before_the_photo_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(RestoreError, match="inpaint"):
        open_page(tmp_path / "a.png", None, FixOptions(), model="inpiant")
