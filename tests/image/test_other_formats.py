"""What comes in another form than it went: CMYK; and formats that depend on Pillow's plug-ins."""

import struct
from io import BytesIO
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, features
from skimage import data

from restore.errors import RestoreError
from restore.image import Photo, read_image, write_image
from restore.image.colours import dated_bytes
from restore.image.holding import tell_lost
from restore.image.photo import FORMATS

RGB = Image.fromarray(data.chelsea()[100:196, 100:244])
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")


@pytest.fixture
def profile(pack_profile) -> bytes:
    """A CMYK profile (ICC.1:2001-04, 6.5.8): L falls with black, a and b stay 0."""
    grid = b"".join(  # L a b for every combination of no ink and full ink
        bytes([255 - max(ks[3] * 255, sum(ks[:3]) * 85), 128, 128])
        for ks in product((0, 1), repeat=4)
    )
    ramp = bytes(range(256))
    identity = struct.pack(">9l", 65_536, 0, 0, 0, 65_536, 0, 0, 0, 65_536)
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + ramp * 4 + grid + ramp * 3
    return pack_profile(b"prtr", b"CMYK", b"Lab ", b"A2B0", table)


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk_becomes_rgb_by_its_profile(tmp_path: Path, name: str, profile: bytes) -> None:
    inks = np.zeros((32, 48, 4), np.uint8)
    inks[:, 24:, 3] = 255
    Image.fromarray(inks, "CMYK").save(tmp_path / name, icc_profile=profile, dpi=(300, 300))
    photo = read_image(tmp_path / name)
    assert photo.pixels[:, :16].min() > 250
    assert photo.pixels[:, 32:].max() < 5
    assert "is CMYK and is written as RGB (sRGB)" in photo.warning
    out = tmp_path / f"out-{name}"
    write_image(out, photo.pixels, photo)
    with Image.open(out) as picture:
        assert picture.mode == "RGB"
        assert picture.info["dpi"] == (300, 300)
        written = ImageCms.ImageCmsProfile(BytesIO(picture.info["icc_profile"]))
        assert written.profile.xcolor_space == "RGB "
    assert read_image(out).warning == ""


def test_the_profile_of_what_was_cmyk_has_a_date_that_stays() -> None:
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    data = dated_bytes(made)
    assert struct.unpack(">6H", data[24:36]) == (2026, 1, 1, 0, 0, 0)
    assert data[:24] + data[36:] == made.tobytes()[:24] + made.tobytes()[36:]
    assert dated_bytes(ImageCms.ImageCmsProfile(BytesIO(data))) == data


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk_without_a_usable_profile_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    RGB.convert("CMYK").save(path)
    with pytest.raises(RestoreError, match="is CMYK without a colour profile"):
        read_image(path)
    for profile in (
        b"no profile",
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ):
        RGB.convert("CMYK").save(path, icc_profile=profile)
        with pytest.raises(RestoreError, match=r"a colour profile that can't be used"):
            read_image(path)


def check_round_trip(path: Path, tolerance: float) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = RGB.copy()
    picture.putalpha(Image.linear_gradient("L").resize(RGB.size))
    picture.save(path, exif=exif, icc_profile=icc, xmp=XMP, quality=90)
    photo = read_image(path)
    assert photo.format == FORMATS[path.suffix]
    assert photo.warning == ""
    out = path.with_stem("out")
    write_image(out, photo.pixels, photo)
    again = read_image(out)
    assert again.format == photo.format
    assert again.alpha is not None
    assert np.abs(again.alpha.astype(int) - photo.alpha).mean() < tolerance
    assert np.abs(again.pixels.astype(int) - photo.pixels).mean() < tolerance
    assert (again.icc, again.xmp) == (icc, XMP)
    with Image.open(out) as written:
        assert written.getexif()[0x010E] == "a description"


@needs_avif
def test_an_avif_stays_one(tmp_path: Path) -> None:
    check_round_trip(tmp_path / "a.avif", tolerance=1.5)


@needs_avif
def test_a_gray_avif_stays_gray(tmp_path: Path) -> None:
    RGB.convert("L").save(tmp_path / "a.avif", quality=90, subsampling="4:0:0")
    with Image.open(tmp_path / "a.avif") as picture:
        if picture.mode != "L":
            pytest.skip("this Pillow reads a gray AVIF as RGB")
    photo = read_image(tmp_path / "a.avif")
    write_image(tmp_path / "b.avif", photo.pixels, photo)
    with Image.open(tmp_path / "b.avif") as picture:
        assert picture.mode == "L"
    change = np.abs(read_image(tmp_path / "b.avif").pixels.astype(int) - photo.pixels)
    assert change.mean() < 1.5


@pytest.mark.skipif(".heic" not in FORMATS, reason="pillow-heif is not installed")
def test_a_heic_stays_one(tmp_path: Path) -> None:
    check_round_trip(tmp_path / "a.heic", tolerance=1.5)


@pytest.mark.skipif(".heic" not in FORMATS, reason="pillow-heif is not installed")
def test_a_heic_still_says_which_colours_it_has(tmp_path: Path) -> None:
    """Display P3 by number, as phones write it."""
    RGB.save(tmp_path / "a.heic", color_primaries=12, transfer_characteristics=13)
    photo = read_image(tmp_path / "a.heic")
    write_image(tmp_path / "b.heic", photo.pixels, photo)
    with Image.open(tmp_path / "b.heic") as written:
        assert written.info["nclx_profile"]["color_primaries"] == 12
    assert "does not say which colours" in tell_lost(Path("b.png"), photo)
    RGB.save(tmp_path / "c.heic")
    assert tell_lost(Path("b.png"), read_image(tmp_path / "c.heic")) == ""


@needs_avif
def test_the_orientation_of_an_avif_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    RGB.save(tmp_path / "a.avif", exif=exif)
    photo = read_image(tmp_path / "a.avif")
    assert photo.pixels.shape[:2] == RGB.size
    write_image(tmp_path / "b.avif", photo.pixels, photo)
    assert read_image(tmp_path / "b.avif").pixels.shape == photo.pixels.shape


@needs_avif
@pytest.mark.skipif(not cv2.haveImageWriter(".avif"), reason="this OpenCV writes none")
def test_more_bits_of_an_avif_are_told(tmp_path: Path) -> None:
    deep = np.zeros((32, 48, 3), np.uint16)
    encoded = cv2.imencode(".avif", deep, [cv2.IMWRITE_AVIF_DEPTH, 10])[1]
    (tmp_path / "a.avif").write_bytes(encoded.tobytes())
    assert "more than 8 bits per channel" in read_image(tmp_path / "a.avif").warning


@needs_avif
def test_an_animated_avif_is_refused(tmp_path: Path) -> None:
    RGB.save(tmp_path / "a.avif", save_all=True, append_images=[RGB.rotate(90)])
    with pytest.raises(RestoreError, match="is an animated AVIF of 2 frames"):
        read_image(tmp_path / "a.avif")


def test_a_lossless_webp_of_one_frame_stays_lossless(tmp_path: Path) -> None:
    RGB.save(tmp_path / "plain.webp", lossless=True)
    image = (tmp_path / "plain.webp").read_bytes()[12:]  # without the head of the file: VP8L
    wide, high = (struct.pack("<L", side - 1)[:3] for side in RGB.size)

    def chunk(name: bytes, body: bytes) -> bytes:
        return name + struct.pack("<L", len(body)) + body + bytes(len(body) % 2)

    body = chunk(b"VP8X", b"\2\0\0\0" + wide + high) + chunk(b"ANIM", bytes(6))
    body += chunk(b"ANMF", bytes(6) + wide + high + bytes(4) + image)
    (tmp_path / "a.webp").write_bytes(b"RIFF" + struct.pack("<L", len(body) + 4) + b"WEBP" + body)
    photo = read_image(tmp_path / "a.webp")
    write_image(tmp_path / "b.webp", photo.pixels, photo)
    assert np.array_equal(read_image(tmp_path / "b.webp").pixels, photo.pixels)


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.avif"])
@pytest.mark.parametrize("source", ["a.png", "a.jpg", "a.webp"])
def test_a_quality_that_is_asked_for_is_that_of_what_is_lossy(
    tmp_path: Path, source: str, name: str
) -> None:
    if name.endswith(".avif") and not features.check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    Image.fromarray(data.chelsea()).save(tmp_path / source)
    photo = read_image(tmp_path / source)
    sizes = []
    for quality in (20, 60, 98):
        target = tmp_path / "out" / name
        target.parent.mkdir(exist_ok=True)
        write_image(target, photo.pixels, photo, overwrite=True, quality=quality)
        sizes.append(target.stat().st_size)
    assert 1.3 * sizes[0] < sizes[1] < sizes[2] / 1.3, sizes


def test_a_lossless_webp_stays_lossless_whatever_quality_is_asked_for(tmp_path: Path) -> None:
    Image.fromarray(data.chelsea()).save(tmp_path / "a.webp", lossless=True)
    photo = read_image(tmp_path / "a.webp")
    write_image(tmp_path / "b.webp", photo.pixels, photo, quality=20)
    assert np.array_equal(read_image(tmp_path / "b.webp").pixels, photo.pixels)
    write_image(tmp_path / "b.avif", photo.pixels, photo, quality=20)
    assert (tmp_path / "b.avif").stat().st_size < 0.2 * (tmp_path / "b.webp").stat().st_size


def test_what_is_lossless_has_no_quality(tmp_path: Path) -> None:
    photo = Photo(data.chelsea())
    for name in ("a.png", "a.tif", "a.bmp"):
        write_image(tmp_path / name, photo.pixels, photo, quality=5)
        assert np.array_equal(read_image(tmp_path / name).pixels, photo.pixels)


def test_columns_of_half_the_colours_may_have_another_quality(tmp_path: Path) -> None:
    photo = Photo(data.chelsea(), format="JPEG", encoding={"subsampling": "4:4:0"})
    write_image(tmp_path / "a.jpg", photo.pixels, photo, quality=60)
    assert Image.open(tmp_path / "a.jpg").size == (451, 300)
