"""A photo as it was read, fixed with its transparency, 16 bits and size."""

from pathlib import Path

import numpy as np
import pytest

from restore.errors import UsageError
from restore.fixing import UNSEEN, find_unknown, fix_photo, fix_with
from restore.image import AnyPixels, Mask, Photo, read_image, write_image


class Inverter:
    """Turns bright and dark round, at `factor` times the size; keeps what it was shown."""

    name = "inverter"

    def __init__(self, mends: bool = False, factor: int = 1) -> None:
        self.mends, self.factor = mends, factor

    def fix(self, photo: AnyPixels, mask: Mask | None = None, seed: int = 0) -> AnyPixels:
        self.shown, self.mask = photo, mask
        inverted = np.iinfo(photo.dtype).max - photo
        fixed = inverted if mask is None else np.where(mask[..., None] == 1, inverted, photo)
        return fixed.repeat(self.factor, axis=0).repeat(self.factor, axis=1)


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)


@pytest.fixture
def hole() -> np.ndarray:
    mask = np.zeros((40, 30), np.uint8)
    mask[10:20, 5:25] = 1
    return mask


def test_a_photo_without_a_hole_is_itself(pixels: np.ndarray) -> None:
    photo = Photo(pixels)
    assert fix_photo(Inverter(), photo, np.zeros((40, 30), np.uint8)) is photo


def test_a_fixer_that_leaves_a_photo_leaves_it_itself(pixels: np.ndarray) -> None:
    class Lazy(Inverter):
        def fix(self, photo: AnyPixels, mask: Mask | None = None, seed: int = 0) -> AnyPixels:
            return photo

    photo = Photo(pixels)
    assert fix_photo(Lazy(), photo) is photo
    assert fix_with(Lazy(mends=True), photo) is photo


@pytest.mark.parametrize("whole", [False, True])
def test_what_is_invisible_is_not_shown_and_stays(
    pixels: np.ndarray, hole: np.ndarray, whole: bool
) -> None:
    alpha = np.full((40, 30), 255, np.uint8)
    alpha[30:] = 0
    pixels[30:] = 0
    pixels[:30] = 200
    fixer = Inverter(mends=whole)
    fixed = fix_photo(fixer, Photo(pixels, alpha), None if whole else hole)
    assert (fixer.shown == 200).all()
    assert (fixed.pixels[30:] == 0).all()
    assert (fixed.pixels[10:20, 5:25] == 55).all()
    assert (fixed.pixels[0] == (55 if whole else 200)).all()
    assert fixed.alpha is alpha


def test_the_colour_of_what_goes_is_not_shown_where_the_photo_is_invisible() -> None:
    """A thing on nothing, with a rim that stays: what is beside it is not of its colour."""
    pixels, alpha = np.zeros((40, 30, 3), np.uint8), np.zeros((40, 30), np.uint8)
    alpha[10:30, 5:25] = 255
    pixels[10:30, 5:25] = 90
    pixels[10:30, 7:25] = 255
    hole = np.zeros((40, 30), np.uint8)
    hole[5:30, 7:25] = 1  # also over what is invisible
    fixer = Inverter()
    fixed = fix_photo(fixer, Photo(pixels, alpha), hole)
    assert fixer.mask is not None and (fixer.shown[fixer.mask == 0] == 90).all()
    assert (fixed.pixels[alpha == 0] == 0).all() and (fixed.pixels[10:30, 5:7] == 90).all()


def test_what_a_foreign_fixer_does_outside_of_the_mask_is_not_taken(
    pixels: np.ndarray, hole: np.ndarray
) -> None:
    class Painter(Inverter):
        def fix(self, photo: AnyPixels, mask: Mask | None = None, seed: int = 0) -> AnyPixels:
            return np.full_like(photo, 7)

    fixed = fix_with(Painter(), Photo(pixels), hole)
    assert (fixed.pixels[hole == 1] == 7).all()
    assert np.array_equal(fixed.pixels[hole == 0], pixels[hole == 0])


def test_a_foreign_fixer_is_given_arrays_of_its_own_and_looked_at(pixels: np.ndarray) -> None:
    class Careless(Inverter):
        def fix(self, photo: AnyPixels, mask: Mask | None = None, seed: int = 0) -> AnyPixels:
            photo[:] = 9
            if mask is not None:
                mask[:] = 1
            return photo

    class Shallow(Inverter):
        def fix(self, photo: AnyPixels, mask: Mask | None = None, seed: int = 0) -> AnyPixels:
            return photo.astype(np.uint8)

    class Nothing(Inverter):
        name = "nothing"

        def fix(self, photo: AnyPixels, mask: Mask | None = None, seed: int = 0) -> AnyPixels:
            photo[:] = 9  # in place

    class Padding(Inverter):
        def fix(self, photo: AnyPixels, mask: Mask | None = None, seed: int = 0) -> AnyPixels:
            return np.pad(photo, ((0, 2), (0, 2), (0, 0)))

    photo, before = Photo(pixels), pixels.copy()
    marks = np.zeros((40, 30), np.uint8)
    marks[:5] = 254
    fixed = fix_with(Careless(), photo, marks)
    assert (fixed.pixels[:5] == 9).all() and np.array_equal(fixed.pixels[5:], before[5:])
    assert np.array_equal(photo.pixels, before)
    assert np.array_equal(fix_with(Inverter(), photo, marks > 0).pixels[:5], 255 - before[:5])
    deep = Photo(pixels, deep=pixels.astype(np.uint16) * 257)
    with pytest.raises(UsageError, match=r"has made .* uint8 of a photo of .* uint16"):
        fix_with(Shallow(mends=True), deep)
    with pytest.raises(UsageError, match="has made"):
        fix_with(Inverter(mends=True, factor=2), photo, marks)
    with pytest.raises(UsageError, match="What nothing has returned is no photo"):
        fix_with(Nothing(), photo, marks)
    with pytest.raises(UsageError, match="as the photo"):
        fix_with(Inverter(), photo, marks[:9])
    with pytest.raises(UsageError, match="needs a mask"):
        fix_with(Inverter(), photo)
    with pytest.raises(UsageError, match="has made"):
        fix_with(Padding(mends=True), photo)
    used = marks.copy()
    fix_with(Careless(), photo, used)
    assert np.array_equal(used, marks)


def test_a_hole_in_what_is_invisible_is_none(pixels: np.ndarray, hole: np.ndarray) -> None:
    photo = Photo(pixels, np.where(hole == 1, np.uint8(0), np.uint8(255)))
    assert fix_photo(Inverter(), photo, hole) is photo


def test_a_hole_of_all_that_is_visible_is_refused(pixels: np.ndarray, hole: np.ndarray) -> None:
    photo = Photo(pixels, np.where(hole == 1, np.uint8(255), np.uint8(0)))
    with pytest.raises(UsageError, match=r"The hole is 100\.0% of the photo"):
        fix_photo(Inverter(), photo, hole)


def test_what_mends_may_do_so_in_all_of_a_mask(pixels: np.ndarray) -> None:
    fixed = fix_photo(Inverter(mends=True), Photo(pixels), np.ones((40, 30), np.uint8))
    assert np.array_equal(fixed.pixels, 255 - pixels)


@pytest.mark.parametrize("gray", [False, True])
def test_what_is_mended_has_16_bits(gray: bool, tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65_536, (40, 30, 1 if gray else 3), np.uint16)
    levels = ((deep.astype(np.uint32) * 255 + 32_895) >> 16).astype(np.uint8)
    photo = Photo(np.broadcast_to(levels, (40, 30, 3)).copy(), gray=gray, deep=deep)
    fixed = fix_photo(Inverter(mends=True), photo)
    assert fixed.deep is not None and np.array_equal(fixed.deep, 65_535 - deep)
    write_image(tmp_path / "a.png", fixed.pixels, like=fixed)
    again = read_image(tmp_path / "a.png")
    assert np.array_equal(again.deep, 65_535 - deep)  # type: ignore[arg-type]


@pytest.mark.parametrize("gray", [False, True])
def test_what_is_filled_keeps_16_bits_around_it(hole: np.ndarray, gray: bool) -> None:
    deep = np.random.default_rng(0).integers(0, 65_536, (40, 30, 1 if gray else 3), np.uint16)
    levels = ((deep.astype(np.uint32) * 255 + 32_895) >> 16).astype(np.uint8)
    photo = Photo(np.broadcast_to(levels, (40, 30, 3)).copy(), gray=gray, deep=deep)
    fixed = fix_photo(Inverter(), photo, hole)
    assert fixed.deep is not None
    assert np.array_equal(fixed.deep[hole == 0], deep[hole == 0])
    assert np.array_equal(fixed.deep[hole == 1], (255 - levels[hole == 1]).astype(np.uint16) * 257)
    assert np.array_equal(fixed.pixels[hole == 1], 255 - photo.pixels[hole == 1])


def test_what_is_made_larger_is_so_in_all_its_parts(tmp_path: Path) -> None:
    alpha = np.full((40, 30), 255, np.uint8)
    alpha[:5] = 0
    photo = Photo(np.full((40, 30, 3), 200, np.uint8), alpha)
    fixed = fix_photo(Inverter(mends=True, factor=2), photo)
    assert fixed.pixels.shape == (80, 60, 3) and fixed.alpha is not None
    assert fixed.alpha.shape == (80, 60)
    assert (fixed.pixels[20:] == 55).all() and (fixed.pixels[:4] == 200).all()
    write_image(tmp_path / "a.png", fixed.pixels, like=fixed)


@pytest.mark.parametrize("mends", [False, True])
def test_a_jpeg_is_compressed_finely_only_where_it_was_mended(
    pixels: np.ndarray, tmp_path: Path, mends: bool
) -> None:
    path = tmp_path / "a.jpg"
    write_image(path, pixels, Photo(pixels))
    coarse = Photo(pixels, format="JPEG", encoding={"qtables": [[99] * 64, [99] * 64]})
    write_image(path, pixels, coarse, overwrite=True)
    photo = read_image(path)
    hole = np.ones((40, 30), np.uint8)
    hole[:8] = 0
    fixed = fix_photo(Inverter(mends), photo, hole)
    assert ("qtables" not in fixed.encoding) == mends


@pytest.mark.parametrize("factor", [1, 2])
def test_a_photo_of_which_nothing_is_visible_stays(pixels: np.ndarray, factor: int) -> None:
    pixels = pixels // 4  # so that what is inverted differs in its mean, too
    photo = Photo(pixels, alpha=np.zeros((40, 30), np.uint8))
    fixed = fix_photo(Inverter(mends=True, factor=factor), photo)
    assert fixed.pixels.shape == (40 * factor, 30 * factor, 3)
    assert np.array_equal(fixed.pixels[::factor, ::factor], pixels) or factor > 1
    assert abs(fixed.pixels.mean() - pixels.mean()) < 3


def test_a_hole_of_nearly_everything_is_refused(pixels: np.ndarray) -> None:
    hole = np.ones((40, 30), np.uint8)
    hole[0, 0] = 0
    with pytest.raises(UsageError, match=r"99\.9% of the photo, and at most 95%"):
        fix_photo(Inverter(), Photo(pixels), hole)


@pytest.mark.parametrize("alpha", [np.ones((3, 4), np.uint8), np.ones((40, 30)), [1]])
def test_what_is_no_transparency_is_refused(pixels: np.ndarray, alpha: object) -> None:
    with pytest.raises(UsageError, match="transparency of a photo"):
        fix_photo(Inverter(), Photo(pixels, alpha=alpha))


def test_what_is_invisible_near_a_hole_is_unknown() -> None:
    hole, alpha = np.zeros((10, 600), np.uint8), np.full((10, 600), 255, np.uint8)
    hole[:, 300] = 1
    assert find_unknown(hole, None) is hole and find_unknown(hole, alpha) is hole
    alpha[:, :290] = 0
    unknown = find_unknown(hole, alpha)
    assert unknown[:, 300 - UNSEEN : 290].all() and not unknown[:, 290:300].any()
    assert not unknown[:, : 300 - UNSEEN].any()


def test_a_wrong_mask_is_refused(mender, pixels: np.ndarray) -> None:
    with pytest.raises(UsageError, match="must be \\(height, width\\)"):
        mender.fix_photo(Photo(pixels), np.ones((3, 3), np.uint8))
    with pytest.raises(UsageError, match="has to be what read_image returns, not ndarray"):
        mender.fix_photo(pixels)
    with pytest.raises(UsageError, match="A seed is a whole number"):
        mender.fix_photo(Photo(pixels), np.zeros((40, 30), np.uint8), seed=-1)
    assert mender.fix_photo(Photo(pixels)).pixels.shape == pixels.shape
