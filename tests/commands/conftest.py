"""Running a command inside the test's process."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore.commands import main
from restore.image import Mask, Pixels


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one sentence on stderr; anything else there fails the test."""
        assert self.err.startswith("restore: "), self.err
        assert self.err.count("\n") == 1, self.err
        assert self.err.endswith((".\n", "?\n")), self.err
        assert self.out == ""
        return self.err.removeprefix("restore: ").strip()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run `restore` with arguments and return the exit code and what it printed."""
    monkeypatch.delenv("RESTORE_DEBUG", raising=False)

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


@pytest.fixture
def bright_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector that takes what is bright for damage stands in for the shipped one."""

    class Bright:
        def find(self, photo: Pixels, *, threshold: float | None, grow: int) -> Mask:
            return (photo.min(axis=2) >= 255 * (threshold or 0.5)).view(np.uint8)

    monkeypatch.setattr("restore.detector.Detector.load", lambda name, device: Bright())


@pytest.fixture
def read() -> Callable[[Path], Mask]:
    """Return the levels of a mask's file, which has one channel."""

    def read(path: Path) -> Mask:
        picture = Image.open(path)
        assert picture.mode == "L"
        return np.array(picture)

    return read
