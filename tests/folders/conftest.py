"""A folder of photos with a mask for each."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def make_album(write_picture, tmp_path, monkeypatch) -> Callable[..., None]:
    """Write photos/NAME and masks/NAME.png, and go to the folder that holds both."""

    def make(*names: str, masks: bool = True) -> None:
        hole = np.zeros((40, 60), np.uint8)
        hole[10:20, 20:40] = 255
        for name in names:
            write_picture(f"photos/{name}")
            if masks:
                write_picture(str(Path("masks", name).with_suffix(".png")), hole)
        monkeypatch.chdir(tmp_path)

    return make
