import struct
from pathlib import Path

import pytest
from PIL import Image, IptcImagePlugin
from skimage import data

from restore.image import read_image, write_image
from restore.image.resources import PHOTOSHOP, drop_thumbnails

RGB = Image.fromarray(data.chelsea()[100:196, 100:244])
CAPTION = b"\x1c\x02\x78\0\3cat"


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
    assert drop_thumbnails(caption + broken) == caption + broken


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


@pytest.mark.parametrize("source", ["a.jpg", "a.tif", "iptc.tif"])
@pytest.mark.parametrize("target", ["b.jpg", "b.tif"])
def test_iptc_goes_from_jpeg_to_tiff_and_back(tmp_path: Path, source: str, target: str) -> None:
    path, resources = tmp_path / source, _resource(0x0404, CAPTION)
    if source == "a.jpg":
        _write_resources(path, resources)
    else:
        tags = {"a.tif": {34377: resources}, "iptc.tif": {33723: CAPTION}}
        RGB.save(path, tiffinfo=tags[source])
    photo = read_image(path)
    assert photo.resources == resources
    write_image(tmp_path / target, photo.pixels, photo)
    if path.suffix != Path(target).suffix:
        with Image.open(tmp_path / target) as picture:
            assert (IptcImagePlugin.getiptcinfo(picture) or {}).get((2, 120)) == b"cat"
    assert read_image(tmp_path / target).resources == resources
