"""JPEGs with colour at half the height, 4:4:0, as a turned 4:2:2 needs; Pillow doesn't write them.

Pillow writes each component as a gray JPEG, and their scans are put one after the other into one
file (ITU-T T.81, A.2 and B.2).
"""

import struct
from collections.abc import Iterator, Sequence
from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from restore.image.photo import Pixels

HALF_HEIGHT = "4:4:0"

_TO_YCBCR = np.array(  # JFIF 1.02; Pillow's own conversion rounds down
    [
        [0.299, 0.587, 0.114, 0],
        [-0.168735892, -0.331264108, 0.5, 128],
        [0.5, -0.418687589, -0.081312411, 128],
    ]
)
_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_DQT, _SOF0, _SOF1, _DHT, _SOS, _COM = 0xDB, 0xC0, 0xC1, 0xC4, 0xDA, 0xFE
_SAMPLING = (0x12, 0x11, 0x11)  # luma has twice the rows of the colours

Segment = tuple[int, bytes]


def fill_jpeg(frame: bytes, pixels: Pixels, tables: Sequence[Sequence[int]]) -> bytes:
    """Return the JPEG `frame` with pixels (H, W, 3) in place of its own, as 4:4:0.

    Args:
        frame: a JPEG of any pixels, for its metadata.
        pixels: uint8 RGB.
        tables: quantisation of luma and colours, or of luma, Cb and Cr.
    """
    height, width = pixels.shape[:2]
    numbers = [min(i, len(tables) - 1) for i in range(3)]  # of each component's table
    planes = [
        _encode_plane(plane, tables[number])
        for plane, number in zip(_to_planes(pixels), numbers, strict=True)
    ]
    kept = [s for s in _split(frame)[0] if s[0] == _COM or 0xE0 <= s[0] <= 0xEF]
    parts = [_SOI, *(_join(*segment) for segment in kept)]
    for number, (segments, _) in zip(numbers, planes, strict=True):
        parts += [_join(_DQT, bytes([s[0] & 0xF0 | number]) + s[1:]) for s in _of(segments, _DQT)]
    layout = struct.pack(">BHHB", 8, height, width, 3)
    for i, (number, sampling) in enumerate(zip(numbers, _SAMPLING, strict=True), start=1):
        layout += bytes([i, sampling, number])
    parts.append(_join(_SOF1 if any(max(t) > 255 for t in tables) else _SOF0, layout))
    for i, (segments, scan) in enumerate(planes, start=1):
        parts += [_join(_DHT, body) for body in _of(segments, _DHT)]
        parts += [_join(_SOS, bytes([1, i, 0, 0, 63, 0])), scan]
    return b"".join([*parts, _EOI])


def _to_planes(pixels: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    """Return luma (H, W), and Cb and Cr (ceil(H / 2), W)."""
    luma, *colours = cv2.split(cv2.transform(np.ascontiguousarray(pixels), _TO_YCBCR))
    blue, red = (_halve(np.asarray(colour)) for colour in colours)
    return np.asarray(luma), blue, red


def _halve(plane: Pixels) -> Pixels:
    """Return the means of pairs of rows, halves rounded down and up in turn, as libjpeg does."""
    even = np.pad(plane, ((0, len(plane) % 2), (0, 0)), "edge").astype(np.uint16)
    bias = np.arange(len(even) // 2, dtype=np.uint16)[:, None] % 2
    return ((even[::2] + even[1::2] + bias) >> 1).astype(np.uint8)


def _encode_plane(plane: Pixels, table: Sequence[int]) -> tuple[list[Segment], bytes]:
    file = BytesIO()
    Image.fromarray(plane).save(file, "JPEG", qtables=[list(table)])
    return _split(file.getvalue())


def _split(data: bytes) -> tuple[list[Segment], bytes]:
    """Return the segments of a JPEG of one scan, as (marker, content), and the scan itself."""
    segments: list[Segment] = []
    place = len(_SOI)
    while not segments or segments[-1][0] != _SOS:
        marker, length = struct.unpack_from(">xBH", data, place)
        segments.append((marker, data[place + 4 : place + 2 + length]))
        place += 2 + length
    return segments, data[place : -len(_EOI)]


def _of(segments: Sequence[Segment], marker: int) -> Iterator[bytes]:
    return (body for found, body in segments if found == marker)


def _join(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
