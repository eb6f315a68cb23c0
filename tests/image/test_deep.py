import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from restore.errors import RestoreError
from restore.image import read_image, read_pixels, write_image
from restore.image.deep import merge, to_eight_bits
from restore.masks import read_mask

Deep = NDArray[np.uint16]
HOLE = (slice(3, 9), slice(4, 20))
KINDS = ["png", "tif", "big-endian.tif", "deflate.tif"]


def draw(channels: int, height: int = 24, width: int = 40) -> Deep:
    rng = np.random.default_rng(channels)
    return rng.integers(0, 65_536, (height, width, channels)).astype(np.uint16)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + name + body + struct.pack(">L", zlib.crc32(name + body))


def encode_png(samples: Deep, extra: bytes = b"") -> bytes:
    height, width, channels = samples.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, 16, colour, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + extra + data + chunk(b"IEND", b"")


def encode_tiff(samples: Deep, **options: object) -> bytes:
    channels = samples.shape[2]
    file = BytesIO()
    options |= {"photometric": "minisblack" if channels < 3 else "rgb"}
    if channels > 1:
        options.setdefault("planarconfig", "contig")
    if channels in {2, 4}:
        options["extrasamples"] = [2]
    if options.get("planarconfig") == "separate":
        samples = np.moveaxis(samples, -1, 0)
    tifffile.imwrite(file, samples[..., 0] if channels == 1 else samples, **options)
    return file.getvalue()


def encode(kind: str, samples: Deep) -> bytes:
    options = {"big-endian.tif": {"byteorder": ">"}, "deflate.tif": {"compression": "zlib"}}
    return encode_png(samples) if kind == "png" else encode_tiff(samples, **options.get(kind, {}))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_training_reads_the_levels_that_fix_reads(tmp_path: Path, channels: int, kind: str) -> None:
    path = tmp_path / f"deep.{kind}"
    samples = draw(channels)
    if channels in {2, 4}:
        samples[..., -1] = 65_535
    path.write_bytes(encode(kind, samples))
    pixels, size = read_pixels(path.name, path.read_bytes(), least=8)
    assert size == (24, 40)
    assert np.array_equal(pixels, read_image(path).pixels)


@pytest.mark.parametrize("target", ["out.png", "out.tif"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bits_stay_outside_the_hole(
    tmp_path: Path, channels: int, kind: str, target: str
) -> None:
    samples = draw(channels)
    path = tmp_path / f"deep.{kind}"
    path.write_bytes(encode(kind, samples))
    photo = read_image(path)
    assert (photo.gray, photo.alpha is not None) == (channels < 3, channels in {2, 4})
    assert np.abs(photo.pixels[..., 0] * 257.0 - samples[..., 0]).max() <= 128
    fixed = photo.pixels.copy()
    fixed[HOLE] = photo.pixels[HOLE] ^ 128
    write_image(tmp_path / target, fixed, photo)
    again = read_image(tmp_path / target)
    assert again.deep is not None and again.gray == photo.gray
    known = np.ones(samples.shape[:2], bool)
    known[HOLE] = False
    assert np.array_equal(again.deep[known], samples[known])
    colours = min(channels, 3) - (channels == 2)
    assert (again.deep[HOLE][..., :colours] % 257 == 0).all() or photo.gray
    assert np.array_equal(again.pixels[HOLE], fixed[HOLE])


@pytest.mark.parametrize("kind", ["png", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [2, 3])
def test_16_bits_are_turned(tmp_path: Path, channels: int, orientation: int, kind: str) -> None:
    shown = draw(channels)
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
    if kind == "png":
        data = encode_png(stored, chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")))
    else:
        data = encode_tiff(np.ascontiguousarray(stored), extratags=[(274, 3, 1, orientation, True)])
    (tmp_path / "a").write_bytes(data)
    photo = read_image(tmp_path / "a")
    assert np.array_equal(photo.deep, shown)
    write_image(tmp_path / "b", photo.pixels, photo)
    assert np.array_equal(read_image(tmp_path / "b").deep, shown)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_of_16_bits_becomes_alpha(
    tmp_path: Path, channels: int, orientation: int
) -> None:
    samples = draw(channels)
    samples[HOLE] = 4660
    samples[0, 1] = 4661  # the same in 8 bits
    exif = Image.Exif()
    exif[0x0112] = orientation
    extra = chunk(b"tRNS", struct.pack(">H", 4660) * channels)
    extra += chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    (tmp_path / "a.png").write_bytes(encode_png(samples, extra))
    photo = read_image(tmp_path / "a.png")
    clear = (samples == 4660).all(axis=2)
    shown = clear if orientation == 1 else np.rot90(clear, -1)
    assert photo.gray == (channels == 1)
    assert np.array_equal(photo.alpha, np.where(shown, 0, 255))
    write_image(tmp_path / "b.png", photo.pixels, photo)
    assert np.array_equal(read_image(tmp_path / "b.png").deep, photo.deep)


@pytest.mark.parametrize("channels", [2, 3])
def test_a_tiff_with_its_channels_apart_is_read(tmp_path: Path, channels: int) -> None:
    samples = draw(channels)
    (tmp_path / "a.tif").write_bytes(encode_tiff(samples, planarconfig="separate"))
    assert np.array_equal(read_image(tmp_path / "a.tif").deep, samples)


def test_metadata_stay_with_16_bits(tmp_path: Path) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010E] = "a description"
    extra = chunk(b"iCCP", b"x\0\0" + zlib.compress(icc)) + chunk(
        b"pHYs", b"\0\0\x2e\x23" * 2 + b"\1"
    )
    extra += chunk(b"tEXt", b"Author\0IDAT") + chunk(b"eXIf", exif.tobytes()[6:])
    (tmp_path / "a.png").write_bytes(encode_png(draw(3), extra))
    photo = read_image(tmp_path / "a.png")
    for name in ("b.png", "b.tif"):
        write_image(tmp_path / name, photo.pixels, photo)
        again = read_image(tmp_path / name)
        assert np.array_equal(again.deep, draw(3))
        assert again.icc == icc
        assert again.dpi == pytest.approx((300, 300), abs=0.1)
        with Image.open(tmp_path / name) as picture:
            assert picture.getexif()[0x010E] == "a description"
            assert name == "b.tif" or picture.text == {"Author": "IDAT"}


def test_a_deep_photo_is_written_with_8_bits_where_a_format_has_no_more(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(draw(3)))
    photo = read_image(tmp_path / "a.png")
    for name in ("b.webp", "b.bmp"):
        write_image(tmp_path / name, photo.pixels, photo)
        assert np.array_equal(read_image(tmp_path / name).pixels, photo.pixels)


def test_other_depths_are_refused(tmp_path: Path) -> None:
    signed, real = draw(1).astype(np.int16)[..., 0], draw(3).astype(np.float32)
    for samples, bits, colours in ((signed, 16, "minisblack"), (real, 32, "rgb")):
        tifffile.imwrite(tmp_path / "a.tif", samples, photometric=colours)
        with pytest.raises(RestoreError, match=rf"{bits} bits per channel|as with 32 bits"):
            read_image(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("samples", "options", "sentence"),
    [
        (draw(1)[..., 0], {"photometric": "miniswhite"}, "inverted gray, where 0 is white"),
        (draw(4), {"photometric": "rgb", "extrasamples": [1]}, "premultiplied alpha"),
        (draw(4), {"photometric": "rgb", "extrasamples": [0]}, "channels besides colours"),
        (
            draw(1)[..., 0].view(np.int16),
            {"photometric": "minisblack"},
            "signed or fractional samples",
        ),
    ],
    ids=["inverted", "premultiplied", "more channels", "signed"],
)
def test_the_reason_against_a_tiff_of_16_bits_is_told(
    tmp_path: Path, samples: Deep, options: dict, sentence: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", samples, **options)
    with pytest.raises(RestoreError, match=f"has 16 bits per channel and {sentence}.*; accepted"):
        read_image(tmp_path / "a.tif")


@pytest.mark.usefixtures("hushed")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_truncated_16_bits_are_a_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], channels: int, kind: str, share: float
) -> None:
    content = encode(kind, draw(channels))
    (tmp_path / "cut").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(RestoreError, match=r"cut (is damaged or cut short|is not a picture).*\.$"):
        read_image(tmp_path / "cut")
    assert capfd.readouterr().err == ""


def test_opencv_agrees_on_what_is_written(tmp_path: Path) -> None:
    photo_samples = draw(3)
    (tmp_path / "a.tif").write_bytes(encode("deflate.tif", photo_samples))
    photo = read_image(tmp_path / "a.tif")
    for name in ("b.png", "b.tif"):
        write_image(tmp_path / name, photo.pixels, photo)
        read = cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(read[..., ::-1], photo_samples)


def test_every_level_survives_16_bits() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    assert np.array_equal(to_eight_bits(merge(levels, np.zeros((1, 1, 1), np.uint16))), levels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_known_samples_stay_when_transparency_comes_or_goes(tmp_path: Path, channels: int) -> None:
    samples = draw(channels)
    (tmp_path / "a.png").write_bytes(encode_png(samples))
    photo = read_image(tmp_path / "a.png")
    if channels in {2, 4}:
        write_image(tmp_path / "b.png", photo.pixels, replace(photo, alpha=None))
    else:
        alpha = np.full(photo.pixels.shape[:2], 9, np.uint8)
        write_image(tmp_path / "b.png", photo.pixels, photo, alpha=alpha)
    there = read_image(tmp_path / "b.png").deep
    shared = min(channels, there.shape[2])
    assert there.shape[2] == {1: 2, 2: 1, 3: 4, 4: 3}[channels]
    assert np.array_equal(there[..., :shared], samples[..., :shared])


@given(st.integers(1, 4), st.integers(1, 20), st.integers(1, 20), st.sampled_from(["png", "tif"]))
def test_16_bits_of_any_size_come_back(
    tmp_path_factory: pytest.TempPathFactory, channels: int, height: int, width: int, kind: str
) -> None:
    samples = draw(channels, height, width)
    path = tmp_path_factory.getbasetemp() / "any-deep"
    path.write_bytes(encode(kind, samples))
    photo = read_image(path)
    write_image(path, photo.pixels, photo, overwrite=True)
    assert np.array_equal(read_image(path).deep, samples)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is in kilobytes there")
def test_a_chunk_that_asks_for_a_gigabyte_gets_none(tmp_path: Path) -> None:
    content = bytearray(encode_png(draw(3)))
    content[33:37] = struct.pack(">L", 2**30)  # the length of IDAT, found by the fuzzer
    (tmp_path / "a.png").write_bytes(content)
    program = (  # in a process of its own, whose peak tells of this file alone
        "import sys, resource\n"
        "from restore import RestoreError, read_image\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "try:\n"
        "    read_image(sys.argv[1])\n"
        "except RestoreError as error:\n"
        "    assert 'damaged or cut short' in str(error), error\n"
        "    assert peak() - before < 300_000, peak()\n"
        "else:\n"
        "    sys.exit('it was read')\n"
    )
    command = [sys.executable, "-c", program, tmp_path / "a.png"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_mask_has_16_bits_as_a_photo_has(tmp_path: Path, channels: int, kind: str) -> None:
    samples = np.zeros((24, 40, channels), np.uint16)
    samples[:, :20], samples[HOLE] = 3_084, 32_768  # as faint as no rim is, and half
    if channels in {2, 4}:
        samples[..., -1] = 65_535
    (tmp_path / "mask").write_bytes(encode(kind, samples))
    hole = np.zeros((24, 40), np.uint8)
    hole[HOLE] = 1
    assert np.array_equal(read_mask(tmp_path / "mask", (24, 40)), hole)


def test_transparent_parts_of_a_mask_of_16_bits_mark_nothing(tmp_path: Path) -> None:
    samples = np.full((24, 40, 2), 65_535, np.uint16)
    samples[HOLE][..., 1] = 0
    (tmp_path / "mask.tif").write_bytes(encode_tiff(samples))
    for mask_is in ("hole", "known"):
        marked = read_mask(tmp_path / "mask.tif", (24, 40), mask_is)
        assert (marked[HOLE] == 0).all()
        assert marked[0, 0] == (mask_is == "hole")


def test_a_compression_that_is_not_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(encode_tiff(draw(3), compression="lzma"))
    with pytest.raises(RestoreError, match=r"compressed by lzma, which isn't read; save it with"):
        read_image(path)
    path.write_bytes(encode_tiff(draw(2), compression="lzma"))
    assert np.array_equal(read_image(path).deep, draw(2))
