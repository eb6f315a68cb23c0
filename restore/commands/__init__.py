"""The command line: each command parses, makes one library call and prints.

Commands import what they need when they run, so that `restore --help` is quick.
"""

import os
import sys
import warnings
from collections.abc import Sequence
from io import TextIOWrapper

import click

from restore import __version__
from restore.commands.degrade import degrade
from restore.commands.evaluate import evaluate
from restore.commands.export import export
from restore.commands.fix import fix
from restore.commands.generate import generate
from restore.commands.mask import mask
from restore.commands.messages import report
from restore.commands.models import models
from restore.commands.paint import paint
from restore.commands.train import train
from restore.errors import DEBUG
from restore.quiet import hush_decoders


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="restore %(version)s")
def cli() -> None:
    """Mend pictures, draw masks and new pictures, spoil photos; train and score your own models."""


for command in (fix, paint, mask, degrade, generate, models, train, evaluate, export):
    cli.add_command(command)


def _open_streams() -> None:
    """Open what whoever started us has closed of stdin, stdout and stderr, onto nothing.

    Else the next photo would get such a number, and what silences stderr would cut it short.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # It takes the lowest number that is free. Processes that read photos need it, too.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0, 1 for a failure, 2 for wrong usage.

    Every error is one sentence on stderr. 130 means stopped by Ctrl-C.
    """
    _open_streams()
    hush_decoders()
    if not (sys.warnoptions or os.environ.get(DEBUG)):
        warnings.simplefilter("ignore")  # libraries warn their programmers; users can't act on it
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a name that it can't show must not stop the rest
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(arguments, prog_name="restore", standalone_mode=False)
        if sys.stdout:  # closed by whoever started us
            sys.stdout.flush()
        return int(code or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # Who reads our output has enough; without this Python complains while it shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return report(error)
