"""Which files of a folder are photos."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from restore.image import FORMATS, PICTURES, compose, real_path, stem_of

_STARTS = re.compile(  # of files that are pictures by content
    rb"\x89PNG\r\n|\xff\xd8\xff|GIF8|BM.{4}\0{4}|RIFF.{4}WEBP|II\*\0|MM\0\*"
    rb"|.{4}ftyp(?:heic|heix|avif|mif1)",
    re.DOTALL,
)
REPORT = re.compile(r"report(?:-[0-9]+-of-([0-9]+))?\.jsonl")  # in a folder of results
# How names of files and folders begin that are hidden or other programs' notes and thumbnails.
PASSED_OVER = (".", "__MACOSX", "@eaDir")


@dataclass(frozen=True)
class Choice:
    """Which photos of a folder are taken, by patterns such as "*.tif", "rejects" or "2019/*.jpg".

    A pattern without "/" is for the photo's name or that of any folder it lies in, one with "/" for
    the relative path of either. "*" is any text, also with "/". Upper and lower case are the same.

    Attributes:
        only: where there are any, a photo has to match one.
        skip: no photo may match one.
    """

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    def takes(self, name: str) -> bool:
        """Return whether the photo of this relative path, with "/", is taken."""
        wanted = not self.only or any(_matches(name, pattern) for pattern in self.only)
        return wanted and not self.skips(name)

    def skips(self, name: str) -> bool:
        """Return whether a pattern of `skip` matches the photo or folder of this relative path."""
        return any(_matches(name, pattern) for pattern in self.skip)

    def list_idle(self, names: Sequence[str]) -> list[str]:
        """Return the patterns that match none of these photos and folders."""
        return [
            pattern
            for pattern in (*self.only, *self.skip)
            if not any(_matches(name, pattern) for name in names)
        ]


ALL = Choice()


@dataclass(frozen=True)
class PassedOver:
    """What of a folder is not looked into, by relative paths, and patterns that chose nothing.

    Attributes:
        patterns: of a choice that match no photo or folder.
        links: folders that are links and are not followed.
        results: folders with the results of an earlier run.
        twins: files of a format that isn't read, beside the same photo in one that is.
    """

    patterns: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    twins: tuple[str, ...] = ()

    def notes(self) -> Iterator[str]:
        """Yield a sentence for the user on each kind."""
        for names, what in (
            (self.patterns, "Patterns of --only and --skip that match no photo"),
            (self.links, "Linked folders, not followed"),
            (self.results, "Folders of results, passed over"),
            (self.twins, "Left out, as one of a format that is read lies beside it"),
        ):
            if names:
                yield f"{what}: {len(names)}; the first is {names[0]}."


@dataclass(frozen=True)
class Chosen:
    """The photos of a folder that are taken, by relative paths.

    Attributes:
        photos: those taken.
        pictures: all that are photos, taken or not.
        failures: folders that can't be read as a path and a sentence.
        passed_over: what is not looked into.
    """

    photos: list[str]
    pictures: list[str]
    failures: list[tuple[str, str]]
    passed_over: PassedOver


def _matches(name: str, pattern: str) -> bool:
    pattern = compose(pattern).casefold().replace(os.sep, "/").removeprefix("./").rstrip("/")
    parts = compose(name).casefold().split("/")
    if "/" in pattern:  # for the path of the photo, or of any folder it lies in
        parts = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return any(fnmatchcase(part, pattern) for part in parts)


@dataclass(frozen=True)
class Listing:
    """What a folder of photos holds.

    Attributes:
        files: relative paths with "/", in order.
        links: folders that are links and are not followed.
        results: folders that hold the results of an earlier run, which are no photos to fix.
        failures: folders that can't be read as a path and a sentence.
    """

    files: list[str]
    links: list[str]
    results: list[str]
    failures: list[tuple[str, str]]

    def choose(
        self, folder: Path, choice: Choice = ALL, files: Sequence[str] | None = None
    ) -> Chosen:
        """Return the photos that a choice takes, and what is told of the others.

        Args:
            folder: that was listed.
            choice: of folders that it skips nothing is told.
            files: those that may be photos; None is all.
        """
        pictures = [
            name for name in (self.files if files is None else files) if is_photo(folder / name)
        ]
        photos, twins = part_twins([name for name in pictures if choice.takes(name)])
        others = (*self.links, *self.results, *(name for name, _ in self.failures))
        passed_over = PassedOver(
            patterns=tuple(choice.list_idle([*pictures, *others])),
            links=tuple(name for name in self.links if not choice.skips(name)),
            results=tuple(name for name in self.results if not choice.skips(name)),
            twins=tuple(twins),
        )
        failures = [failure for failure in self.failures if not choice.skips(failure[0])]
        return Chosen(photos, pictures, failures, passed_over)


def list_files(folder: Path, left_out: Sequence[Path]) -> Listing:
    """List the files in a folder and the folders in it, but for results and those left out.

    What is hidden is left out, too.
    """
    listing = Listing([], [], [], [])
    hidden = {real_path(path) for path in left_out}

    def relative(path: Path) -> str:
        return path.relative_to(folder).as_posix()

    def note(error: OSError) -> None:
        name = relative(Path(error.filename))
        listing.failures.append((name, f"Can't look into {error.filename}: {error.strerror}."))

    for parent, folders, files in os.walk(folder, onerror=note):
        here = Path(parent)
        folders[:] = [name for name in folders if not name.startswith(PASSED_OVER)]
        if here != folder and any(REPORT.fullmatch(name) for name in files):
            listing.results.append(relative(here))
            folders.clear()
            continue
        listing.links.extend(
            relative(here / name) for name in folders if (here / name).is_symlink()
        )
        folders[:] = [name for name in folders if real_path(here / name) not in hidden]
        listing.files.extend(
            relative(here / name) for name in files if not name.startswith(PASSED_OVER)
        )
    # In one order on all systems, as seeds go by it.
    for part in (listing.files, listing.links, listing.results, listing.failures):
        part.sort()
    return listing


def part_twins(photos: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part photos from those of a format that isn't read and that lie beside one that is.

    So a camera leaves IMG_1.CR2 beside IMG_1.JPG.

    Args:
        photos: paths.
    """
    twins = {name for name in photos if _extension(name) in PICTURES - FORMATS.keys()}
    read = {_key(name) for name in photos if name not in twins}
    twins = {name for name in twins if _key(name) in read}
    return [name for name in photos if name not in twins], sorted(twins)


def _extension(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _key(name: str) -> str:
    return stem_of(name).casefold()


def tell_none(folder: Path, choice: Choice = ALL) -> str:
    """Return a sentence on a folder in which nothing is to be done."""
    if choice == ALL:
        return f"There are no photos in {folder}."
    return f"There are no photos in {folder} that --only and --skip leave."


def is_photo(path: Path) -> bool:
    """Return whether a file is a photo by its extension or its first bytes."""
    if path.suffix.lower() in PICTURES:
        return True
    try:
        if not path.is_file():  # reading a pipe would wait for ever
            return False
        with path.open("rb") as file:
            return _STARTS.match(file.read(16)) is not None
    except OSError:
        return False
