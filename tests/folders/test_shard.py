from collections import Counter

import pytest

from restore.errors import UsageError
from restore.folders import Shard


def test_every_photo_is_in_one_part_and_the_parts_are_about_equal() -> None:
    shards = [Shard(k, 4) for k in (1, 2, 3, 4)]
    names = [f"trip/{n}.jpg" for n in range(1000)]
    counts = Counter(shard.number for name in names for shard in shards if shard.holds(name))
    assert counts.total() == 1000
    assert min(counts.values()) > 200


def test_a_name_is_in_one_part_however_a_disk_spells_it() -> None:
    holders = [k for k in range(1, 100) if Shard(k, 99).holds("caf\u00e9.jpg")]
    assert holders == [k for k in range(1, 100) if Shard(k, 99).holds("cafe\u0301.jpg")]
    assert Shard(1, 1).holds("odd\udcff.jpg")


def test_a_part_and_its_report() -> None:
    assert Shard.parse("2/8") == Shard(2, 8)
    assert Shard.parse("2/8").report == "report-2-of-8.jsonl"
    assert Shard.parse("1/1").report == Shard().report == "report.jsonl"


@pytest.mark.parametrize(
    "text", ["0/4", "5/4", "2", "a/b", "-1/3", "1/0", "1/2/3", "", "1.0/2", "²/3"]
)
def test_anything_else_is_told(text: str) -> None:
    with pytest.raises(UsageError, match=r"K from 1 to N, as 2/8, not '"):
        Shard.parse(text)


@pytest.mark.parametrize(("number", "count"), [(0, 2), (3, 2), (-1, 1)])
def test_a_part_that_would_hold_nothing_is_refused(number: int, count: int) -> None:
    with pytest.raises(UsageError, match=f"no part {number} of {count}"):
        Shard(number, count)
