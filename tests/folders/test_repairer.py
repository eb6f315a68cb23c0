import numpy as np
import pytest
from PIL import Image

from restore.errors import UsageError
from restore.fixing import fix_photo
from restore.folders import FixOptions, Job, fix_job
from restore.folders.repairer import GROW, Repairer
from restore.image import Photo


class White:
    """Finds what is white."""

    def find(self, photo: np.ndarray, *, grow: int = 0, **_: object) -> np.ndarray:
        assert photo.dtype == np.uint8
        self.grow = grow
        return (photo.min(axis=2) == 255).view(np.uint8)


class Filler:
    name = "filler"

    def fix(self, photo: np.ndarray, mask: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
        assert mask is not None and photo.dtype == np.uint8
        return np.where(mask[..., None] == 1, np.uint8(10 + seed), photo)


class Mender:
    name = "mender"

    def fix(self, photo: np.ndarray, mask: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
        assert mask is None
        return photo + photo.dtype.type(1)


@pytest.fixture
def photo() -> np.ndarray:
    pixels = np.full((20, 30, 3), 90, np.uint8)
    pixels[5] = 255
    return pixels


def test_what_is_found_is_filled_and_the_rest_stays(photo) -> None:
    fixed = Repairer(White(), Filler()).fix(photo, seed=3)
    assert (fixed[5] == 13).all() and (np.delete(fixed, 5, 0) == 90).all()
    assert fixed.dtype == np.uint8


def test_a_mender_has_the_last_word(photo) -> None:
    repairer = Repairer(White(), Filler(), Mender())
    fixed = repairer.fix(photo)
    assert (fixed[5] == 11).all() and (fixed[0] == 91).all()
    assert repairer.name == "filler+mender"


def test_a_photo_without_damage_is_the_same_array(photo) -> None:
    photo[5] = 90
    assert Repairer(White(), Filler()).fix(photo) is photo


def test_sixteen_bits_stay_where_nothing_is_filled(photo) -> None:
    deep = np.arange(20 * 30 * 3, dtype=np.uint16).reshape(20, 30, 3)
    deep[5] = 65535
    fixed = Repairer(White(), Filler()).fix(deep)
    assert fixed.dtype == np.uint16
    assert (fixed[5] == 10 * 257).all()
    assert (np.delete(fixed, 5, 0) == np.delete(deep, 5, 0)).all()


def test_marks_are_widened_for_soft_rims(photo) -> None:
    finder = White()
    Repairer(finder, Filler(), grow=3).fix(photo)
    assert finder.grow == 3
    Repairer(finder, Filler()).fix(photo)
    assert finder.grow == GROW == FixOptions(find="scratches").margin


def test_damage_is_looked_for_once_for_all_seeds_and_told(write_picture, tmp_path) -> None:
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[5:10] = 255
    looked = []

    class Finder(White):
        def find(self, photo: np.ndarray, *, grow: int = 0, **_: object) -> np.ndarray:
            looked.append(photo)
            return super().find(photo, grow=grow)

    job = Job(write_picture("p.png", pixels), (tmp_path / "1.png", tmp_path / "2.png"))
    said: list[str] = []
    records = list(fix_job(Repairer(Finder(), Filler()), job, FixOptions(), said.append))
    assert [record.hole for record in records] == [0.25, 0.25] and len(looked) == 1
    assert any("25% of" in sentence and "--find" in sentence for sentence in said)


def test_what_is_marked_is_filled_and_then_all_is_mended(write_picture, tmp_path) -> None:
    photo = write_picture("p.png", np.full((20, 30, 3), 90, np.uint8))
    mask = np.zeros((20, 30), np.uint8)
    mask[5:10] = 255
    options = FixOptions(write_picture("m.png", mask), mend=True)
    repairer = Repairer(None, Filler(), Mender())
    (record,) = fix_job(repairer, Job(photo, (tmp_path / "1.png",)), options)
    fixed = np.array(Image.open(record.out))
    assert (fixed[5:10] == 11).all() and (fixed[:5] == 91).all() and (fixed[10:] == 91).all()
    assert record.hole == 0.25
    nothing = FixOptions(write_picture("n.png", np.zeros((20, 30), np.uint8)), mend=True)
    (record,) = fix_job(repairer, Job(photo, (tmp_path / "2.png",)), nothing, lambda sentence: None)
    assert (np.array(Image.open(record.out)) == 91).all(), "mended all the same"


def test_a_noisy_photo_is_filled_once_more_when_it_is_mended() -> None:
    """From clean surroundings; a hole as wide as one pixel more, which mending has blended."""
    filled: list[np.ndarray] = []

    class Watcher(Filler):
        def fix(self, photo: np.ndarray, mask: np.ndarray | None = None, seed: int = 0):
            filled.append(photo)
            return super().fix(photo, mask, seed)

    class Cleaner(Mender):
        def fix(self, photo: np.ndarray, mask: np.ndarray | None = None, seed: int = 0):
            return np.full_like(photo, 120)

    clean = np.full((160, 160, 3), 120, np.uint8)
    noise = np.random.default_rng(0).normal(0, 20, clean.shape)
    noisy = np.clip(np.rint(clean + noise), 0, 254).astype(np.uint8)
    for photo, times in ((noisy, 2), (clean.copy(), 1)):
        photo[70:80, 70:80] = 255
        filled.clear()
        fixed = Repairer(White(), Watcher(), Cleaner()).fix(photo)
        assert len(filled) == times
        assert (fixed[70:80, 69:81] == (10 if times == 2 else 120)).all()
        assert (fixed[:68] == 120).all()
    assert Repairer(White(), Watcher(), None).fix(noisy).shape == noisy.shape


def test_what_is_all_damage_is_refused() -> None:
    photo = np.full((20, 30, 3), 255, np.uint8)
    with pytest.raises(
        UsageError, match=r"100.0% of the photo, and at most 95%.*; raise --threshold, or mark"
    ):
        Repairer(White(), Filler(), grow=0).fix(photo)
    with pytest.raises(UsageError, match="--threshold, widen it by less, or mark"):
        Repairer(White(), Filler(), grow=1).fix(photo)


def test_what_is_invisible_is_neither_looked_at_nor_changed(write_picture, tmp_path) -> None:
    """Hidden white would be damage, and the black of a logo's surroundings what it is filled by."""
    pixels = np.zeros((20, 30, 4), np.uint8)
    pixels[..., :3], pixels[5:15, 5:15] = 255, (90, 80, 70, 255)
    path, out = write_picture("logo.png", pixels), tmp_path / "fixed.png"
    list(fix_job(Repairer(White(), Filler(), Mender()), Job(path, (out,)), FixOptions()))
    expected = pixels.copy()
    expected[5:15, 5:15, :3] += 1
    with Image.open(out) as fixed:
        assert np.array_equal(np.array(fixed), expected)


def test_damage_at_the_rim_of_what_is_visible_is_not_what_it_is_filled_by() -> None:
    pixels, alpha = np.full((40, 60, 3), 90, np.uint8), np.full((40, 60), 255, np.uint8)
    pixels[:, 20:25], alpha[:, 25:] = 255, 0

    class Nearest(Filler):
        """Fills with the brightest pixel that is known, and looks at all that is."""

        def fix(self, photo, mask=None, seed=0):
            return np.where(mask[..., None] == 1, photo[mask == 0].max(), photo)

    seen: list[np.ndarray] = []

    class Looking(Mender):
        def fix(self, photo, mask=None, seed=0):
            seen.append(photo)
            return photo

    photo = Photo(pixels, alpha)
    repairer = Repairer(White(), Nearest(), Looking()).look_at(photo)
    fixed = fix_photo(repairer, photo)
    assert (fixed.pixels[:, :25] == 90).all()
    assert (seen[0] == 90).all()  # nor is what is hidden, which had the colour of the damage
    assert np.array_equal(fixed.pixels[:, 25:], pixels[:, 25:])
