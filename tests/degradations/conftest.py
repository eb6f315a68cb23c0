"""A photo to spoil."""

import numpy as np
import pytest
from skimage import data


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A face, 96 × 128 pixels, which nobody may write to."""
    pixels = np.ascontiguousarray(data.astronaut()[40:136, 160:288])
    pixels.flags.writeable = False
    return pixels


@pytest.fixture
def flat() -> np.ndarray:
    """A picture of one gray, 120 × 160 pixels."""
    return np.full((120, 160, 3), 120, np.uint8)
