"""What a picture's file holds, on disk or in memory."""

from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple


class Content(NamedTuple):
    """A file, or what one that lies nowhere would hold."""

    path: Path  # or its name alone, where there is data
    data: bytes | None = None

    def open(self) -> BinaryIO:
        """Return it opened for reading."""
        return self.path.open("rb") if self.data is None else BytesIO(self.data)

    def read(self) -> bytes:
        """Return all of it."""
        return self.path.read_bytes() if self.data is None else self.data
