import numpy as np
import pytest

from restore.image import shrink_known


def test_a_smaller_photo_is_the_mean_of_what_is_known() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    unknown = np.zeros((8, 12), np.uint8)
    unknown[:, 1::2] = 1
    unknown[:4, :4] = 1
    photo[unknown == 1] = 255
    small, share = shrink_known(photo, unknown, (2, 3))
    assert share.tolist() == [[0, 0.5, 0.5], [0.5, 0.5, 0.5]]
    assert (small[0, 0] == 0).all()
    for row, column in ((0, 1), (1, 0), (1, 2)):
        known = photo[4 * row : 4 * row + 4, 4 * column : 4 * column + 4 : 2]
        assert small[row, column] == pytest.approx(known.mean(axis=(0, 1)), abs=1e-3)
