from pathlib import Path

import pytest

from restore.data.idx import find_idx
from restore.errors import UsageError

EMNIST = ("emnist-letters-test-images-idx3-ubyte", "emnist-letters-train-images-idx3-ubyte")
QMNIST = ("qmnist-test-images-idx3-ubyte.gz", "qmnist-train-images-idx3-ubyte.gz")
KAGGLE = ("t10k-images.idx3-ubyte", "train-images.idx3-ubyte")


@pytest.mark.parametrize("names", [EMNIST, QMNIST, KAGGLE])
def test_the_part_is_told_by_a_word_of_the_name(names: tuple[str, ...], tmp_path: Path) -> None:
    beside = (names[0].replace("images", "labels").replace("idx3", "idx1"), f"._{names[1]}")
    for name in (*names, *beside):
        (tmp_path / name).touch()
    assert find_idx(tmp_path) == tmp_path / names[1]
    assert find_idx(tmp_path, ("t10k", "test")) == tmp_path / names[0]
    assert find_idx(tmp_path / names[0]) == tmp_path / names[0]


def test_where_no_part_is_named_the_only_file_is_taken(tmp_path: Path) -> None:
    assert find_idx(tmp_path) is None
    for name in ("a-idx3-ubyte", "a-idx3-ubyte.gz", "a.txt"):
        (tmp_path / name).touch()
    assert find_idx(tmp_path) == tmp_path / "a-idx3-ubyte"
    assert find_idx(tmp_path / "a.txt") is None


def test_of_several_sets_none_is_taken_for_the_one(tmp_path: Path) -> None:
    for kind in ("balanced", "letters"):
        (tmp_path / f"emnist-{kind}-train-images-idx3-ubyte.gz").touch()
    with pytest.raises(UsageError, match=r"several sets, emnist-balanced\S+ and emnist-letters"):
        find_idx(tmp_path)
    assert find_idx(tmp_path / "emnist-letters-train-images-idx3-ubyte.gz") is not None
