"""What a picture's file holds, on disk or in memory."""

import os
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from PIL import Image

from restore.errors import UsageError

Value = TypeVar("Value")


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


def check_source(path: object, data: object) -> None:
    """Refuse what names no file, or are no bytes of one.

    Raises:
        UsageError: it says so.
    """
    if not isinstance(path, str | os.PathLike):
        raise UsageError(
            f"A file is named by its path, not by {type(path).__name__}; bytes of one are read by "
            'read_image("name.jpg", data=...).'
        )
    if data is not None and not isinstance(data, bytes | bytearray | memoryview):
        raise UsageError(
            f"'data' are the bytes of a file, as read() gives, not {type(data).__name__}."
        )


def own_value(picture: Image.Image, name: str, kind: type[Value]) -> Value | None:
    """Return what Pillow has read of a name, None where that is a text of a PNG, or nothing.

    It puts texts among its own values under whatever keyword they have.
    """
    value = picture.info.get(name)
    return value if isinstance(value, kind) else None


def read_raw_profile(picture: Image.Image, kind: str) -> bytes:
    """Return metadata that ImageMagick has written into a text of a PNG; b"" where there are none.

    Args:
        picture: of any format.
        kind: "exif", "xmp", "iptc" or "8bim".
    """
    text = own_value(picture, f"Raw profile type {kind}", str) or ""
    with suppress(ValueError):
        return bytes.fromhex("".join(text.split("\n")[3:]))
    return b""
