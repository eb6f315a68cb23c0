import numpy as np
import pytest
import torch

from restore.errors import UsageError
from restore.image import Photo, check_pixels, drop_extension, to_pixels, to_tensor


def test_pixels_go_to_torch_and_back() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    tensor = to_tensor(pixels)
    assert tensor.shape == (1, 3, 5, 7)
    assert tensor.dtype == torch.float32
    assert 0 <= tensor.min() <= tensor.max() <= 1
    assert tensor[0, 2, 4, 6] == pixels[4, 6, 2] / np.float32(255)
    again = to_pixels(tensor)
    assert again.dtype == np.uint8
    assert again.flags.c_contiguous
    assert np.array_equal(again, pixels)


def test_every_level_survives() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    assert np.array_equal(to_pixels(to_tensor(levels)), levels)


def test_read_only_pixels_and_slices_go_to_torch() -> None:
    pixels = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)[::2, ::-1]
    pixels.flags.writeable = False
    assert np.array_equal(to_pixels(to_tensor(pixels)), pixels)


def test_what_is_out_of_range_is_clamped_and_rounded() -> None:
    values = torch.tensor([-0.5, 0.2 / 255, 0.6 / 255, 1.5]).repeat(3, 1).reshape(1, 3, 1, 4)
    values.requires_grad_()
    assert to_pixels(values)[0, :, 0].tolist() == [0, 0, 1, 255]
    assert to_pixels(values.to(torch.bfloat16))[0, :, 0].tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize("wrong", [Photo(np.zeros((4, 4, 3), np.uint8)), [[0]], None])
def test_what_is_no_array_is_told(wrong: object) -> None:
    with pytest.raises(UsageError, match=r"not (Photo|list|NoneType); those of a file"):
        check_pixels(wrong)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a.jpg", "a"),
        ("deep/a.b.PNG", "deep/a.b"),
        ("a.mpo", "a"),
        ("scan.1", "scan.1"),
        ("IMG.0001.png", "IMG.0001"),
        ("deep.er/a", "deep.er/a"),
        ("deep/.hidden", "deep/.hidden"),
    ],
)
def test_names_are_told_from_their_extensions(name: str, stem: str) -> None:
    assert drop_extension(name) == stem
