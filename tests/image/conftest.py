"""What several tests of picture files need."""

import struct
from collections.abc import Callable

import pytest

from restore import quiet


@pytest.fixture
def hushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process be one of ours, which keeps decoders from its user."""
    monkeypatch.setattr(quiet, "_hushed", True)


@pytest.fixture
def pack_profile() -> Callable[[bytes, bytes, bytes, bytes, bytes], bytes]:
    """Make a colour profile of one table or curve (ICC.1:2001-04, 6.1 and 6.2)."""

    def pack(device: bytes, colours: bytes, connection: bytes, tag: bytes, content: bytes) -> bytes:
        white = struct.pack(">3l", 63_190, 65_536, 54_061)
        name = b"desc" + bytes(4) + struct.pack(">L", 2) + b"t\0" + bytes(78)
        tags = {tag: content, b"wtpt": b"XYZ " + bytes(4) + white, b"desc": name}
        places, body = b"", b""
        for key, value in tags.items():
            places += struct.pack(">4sLL", key, 128 + 4 + 36 + len(body), len(value))
            body += value + bytes(-len(value) % 4)
        body = struct.pack(">L", len(tags)) + places + body
        head = struct.pack(">L4sL", 128 + len(body), b"lcms", 0x02400000)
        head += device + colours + connection + bytes(12) + b"acsp" + bytes(28) + white
        return head.ljust(128, b"\0") + body

    return pack
