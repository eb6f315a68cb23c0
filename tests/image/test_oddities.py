"""Files that programs write now and then, and that are easily read wrong."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, features
from PIL.PngImagePlugin import PngInfo
from skimage import data

from restore.errors import RestoreError
from restore.image import read_image, write_image

# Pytest shows the warnings of Pillow that restore.image keeps off stderr.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

RGB = Image.fromarray(data.chelsea()[100:196, 100:244])


def rewrite(path: Path, name: str) -> Path:
    if name.endswith(".avif") and not features.check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    photo = read_image(path)
    write_image(path.with_name(name), photo.pixels, photo)
    return path.with_name(name)


@pytest.mark.parametrize("orientation", [1, 6])
def test_one_plane_of_16_bits_is_not_taken_for_several(tmp_path: Path, orientation: int) -> None:
    samples = np.arange(2400, dtype=np.uint16).reshape(40, 60) * 20
    tags = {284: 2, 274: orientation}
    Image.fromarray(samples).save(tmp_path / "a.tif", tiffinfo=tags)
    turned = samples if orientation == 1 else np.rot90(samples, -1)
    assert np.array_equal(tifffile.imread(rewrite(tmp_path / "a.tif", "b.tif")), turned)


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_transparency_in_a_plane_of_8_bits_is_refused(
    tmp_path: Path, compression: str | None
) -> None:
    planes = np.full((2, 40, 60), 255, np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif",
        planes,
        photometric="minisblack",
        planarconfig="separate",
        extrasamples=["unassalpha"],
        compression=compression,
    )
    with pytest.raises(RestoreError, match=r"a\.tif has gray and transparency in separate planes"):
        read_image(tmp_path / "a.tif")


def test_samples_with_a_sign_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((9, 9), np.int8), photometric="minisblack")
    with pytest.raises(RestoreError, match=r"a\.tif has samples with a sign"):
        read_image(tmp_path / "a.tif")


def test_large_resources_of_a_tiff_reach_a_jpeg(tmp_path: Path) -> None:
    large = b"8BIM\7\xd0\0\0" + struct.pack(">L", 90_000) + bytes(90_000)
    RGB.save(tmp_path / "a.tif", tiffinfo={34377: large})
    assert read_image(rewrite(tmp_path / "a.tif", "b.jpg")).resources == large
    assert read_image(rewrite(tmp_path / "a.tif", "b.tif")).resources == large


@pytest.mark.parametrize("exif", [bytes(20), b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\0\x09x"])
@pytest.mark.parametrize("name", ["b.tif", "b.avif", "b.webp", "b.png"])
def test_damaged_exif_keeps_no_photo_from_another_format(
    tmp_path: Path, exif: bytes, name: str
) -> None:
    RGB.save(tmp_path / "a.jpg", exif=b"Exif\0\0" + exif)
    assert rewrite(tmp_path / "a.jpg", name).exists()


def test_a_tag_of_a_wrong_type_is_left_out(tmp_path: Path) -> None:
    # Little-endian TIFF: a directory with a description, then GPS with a latitude that is text.
    exif = b"II*\0" + struct.pack("<L", 8)
    exif += struct.pack("<HHHL4sHHLLL", 2, 270, 2, 4, b"cat\0", 34853, 4, 1, 38, 0)
    exif += struct.pack("<HHHL4sL", 1, 2, 2, 4, b"bad\0", 0)
    RGB.save(tmp_path / "a.jpg", exif=b"Exif\0\0" + exif)
    with Image.open(rewrite(tmp_path / "a.jpg", "b.tif")) as picture:
        assert picture.tag_v2[270] == "cat"


@pytest.mark.parametrize("name", ["b.webp", "b.avif", "b.jpg", "b.tif"])
def test_the_resolution_of_a_png_reaches_every_format(tmp_path: Path, name: str) -> None:
    RGB.save(tmp_path / "a.png", dpi=(300, 300))
    assert read_image(rewrite(tmp_path / "a.png", name)).dpi == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("name", ["b.webp", "b.avif"])
def test_a_resolution_joins_the_exif_that_lacks_it(tmp_path: Path, name: str) -> None:
    if name.endswith(".avif") and not features.check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Scanner"
    RGB.save(tmp_path / "a.png", dpi=(600, 600), exif=exif)
    again = read_image(rewrite(tmp_path / "a.png", name))
    assert again.dpi == pytest.approx((600, 600), abs=0.1)
    with Image.open(tmp_path / name) as picture:
        assert picture.getexif()[ExifTags.Base.Make] == "Scanner"


@pytest.mark.parametrize("dpi", [0.3, 70_000])
def test_an_impossible_resolution_is_none(tmp_path: Path, dpi: float) -> None:
    RGB.save(tmp_path / "a.png", dpi=(dpi, dpi))
    assert read_image(tmp_path / "a.png").dpi is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32", "latin-1"])
def test_xmp_of_other_encodings_is_kept_as_text(tmp_path: Path, encoding: str) -> None:
    text = "<x:xmpmeta>für</x:xmpmeta>"
    RGB.save(tmp_path / "a.jpg", xmp=text.encode(encoding))
    assert read_image(rewrite(tmp_path / "a.jpg", "b.png")).xmp.decode() == text


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_smaller_copies_in_a_tiff_are_told_and_other_pages_refused(
    tmp_path: Path, kind: type
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(kind)
    path = tmp_path / "scan.tif"
    for subfile in (1, 0):
        with tifffile.TiffWriter(path) as file:
            file.write(pixels, photometric="rgb")
            file.write(pixels[::2, ::2], photometric="rgb", subfiletype=subfile)
        if not subfile:
            with pytest.raises(RestoreError, match="has 2 pages"):
                read_image(path)
            continue
        photo = read_image(path)
        assert "smaller copies" in photo.warning
        samples = photo.pixels if photo.deep is None else photo.deep
        assert (photo.deep is None) == (kind == np.uint8) and np.array_equal(samples, pixels)
        write_image(tmp_path / "out.tif", photo.pixels, photo)
        with tifffile.TiffFile(tmp_path / "out.tif") as written:
            assert len(written.pages) == 1


def test_a_tiff_that_is_compressed_with_loss_is_told(tmp_path: Path) -> None:
    RGB.save(tmp_path / "a.tif", compression="jpeg")
    photo = read_image(tmp_path / "a.tif")
    assert "compressed with loss" in photo.warning
    write_image(tmp_path / "b.tif", photo.pixels, photo)
    again = read_image(tmp_path / "b.tif")
    assert again.warning == "" and np.array_equal(again.pixels, photo.pixels)


@pytest.mark.parametrize(
    ("name", "mode", "words"),
    [("a.tif", "1", "1 bit per pixel"), ("a.png", "1", "1 bit"), ("a.png", "P", "a palette")],
)
def test_other_levels_than_those_of_a_file_are_told(
    tmp_path: Path, name: str, mode: str, words: str
) -> None:
    RGB.convert(mode).save(tmp_path / name)
    photo = read_image(tmp_path / name)
    assert words in photo.warning
    assert np.array_equal(photo.pixels, np.asarray(RGB.convert(mode).convert("RGB")))
    write_image(tmp_path / "b.png", photo.pixels, photo)
    assert read_image(tmp_path / "b.png").warning == ""


def test_a_jpeg_of_4_1_1_becomes_4_2_2(tmp_path: Path) -> None:
    path, factor = tmp_path / "a.jpg", cv2.IMWRITE_JPEG_SAMPLING_FACTOR
    cv2.imwrite(str(path), np.asarray(RGB), [factor, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411])
    with Image.open(path) as before, Image.open(rewrite(path, "b.jpg")) as after:
        assert before.layer[0][1] == 4 and after.layer[0][1:3] == (2, 1)
        assert before.quantization == after.quantization


@pytest.mark.parametrize("orientation", [0, 9, 300])
def test_an_orientation_that_is_none_turns_nothing(tmp_path: Path, orientation: int) -> None:
    path, exif = tmp_path / "a.jpg", Image.Exif()
    exif[274] = orientation
    RGB.save(path, subsampling=1, exif=exif)
    photo = read_image(path)
    assert photo.pixels.shape[:2] == RGB.size[::-1]
    with Image.open(path) as before, Image.open(rewrite(path, "b.jpg")) as after:
        assert before.quantization == after.quantization and before.layer == after.layer


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_an_orientation_in_xmp_alone_turns_nothing(tmp_path: Path, name: str) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
    text = PngInfo()  # where a PNG has it
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    RGB.save(tmp_path / name, xmp=xmp, pnginfo=text)
    assert read_image(tmp_path / name).size == (96, 144)


@pytest.mark.parametrize("name", ["b.webp", "b.avif"])
def test_damaged_exif_does_not_keep_a_resolution_from_being_written(
    tmp_path: Path, name: str
) -> None:
    damaged = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\xff\xff\0\0"
    RGB.save(tmp_path / "a.jpg", exif=damaged, dpi=(300, 300))
    assert read_image(rewrite(tmp_path / "a.jpg", name)).size == (96, 144)
