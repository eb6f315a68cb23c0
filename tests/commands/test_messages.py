"""What the commands say on stderr."""

import sys
from pathlib import Path

import pytest

from restore.commands.messages import Sign, report
from restore.errors import RestoreError


def test_a_sign_is_shown_on_a_terminal_alone(capsys, monkeypatch) -> None:
    for is_terminal in (False, True):
        monkeypatch.setattr(sys.stderr, "isatty", lambda told=is_terminal: told)
        sign = Sign("Fixing a\x1b.png …")
        sign.show()
        sign.say("It looked faded.")
        sign.clear()
        err = capsys.readouterr().err
        if is_terminal:
            shown = "Fixing a\\x1b.png …"
            assert err == f"{shown}\r\x1b[Krestore: It looked faded.\n{shown}\r\x1b[K"
        else:
            assert err == "restore: It looked faded.\n"


@pytest.mark.parametrize(
    ("sentence", "told"),
    [("It is too dark.", "a.png: It is too dark."), ("a.png is empty.", "a.png is empty.")],
)
def test_a_photo_is_named_once(capsys, sentence: str, told: str) -> None:
    assert report(RestoreError(sentence), Path("a.png")) == 1
    assert capsys.readouterr().err == f"restore: {told}\n"
