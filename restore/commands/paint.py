"""`restore paint`: paint holes on a page in the browser, and have them filled."""

import signal
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Literal

import click

from restore.commands.messages import say, to_printable
from restore.commands.options import (
    FILE,
    device_option,
    grow_option,
    mask_is_option,
    max_megabytes_option,
    max_megapixels_option,
    overwrite_option,
    quality_option,
    read_limits,
    seed_option,
    threshold_option,
)
from restore.errors import RestoreError
from restore.handlers import handled, list_endings

if TYPE_CHECKING:
    from restore.web import PaintServer

EXAMPLES = """\b
Examples:
  restore paint photo.jpg
  restore paint photo.jpg --out clean.png
  restore paint old.jpg --find scratches
"""


@click.command(epilog=EXAMPLES, short_help="Paint over what should go, in the browser.")
@click.argument("photo", metavar="PHOTO", type=FILE)
@click.option("--mask", type=FILE, metavar="FILE", help="Begin with a mask, to correct it.")
@click.option(
    "--find",
    metavar="NAME|FILE|RUN",
    help="Begin with what a detector finds, to correct it: 'scratches' for damage of old prints.",
)
@threshold_option
@mask_is_option(
    "What white means in --mask: the hole, or what is known; 'alpha': what is transparent in it is "
    "the hole."
)
@grow_option("Widen what --mask marks or --find finds.")
@click.option(
    "--model",
    metavar="NAME|FILE|RUN",
    default="inpaint",
    show_default=True,
    help="What fills: a name that `restore models` lists, a checkpoint file, or a run's folder.",
)
@seed_option("For the first fill of a hole; further fills count up.")
@device_option
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    metavar="N",
    help="Port of the page on this machine. [default: any free one]",
)
@click.option("--no-browser", is_flag=True, help="Only print the address of the page.")
@click.option(
    "--out",
    metavar="FILE|FOLDER/",
    help="Where Save writes; the file's extension decides the format. "
    "[default: NAME-fixed.EXT beside the photo]",
)
@quality_option
@overwrite_option
@max_megapixels_option
@max_megabytes_option
def paint(
    photo: Path,
    mask: Path | None,
    find: str | None,
    threshold: float | None,
    mask_is: Literal["hole", "known", "alpha"],
    grow: int | None,
    model: str,
    seed: int,
    device: str,
    port: int,
    no_browser: bool,
    out: str | None,
    quality: int | None,
    overwrite: bool,
    max_megapixels: int | None,
    max_megabytes: int | None,
) -> int:
    """Open a photo in the browser, paint over what should go, and have it filled.

    The page is served by this machine to itself; the photo goes nowhere. Ctrl-C ends it.
    """
    from restore.folders import FixOptions
    from restore.web import open_page

    options = FixOptions(
        mask=mask,
        find=find,
        threshold=threshold,
        mask_is=mask_is,
        grow=grow,
        seed=seed,
        overwrite=overwrite,
        quality=quality,
        **read_limits(max_megapixels, max_megabytes),
    )
    page = open_page(photo, out, options, model=model, device=device, port=port, warn=say)
    click.echo(to_printable(f"{photo} is at {page.url} (Ctrl-C ends it)"))
    with _heard_signals():
        try:
            with page:
                if not no_browser:  # beside, as some stay where they are until they are closed
                    Thread(target=webbrowser.open, args=[page.url], daemon=True).start()
                _serve(page, photo)
        except _EndedError as ended:
            _save_unasked(page)
            return 128 + ended.number
    with page.work:  # what is being filled or written is finished
        if page.unsaved:
            say(f"What has been changed in {photo} since it was last saved is lost.")
    return 0


def _serve(page: "PaintServer", photo: Path) -> None:
    """Show the page until Ctrl-C; where something is not saved, until a second one."""
    with suppress(KeyboardInterrupt):
        page.serve_forever()
    with suppress(KeyboardInterrupt), page.work:
        pass  # what is being filled is finished, and counts
    if page.unsaved:
        say(f"{photo} has changes that are not saved; Ctrl-C again ends it all the same.")
        with suppress(KeyboardInterrupt):
            page.serve_forever()


def _save_unasked(page: "PaintServer") -> None:
    """Save what is not saved, where nobody may be there any more to do so."""
    with page.work:  # what is being filled is finished, and counts
        if not page.unsaved:
            return
        try:
            told = f"Saved as {page.save_photo()}"
        except RestoreError as error:
            told = str(error)
    with suppress(OSError):  # of a terminal that is gone
        say(told)


class _EndedError(BaseException):
    """A signal has ended the program, and nobody can be asked any more."""

    def __init__(self, number: int) -> None:
        self.number = number


@contextmanager
def _heard_signals() -> Iterator[None]:
    """Raise `_EndedError` at SIGTERM, and where the terminal is closed or a connection breaks.

    Once: of a terminal that is closed both its shell and the system tell.
    """
    numbers = [number for number in list_endings() if signal.getsignal(number) != signal.SIG_IGN]

    def hear(number: int, _: object) -> None:
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        raise _EndedError(number)

    with handled(numbers, hear):
        yield
