"""What cameras and other programs put into files: odd, but met with, and none of it may harm."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from skimage import data

from restore.image import Photo, read_image, tell_lost, write_image
from restore.image.resources import find_iptc
from restore.image.xmp import EXTENSION

RGB = Image.fromarray(data.chelsea()[100:196, 100:244])
IPTC = b"\x1c\x02\x78\0\4bird"


def make_exif(order: str, *entries: tuple[int, int, int, bytes], link: int = 0) -> bytes:
    """Return EXIF of entries (tag, type, count, the four bytes of the value)."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}LH", 8, len(entries))
    body = b"".join(struct.pack(f"{order}HHL", t, k, n) + value for t, k, n, value in entries)
    return head + body + struct.pack(f"{order}L", link)


def rewrite(path: Path, name: str) -> Path:
    photo = read_image(path)
    write_image(path.with_name(name), photo.pixels, photo)
    return path.with_name(name)


@pytest.mark.parametrize("kind", [1, 3, 4])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_a_value_that_lies_nowhere_costs_no_orientation(
    tmp_path: Path, name: str, kind: int
) -> None:
    value = struct.pack({1: "<Bxxx", 3: "<Hxx", 4: "<L"}[kind], 6)
    lost = struct.pack("<L", 9_999_999)
    exif = make_exif("<", (271, 2, 20, lost), (274, kind, 1, value))
    RGB.save(tmp_path / name, exif=b"Exif\0\0" + exif)
    assert read_image(tmp_path / name).pixels.shape[:2] == RGB.size
    with Image.open(rewrite(tmp_path / name, f"b{Path(name).suffix}")) as again:
        assert again.size == RGB.size[::-1]


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "key", ["dpi", "gamma", "srgb", "chromaticity", "exif", "transparency", "icc_profile", "xmp"]
)
def test_a_text_of_a_png_is_no_value_of_that_name(tmp_path: Path, key: str, zipped: bool) -> None:
    info = PngInfo()
    info.add_text(key, "300", zip=zipped)
    RGB.save(tmp_path / "a.png", pnginfo=info)
    photo = read_image(tmp_path / "a.png")
    assert np.array_equal(photo.pixels, np.array(RGB))
    assert (photo.dpi, photo.exif, photo.icc, photo.alpha) == (None, b"", b"", None)
    with Image.open(rewrite(tmp_path / "a.png", "b.png")) as again:
        assert key == "exif" or again.text[key] == "300"


def test_no_resolution_is_made_up(tmp_path: Path) -> None:
    plain = make_exif("<", (270, 2, 4, b"cat\0"))
    RGB.save(tmp_path / "a.jpg", exif=b"Exif\0\0" + plain)
    stored = (tmp_path / "a.jpg").read_bytes()
    assert b"JFIF" in stored
    assert read_image(tmp_path / "a.jpg").dpi is None
    known = Image.Exif()
    known[282], known[283], known[296] = 204, 98, 2
    RGB.save(tmp_path / "b.jpg", exif=known)
    assert read_image(tmp_path / "b.jpg").dpi == (204, 98)
    RGB.save(tmp_path / "c.jpg", exif=known, dpi=(300, 300))
    assert read_image(tmp_path / "c.jpg").dpi == (300, 300)


def test_a_comment_keeps_its_type_in_a_tiff(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[37510] = b"ASCII\0\0\0cat"
    RGB.save(tmp_path / "a.jpg", exif=exif)
    with Image.open(rewrite(tmp_path / "a.jpg", "b.tif")) as picture:
        place, file = picture.tag_v2[34665], picture.fp
        directory = ImageFileDirectory_v2(file_header(tmp_path / "b.tif"), group=34665)
        file.seek(place)
        directory.load(file)
        assert directory.tagtype[37510] == 7
        assert directory[37510] == b"ASCII\0\0\0cat"


def file_header(path: Path) -> bytes:
    return path.read_bytes()[:8]


@pytest.mark.parametrize("kind", ["iptc", "8bim"])
def test_captions_in_texts_of_a_png_go_into_a_jpeg(tmp_path: Path, kind: str) -> None:
    block = b"8BIM" + struct.pack(">HHL", 0x0404, 0, len(IPTC)) + IPTC + bytes(len(IPTC) % 2)
    info = PngInfo()
    info.add_text(f"Raw profile type {kind}", f"\n{kind}\n{len(block):8}\n{block.hex()}\n")
    RGB.save(tmp_path / "a.png", pnginfo=info)
    assert find_iptc(read_image(tmp_path / "a.png").resources) == IPTC
    assert find_iptc(read_image(rewrite(tmp_path / "a.png", "b.jpg")).resources) == IPTC
    assert "keeps no IPTC" in tell_lost(Path("b.webp"), read_image(tmp_path / "a.png"))


def save_with_segments(path: Path, *segments: bytes) -> None:
    extra = b"".join(struct.pack(">BBH", 255, 0xE1, len(s) + 2) + s for s in segments)
    RGB.save(path, extra=extra)


def test_the_picture_before_an_effect_is_not_handed_out(tmp_path: Path) -> None:
    """Phones keep it in long XMP, cut where it may be; long XMP with no picture stays."""
    xmp = b'<x:xmpmeta><a xmpNote:HasExtendedXMP="0123" b="c"/></x:xmpmeta>'
    packet = b"http://ns.adobe.com/xap/1.0/\0" + xmp
    head = EXTENSION + b"0" * 40
    save_with_segments(tmp_path / "a.jpg", packet, head + b"<b GImage:Da", head + b'ta="QUJD"/>')
    photo = read_image(tmp_path / "a.jpg")
    assert "another picture in its XMP" in photo.warning
    content = rewrite(tmp_path / "a.jpg", "b.jpg").read_bytes()
    assert b"QUJD" not in content and b"HasExtendedXMP" not in content and b'b="c"' in content
    save_with_segments(tmp_path / "c.jpg", packet, head + b"<history/>")
    assert read_image(tmp_path / "c.jpg").warning == ""
    content = rewrite(tmp_path / "c.jpg", "d.jpg").read_bytes()
    assert b"<history/>" in content and b"HasExtendedXMP" in content
    photo = read_image(tmp_path / "c.jpg")
    assert "the beginning of the XMP alone" in tell_lost(Path("d.webp"), photo)
    content = rewrite(tmp_path / "c.jpg", "d.webp").read_bytes()
    assert b'b="c"' in content and b"HasExtendedXMP" not in content


def test_xmp_does_not_tell_of_what_is_gone(tmp_path: Path) -> None:
    xmp = (
        b'<x:xmpmeta><a GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1" '
        b"hdrgm:Version='1.0' dc:title=\"cat\"/><Container:Directory><li>9</li>"
        b"</Container:Directory></x:xmpmeta>"
    )
    xmp = xmp.replace(b"<Container", b"<hdrgm:Version>1.0</hdrgm:Version><Container", 1)
    RGB.save(tmp_path / "a.jpg", xmp=xmp)
    kept = b'<x:xmpmeta><a dc:title="cat"/></x:xmpmeta>'
    assert read_image(tmp_path / "a.jpg").xmp == kept


def test_all_that_is_lost_is_told(tmp_path: Path) -> None:
    from restore.image.colours import SRGB, dated_bytes

    info = ImageFileDirectory_v2()
    info[37724], info.tagtype[37724] = b"layers", 7
    RGB.convert("CMYK").save(tmp_path / "a.tif", tiffinfo=info, icc_profile=dated_bytes(SRGB))
    told = read_image_warning(tmp_path / "a.tif")
    assert "CMYK" in told and "layers" in told


def read_image_warning(path: Path) -> str:
    from restore.image.content import Content
    from restore.image.reading import _list_losses

    with Image.open(path) as picture:
        return " ".join(_list_losses(Content(path), picture))


@pytest.mark.parametrize("order", ["<", ">"])
def test_thumbnails_of_both_kinds_are_wiped(tmp_path: Path, order: str) -> None:
    """One in strips of plain pixels; one that is a JPEG, whose length is a short number."""
    upright = (274, 3, 1, struct.pack(f"{order}Hxx", 1))
    second = 8 + 2 + 12 + 4
    pixels = second + 2 + 4 * 12 + 4
    jpeg = pixels + 8
    entries = (
        (0x0111, 3, 1, struct.pack(f"{order}Hxx", pixels)),
        (0x0117, 3, 1, struct.pack(f"{order}Hxx", 6)),
        (0x0201, 4, 1, struct.pack(f"{order}L", jpeg)),
        (0x0202, 3, 1, struct.pack(f"{order}Hxx", 11)),
    )
    exif = make_exif(order, upright, link=second)
    exif += make_exif(order, *entries)[8:] + b"secretXX" + b"\xff\xd8a picture" + b"the rest"
    RGB.save(tmp_path / "a.jpg", exif=b"Exif\0\0" + exif)
    kept = read_image(tmp_path / "a.jpg").exif
    assert len(kept) == len(exif)
    assert b"secret" not in kept and b"picture" not in kept
    assert kept.endswith(b"XX" + bytes(11) + b"the rest")


def test_a_damaged_entry_does_not_keep_a_thumbnail(tmp_path: Path) -> None:
    upright, second = (274, 3, 1, struct.pack("<Hxx", 1)), 8 + 2 + 12 + 4
    jpeg = second + 2 + 3 * 12 + 4
    entries = (
        (0x0111, 4, 9_999, struct.pack("<L", 4_000_000_000)),
        (0x0201, 4, 1, struct.pack("<L", jpeg)),
        (0x0202, 4, 1, struct.pack("<L", 11)),
    )
    exif = make_exif("<", upright, link=second) + make_exif("<", *entries)[8:]
    RGB.save(tmp_path / "a.jpg", exif=b"Exif\0\0" + exif + b"\xff\xd8a picture")
    assert b"picture" not in read_image(tmp_path / "a.jpg").exif


def test_a_thumbnail_in_a_text_of_a_png_is_not_handed_out(tmp_path: Path) -> None:
    block = b"8BIM" + struct.pack(">HHL", 0x040C, 0, 6) + b"secret"
    info = PngInfo()
    info.add_text("Raw profile type 8bim", f"\n8bim\n{len(block):8}\n{block.hex()}\n")
    info.add_text("Title", "cat")
    RGB.save(tmp_path / "a.png", pnginfo=info)
    with Image.open(rewrite(tmp_path / "a.png", "b.png")) as again:
        assert again.text == {"Title": "cat"}


def test_a_strange_unit_of_resolution_costs_no_photo(tmp_path: Path) -> None:
    exif = make_exif("<", (282, 5, 1, b"\x32\0\0\0"), (296, 3, 0, bytes(4)))
    RGB.save(tmp_path / "a.jpg", exif=b"Exif\0\0" + exif)
    assert read_image(tmp_path / "a.jpg").dpi is None


@pytest.mark.parametrize(
    ("chunks", "others"),
    [
        ({}, False),
        ({b"gAMA": struct.pack(">L", 45_455)}, False),
        ({b"gAMA": struct.pack(">L", 100_000)}, True),
        ({b"cICP": bytes([1, 13, 0, 1])}, False),
        ({b"cICP": bytes([9, 16, 0, 1])}, True),
        (
            {
                b"cHRM": struct.pack(
                    ">8L", *[31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000]
                )
            },
            True,
        ),
    ],
)
def test_colours_named_by_number_that_are_lost_are_told(
    tmp_path: Path, chunks: dict[bytes, bytes], others: bool
) -> None:
    info = PngInfo()
    for name, content in chunks.items():
        info.add(name, content)
    RGB.save(tmp_path / "a.png", pnginfo=info)
    photo = read_image(tmp_path / "a.png")
    told = tell_lost(Path("b.jpg"), photo)
    assert ("which colours" in told) == others and tell_lost(Path("b.png"), photo) == ""


@pytest.mark.parametrize(("code", "others"), [((1, 13), False), ((2, 2), False), ((9, 16), True)])
def test_colours_of_an_avif_that_are_lost_are_told(code: tuple[int, int], others: bool) -> None:
    pixels = np.zeros((4, 5, 3), np.uint8)
    encoding = {"nclx": struct.pack(">HH", *code)}
    photo = Photo(pixels, format="AVIF", extension=".avif", encoding=encoding)
    assert ("which colours" in tell_lost(Path("b.jpg"), photo)) == others


def test_white_and_primaries_of_a_tiff_stay(tmp_path: Path) -> None:
    info = ImageFileDirectory_v2()
    info[318] = (0.3127, 0.329)
    info[319] = (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
    RGB.save(tmp_path / "a.tif", tiffinfo=info, compression="tiff_lzw")
    with Image.open(rewrite(tmp_path / "a.tif", "b.tif")) as picture:
        assert [float(v) for v in picture.tag_v2[318]] == pytest.approx([0.3127, 0.329], abs=1e-4)
        assert len(picture.tag_v2[319]) == 6 and picture.info["compression"] == "tiff_lzw"
