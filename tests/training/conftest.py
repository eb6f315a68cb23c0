from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 30 smooth photos, 90 × 80."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for index in range(30):
        small = rng.integers(0, 256, (9, 9, 3), np.uint8)
        smooth = cv2.resize(small, (90, 80), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{index}.png"), smooth)
    return folder
