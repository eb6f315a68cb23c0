"""Options that several commands share."""

import re
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

import click

from restore.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., Any])

FILE = click.Path(path_type=Path, readable=False)  # reading tells, for this one file


class FiniteRange(click.FloatRange):
    """A number between two, or from one on, which "nan" and "inf" are not."""

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return the number."""
        number = float(super().convert(value, param, ctx))
        if not isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class Device(click.ParamType):
    """What PyTorch computes on, which is imported later: "cuda:1" is the second GPU."""

    name = "device"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return the name."""
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", str(value)):
            self.fail(
                f"'{value}' is not one of auto, cpu, cuda, cuda:1 and so on, mps.", param, ctx
            )
        return str(value)


class Numbers(click.ParamType):
    """Whole numbers with a sign between them, as in 768x512."""

    def __init__(self, form: str, between: str, smallest: int | None = None) -> None:
        """Take the form that is shown to the user, the sign, and the smallest number."""
        self.name = self.form = form
        self.between = between
        self.number: click.ParamType = click.IntRange(smallest)

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """Return the numbers as a tuple."""
        parts = str(value).lower().split(self.between)
        if len(parts) != len(self.form.split(self.between)):
            self.fail(f"'{value}' is not of the form {self.form}, in pixels.", param, ctx)
        return tuple(self.number.convert(part, param, ctx) for part in parts)


class Sectioned(click.Command):
    """A command whose help shows its options under headings.

    Args:
        sections: for each heading the names of its options; those in none come last.
    """

    def __init__(
        self, *arguments: Any, sections: Mapping[str, Sequence[str]], **named: Any
    ) -> None:
        super().__init__(*arguments, **named)
        self.sections = sections

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        records = {option.name: option.get_help_record(ctx) for option in options}
        for heading, names in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl([found for name in names if (found := records.pop(name))])
        with formatter.section("Other options"):
            formatter.write_dl([found for found in records.values() if found])


device_option = click.option(
    "--device",
    type=Device(),
    metavar="NAME",
    default="auto",
    show_default=True,
    help="Where to compute: auto (cuda, else mps, else cpu), cpu, cuda, cuda:1 (the second GPU) "
    "or mps.",
)

threshold_option = click.option(
    "--threshold",
    type=FiniteRange(0, 1),
    metavar="0-1",
    help="With --find: how sure it has to be of a pixel; lower finds more. [default: 0.5]",
)

quality_option = click.option(
    "--quality",
    type=click.IntRange(1, 100),
    metavar="1-100",
    help="Quality of JPEG, lossy WebP, AVIF and HEIC results. "
    "[default: a JPEG's own, but where it is mended at least 95; 95 for the others]",
)

max_megapixels_option = click.option(
    "--max-megapixels",
    type=click.IntRange(1),
    metavar="N",
    help="Refuse photos, masks and results with more. [default: 179]",
)

max_megabytes_option = click.option(
    "--max-megabytes",
    type=click.IntRange(1),
    metavar="N",
    help="Refuse larger files. [default: 1074]",
)


def choice_options(command: Command) -> Command:
    """Add --only and --skip, which say which photos of a folder are taken."""
    only = click.option(
        "--only",
        metavar="PATTERN",
        multiple=True,
        help='Of a folder take only photos that match, as "*.tif" or "2019/*"; repeatable.',
    )
    skip = click.option(
        "--skip",
        metavar="PATTERN",
        multiple=True,
        help="Of a folder leave out what matches, a photo or a folder in it; repeatable.",
    )
    return only(skip(command))


def check_choice(only: Sequence[str], skip: Sequence[str], source: Path | None) -> None:
    """Refuse --only and --skip where there is no folder to choose from.

    Raises:
        UsageError: they are named, and `source` is no folder.
    """
    if (only or skip) and (source is None or not source.is_dir()):
        raise UsageError("--only and --skip choose among the photos of a folder; name that.")


overwrite_option = click.option("--overwrite", is_flag=True, help="Replace results that exist.")


def read_limits(megapixels: int | None, megabytes: int | None = None) -> dict[str, Any]:
    """Return the limits that were named, as what reads photos takes them."""
    named = {"max_pixels": megapixels, "max_bytes": megabytes}
    return {name: value * 10**6 for name, value in named.items() if value is not None}


def mask_is_option(help: str) -> Callable[[Command], Command]:
    """Return the option --mask-is; `help` says what it is about."""
    return click.option(
        "--mask-is",
        type=click.Choice(["hole", "known", "alpha"]),
        default="hole",
        show_default=True,
        help=help,
    )


def grow_option(help: str) -> Callable[[Command], Command]:
    """Return the option --grow of what fills; `help` says what is widened."""
    return click.option(
        "--grow",
        type=click.IntRange(0, 1000),
        metavar="PIXELS",
        help=f"{help} [default: 0, with --find 2]",
    )


def seed_option(help: str) -> Callable[[Command], Command]:
    """Return the option --seed; `help` says what it changes."""
    return click.option(
        "--seed",
        type=click.IntRange(0, 2**32 - 1),
        default=0,
        show_default=True,
        metavar="SEED",
        help=help,
    )
