import os
import struct
import warnings
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from restore.errors import RestoreError
from restore.image import open_picture, read_image, read_pixels
from restore.quiet import stderr_silenced, stderr_spoken

# Pytest shows the warnings of Pillow that restore.image keeps off stderr.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 36, 4), np.uint8)
RGB = Image.fromarray(PIXELS[:, :, :3])


def write(path: Path, picture: Image.Image, **options: object) -> Path:
    picture.save(path, **options)
    return path


def encode(picture: Image.Image, name: str, **options: object) -> bytes:
    file = BytesIO()
    picture.save(file, name, **options)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">L", 13) + body + struct.pack(">L", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">L", 9) + b"IDAT" + bytes(9)


def bmp_header(width: int, height: int) -> bytes:
    info = struct.pack("<LllHHLLllLL", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<LLL", 54, 0, 54) + info


def webp_header(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<LL", 10, 0) + size
    return b"RIFF" + struct.pack("<L", len(body)) + body


def test_modes_become_rgb_alpha_and_a_mark_for_gray(tmp_path: Path) -> None:
    gray = RGB.convert("L")
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        photo = read_image(write(tmp_path / f"{mode}.png", RGB.convert(mode)))
        assert photo.pixels.shape == (24, 36, 3)
        assert photo.pixels.dtype == np.uint8
        assert photo.gray == (mode in {"1", "L", "LA"})
        assert (photo.alpha is not None) == (mode in {"LA", "RGBA"})
    photo = read_image(tmp_path / "L.png")
    assert np.array_equal(photo.pixels, np.asarray(gray.convert("RGB")))
    photo = read_image(write(tmp_path / "a.png", Image.fromarray(PIXELS)))
    assert photo.alpha is not None
    assert np.array_equal(photo.pixels, PIXELS[:, :, :3])  # also where alpha is 0
    assert np.array_equal(photo.alpha, PIXELS[:, :, 3])


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_transparent_level_of_few_bits_becomes_alpha(write_gray_png, bits: int) -> None:
    levels = np.arange(64).reshape(8, 8) % 2**bits
    photo = read_image(write_gray_png(levels, bits, 1))
    assert photo.alpha is not None and np.array_equal(photo.alpha == 0, levels == 1)
    assert np.array_equal(photo.pixels[..., 0], levels * (255 // (2**bits - 1)))


@pytest.mark.parametrize(
    ("extra", "channels", "words"),
    [
        (["unspecified"], 4, "has channels besides colours"),
        (["unassalpha", "unspecified"], 5, "has channels besides colours"),
        (["assocalpha"], 4, "has premultiplied transparency"),
        (["unassalpha"], 4, ""),
        ([], 3, ""),
    ],
)
def test_what_a_tiff_loses_is_told(
    tmp_path: Path, extra: list[str], channels: int, words: str
) -> None:
    samples = np.full((24, 36, channels), 200, np.uint8)
    options = {"extrasamples": extra} if extra else {}
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", **options)
    photo = read_image(tmp_path / "a.tif")
    assert words in photo.warning and bool(words) == bool(photo.warning)


def test_pictures_behind_a_jpeg_are_told(tmp_path: Path) -> None:
    RGB.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[RGB.reduce(2)])
    photo = read_image(tmp_path / "a.jpg")
    assert photo.format == "JPEG" and "holds more than the photo" in photo.warning


def test_a_transparent_colour_becomes_alpha(tmp_path: Path) -> None:
    palette = RGB.quantize(8)
    photo = read_image(write(tmp_path / "p.png", palette, transparency=3))
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha == 0, np.asarray(palette) == 3)
    gray = RGB.convert("L")
    photo = read_image(write(tmp_path / "l.png", gray, transparency=int(np.asarray(gray)[0, 0])))
    assert photo.gray
    assert photo.alpha is not None
    assert photo.alpha[0, 0] == 0
    photo = read_image(
        write(tmp_path / "rgb.png", RGB, transparency=tuple(PIXELS[5, 6, :3].tolist()))
    )
    assert photo.alpha is not None
    assert photo.alpha[5, 6] == 0


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_the_content_says_the_format(tmp_path: Path, name: str) -> None:
    (tmp_path / "photo.dat").write_bytes(encode(RGB, name))
    photo = read_image(tmp_path / "photo.dat")
    assert (photo.format, photo.extension) == (name, ".dat")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_orientation_is_applied(tmp_path: Path, name: str, orientation: int) -> None:
    shown = np.zeros((48, 80, 3), np.uint8)  # as displayed: red at the top left, then green
    shown[:24, :40], shown[:24, 40:] = (255, 0, 0), (0, 255, 0)
    stored = {  # TIFF 6.0, tag 274: where the stored row 0 and column 0 belong
        1: shown,
        2: shown[:, ::-1],
        3: shown[::-1, ::-1],
        4: shown[::-1],
        5: shown.swapaxes(0, 1),
        6: shown.swapaxes(0, 1)[::-1],
        7: shown.swapaxes(0, 1)[::-1, ::-1],
        8: shown.swapaxes(0, 1)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(np.ascontiguousarray(stored))
    options = {"lossless": True} if name == "WEBP" else {}
    (tmp_path / "photo").write_bytes(encode(picture, name, exif=exif, **options))
    photo = read_image(tmp_path / "photo")
    assert photo.pixels.shape == shown.shape
    assert np.abs(photo.pixels.astype(int) - shown).mean() < 4


def test_of_a_jpeg_with_several_pictures_the_photo_is_read(tmp_path: Path) -> None:
    other = Image.new("RGB", (8, 8))
    path = write(tmp_path / "a.jpg", RGB, format="MPO", save_all=True, append_images=[other])
    photo = read_image(path)
    assert (photo.format, photo.pixels.shape) == ("JPEG", (24, 36, 3))


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("a.gif", {}, "is a GIF"),
        ("b.gif", {"save_all": True, "append_images": [RGB.rotate(90)]}, "is an animated GIF"),
        ("a.png", {"save_all": True, "append_images": [RGB.rotate(90)]}, "is an animated PNG of 2"),
        (
            "a.webp",
            {"save_all": True, "append_images": [RGB.rotate(90)]},
            "is an animated WEBP of 2",
        ),
        ("a.tif", {"save_all": True, "append_images": [RGB]}, "has 2 pages"),
    ],
)
def test_gif_and_many_pages_are_refused(
    tmp_path: Path, name: str, options: dict, sentence: str
) -> None:
    with pytest.raises(RestoreError, match=f"{sentence}.*accepted are gray"):
        read_image(write(tmp_path / name, RGB, **options))


@pytest.mark.parametrize(
    ("name", "picture", "sentence"),
    [
        ("a.tif", Image.fromarray(PIXELS[:, :, 0].astype(np.float32)), "32 bits per channel"),
        ("a.jpg", RGB.convert("CMYK"), "is CMYK without"),
        ("a.tif", RGB.convert("CMYK"), "is CMYK without"),
        ("a.tif", RGB.convert("LAB"), "the colour mode LAB"),
    ],
)
def test_other_kinds_of_pictures_are_refused(
    tmp_path: Path, name: str, picture: Image.Image, sentence: str
) -> None:
    with pytest.raises(RestoreError, match=sentence):
        read_image(write(tmp_path / name, picture))


@pytest.mark.parametrize(
    "content",
    [png_header(50_000, 50_000), bmp_header(50_000, 50_000), webp_header(60_000, 60_000)],
    ids=["png", "bmp", "webp"],
)
def test_a_bomb_is_refused_by_its_header(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bomb").write_bytes(content)
    with pytest.raises(RestoreError, match="larger than the 179 megapixels that are accepted"):
        read_image(tmp_path / "bomb")


def test_the_limit_on_pixels_is_exact(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", RGB)
    assert read_image(path, max_pixels=24 * 36).pixels.shape == (24, 36, 3)
    with pytest.raises(RestoreError, match="larger than"):
        read_image(path, max_pixels=24 * 36 - 1)


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_a_sentence(tmp_path: Path, name: str, share: float) -> None:
    content = encode(RGB, name)
    (tmp_path / "cut").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(RestoreError, match=r"cut (is damaged or cut short|is not a picture).*\.$"):
        read_image(tmp_path / "cut")


@pytest.mark.usefixtures("hushed")
def test_libtiff_says_nothing_past_us(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = bytearray(encode(RGB, "TIFF", compression="tiff_lzw"))
    content[100:1000] = bytes(900)
    (tmp_path / "bad.tif").write_bytes(content)
    with pytest.raises(RestoreError, match="is damaged or cut short"):
        read_image(tmp_path / "bad.tif")
    os.write(2, b"stderr works again")
    assert capfd.readouterr().err == "stderr works again"


@pytest.mark.usefixtures("hushed")
def test_what_is_said_while_decoders_are_silenced_is_read(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with stderr_silenced():
        os.write(2, b"noise ")
        with stderr_silenced():
            os.write(2, b"more noise ")
            with stderr_spoken():
                os.write(2, b"a sentence ")
        os.write(2, b"and noise ")
    with stderr_spoken():
        os.write(2, b"and another")
    assert capfd.readouterr().err == "a sentence and another"


def test_what_is_no_picture_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match=r"^There is no file .*none\.png\.$"):
        read_image(tmp_path / "none.png")
    with pytest.raises(RestoreError, match="is a folder, not a picture"):
        read_image(tmp_path)
    (tmp_path / "empty.png").touch()
    with pytest.raises(RestoreError, match="is empty"):
        read_image(tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("Lorem ipsum " * 20)
    with pytest.raises(RestoreError, match=r"is not a picture.*accepted are gray, RGB"):
        read_image(tmp_path / "text.png")


def test_an_unreadable_file_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path / "a.png", RGB)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(RestoreError, match=r"^Can't read .*a\.png: Permission denied\.$"):
        read_image(path)


def test_a_full_memory_is_a_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", RGB)
    with pytest.raises(RestoreError, match="not enough memory"), open_picture(path):
        raise MemoryError


SAMPLES = {
    name: encode(RGB, name, exif=bytes(Image.Exif().tobytes()), **options)
    for name, options in {
        "PNG": {},
        "JPEG": {},
        "WEBP": {},
        "TIFF": {"compression": "tiff_lzw"},
        "BMP": {},
    }.items()
}


@given(
    st.sampled_from(sorted(SAMPLES)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    st.floats(0, 1),
)
def test_damaged_bytes_give_a_photo_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    changes: list[tuple[float, int]],
    length: float,
) -> None:
    content = bytearray(SAMPLES[name])
    for place, value in changes:
        content[int(place * len(content))] = value
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content[: int((1 - length**4) * len(content))])
    try:
        photo = read_image(path, max_pixels=1_000_000)
    except RestoreError as error:
        assert "\n" not in str(error)
    else:
        assert photo.pixels.ndim == 3


def test_a_raw_file_is_refused_though_its_thumbnail_could_be_read(tmp_path: Path) -> None:
    small, large = np.zeros((20, 30, 3), np.uint8), np.zeros((200, 300), np.uint16)
    version = (50706, 1, 4, b"\1\4\0\0", True)
    for name, tags in (("a.nef", []), ("a.dng", [version])):
        with tifffile.TiffWriter(tmp_path / name) as file:
            file.write(small, photometric="rgb", subifds=1, subfiletype=1, extratags=tags)
            file.write(large, photometric="minisblack")
        with pytest.raises(RestoreError, match="camera's raw file"):
            read_image(tmp_path / name)
    with tifffile.TiffWriter(tmp_path / "pyramid.tif") as file:  # the other way round
        file.write(np.zeros((40, 60, 3), np.uint8), photometric="rgb", subifds=1)
        file.write(small, photometric="rgb", subfiletype=1)
    assert read_image(tmp_path / "pyramid.tif").pixels.shape == (40, 60, 3)


def test_what_lies_behind_a_photo_is_told(tmp_path: Path) -> None:
    photo = encode(RGB, "JPEG")
    (tmp_path / "a.jpg").write_bytes(photo + b"\0\0\0\x18ftypmp42" + bytes(99))
    assert "holds a video behind the photo" in read_image(tmp_path / "a.jpg").warning
    (tmp_path / "b.jpg").write_bytes(photo)
    assert read_image(tmp_path / "b.jpg").warning == ""
    layers = (37724, 7, 4, b"8BIM", True)
    tifffile.imwrite(tmp_path / "a.tif", PIXELS[..., :3], photometric="rgb", extratags=[layers])
    assert "Photoshop's layers, which is not written" in read_image(tmp_path / "a.tif").warning


@pytest.mark.parametrize("place", [100, 900, 2000])
def test_a_png_with_a_wrong_checksum_is_refused(tmp_path: Path, place: int) -> None:
    content = bytearray(encode(RGB, "PNG", compress_level=0))
    content[place] ^= 1
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(RestoreError, match="is damaged or cut short"):
        read_image(tmp_path / "a.png")
    archived = open_picture("a.png", data=bytes(content))
    with pytest.raises(RestoreError, match="is damaged or cut short"), archived as picture:
        picture.load()


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_training_reads_turned_photos_as_fix_does(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[274] = 6
    path = write(tmp_path / name, RGB, exif=exif)
    pixels, size = read_pixels(name, path.read_bytes())
    assert size == pixels.shape[:2] == (36, 24)
    assert np.array_equal(pixels, read_image(path).pixels)


def test_training_takes_a_large_jpeg_smaller_and_tells_its_size() -> None:
    data = encode(RGB.resize((360, 240)), "JPEG")
    pixels, size = read_pixels("a.jpg", data, least=30)
    assert size == (240, 360)
    assert pixels.shape == (30, 45, 3)


def test_training_refuses_what_fix_refuses() -> None:
    frames = [RGB.transpose(Image.Transpose.ROTATE_180)]
    for data, words in (
        (encode(RGB.convert("CMYK"), "JPEG"), "is CMYK without a colour profile"),
        (encode(RGB, "WEBP", save_all=True, append_images=frames), "is an animated WEBP"),
    ):
        with pytest.raises(RestoreError, match=words):
            read_pixels("a", data)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_a_larger_limit_is_for_one_photo_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    path = tmp_path / "large"
    path.write_bytes(encode(RGB, format))
    for most in (24 * 36, 1000):
        with warnings.catch_warnings(action="error"):
            assert read_image(path, max_pixels=most).pixels.shape == (24, 36, 3)
    assert Image.MAX_IMAGE_PIXELS == 100
    with pytest.raises(Image.DecompressionBombError):
        Image.open(path)
