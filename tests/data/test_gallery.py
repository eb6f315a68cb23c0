import gzip
import os
import struct
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from restore.data import (
    Squares,
    check_photos,
    find_idx,
    find_photos,
    label_photos,
    open_held_out,
    open_idx,
    open_photos,
)
from restore.data.gallery import cut_middle, load_pictures, open_torchvision
from restore.data.idx import read_idx
from restore.errors import RestoreError, UsageError

PIXELS = np.random.default_rng(0).integers(0, 256, (7, 28, 28), np.uint8)
LABELS = np.array([2, 0, 1, 1, 0, 2, 2], np.uint8)


def write_idx(path: Path, values: np.ndarray) -> Path:
    content = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    content += values.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.fixture(params=["", ".gz"])
def mnist(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    write_idx(tmp_path / f"train-images-idx3-ubyte{request.param}", PIXELS)
    write_idx(tmp_path / f"train-labels-idx1-ubyte{request.param}", LABELS)
    write_idx(tmp_path / f"t10k-images-idx3-ubyte{request.param}", PIXELS[:1])
    return tmp_path


def test_idx_files_are_read_with_their_labels(mnist: Path) -> None:
    images = find_idx(mnist)
    assert images is not None and images.name.startswith("train")
    gallery = open_idx(images, mnist)
    assert gallery.lines() == [f"{mnist}: 7 pictures", "3 classes: 0, 1, 2"]
    assert gallery.labels is not None and gallery.labels.tolist() == LABELS.tolist()
    read = gallery.pictures.read(3, 28)
    assert read.shape == (28, 28, 3) and (read[..., 1] == PIXELS[3]).all()


def test_idx_files_without_labels_have_no_classes(mnist: Path) -> None:
    for labels in mnist.glob("*labels*"):
        labels.unlink()
    images = find_idx(mnist)
    assert images is not None and open_idx(images, mnist).names == ()


@pytest.mark.parametrize(
    "spoil", [lambda d: d[:-5], lambda d: b"\1" + d[1:], lambda d: d[:6], lambda d: d[:16]]
)
def test_a_damaged_idx_file_is_refused(tmp_path: Path, spoil) -> None:
    path = write_idx(tmp_path / "images-idx3-ubyte", PIXELS)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(RestoreError, match="not a whole idx file"):
        read_idx(path, 3)
    packed = write_idx(tmp_path / "images-idx3-ubyte.gz", PIXELS)
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(RestoreError, match="Can't read"):
        read_idx(packed, 3)


def test_labels_of_another_data_set_are_refused(tmp_path: Path) -> None:
    images = write_idx(tmp_path / "a-images-idx3-ubyte", PIXELS)
    write_idx(tmp_path / "a-labels-idx1-ubyte", LABELS[:3])
    with pytest.raises(RestoreError, match=r"7 pictures and .* 3 labels"):
        open_idx(images, tmp_path)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("cat/1.png", "cat/deep/2.png", "dog/1.png"):
        path = tmp_path / "animals" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (50, 70, 3), np.uint8)).save(path)
    return tmp_path / "animals"


def test_a_folder_for_each_class_gives_labels(folders: Path) -> None:
    gallery = open_photos(check_photos(find_photos(folders), 32))
    assert gallery.names == ("cat", "dog")
    assert gallery.labels is not None and gallery.labels.tolist() == [0, 0, 1]
    assert gallery.lines()[-1] == "2 classes: cat, dog"
    assert gallery.without_labels().labels is None


def test_an_archive_gives_the_labels_of_the_folder_that_it_was_made_of(folders: Path) -> None:
    """`zip -r animals.zip animals` puts animals/ before each name, `tar -C animals .` puts ./."""
    zipped, tarred = folders.with_suffix(".zip"), folders.with_suffix(".tar")
    with ZipFile(zipped, "w") as archive, tarfile.open(tarred, "w") as tar:
        for path in sorted(folders.rglob("*.png")):
            archive.write(path, path.relative_to(folders.parent))
        tar.add(folders, ".")
    for place, first in ((zipped, "animals/cat/1.png"), (tarred, "./cat/1.png")):
        report = check_photos(find_photos(place), 32)
        assert next(iter(report.facts)) == first  # runs remember photos by their names
        gallery = open_photos(report)
        assert gallery.names == label_photos("", find_photos(place).photos).names == ("cat", "dog")
        assert gallery.labels is not None and gallery.labels.tolist() == [0, 0, 1]


def test_the_folder_around_an_archive_is_that_of_all_its_photos(folders: Path) -> None:
    """Not of those that are good enough: cat/deep is no class where the dog is left out."""
    Image.fromarray(PIXELS[0]).save(folders / "dog/1.png")
    with ZipFile(folders.with_suffix(".zip"), "w") as archive:
        for path in sorted(folders.rglob("*.png")):
            name = path.relative_to(folders).as_posix().replace("cat/1", "cat/flat/1")
            archive.write(path, name)
    report = check_photos(find_photos(folders.with_suffix(".zip")), 32)
    assert list(report.photos) == ["cat/deep/2.png", "cat/flat/1.png"]
    assert open_photos(report).names == ()


def test_a_folder_of_one_class_has_no_classes(folders: Path) -> None:
    (folders / "dog/1.png").rename(folders / "cat/flat.png")
    (folders / "cat/deep").rename(folders / "cat/a")
    for place in (folders, folders.parent):
        assert label_photos("", find_photos(place).photos).names == ()


def test_photos_beside_folders_have_no_classes(folders: Path) -> None:
    Image.fromarray(PIXELS[0]).save(folders / "stray.png")
    gallery = open_photos(check_photos(find_photos(folders), 28, least=4))
    assert (gallery.names, gallery.stray) == ((), "stray.png")


def test_squares_are_the_same_for_the_same_seed_and_each_comes_once_an_epoch(mnist: Path) -> None:
    gallery = open_idx(find_idx(mnist) or mnist, mnist)
    first, second = (Squares(gallery, 28, 1, False, seed=3) for _ in range(2))
    assert all((first[n].image == second[n].image).all() for n in range(7, 14))
    epoch = [first[n] for n in range(7)]
    assert {item.image.tobytes() for item in epoch} == {pixels.tobytes() for pixels in PIXELS}
    for item in epoch:
        index = next(n for n, pixels in enumerate(PIXELS) if (item.image[0] == pixels).all())
        assert item.label == LABELS[index]


def test_half_of_the_squares_are_mirrored_where_that_is_wanted(mnist: Path) -> None:
    gallery = open_idx(find_idx(mnist) or mnist, mnist)
    squares = Squares(gallery, 28, 1, True, seed=3)
    known = {pixels.tobytes() for pixels in PIXELS}
    turned = sum(squares[n].image.tobytes() not in known for n in range(70))
    assert 20 < turned < 50


def test_a_picture_that_can_not_be_read_gives_way_to_the_next(folders: Path) -> None:
    gallery = open_photos(check_photos(find_photos(folders), 32))
    (folders / "dog/1.png").write_bytes(b"no picture")
    items = [Squares(gallery, 32, 3, False, seed=0)[n] for n in range(3)]
    assert [item.label for item in items] == [0, 0, 0]
    assert sum(len(item.problems) for item in items) == 1
    for path in folders.rglob("*.png"):
        path.unlink()
    with pytest.raises(RestoreError, match="None of the pictures"):
        Squares(gallery, 32, 3, False, seed=0)[0]


def test_batches_are_numbers_between_0_and_1(mnist: Path) -> None:
    gallery = open_idx(find_idx(mnist) or mnist, mnist)
    batch = next(load_pictures(Squares(gallery, 32, 3, False, 0), 4, range(8), 0, print))
    assert batch.image.shape == (4, 3, 32, 32) and 0.9 < batch.image.max() <= 1
    assert batch.label is not None and len(batch) == 4
    assert [len(part) for part in batch.split(2)] == [2, 2]


def test_the_middle_is_cut_out_and_scaled() -> None:
    wide = np.zeros((40, 100, 3), np.uint8)
    wide[:, 30:70] = 200
    assert (cut_middle(wide, 20) == 200).all() and cut_middle(wide, 20).shape == (20, 20, 3)
    assert cut_middle(wide, 64).shape == (64, 64, 3)


class StandIn:
    """A torchvision data set that is on disk only after a download."""

    here = False

    def __init__(self, root: str, download: bool = False) -> None:
        StandIn.here |= download
        if not StandIn.here:
            raise RuntimeError("Dataset not found")
        self.targets, self.classes = [1, 0], ["0 - zero", "1 - one"]

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        return Image.fromarray(PIXELS[index]), self.targets[index]


def test_a_torchvision_data_set_is_fetched_only_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchvision.datasets.MNIST", StandIn)
    with pytest.raises(RestoreError, match="add --download"):
        open_torchvision("MNIST", download=False)
    gallery = open_torchvision("MNIST", download=True)
    assert gallery.names == ("0", "1") and len(gallery.pictures) == 2
    assert (gallery.pictures.read(1, 28)[..., 0] == PIXELS[1]).all()
    assert open_torchvision("MNIST", download=False).labels is not None
    longer = replace(gallery, names=gallery.called, called=())  # as runs of before remember it
    assert gallery.fingerprint() == longer.fingerprint()


@pytest.mark.parametrize("part", ["train", "split", ""])
def test_torchvision_data_sets_are_scored_by_their_test_part(monkeypatch, part: str) -> None:
    class Parted(StandIn):
        here = True

        def __init__(self, root: str, download: bool = False, **parts: object) -> None:
            if parts and [*parts] != [part]:
                raise TypeError(f"unexpected {parts}")
            self.targets = [0] if parts in ({"train": False}, {"split": "test"}) else [1, 0]
            self.classes = ["zero", "one"]

        def __len__(self) -> int:
            return len(self.targets)

    monkeypatch.setattr("torchvision.datasets.MNIST", Parted)
    assert len(open_held_out(Path("torchvision:MNIST")).pictures) == (1 if part else 2)
    assert len(open_torchvision("MNIST", download=False).pictures) == 2


def test_labels_are_found_where_one_of_both_is_packed(tmp_path: Path) -> None:
    for images, labels in (("", ".gz"), (".gz", "")):
        place = tmp_path / f"set{images}"
        place.mkdir()
        found = write_idx(place / f"train-images-idx3-ubyte{images}", PIXELS)
        write_idx(place / f"train-labels-idx1-ubyte{labels}", LABELS)
        assert open_idx(found, place).names == ("0", "1", "2")


def test_shards_are_no_classes(folders: Path, tmp_path: Path) -> None:
    """Each may hold one class alone, which is then no folder that all is wrapped in."""
    shards = tmp_path / "shards"
    shards.mkdir()
    for name in ("cat", "dog"):
        with tarfile.open(shards / f"{name}-0.tar", "w") as tar:
            tar.add(folders / name, name)
    gallery = open_photos(check_photos(find_photos(shards), 32))
    assert gallery.names == ("cat", "dog")


def test_letters_are_numbered_from_one(tmp_path: Path) -> None:
    """As those of EMNIST: nothing is of the class 0, so there is none."""
    images = write_idx(tmp_path / "train-images-idx3-ubyte", PIXELS)
    write_idx(tmp_path / "train-labels-idx1-ubyte", LABELS + 1)
    gallery = open_idx(images, tmp_path)
    assert gallery.names == ("1", "2", "3")
    assert gallery.labels is not None and gallery.labels.tolist() == LABELS.tolist()


def test_an_unknown_data_set_is_told() -> None:
    with pytest.raises(UsageError, match="no data set 'MNISTT'"):
        open_torchvision("MNISTT", download=False)


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no UTF-8")
def test_classes_have_names_that_a_checkpoint_can_hold(folders: Path) -> None:
    (folders / "cat").rename(folders / os.fsdecode(b"caf\xe9"))
    gallery = open_photos(check_photos(find_photos(folders), 32))
    assert gallery.names == ("caf\\udce9", "dog")
