"""Photos that lie in their file turned or mirrored (EXIF 2.32, tag 0x0112)."""

from restore.image.photo import AnyPixels

_FLIPS_ACROSS, _FLIPS_DOWN = {2, 3, 7, 8}, {3, 4, 6, 7}  # orientations, of what is stored
_BACK = {6: 8, 8: 6}  # the others are their own opposites


def turn(samples: AnyPixels, orientation: int) -> AnyPixels:
    """Return stored samples (H, W) or (H, W, C) upright."""
    if orientation in {5, 6, 7, 8}:
        samples = samples.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        samples = samples[::-1]
    return samples[:, ::-1] if orientation in {2, 3, 6, 7} else samples


def turn_back(samples: AnyPixels, orientation: int) -> AnyPixels:
    """Return upright samples (H, W) or (H, W, C) as they are stored under an orientation."""
    return turn(samples, _BACK.get(orientation, orientation))


def cuts_blocks(size: tuple[int, int], block: tuple[int, int], orientation: int) -> bool:
    """Tell whether upright blocks would begin elsewhere in the picture than the stored ones do.

    Args:
        size: width and height as stored.
        block: width and height of the pixels that are stored together.
        orientation: as EXIF has it, 1 to 8.
    """
    across = orientation in _FLIPS_ACROSS and size[0] % block[0]
    down = orientation in _FLIPS_DOWN and size[1] % block[1]
    return bool(across or down)
