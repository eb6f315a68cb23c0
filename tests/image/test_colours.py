"""What a file says of its colours stays, or is applied where the new format can't say it."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features
from PIL.PngImagePlugin import PngInfo

from restore.image import read_image, write_image

RGB = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
P3 = bytes([12, 13, 0, 1])  # primaries, curve, matrix, full range (ITU-T H.273)


@pytest.fixture
def make_gray_profile(pack_profile) -> Callable[[float], bytes]:
    """Make a profile of gray by one curve (ICC.1:2001-04, 6.3.1.1)."""

    def make(gamma: float) -> bytes:
        curve = b"curv" + bytes(4) + struct.pack(">LH", 1, round(gamma * 256)) + bytes(2)
        return pack_profile(b"mntr", b"GRAY", b"XYZ ", b"kTRC", curve)

    return make


@pytest.mark.parametrize("deep", [False, True])
def test_a_png_keeps_colours_that_are_named_by_number(tmp_path: Path, deep: bool) -> None:
    chunks = PngInfo()
    chunks.add(b"cICP", P3)
    path, out = tmp_path / "a.png", tmp_path / "b.png"
    Image.fromarray(RGB).save(path, pnginfo=chunks)
    photo = read_image(path)
    write_image(out, photo.pixels.astype(np.uint16) * 257 if deep else photo.pixels, photo)
    assert b"cICP" + P3 in out.read_bytes()
    assert np.array_equal(read_image(out).pixels, RGB)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow writes no AVIF")
def test_an_avif_keeps_colours_that_are_named_by_number(tmp_path: Path) -> None:
    path, out = tmp_path / "a.avif", tmp_path / "b.avif"
    Image.fromarray(RGB).save(path, quality=95)
    before, _, after = path.read_bytes().partition(b"colrnclx")
    code = struct.pack(">HH", 12, 13)
    path.write_bytes(before + b"colrnclx" + code + after[4:])
    photo = read_image(path)
    write_image(out, photo.pixels, photo)
    assert b"colrnclx" + code in out.read_bytes()
    assert np.abs(read_image(out).pixels.astype(int) - photo.pixels).mean() < 5
    write_image(tmp_path / "c.png", photo.pixels, photo)
    assert np.array_equal(read_image(tmp_path / "c.png").pixels, photo.pixels)


@pytest.mark.parametrize("gamma", [1.0, 2.2])
def test_gray_looks_alike_in_formats_without_gray(
    tmp_path: Path, make_gray_profile, gamma: float
) -> None:
    levels = np.tile(np.arange(0, 256, 5, np.uint8), (8, 1))
    profile = make_gray_profile(gamma)
    Image.fromarray(levels).save(tmp_path / "a.png", icc_profile=profile)
    photo = read_image(tmp_path / "a.png")
    write_image(tmp_path / "a.webp", photo.pixels, photo)
    linear = (levels / 255) ** gamma
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    shown = read_image(tmp_path / "a.webp").pixels
    assert np.abs(shown - 255 * srgb[..., None]).max() < 9  # lcms is coarse near black
    assert np.abs(shown - 255 * srgb[..., None]).mean() < 1
    write_image(tmp_path / "a.tif", photo.pixels, photo)
    assert np.array_equal(read_image(tmp_path / "a.tif").pixels[..., 0], levels)
    assert read_image(tmp_path / "a.tif").icc == profile


def test_gray_with_a_damaged_profile_keeps_its_levels(tmp_path: Path, make_gray_profile) -> None:
    profile = make_gray_profile(1.0)[:160]
    Image.fromarray(RGB[..., 0]).save(tmp_path / "a.png", icc_profile=profile)
    photo = read_image(tmp_path / "a.png")
    write_image(tmp_path / "a.webp", photo.pixels, photo)
    assert np.array_equal(read_image(tmp_path / "a.webp").pixels, photo.pixels)
