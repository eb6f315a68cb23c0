import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, JpegImagePlugin
from PIL.PngImagePlugin import PngInfo
from skimage import data

from restore.image import enlarge, read_image, write_image

# Pytest shows the warnings of Pillow that restore.image keeps off stderr.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

RGB = Image.fromarray(data.chelsea()[100:196, 100:244])  # sides are multiples of 16, JPEG's block
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6" b="c"/></x:xmpmeta>'
MAKER_NOTE = b"maker\0" + bytes(range(256))
FORMATS = {
    "a.jpg": {},
    "a.png": {},
    "a.webp": {"lossless": True},
    "a.tif": {},
    "lzw.tif": {"compression": "tiff_lzw"},
}


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    exif[0x010F] = "a maker"
    exif[0x0112] = orientation
    exif.get_ifd(0x8769)[0x927C] = MAKER_NOTE
    exif.get_ifd(0x8769)[0x829A] = 0.004
    exif.get_ifd(0x8825)[1] = "N"
    return exif


def rewrite(path: Path, name: str = "") -> Path:
    photo = read_image(path)
    out = path.with_name(name or f"out{path.suffix}")
    write_image(out, photo.pixels, photo)
    return out


def sample(tmp_path: Path, name: str) -> Path:
    """A photo with all metadata, turned by 90 degrees."""
    path = tmp_path / name
    options = {"exif": exif_of(6), "icc_profile": ICC, "dpi": (300, 300), **FORMATS[name]}
    if path.suffix == ".png":
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
    elif path.suffix == ".tif":
        exif = exif_of(6)
        exif[700] = XMP
        options |= {"exif": exif.tobytes(), "compression": None}
    else:
        options["xmp"] = XMP
    RGB.save(path, **options)
    if name == "lzw.tif":  # Pillow can't write its EXIF, we can
        photo = read_image(path)
        photo.encoding["compression"] = "tiff_lzw"
        path.unlink()
        write_image(path, photo.pixels, photo)
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_metadata_stay_with_the_orientation_normalised(tmp_path: Path, name: str) -> None:
    out = rewrite(sample(tmp_path, name))
    with Image.open(out) as picture:
        assert picture.size == RGB.size[::-1]
        exif = picture.getexif()
        assert exif.get(0x0112, 1) == 1
        assert exif[0x010E] == "a description"
        assert exif.get_ifd(0x8769)[0x927C] == MAKER_NOTE
        assert float(exif.get_ifd(0x8769)[0x829A]) == pytest.approx(0.004)
        assert exif.get_ifd(0x8825)[1] == "N"
        assert picture.info["icc_profile"] == ICC
        if name != "a.webp":  # which has none but in EXIF
            assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        xmp = picture.info["xmp"]
        xmp = xmp.encode() if isinstance(xmp, str) else xmp
        assert xmp.rstrip(b"\0") == XMP.replace(b'"6"', b'"1"')


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_exif_is_patched_in_place(tmp_path: Path, name: str) -> None:
    path = sample(tmp_path, name)
    before = exif_of(6).tobytes().removeprefix(b"Exif\0\0")
    after = read_image(rewrite(path)).exif
    different = [i for i, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    assert len(different) == 1
    assert (before[different[0]], after[different[0]]) == (6, 1)


@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 8])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_the_size_in_the_exif_turns_with_the_photo(
    tmp_path: Path, name: str, orientation: int
) -> None:
    exif = exif_of(orientation)
    exif.get_ifd(0x8769)[0xA002], exif.get_ifd(0x8769)[0xA003] = RGB.size
    RGB.save(tmp_path / name, exif=exif.tobytes())
    with Image.open(rewrite(tmp_path / name)) as picture:
        inner = picture.getexif().get_ifd(0x8769)
        assert (inner[0xA002], inner[0xA003]) == picture.size
        assert picture.size == (RGB.size[::-1] if orientation >= 5 else RGB.size)
        assert inner[0x927C] == MAKER_NOTE


@pytest.mark.parametrize("exif", [b"", b"II", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\0\x09x"])
def test_damaged_exif_does_not_lose_the_photo(tmp_path: Path, exif: bytes) -> None:
    RGB.save(tmp_path / "a.jpg", exif=b"Exif\0\0" + exif)
    assert rewrite(tmp_path / "a.jpg").exists()


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", ["b.jpg", "b.png", "b.webp", "b.tiff"])
def test_metadata_survive_another_format(tmp_path: Path, source: str, target: str) -> None:
    photo = read_image(rewrite(sample(tmp_path, source), target))
    exif = Image.Exif()
    exif.load(photo.exif)
    assert exif[0x010E] == "a description"
    assert exif.get_ifd(0x8769)[0x927C] == MAKER_NOTE
    assert photo.icc == ICC
    assert photo.xmp.rstrip(b"\0") == XMP.replace(b'"6"', b'"1"')


def test_a_png_keeps_its_text_and_colours(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("Author", "somebody")
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    info.add_itxt("Title", "Früh", "de", "Titel", zip=True)
    info.add(b"gAMA", struct.pack(">L", 45_455))
    info.add(b"cHRM", struct.pack(">8L", *range(31_000, 39_000, 1000)))
    RGB.save(tmp_path / "a.png", pnginfo=info)
    photo = read_image(tmp_path / "a.png")
    for name in ("1.png", "2.png"):  # writing twice adds nothing
        write_image(tmp_path / name, photo.pixels, photo)
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()
    assert (tmp_path / "2.png").read_bytes().count(b"XML:com.adobe.xmp") == 1
    with Image.open(tmp_path / "2.png") as picture:
        words = {name: text for name, text in picture.text.items() if not name.startswith("XML")}
        assert words == {"Author": "somebody", "Title": "Früh"}
        assert picture.text["Title"].lang == "de"
        assert picture.info["gamma"] == pytest.approx(0.45455)
        assert picture.info["chromaticity"] == pytest.approx([v / 100 for v in range(31, 39)])
    RGB.save(tmp_path / "s.png", pnginfo=None)
    with Image.open(rewrite(tmp_path / "s.png", "s2.png")) as picture:
        assert "srgb" not in picture.info


def test_metadata_behind_the_pixels_of_a_png_stay(tmp_path: Path) -> None:
    RGB.save(tmp_path / "a.png", exif=exif_of(6))
    content = (tmp_path / "a.png").read_bytes()
    start = content.index(b"eXIf") - 4
    length = struct.unpack(">L", content[start : start + 4])[0] + 12
    chunk = content[start : start + length]
    moved = content[:start] + content[start + length : -12] + chunk + content[-12:]
    (tmp_path / "late.png").write_bytes(moved)
    photo = read_image(tmp_path / "late.png")
    assert photo.pixels.shape[:2] == RGB.size
    assert MAKER_NOTE in photo.exif


def test_a_jpeg_keeps_iptc_comment_and_progression(tmp_path: Path) -> None:
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x08\x1c\x02\x78\0\x03abc"
    marker = b"\xff\xed" + struct.pack(">H", len(iptc) + 2) + iptc
    RGB.save(tmp_path / "a.jpg", comment=b"hello", progressive=True, extra=marker)
    with Image.open(rewrite(tmp_path / "a.jpg")) as picture:
        assert picture.info["comment"] == b"hello"
        assert picture.info["progressive"]
        assert [data for name, data in picture.applist if name == "APP13"] == [iptc]


@pytest.mark.parametrize("as_numbers", [False, True])
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_tiff_keeps_iptc(tmp_path: Path, as_numbers: bool, compression: str | None) -> None:
    iptc = b"\x1c\x02\x78\0\x03abc\x1c\x02\x78\0\x03def"
    numbers = (33723, 4, 4, struct.unpack("<4L", iptc), True)  # LONG, as some programs have it
    tag = numbers if as_numbers else (33723, 7, 16, iptc, True)
    tifffile.imwrite(tmp_path / "a.tif", np.asarray(RGB), photometric="rgb", extratags=[tag])
    photo = read_image(tmp_path / "a.tif")
    photo.encoding["compression"] = compression
    write_image(tmp_path / "b.tif", photo.pixels, photo)
    with Image.open(tmp_path / "b.tif") as picture:
        assert picture.tag_v2[33723] == iptc


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [60, 90])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_jpeg_keeps_tables_and_subsampling(
    tmp_path: Path, subsampling: int, quality: int, orientation: int
) -> None:
    path = tmp_path / "a.jpg"
    RGB.save(path, quality=quality, subsampling=subsampling, exif=exif_of(orientation))
    out = rewrite(path)
    with Image.open(path) as old, Image.open(out) as new:
        turned = orientation == 6
        tables = {
            n: np.reshape(t, (8, 8)).T.ravel().tolist() if turned else t
            for n, t in old.quantization.items()
        }
        assert new.quantization == tables
        if turned and subsampling == 1:
            assert [layer[1:3] for layer in new.layer] == [(1, 2), (1, 1), (1, 1)]  # 4:4:0
        else:
            assert JpegImagePlugin.get_sampling(new) == subsampling
    photo = read_image(out)
    assert np.abs(read_image(path).pixels.astype(int) - photo.pixels).mean() < 0.3
    write_image(tmp_path / "again.jpg", photo.pixels, photo)
    again = read_image(tmp_path / "again.jpg")
    assert np.abs(again.pixels.astype(int) - photo.pixels).mean() < 0.3
    assert again.exif == photo.exif


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(144, 96), (136, 90), (131, 96), (130, 83)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_turning_cuts_no_block_of_a_jpeg(
    tmp_path: Path, mode: str, size: tuple[int, int], orientation: int
) -> None:
    path = tmp_path / "a.jpg"
    exif = exif_of(orientation)
    exif.get_ifd(0x8769)[0xA002], exif.get_ifd(0x8769)[0xA003] = size
    picture = RGB.crop((0, 0, *size)).convert(mode)
    picture.save(path, quality=75, exif=exif, xmp=XMP.replace(b"6", b"%d" % orientation))
    out = rewrite(path)
    before, after = read_image(path), read_image(out)
    assert np.abs(before.pixels.astype(int) - after.pixels).mean() < 0.2
    assert after.exif == before.exif and after.xmp == before.xmp
    with Image.open(out) as written:
        found = written.getexif()
        inner = found.get_ifd(0x8769)
        assert (inner[0xA002], inner[0xA003]) == written.size
        assert b'Orientation="%d"' % found[0x0112] in written.info["xmp"]
        assert found[0x0112] in {1, orientation}
        if size == (144, 96):
            assert found[0x0112] == 1
    enlarged = enlarge(before, 2)
    write_image(tmp_path / "b.jpg", enlarged.pixels, enlarged)
    assert read_image(tmp_path / "b.jpg").pixels.shape == enlarged.pixels.shape
    write_image(tmp_path / "b.png", before.pixels, before)
    again = read_image(tmp_path / "b.png")
    assert np.array_equal(again.pixels, before.pixels) and again.exif == before.exif


@pytest.mark.parametrize("described", [False, True])
def test_an_rgb_coded_jpeg_stays_one(tmp_path: Path, described: bool) -> None:
    exif = Image.Exif()  # where there is any, Pillow says 72 dpi
    exif[0x010E] = "a description"
    options = {"exif": exif} if described else {}
    RGB.save(tmp_path / "a.jpg", keep_rgb=True, quality=90, **options)
    out = rewrite(tmp_path / "a.jpg")
    with Image.open(out) as picture:
        assert bytes(layer[0] for layer in picture.layer) == b"RGB"
    before, after = read_image(tmp_path / "a.jpg").pixels, read_image(out).pixels
    assert np.abs(before.astype(int) - after).mean() < 0.1


def test_a_jpeg_that_says_both_rgb_and_ycbcr_is_ycbcr(tmp_path: Path) -> None:
    RGB.save(tmp_path / "plain.jpg", quality=90)
    content = (tmp_path / "plain.jpg").read_bytes()
    adobe = b"\xff\xee" + struct.pack(">H5sHHHB", 14, b"Adobe", 100, 0, 0, 0)
    (tmp_path / "a.jpg").write_bytes(content[:20] + adobe + content[20:])  # behind the JFIF header
    before = read_image(tmp_path / "plain.jpg").pixels
    after = read_image(rewrite(tmp_path / "a.jpg")).pixels
    assert np.abs(before.astype(int) - after).mean() < 1


@pytest.mark.parametrize(("unit", "expected"), [(2, 300), (3, 762)])
@pytest.mark.parametrize("source", ["a.webp", "a.avif"])
def test_the_resolution_of_exif_reaches_a_tiff(
    tmp_path: Path, source: str, unit: int, expected: float
) -> None:
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = 300.0, 300.0, unit
    RGB.save(tmp_path / source, exif=exif)
    with Image.open(rewrite(tmp_path / source, "b.tif")) as picture:
        assert picture.info["dpi"] == pytest.approx((expected, expected))


@pytest.mark.parametrize(
    ("options", "compression", "predictor"),
    [
        ({}, "raw", 1),
        ({"compression": "tiff_lzw"}, "tiff_lzw", 1),
        ({"compression": "tiff_lzw", "tiffinfo": {317: 2}}, "tiff_lzw", 2),
        ({"compression": "tiff_adobe_deflate"}, "tiff_adobe_deflate", 1),
        ({"compression": "packbits"}, "packbits", 1),
        ({"compression": "jpeg"}, "tiff_adobe_deflate", 2),  # not lossy, so that pixels stay
    ],
)
def test_a_tiff_keeps_its_compression(
    tmp_path: Path, options: dict, compression: str, predictor: int
) -> None:
    RGB.save(tmp_path / "a.tif", **options)
    out = rewrite(tmp_path / "a.tif")
    with Image.open(out) as picture:
        assert picture.info["compression"] == compression
        assert picture.tag_v2.get(317, 1) == predictor
    before, after = read_image(tmp_path / "a.tif").pixels, read_image(out).pixels
    assert np.array_equal(before, after)


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("extended", [True, False])
def test_a_webp_stays_lossless_or_lossy(tmp_path: Path, lossless: bool, extended: bool) -> None:
    options = {"icc_profile": ICC} if extended else {}  # then the file has chunks before the pixels
    RGB.save(tmp_path / "a.webp", lossless=lossless, **options)
    photo = read_image(tmp_path / "a.webp")
    expected = {"lossless": True, "exact": True} if lossless else {"quality": 95}
    assert photo.encoding == expected
    again = read_image(rewrite(tmp_path / "a.webp"))
    assert np.array_equal(photo.pixels, again.pixels) == lossless
    assert np.abs(photo.pixels.astype(int) - again.pixels).mean() < 4


@pytest.mark.parametrize("extension", ["tif", "png", "jpg"])
def test_a_resolution_that_is_no_number_is_left_out(tmp_path: Path, extension: str) -> None:
    pixels = np.asarray(RGB)
    nothing = [(282, "2I", 1, (0, 0), True), (283, "2I", 1, (0, 0), True)]
    tifffile.imwrite(tmp_path / "odd.tif", pixels, extratags=nothing, resolutionunit=None)
    photo = read_image(tmp_path / "odd.tif")
    write_image(tmp_path / f"out.{extension}", photo.pixels, photo)
    assert read_image(tmp_path / f"out.{extension}").pixels.shape == pixels.shape


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("target", ["b.tif", "b.jpg"])
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_texts_of_a_tiff_keep_their_letters(
    depth: type, target: str, encoding: str, tmp_path: Path
) -> None:
    words = "\N{COPYRIGHT SIGN} 2020 J. M\N{LATIN SMALL LETTER U WITH DIAERESIS}ller"
    stored = words.encode(encoding)
    tag = (33432, 2, len(stored) + 1, stored + b"\0", True)
    pixels = np.asarray(RGB).astype(depth)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extratags=[tag])
    photo = read_image(tmp_path / "a.tif")
    write_image(tmp_path / target, photo.pixels, photo)
    with Image.open(tmp_path / target) as picture:
        assert str(picture.getexif()[33432]).encode("latin-1") == stored


def test_a_bmp_with_transparency_keeps_its_resolution(tmp_path: Path) -> None:
    clear = RGB.copy()
    clear.putalpha(100)
    clear.save(tmp_path / "a.png", dpi=(300, 150))
    photo = read_image(tmp_path / "a.png")
    write_image(tmp_path / "a.bmp", photo.pixels, photo)
    again = read_image(tmp_path / "a.bmp")
    assert again.dpi == pytest.approx((300, 150), abs=0.1)
    assert again.alpha is not None and (again.alpha == 100).all()


def test_a_large_colour_profile_of_a_png_is_read(tmp_path: Path) -> None:
    profile = ICC + np.random.default_rng(0).bytes(2**21)
    RGB.save(tmp_path / "a.png", icc_profile=profile)
    assert read_image(tmp_path / "a.png").icc == profile


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_exif_whose_header_stands_twice_turns_a_photo_once(tmp_path: Path, name: str) -> None:
    twice = b"Exif\0\0" + exif_of(6).tobytes()
    assert twice.startswith(b"Exif\0\0" * 2)
    RGB.save(tmp_path / name, exif=twice)
    out = rewrite(tmp_path / name)
    with Image.open(out) as picture:
        assert picture.size == RGB.size[::-1]
        assert picture.getexif().get(0x0112) == 1
        assert picture.getexif()[0x010E] == "a description"


def test_a_directory_inside_exif_goes_with_it_into_a_tiff_and_back(tmp_path: Path) -> None:
    exif = exif_of(1)
    exif.get_ifd(0x8769)[0xA005] = {1: "R98"}
    RGB.save(tmp_path / "a.jpg", exif=exif)
    rewrite(rewrite(rewrite(tmp_path / "a.jpg", "b.tif"), "c.tif"), "d.jpg")
    for name in ("a.jpg", "b.tif", "c.tif", "d.jpg"):
        with Image.open(tmp_path / name) as picture:
            assert picture.getexif().get_ifd(0xA005)[1] == "R98", name


def test_xmp_in_plain_text_of_a_png_stays(tmp_path: Path) -> None:
    text = PngInfo()
    text.add_text("XML:com.adobe.xmp", XMP.decode())
    RGB.save(tmp_path / "a.png", pnginfo=text)
    assert read_image(tmp_path / "a.png").xmp == XMP.replace(b'"6"', b'"1"')
    assert read_image(rewrite(tmp_path / "a.png")).xmp == XMP.replace(b'"6"', b'"1"')
