"""What the commands say on stderr: one sentence for each thing that went wrong."""

import os
import re
import shutil
import sys
from pathlib import Path

import click

from restore import errors
from restore.errors import DEBUG, RestoreError
from restore.quiet import stderr_spoken

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def say(sentence: str) -> None:
    """Print a sentence for the user on stderr; odd bytes in a file's name are shown escaped."""
    with stderr_spoken():
        click.echo(f"restore: {to_printable(sentence)}", err=True)


class Sign:
    """A line that is shown on stderr, where that is a terminal, while there is nothing to tell."""

    def __init__(self, sentence: str) -> None:
        room = shutil.get_terminal_size().columns - 1  # one line can be cleared
        shown = sys.stderr is not None and sys.stderr.isatty()  # None where it was closed
        self.sentence = to_printable(sentence)[:room] if shown else ""

    def show(self) -> None:
        """Show it, until `clear`."""
        if self.sentence:
            click.echo(self.sentence, nl=False, err=True)

    def clear(self) -> None:
        """Leave an empty line."""
        if self.sentence:
            click.echo("\r\x1b[K", nl=False, err=True)

    def say(self, sentence: str) -> None:
        """Print a sentence above it."""
        self.clear()
        say(sentence)
        self.show()


def to_printable(text: str) -> str:
    """Return a text that any terminal in UTF-8 takes, and obeys nothing in.

    Names of files may hold other bytes, the ends of lines, and codes for colours.
    """
    decoded = text.encode(errors="backslashreplace").decode()
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], decoded)


def tell_share(share: float) -> str:
    """Return a share of a photo as a percentage that is 0 only where the share is."""
    return f"{share:.1%}" if share >= 0.0005 or share == 0 else "less than 0.1%"


def report(error: Exception, photo: Path | None = None) -> int:
    """Tell the user of an error and return its exit code, 2 for wrong usage and 1 otherwise.

    Of one among many photos its name goes before a sentence that has it not.

    With the variable RESTORE_DEBUG set the error is raised again, for its traceback.
    """
    if os.environ.get(DEBUG):
        raise error
    sentence = _sentence_of(error)
    say(sentence if photo is None or str(photo) in sentence else f"{photo}: {sentence}")
    return error.exit_code if isinstance(error, RestoreError | click.ClickException) else 1


def _sentence_of(error: Exception) -> str:
    """Return the one sentence, on one line, that tells a user what went wrong."""
    if isinstance(error, click.ClickException):
        text = f"{_ended(error.format_message())}{_help_for(error)}"
        return " ".join(text.split())
    return errors.sentence_of(error)


def _ended(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _help_for(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f" Try '{context.command_path} --help'." if context else ""
