"""One part of a folder, for a machine of its own."""

import hashlib
import re
from dataclasses import dataclass

from restore.errors import UsageError
from restore.image import compose


@dataclass(frozen=True)
class Shard:
    """Part `number` of `count`, counted from 1.

    A photo's part goes by its relative path alone, so machines that see the same folder agree, and
    a photo stays in its part when others arrive.

    Raises:
        UsageError: there is no such part.
    """

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        """Refuse a part that would hold nothing."""
        if not 1 <= self.number <= self.count:
            raise UsageError(f"There is no part {self.number} of {self.count}; parts count from 1.")

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Return the part that "K/N" names.

        Raises:
            UsageError: it is not that, or K is not from 1 to N.
        """
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise UsageError(
                f"--shard is K/N, part K of N with K from 1 to N, as 2/8, not '{text}'."
            )
        return cls(int(match[1]), int(match[2]))

    def holds(self, name: str) -> bool:
        """Return whether the photo of this relative path, with "/", is in the part."""
        digest = hashlib.sha256(compose(name).encode(errors="surrogateescape")).digest()
        return int.from_bytes(digest[:8]) % self.count == self.number - 1

    @property
    def report(self) -> str:
        """The name of the part's report."""
        return "report.jsonl" if self.count == 1 else f"report-{self.number}-of-{self.count}.jsonl"


WHOLE = Shard()
