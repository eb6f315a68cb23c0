"""Photos as bytes, and a program that is not ours which has us read and write them."""

import dataclasses
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from restore.errors import RestoreError, UsageError
from restore.image import Photo, encode_image, read_image, write_image
from restore.masks import read_mask

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 36, 3), np.uint8)
RGB = Image.fromarray(PIXELS)


def encode(picture: Image.Image, name: str) -> bytes:
    file = BytesIO()
    picture.save(file, name)
    return file.getvalue()


def test_a_program_that_is_not_ours_keeps_its_stderr_and_its_warnings(tmp_path: Path) -> None:
    RGB.save(tmp_path / "bomb.png")
    program = f"""
import os, warnings
from PIL import Image
warnings.simplefilter("error", Image.DecompressionBombWarning)
Image.MAX_IMAGE_PIXELS = 700
import restore.quiet
restore.read_image({str(tmp_path / "a.tif")!r})
with restore.quiet.stderr_silenced():
    os.write(2, b"heard")
try:
    Image.open({str(tmp_path / "bomb.png")!r})
except Image.DecompressionBombWarning:
    os.write(2, b" and warned")
"""
    RGB.resize((8, 8)).save(tmp_path / "a.tif")
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stderr
    assert told == "heard and warned"


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "deep"])
def test_bytes_are_read_as_their_file(tmp_path: Path, name: str) -> None:
    if name == "deep":
        content = cv2.imencode(".png", np.arange(60, dtype=np.uint16).reshape(4, 5, 3) * 999)[1]
        content = content.tobytes()
    else:
        content = encode(RGB, name)
    path = tmp_path / f"a.{name.lower()}"
    path.write_bytes(content)
    there, here = read_image(path), read_image(path.name, data=content)
    for key in (field.name for field in dataclasses.fields(there)):
        if key not in {"permissions", "warning", "encoding", "extension"}:
            assert np.array_equal(getattr(there, key), getattr(here, key)), key
    assert there.encoding.keys() == here.encoding.keys()
    assert encode_image("b.png", here.pixels, here) == encode_image("b.png", there.pixels, there)


def test_no_bytes_are_told() -> None:
    with pytest.raises(RestoreError, match="sent is empty"):
        read_image("sent", data=b"")
    with pytest.raises(UsageError, match=r"as read\(\) gives, not BytesIO"):
        read_image("sent.png", data=BytesIO(encode(RGB, "PNG")))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="named by its path, not by bytes"):
        read_image(encode(RGB, "PNG"))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="not by NoneType"):
        read_mask(None, (4, 5))  # type: ignore[arg-type]


def test_the_name_of_bytes_decides_no_format() -> None:
    photo = read_image("photo.jpg", data=encode(RGB, "PNG"))
    assert encode_image("mended.jpg", photo.pixels, photo).startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif", "a"])
def test_what_is_encoded_is_what_is_written(tmp_path: Path, name: str) -> None:
    photo = Photo(PIXELS, dpi=(300, 300))
    write_image(tmp_path / name, PIXELS, photo)
    assert encode_image(name, PIXELS, photo) == (tmp_path / name).read_bytes()


@pytest.mark.parametrize("quality", [0, 101, True, "80", 80.0])
def test_a_quality_is_a_whole_number(quality: object) -> None:
    with pytest.raises(UsageError, match="whole number from 1 to 100"):
        encode_image("a.jpg", PIXELS, Photo(PIXELS), quality=quality)
    assert encode_image("a.jpg", PIXELS, Photo(PIXELS), quality=np.int64(80))
