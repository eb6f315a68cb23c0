import struct
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from restore.image import read_image, write_image
from restore.image.thumbnails import PHOTOSHOP, drop_from_resources, drop_from_xmp

RGB = Image.fromarray(data.chelsea()[100:196, 100:244])


def test_the_thumbnail_of_exif_is_unlinked_and_wiped(tmp_path: Path) -> None:
    # Little-endian TIFF: one directory with the orientation, then one of a thumbnail at 26.
    head = b"II*\0" + struct.pack("<L", 8)
    first = struct.pack("<HHHLHHL", 1, 0x0112, 3, 1, 8, 0, 26)
    places = struct.pack("<HHHLLHHLLL", 2, 0x0201, 4, 1, 56, 0x0202, 4, 1, 11, 0)
    exif = head + first + places + b"\xff\xd8a picture" + b"the rest"
    RGB.save(tmp_path / "a.jpg", exif=b"Exif\0\0" + exif)
    unlinked = struct.pack("<HHHLHHL", 1, 0x0112, 3, 1, 1, 0, 0)
    assert read_image(tmp_path / "a.jpg").exif == head + unlinked + places + bytes(11) + b"the rest"


@pytest.mark.parametrize(
    ("place", "size"), [(0, 9), (8, 9), (4_000_000_000, 9), (56, 12), (57, 2), (30, 26)]
)
def test_a_thumbnail_in_an_impossible_place_costs_nothing(
    tmp_path: Path, place: int, size: int
) -> None:
    head = b"II*\0" + struct.pack("<L", 8)
    first = struct.pack("<HHHLHHL", 1, 0x0112, 3, 1, 1, 0, 26)
    places = struct.pack("<HHHLLHHLLL", 2, 0x0201, 4, 1, place, 0x0202, 4, 1, size, 0)
    places += b"\xff\xd8a picture"
    RGB.save(tmp_path / "a.jpg", exif=b"Exif\0\0" + head + first + places)
    assert read_image(tmp_path / "a.jpg").exif == head + first[:-4] + bytes(4) + places


def _resource(number: int, data: bytes) -> bytes:
    head = b"8BIM" + struct.pack(">HHL", number, 0, len(data))
    return head + data + bytes(len(data) % 2)


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_thumbnails_of_photoshop_and_xmp_are_dropped(tmp_path: Path, name: str) -> None:
    caption, rest = _resource(0x0404, b"\x1c\x02\x78\0\3cat\0"), _resource(0x03ED, bytes(16))
    irb = caption + _resource(0x040C, bytes(28) + b"old picture\0") + rest
    xmp = b"<x:xmpmeta><xmp:Thumbnails><rdf:li>old</rdf:li></xmp:Thumbnails><b/></x:xmpmeta>"
    if name == "a.jpg":
        segment = b"Photoshop 3.0\0" + irb
        extra = struct.pack(">BBH", 255, 0xED, len(segment) + 2) + segment
        RGB.save(tmp_path / name, extra=extra, xmp=xmp)
    else:
        RGB.save(tmp_path / name, tiffinfo={34377: irb, 700: xmp})
    photo = read_image(tmp_path / name)
    out = tmp_path / f"out-{name}"
    write_image(out, photo.pixels, photo)
    content = out.read_bytes()
    assert caption + rest in content and b"old" not in content
    assert read_image(out).xmp.rstrip(b"\0") == b"<x:xmpmeta><b/></x:xmpmeta>"


@pytest.mark.parametrize("end", [3, 9, 15, 40])
def test_resources_that_are_cut_short_stay_as_they_are(end: int) -> None:
    caption = _resource(0x0404, b"cat\0")
    broken = _resource(0x040C, bytes(40))[:end]
    assert drop_from_resources(caption + broken) == caption + broken


def _segments(path: Path) -> list[bytes]:
    with Image.open(path) as picture:
        return [data for name, data in picture.applist if name == "APP13"]


def _write_resources(path: Path, *segments: bytes) -> Path:
    parts = [b"Photoshop 3.0\0" + segment for segment in segments]
    extra = b"".join(struct.pack(">BBH", 255, 0xED, len(part) + 2) + part for part in parts)
    RGB.save(path, extra=extra)
    return path


@pytest.mark.parametrize("thumbnail", [b"", _resource(0x040C, bytes(40_001))])
def test_resources_are_cut_between_segments_alone(tmp_path: Path, thumbnail: bytes) -> None:
    first = [_resource(0x03ED, bytes(30_000)), _resource(0x0422, bytes(40_000))]
    second = _resource(0x0404, b"\x1c\x02\x78\0\3cat")
    whole = thumbnail + b"".join([*first, second])
    path = _write_resources(tmp_path / "a.jpg", whole[:65_000], whole[65_000:])
    photo = read_image(path)
    write_image(tmp_path / "b.jpg", photo.pixels, photo)
    parts = _segments(tmp_path / "b.jpg")
    assert b"".join(part.removeprefix(PHOTOSHOP) for part in parts) == b"".join([*first, second])
    if thumbnail:
        assert parts == [PHOTOSHOP + first[0], PHOTOSHOP + first[1] + second]
    else:
        assert parts == _segments(path)


def test_xmp_loses_thumbnails_alone() -> None:
    xmp = b"<xmp:Thumbnails/><keep/><xmp:Thumbnails>x</xmp:Thumbnails><b/><xap:Thumbnails>y"
    assert drop_from_xmp(xmp) == b"<xmp:Thumbnails/><keep/><b/><xap:Thumbnails>y"
    many = b"<xmp:Thumbnails>" * 200_000
    assert drop_from_xmp(many) == many
