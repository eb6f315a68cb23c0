"""Every option of `fix` and `paint` arrives where it takes effect."""

from pathlib import Path

import pytest
from click import Command

from restore.commands.fix import fix
from restore.commands.paint import paint
from restore.folders import FixOptions

# The option, what is typed, the field of FixOptions that it sets, and to what.
FIX = [
    ("mask", ["--mask", "m.png"], "mask", Path("m.png")),
    ("mask_is", ["--mask-is", "alpha"], "mask_is", "alpha"),
    ("boxes", ["--box", "1,2,3,4", "--box", "-5,6,7,8"], "boxes", ((1, 2, 3, 4), (-5, 6, 7, 8))),
    ("mend", ["--mend"], "mend", True),
    ("grow", ["--grow", "3"], "grow", 3),
    ("find", ["--find", "scratches"], "find", "scratches"),
    ("threshold", ["--threshold", "0.3"], "threshold", 0.3),
    ("upscale", ["--upscale", "4"], "upscale", 4),
    ("natural", ["--natural", "0.25"], "natural", 0.25),
    ("strength", ["--strength", "0.75"], "strength", 0.75),
    ("tta", ["--tta"], "tta", True),
    ("keep_fading", ["--keep-fading"], "keep_fading", True),
    ("extension", ["--format", "webp"], "extension", ".webp"),
    ("quality", ["--quality", "80"], "quality", 80),
    ("overwrite", ["--overwrite"], "overwrite", True),
    ("seed", ["--seed", "7"], "seed", 7),
    ("count", ["--count", "2"], "count", 2),
    ("adapt", ["--adapt", "30"], "adapt", 30.0),
    ("max_megapixels", ["--max-megapixels", "5"], "max_pixels", 5_000_000),
    ("max_megabytes", ["--max-megabytes", "6"], "max_bytes", 6_000_000),
]
SHARED = {"mask", "mask_is", "grow", "find", "threshold", "quality", "overwrite", "seed"}
SHARED |= {"max_megapixels", "max_megabytes"}
PAINT = [row for row in FIX if row[0] in SHARED]
# Options that go elsewhere, or are for a folder, and have tests of their own.
APART = {"photos", "out", "model", "device", "as_json", "mask_pattern", "only", "skip", "dry_run"}
APART |= {"resume", "watch", "jobs", "shard", "ray", "photo", "port", "no_browser", "help"}


class GivenError(Exception):
    """Carries the options out of a command."""


@pytest.fixture(autouse=True)
def stopped(monkeypatch) -> None:
    """Both commands end where they hand their options on."""

    def stop(_: object, __: object, options: FixOptions, **___: object) -> None:
        raise GivenError(options)

    monkeypatch.setattr("restore.folders.fix_photos", stop)
    monkeypatch.setattr("restore.web.open_page", stop)


def options_of(command: Command, words: list[str]) -> FixOptions:
    with pytest.raises(GivenError) as error:
        command.main(["photo.png", *words], standalone_mode=False)
    (options,) = error.value.args
    assert isinstance(options, FixOptions)
    return options


@pytest.mark.parametrize(
    ("command", "row"),
    [(fix, row) for row in FIX] + [(paint, row) for row in PAINT],
    ids=lambda part: part.name if isinstance(part, Command) else part[0],
)
def test_an_option_changes_its_own_field_alone(command: Command, row: tuple) -> None:
    _, words, field, value = row
    options, plain = options_of(command, words), options_of(command, [])
    changed = {name for name in vars(plain) if getattr(plain, name) != getattr(options, name)}
    assert changed == {field} and getattr(options, field) == value


@pytest.mark.parametrize(("command", "rows"), [(fix, FIX), (paint, PAINT)])
def test_no_option_is_forgotten_here(command: Command, rows: list[tuple]) -> None:
    assert {str(p.name) for p in command.params} - APART == {row[0] for row in rows}
