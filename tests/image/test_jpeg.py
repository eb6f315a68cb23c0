from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from restore.image.jpeg import fill_jpeg

LUMA, BLUE, RED = ([start + i for i in range(64)] for start in (1, 2, 300))


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (7, 513), (96, 144), (95, 143)])
@pytest.mark.parametrize("tables", [[LUMA], [LUMA, BLUE], [LUMA, BLUE, RED]])
def test_two_decoders_read_what_is_written(size: tuple[int, int], tables: list[list[int]]) -> None:
    pixels = cv2.resize(data.chelsea(), size[::-1], interpolation=cv2.INTER_AREA)
    frame = BytesIO()
    Image.new("RGB", (1, 1)).save(frame, "JPEG", comment=b"kept", dpi=(300, 300))
    content = fill_jpeg(frame.getvalue(), pixels, tables)
    with Image.open(BytesIO(content)) as picture:
        assert picture.info["comment"] == b"kept"
        assert picture.info["dpi"] == (300, 300)
        assert list(picture.quantization.values()) == tables
        read = np.asarray(picture)
    other = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert read.shape == other.shape == pixels.shape
    assert np.abs(read.astype(int) - other[..., ::-1]).max() <= 1
    if RED not in tables and min(size) > 7:
        assert np.abs(read.astype(int) - pixels).mean() < 6
