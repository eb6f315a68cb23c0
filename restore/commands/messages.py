"""What the commands say on stderr: one sentence for each thing that went wrong."""

import os

import click

from restore.errors import RestoreError

DEBUG = "RESTORE_DEBUG"


def say(sentence: str) -> None:
    """Print a sentence for the user on stderr."""
    click.echo(f"restore: {sentence}", err=True)


def report(error: Exception) -> int:
    """Tell the user of an error and return its exit code, 2 for wrong usage and 1 otherwise.

    With the variable RESTORE_DEBUG set the error is raised again, for its traceback.
    """
    if os.environ.get(DEBUG):
        raise error
    say(sentence_of(error))
    return error.exit_code if isinstance(error, RestoreError | click.ClickException) else 1


def sentence_of(error: Exception) -> str:
    """Return the one sentence, on one line, that tells a user what went wrong."""
    match error:
        case click.ClickException():
            text = f"{_ended(error.format_message())}{_help_for(error)}"
        case RestoreError():
            text = str(error)
        case OSError() if error.strerror:
            text = f"{error.filename or 'A file'} can't be used: {error.strerror}."
        case MemoryError():
            text = (
                "There is not enough memory for this; close other programs or take a smaller photo."
            )
        case _:
            text = (
                f"Something unexpected happened ({type(error).__name__}: {error}); "
                f"set {DEBUG}=1 and run it again to see where."
            )
    return " ".join(text.split())


def _ended(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _help_for(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f" Try '{context.command_path} --help'." if context else ""
