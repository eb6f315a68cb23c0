import struct
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from restore.image import read_image
from restore.image.thumbnails import drop_from_xmp

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


def test_xmp_loses_thumbnails_alone() -> None:
    xmp = b"<xmp:Thumbnails/><keep/><xmp:Thumbnails>x</xmp:Thumbnails><b/><xap:Thumbnails>y"
    assert drop_from_xmp(xmp) == b"<xmp:Thumbnails/><keep/><b/><xap:Thumbnails>y"
    many = b"<xmp:Thumbnails>" * 200_000
    assert drop_from_xmp(many) == many
