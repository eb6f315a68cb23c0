import errno
import os
import sys
from dataclasses import replace
from io import BufferedWriter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, features

from restore.errors import RestoreError, UsageError
from restore.image import (
    FORMATS,
    Photo,
    check_target,
    read_image,
    write_bytes,
    write_image,
)

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (24, 36, 3), np.uint8)
ALPHA = RNG.integers(0, 256, (24, 36), np.uint8)
GRAY = np.repeat(PIXELS[:, :, :1], 3, axis=2)
PHOTO = Photo(PIXELS)


needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow writes no AVIF")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("extension", ["png", "tif", "tiff", "bmp", "webp"])
@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("transparent", [False, True])
def test_lossless_formats_give_every_pixel_back(
    tmp_path: Path, extension: str, gray: bool, transparent: bool
) -> None:
    photo = Photo(GRAY if gray else PIXELS, ALPHA if transparent else None, gray)
    first, second = tmp_path / f"1.{extension}", tmp_path / f"2.{extension}"
    write_image(first, photo.pixels, photo)
    again = read_image(first)
    write_image(second, again.pixels, again)
    for result in (again, read_image(second)):
        assert np.array_equal(result.pixels, photo.pixels)  # also where alpha is 0
        assert (result.alpha is None) == (not transparent)
        assert result.alpha is None or np.array_equal(result.alpha, ALPHA)
        has_gray = extension != "webp" and not (extension == "bmp" and transparent)
        assert result.gray == (gray and has_gray)


@given(
    st.sampled_from(["png", "tif", "bmp", "webp"]),
    st.integers(1, 40),
    st.integers(1, 40),
    st.booleans(),
    st.booleans(),
    st.integers(0, 99),
)
def test_any_size_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    extension: str,
    height: int,
    width: int,
    gray: bool,
    transparent: bool,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, 1 if gray else 3), np.uint8)
    pixels = np.repeat(pixels, 3, axis=2) if gray else pixels
    alpha = rng.integers(0, 256, (height, width), np.uint8) if transparent else None
    path = tmp_path_factory.getbasetemp() / f"any.{extension}"
    write_image(path, pixels, Photo(pixels, alpha, gray), overwrite=True)
    again = read_image(path)
    assert np.array_equal(again.pixels, pixels)
    assert alpha is None or np.array_equal(again.alpha, alpha)


def test_a_gray_photo_stays_gray_with_colour_in_its_pixels(tmp_path: Path) -> None:
    pixels = GRAY.copy()
    pixels[3:6, 4:9] = (250, 20, 10)
    write_image(tmp_path / "a.png", pixels, Photo(GRAY, gray=True))
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "L"
        same = np.asarray(picture) == GRAY[:, :, 0]
    assert same[:3].all()
    assert not same[3:6, 4:9].all()


def test_a_gray_photo_has_no_colour_where_a_format_has_no_gray(tmp_path: Path) -> None:
    pixels = GRAY.copy()
    pixels[3:6, 4:9] = (250, 20, 10)
    like = Photo(GRAY, GRAY[:, :, 0], gray=True)
    write_image(tmp_path / "a.webp", pixels, like)
    written = read_image(tmp_path / "a.webp")
    assert (written.pixels == written.pixels[..., :1]).all()
    assert np.array_equal(written.alpha, like.alpha)


@pytest.mark.parametrize("extension", ["jpg", "jpeg", "JPG"])
def test_the_extension_decides_the_format(tmp_path: Path, extension: str) -> None:
    write_image(tmp_path / f"a.{extension}", PIXELS, PHOTO)
    assert read_image(tmp_path / f"a.{extension}").format == "JPEG"


def test_an_extension_that_says_nothing_keeps_the_format(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "wrong.jpg", "PNG")
    photo = read_image(tmp_path / "wrong.jpg")
    for name in ("wrong-fixed.jpg", "noextension"):
        write_image(tmp_path / name, photo.pixels, photo)
        assert np.array_equal(read_image(tmp_path / name).pixels, PIXELS)
    write_image(tmp_path / "a.jpeg", photo.pixels, photo)
    assert read_image(tmp_path / "a.jpeg").format == "JPEG"


@pytest.mark.parametrize("extension", [".gif", ".jxl", ".xyz", ".backup"])
def test_an_extension_of_no_format_of_ours_is_refused(tmp_path: Path, extension: str) -> None:
    with pytest.raises(UsageError, match=rf"not written as \{extension}; known: \.png, \.jpg"):
        write_image(tmp_path / f"a{extension}", PIXELS, PHOTO)
    write_image(tmp_path / f"a{extension}", PIXELS, replace(PHOTO, extension=extension))
    assert read_image(tmp_path / f"a{extension}").format == "PNG"


def test_a_bmp_with_transparency_is_gray_where_its_photo_is(tmp_path: Path) -> None:
    write_image(tmp_path / "a.bmp", PIXELS, Photo(GRAY, ALPHA, gray=True))
    written = read_image(tmp_path / "a.bmp")
    assert np.array_equal(written.alpha, ALPHA)
    assert (written.pixels == written.pixels[..., :1]).all()


@pytest.mark.parametrize("extension", [".heic", ".HEIF", ".hif"])
def test_heic_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extension: str
) -> None:
    monkeypatch.delitem(FORMATS, extension.lower(), raising=False)
    with pytest.raises(UsageError, match=r'needs pillow-heif; pip install "restore-gan\[heic\]"'):
        write_image(tmp_path / f"a{extension}", PIXELS, PHOTO)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    "pixels",
    [PIXELS / np.float32(255), PIXELS.astype(np.int32), PIXELS[..., 0], PIXELS[..., :2]],
    ids=["float", "int", "2-D", "two channels"],
)
def test_what_is_no_photo_is_not_written(tmp_path: Path, pixels: NDArray[Any]) -> None:
    with pytest.raises(UsageError, match=r"must be \(height, width, 3\) uint8 or uint16, not"):
        write_image(tmp_path / "a.png", pixels, PHOTO)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("extension", ["png", "bmp", "jpg"])
@pytest.mark.parametrize("alpha", [np.full((24, 35), 255, np.uint8), np.ones((24, 36))])
def test_transparency_of_another_kind_is_refused(
    tmp_path: Path, extension: str, alpha: NDArray[Any]
) -> None:
    sentence = r"The transparency of a photo of \(24, 36\) must be .*, not \(24, 3.\) \w+\.$"
    for like, given_alpha in ((PHOTO, alpha), (Photo(PIXELS, alpha), None)):
        with pytest.raises(UsageError, match=sentence):
            write_image(tmp_path / f"a.{extension}", PIXELS, like, alpha=given_alpha)
    assert names_in(tmp_path) == []


def test_a_jpeg_holds_only_what_is_opaque(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="write a PNG instead"):
        write_image(tmp_path / "a.jpg", PIXELS, Photo(PIXELS, ALPHA))
    assert names_in(tmp_path) == []
    opaque = np.full_like(ALPHA, 255)
    write_image(tmp_path / "a.jpg", PIXELS, Photo(PIXELS, ALPHA), alpha=opaque)
    assert read_image(tmp_path / "a.jpg").alpha is None


def test_alpha_can_be_replaced(tmp_path: Path) -> None:
    opaque = np.full_like(ALPHA, 255)
    write_image(tmp_path / "a.png", PIXELS, Photo(PIXELS, ALPHA), alpha=opaque)
    assert np.array_equal(read_image(tmp_path / "a.png").alpha, opaque)


def test_a_gray_profile_does_not_follow_into_rgb(tmp_path: Path) -> None:
    profile = bytes(16) + b"GRAY" + bytes(108)
    photo = Photo(GRAY, gray=True, icc=profile)
    write_image(tmp_path / "a.png", GRAY, photo)
    assert read_image(tmp_path / "a.png").icc == profile
    write_image(tmp_path / "a.webp", GRAY, photo)
    assert read_image(tmp_path / "a.webp").icc == b""


def test_an_existing_file_is_replaced_only_on_request(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("precious")
    with pytest.raises(UsageError, match=r"a\.png exists; add --overwrite"):
        write_image(path, PIXELS, PHOTO)
    assert path.read_text() == "precious"
    write_image(path, PIXELS, PHOTO, overwrite=True)
    assert np.array_equal(read_image(path).pixels, PIXELS)
    assert names_in(tmp_path) == ["a.png"]


def test_a_file_that_appears_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    monkeypatch.setattr(os, "fsync", lambda _: path.write_text("precious"))
    with pytest.raises(UsageError, match="exists; add --overwrite"):
        write_image(path, PIXELS, PHOTO)
    assert path.read_text() == "precious"
    assert names_in(tmp_path) == ["a.png"]


def test_a_link_is_replaced_and_not_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "original").write_text("precious")
    link = tmp_path / "a.png"
    for target in ("original", "nowhere"):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        with pytest.raises(UsageError, match="exists; add --overwrite"):
            write_image(link, PIXELS, PHOTO)
        write_image(link, PIXELS, PHOTO, overwrite=True)
        assert not link.is_symlink()
    assert (tmp_path / "original").read_text() == "precious"
    assert names_in(tmp_path) == ["a.png", "original"]


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        write_image(tmp_path, PIXELS, PHOTO, overwrite=True)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UsageError, match="not a file that could be replaced"):
        write_image(tmp_path / "pipe.png", PIXELS, PHOTO, overwrite=True)
    with pytest.raises(RestoreError, match="There is no folder"):
        write_image(tmp_path / "none" / "a.png", PIXELS, PHOTO)


def test_a_folder_that_may_not_be_written_into_is_told_before_work_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path or not mode & os.W_OK)
    with pytest.raises(RestoreError, match=r"Can't write .*a\.png: Permission denied\."):
        check_target(tmp_path / "a.png")
    (tmp_path / "open").mkdir()
    check_target(tmp_path / "open" / "a.png")


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
@pytest.mark.parametrize("existing", [False, True])
def test_a_failure_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, existing: bool
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    class Full(BufferedWriter):
        def write(self, data: object) -> int:
            super().write(bytes(10))
            raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "a.png"
    if existing:
        path.write_text("precious")
    if step == "write":
        opened = Path.open
        monkeypatch.setattr(Path, "open", lambda self, mode: Full(opened(self, mode, buffering=0)))
    else:
        monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fail)
    with pytest.raises(RestoreError, match=r"^Can't write .*a\.png: No space left on device\.$"):
        write_image(path, PIXELS, PHOTO, overwrite=True)
    monkeypatch.undo()
    assert names_in(tmp_path) == (["a.png"] if existing else [])
    assert not existing or path.read_text() == "precious"


def test_an_interruption_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_image(tmp_path / "a.png", PIXELS, PHOTO)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "side"),
    [("a.webp", 16_384), ("a.jpg", 65_501), pytest.param("a.avif", 32_769, marks=needs_avif)],
)
def test_what_a_format_cannot_hold_is_a_sentence(tmp_path: Path, name: str, side: int) -> None:
    for shape in ((1, side, 3), (side, 1, 3)):
        large = np.zeros(shape, np.uint8)
        with pytest.raises(RestoreError, match=f"has at most {side - 1} across or down"):
            write_image(tmp_path / name, large, Photo(large))
        assert names_in(tmp_path) == []
        fitting = large[: side - 1, : side - 1]
        write_image(tmp_path / name, fitting, Photo(fitting))
        assert read_image(tmp_path / name).pixels.shape == fitting.shape
        (tmp_path / name).unlink()


def test_what_pillow_cannot_write_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("no such thing.")

    monkeypatch.setattr(Image.Image, "save", refuse)
    with pytest.raises(RestoreError, match=r"Can't write .*a\.webp as WEBP: no such thing\.$"):
        write_image(tmp_path / "a.webp", PIXELS, PHOTO)
    assert names_in(tmp_path) == []


def test_standard_output_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not to standard output"):
        write_image("-", PIXELS, PHOTO)


@pytest.mark.skipif(sys.platform != "linux", reason="links of Linux's /proc")
def test_a_link_to_what_a_process_has_open_is_never_replaced(tmp_path: Path) -> None:
    with (tmp_path / "redirected.png").open("wb") as file:
        direct, chained = tmp_path / "direct.png", tmp_path / "chained.png"
        direct.symlink_to(f"/proc/self/fd/{file.fileno()}")
        chained.symlink_to("direct.png")
        for link in (direct, chained):
            with pytest.raises(UsageError, match="not a file that could be replaced"):
                write_image(link, PIXELS, PHOTO, overwrite=True)
            assert link.is_symlink()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "looping.png").symlink_to("loop/x.png")
    write_image(tmp_path / "looping.png", PIXELS, PHOTO, overwrite=True)
    usual = tmp_path / "usual.png"
    usual.symlink_to("redirected.png")
    write_image(usual, PIXELS, PHOTO, overwrite=True)
    assert not usual.is_symlink() and (tmp_path / "redirected.png").stat().st_size == 0


def test_an_impossible_name_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match=r"^Can't write .*: File name too long\.$"):
        write_image(tmp_path / f"{'x' * 300}.png", PIXELS, PHOTO)


def test_permissions_are_those_of_new_files(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_image(tmp_path / "a.png", PIXELS, PHOTO)
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_bytes_are_written_whole(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"data")
    assert (tmp_path / "a").read_bytes() == b"data"
    with pytest.raises(UsageError, match="exists; add --overwrite"):
        write_bytes(tmp_path / "a", b"other")
    write_bytes(tmp_path / "a", b"other", overwrite=True)
    assert (tmp_path / "a").read_bytes() == b"other"


def test_what_is_no_photo_is_refused_whatever_it_is(tmp_path: Path) -> None:
    like = Photo(np.zeros((4, 5, 3), np.uint8))
    for wrong in (like.pixels.tolist(), like.pixels.ravel()):
        with pytest.raises(UsageError, match="A photo must be"):
            write_image(tmp_path / "a.png", wrong, like)


def test_the_size_in_the_exif_is_that_of_the_pixels(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[40962], exif.get_ifd(0x8769)[40963] = 5, 4
    like = Photo(np.zeros((4, 5, 3), np.uint8), exif=exif.tobytes()[6:])
    write_image(tmp_path / "a.png", np.zeros((8, 10, 3), np.uint8), like)
    with Image.open(tmp_path / "a.png") as picture:
        inner = picture.getexif().get_ifd(0x8769)
    assert (inner[40962], inner[40963]) == (10, 8)


@pytest.mark.parametrize("quality", [0, 101, -5, "high", 80.5])
def test_what_is_no_quality_is_refused(tmp_path, quality: object) -> None:
    pixels = np.zeros((8, 9, 3), np.uint8)
    with pytest.raises(UsageError, match="from 1 to 100"):
        write_image(tmp_path / "a.jpg", pixels, Photo(pixels), quality=quality)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("like", [None, np.zeros((8, 9, 3), np.uint8)])
def test_a_photo_is_written_like_a_photo(tmp_path, like: object) -> None:
    with pytest.raises(UsageError, match=r"Photo\(pixels\)"):
        write_image(tmp_path / "a.png", np.zeros((8, 9, 3), np.uint8), like)
