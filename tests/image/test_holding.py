"""What a format can't hold of a photo is told."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from restore.errors import UsageError
from restore.image import Photo, read_image, tell_lost, write_image
from restore.image.holding import LONGEST_EXIF, LONGEST_XMP

PIXELS = np.zeros((4, 5, 3), np.uint8)
PHOTO = Photo(PIXELS)


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("a.png", ""),
        ("a.tif", ""),
        ("a", ""),
        ("a.webp", "a.webp is written with 8 bits per channel instead of 16."),
        ("a.jpg", "a.jpg is written with 8 bits per channel instead of 16."),
        ("a.bmp", "instead of 16. a.bmp keeps no colour profile and no EXIF, as a BMP has none."),
    ],
)
def test_what_another_format_does_not_keep_is_told(name: str, lost: str) -> None:
    deep = PIXELS.astype(np.uint16) * 257
    photo = Photo(PIXELS, deep=deep, icc=b"profile", exif=b"II*", extension=".png")
    sentence = tell_lost(Path(name), photo)
    assert lost in sentence and bool(sentence) == bool(lost)


def test_a_caption_that_is_lost_is_told() -> None:
    iptc = b"\x1c\x02\x78\0\4bird"
    block = b"8BIM" + struct.pack(">HHL", 0x0404, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)
    photo = Photo(PIXELS, format="JPEG", extension=".jpg", resources=block)
    assert tell_lost(Path("a.tif"), photo) == tell_lost(Path("a.jpg"), photo) == ""
    assert tell_lost(Path("a.webp"), photo).startswith("a.webp keeps no IPTC (caption,")


def test_texts_that_are_lost_are_told(tmp_path) -> None:
    texts = PngInfo()
    for key, text in (("Author", "Ann"), ("Software", "an editor"), ("Description", "Häuser")):
        texts.add_itxt(key, text)
    Image.fromarray(PIXELS).save(tmp_path / "a.png", pnginfo=texts)
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", comment=b"Ann")
    drawing, photo = read_image(tmp_path / "a.png"), read_image(tmp_path / "a.jpg")
    told = tell_lost(Path("b.jpg"), drawing)
    assert told == "b.jpg keeps no texts of the PNG (Author, Description)."
    assert tell_lost(Path("b.png"), photo) == "b.png keeps no texts of the JPEG (comment)."
    assert tell_lost(Path("b.png"), drawing) == tell_lost(Path("b.jpg"), photo) == ""


@pytest.mark.parametrize(("packet", "most"), [("xmp", LONGEST_XMP), ("exif", LONGEST_EXIF)])
def test_a_jpeg_takes_the_longest_metadata_that_fits(
    tmp_path: Path, packet: str, most: int
) -> None:
    content = b"II*\0\x08\0\0\0\0\0".ljust(most, b"\0")
    write_image(tmp_path / "a.jpg", PIXELS, replace(PHOTO, **{packet: content}))
    assert content in (tmp_path / "a.jpg").read_bytes()
    with pytest.raises(UsageError, match="can't keep"):
        write_image(tmp_path / "b.jpg", PIXELS, replace(PHOTO, **{packet: content + b"\0"}))


@pytest.mark.parametrize("packet", ["xmp", "exif"])
def test_metadata_too_long_for_a_jpeg_is_a_sentence(tmp_path: Path, packet: str) -> None:
    like = replace(PHOTO, **{packet: b"II*\0\x08\0\0\0\0\0" + bytes(70_000)})
    with pytest.raises(UsageError, match=rf"{packet.upper()} metadata of 70 KB; write a\.png"):
        write_image(tmp_path / "a.jpg", PIXELS, like)
    write_image(tmp_path / "a.png", PIXELS, like)
    assert not (tmp_path / "a.jpg").exists()
