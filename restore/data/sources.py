"""Where photos lie: folders, zips and tar shards, read in place, and pairs of two of these."""

import os
import re
import tarfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile

from restore.assets import PREVIEWS, RECIPE
from restore.errors import RestoreError
from restore.image import (
    FORMATS,
    HEIC,
    PICTURES,
    Pixels,
    compose,
    read_pixels,
    stem_of,
)
from restore.listing import PASSED_OVER, list_files

LEFT_OUT = "Left out, of a format that isn't read, a linked folder or one of results"
MAX_BYTES = 2**30  # of a photo in a zip: what unpacks to more is a bomb


@dataclass(frozen=True, slots=True)
class ZipMember:
    """A photo in a zip, read in place: its name is a label and never becomes a path."""

    archive: Path
    name: str
    size: int
    wrapped: bool = False  # in a first folder that all photos of the archive lie in

    def read_bytes(self) -> bytes:
        """Return the file as it was before it was zipped."""
        if self.size > MAX_BYTES:
            raise ValueError(f"it would have {self.size} bytes, and {MAX_BYTES} are accepted")
        return _open_zip(self.archive).read(self.name)

    def __str__(self) -> str:
        return f"{self.archive}/{self.name}"


@dataclass(frozen=True, slots=True)
class TarMember:
    """A photo in a tar, read in place."""

    archive: Path
    name: str
    size: int
    offset: int
    wrapped: bool = False  # as in ZipMember

    def read_bytes(self) -> bytes:
        """Return the file as it was put into the tar."""
        with self.archive.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)

    def __str__(self) -> str:
        return f"{self.archive}/{self.name}"


PhotoFile = Path | ZipMember | TarMember


@dataclass(frozen=True, slots=True)
class Pair:
    """A damaged photo and the same one without the damage, equal in size."""

    damaged: PhotoFile
    clean: PhotoFile

    def __str__(self) -> str:
        return f"{self.damaged} and {self.clean}"


Example = PhotoFile | Pair  # what training learns from, not read yet


@dataclass(frozen=True)
class PhotoSet:
    """The photos of a place, and what was found there but has no partner or can't be read."""

    place: str  # as the user named it
    photos: Mapping[str, Example]  # by relative path with "/", in its order
    unpaired: list[str] = field(default_factory=list)
    # Of other formats; folders that are links or of results, with "/".
    unread: list[str] = field(default_factory=list)


def find_photos(source: Path | tuple[Path, Path]) -> PhotoSet:
    """Return the photos of a folder of any depth, of a zip or tar of one, or of pairs.

    A folder that holds no photos may hold tars (shards, as of WebDataset). Of (damaged, clean)
    those are pairs that have one relative path but for the extension; a folder that all photos of
    an archive lie in counts only if there are pairs with it.

    Raises:
        RestoreError: no such place, a damaged archive, no photos there, no two that are a pair.
    """
    if isinstance(source, tuple):
        return _find_pairs(*source)
    photos, unread = _find_at(source)
    return PhotoSet(str(source), photos, unread=unread)


def list_photos(folder: Path, warn: Callable[[str], None] = warnings.warn) -> list[Path]:
    """Return all photos below `folder` but hidden ones, sorted by path.

    Args:
        folder: of any depth.
        warn: is told of pictures of formats that aren't read, and of linked folders and results.

    Raises:
        RestoreError: no such folder, or no photo in it.
    """
    if not folder.is_dir():
        what = f"{folder} is a file" if folder.is_file() else f"There is no folder {folder}"
        raise RestoreError(f"{what}; name a folder of photos.")
    found, unread = _walk(folder)
    _check_any(found, folder, unread)
    if unread:
        warn(f"{LEFT_OUT}: {len(unread)}, the first is {unread[0]}.")
    return found


def stamp_of(photo: Example) -> list[int]:
    """Return numbers that change with the file: its bytes and the time of its last change."""
    if isinstance(photo, Pair):
        return stamp_of(photo.damaged) + stamp_of(photo.clean)
    try:
        facts = (photo if isinstance(photo, Path) else photo.archive).stat()
    except OSError:  # gone
        return []
    return [facts.st_size, facts.st_mtime_ns]


def path_inside(name: str, photo: Example, *, unwrap: bool = True) -> str:
    """Return a photo's relative path as it was in the folder that its archive was made of.

    `tar` puts "./" before it and `zip -r` that folder's name. Both stay in the names of photos,
    which runs remember, but say nothing about the photo.

    Args:
        name: the photo's relative path as `find_photos` gives it.
        photo: the photo.
        unwrap: leave out the first folder if all photos of the archive lie in it.
    """
    if isinstance(photo, Path | Pair):
        return name
    parts = PurePosixPath(photo.name).parts
    inside = PurePosixPath(*parts[1 if unwrap and photo.wrapped else 0 :])
    return name.removesuffix(photo.name) + str(inside)  # before it is the tar of a folder of tars


def shown(name: str) -> str:
    """Return a name as it may be printed: without codes that a terminal would obey."""
    return name if name.isprintable() else repr(name)


def read_photo(photo: PhotoFile, least: int = 0) -> Pixels:
    """Return a photo's RGB (H, W, 3) uint8 as displayed, see `restore.image.read_pixels`."""
    name = shown(str(photo))
    return read_pixels(name, read_photo_bytes(photo, name), least)[0]


def read_photo_bytes(photo: PhotoFile, name: str) -> bytes:
    """Return the content of a photo's file.

    Raises:
        RestoreError: gone, unreadable, or damaged or encrypted in its zip.
    """
    try:
        return photo.read_bytes()
    except OSError as error:
        raise RestoreError(f"Can't read {name}: {error.strerror or error}.") from None
    except Exception as error:  # zipfile's and zlib's various own, encryption among them
        raise RestoreError(f"{name} can't be unpacked ({str(error).rstrip('.')}).") from None


def _find_at(place: Path) -> tuple[dict[str, PhotoFile], list[str]]:
    """Return the photos at a place, and pictures there of formats that aren't read."""
    found: dict[str, PhotoFile]
    unread: list[str] = []
    if place.is_dir():
        paths, unread = _walk(place)
        found = {path.relative_to(place).as_posix(): path for path in paths}
        for shard in [] if found else sorted(place.glob("*.tar")):
            if not shard.name.startswith(PASSED_OVER):
                members, others = _part(_list_tar(shard))
                found |= {f"{shard.name}/{member.name}": member for member in members}
                unread += [f"{shard.name}/{name}" for name in others]
    elif place.is_file():
        listed = _list_tar(place) if tarfile.is_tarfile(place) else _list_zip(place)
        members, unread = _part(listed)
        found = {member.name: member for member in members}
    else:
        raise RestoreError(f"There is nothing at {place}; name a folder or a zip of photos.")
    _check_any(found, place, unread)
    return {name: found[name] for name in sorted(found)}, unread


def _check_any(found: object, place: Path, unread: Sequence[str]) -> None:
    if not found:
        known = ", ".join(FORMATS)
        other = f" {LEFT_OUT}: {unread[0]}." if unread else ""
        if ".heic" not in FORMATS and any(name.lower().endswith(HEIC) for name in unread):
            other += ' For HEIC, pip install "restore-gan[heic]".'
        raise RestoreError(f"{place} holds no photos; looked for {known} at any depth.{other}")


_PREVIEW = re.compile(r"[0-9]{8}\.png")


def _walk(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the photos below a folder, and what is left out: other formats, linked folders.

    What can't be looked into there is no quiet gap; previews of training runs are no photos, and
    folders with results of `restore fix` are left out, too.
    """
    listing = list_files(folder, [])
    if listing.failures:
        _, sentence = listing.failures[0]
        raise RestoreError(
            f"{sentence.removesuffix('.')}; change its permissions, or name folders without it."
        )
    names = [name for name in listing.files if _is_picture(name) and (folder / name).is_file()]
    names = [name for name in names if not _is_preview(folder / name)]
    unread = [shown(name) for name in names if not _is_photo(name)]
    others = sorted(f"{shown(name)}/" for name in (*listing.links, *listing.results))
    return [folder / name for name in names if _is_photo(name)], unread + others


def _is_preview(path: Path) -> bool:
    """Tell whether a picture is a preview of a training run."""
    named = path.parent.name == PREVIEWS and _PREVIEW.fullmatch(path.name)
    return bool(named) and (path.parent.parent / RECIPE).is_file()


def _is_photo(name: str) -> bool:
    """Tell by the name whether a picture is read."""
    return _is_picture(name) and PurePosixPath(name).suffix.lower() in FORMATS


def _is_picture(name: str) -> bool:
    """Tell by the name; what macOS adds to archives (__MACOSX, ._photo.jpg) is none."""
    path = PurePosixPath(name)
    passed_over = any(part.startswith(PASSED_OVER) for part in path.parts)
    return path.suffix.lower() in PICTURES and not passed_over


def _list_zip(place: Path) -> list[ZipMember]:
    try:
        members = _open_zip(place).infolist()
    except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise RestoreError(
            f"{place} is not a zip that can be read ({error}); name a folder or a zip of photos."
        ) from None
    return [ZipMember(place, m.filename, m.file_size) for m in members if _is_picture(m.filename)]


def _open_zip(place: Path) -> ZipFile:
    return _keep_zip(place, place.stat().st_mtime_ns, os.getpid())


@lru_cache(maxsize=16)
def _keep_zip(place: Path, changed: int, process: int) -> ZipFile:
    """Return the zip, opened once for each time it changed and process: two can't share it."""
    return ZipFile(place)


def _list_tar(place: Path) -> list[TarMember]:
    try:
        with tarfile.open(place, "r:") as tar:
            members = [m for m in tar if m.isreg() and not m.issparse() and _is_picture(m.name)]
    except (tarfile.TarError, OSError) as error:
        raise RestoreError(
            f"{place} is not a tar that can be read in place ({error}); it has to be whole and "
            f"uncompressed."
        ) from None
    return [TarMember(place, m.name, m.size, m.offset_data) for m in members]


def _part(
    members: Sequence[ZipMember | TarMember],
) -> tuple[list[ZipMember | TarMember], list[str]]:
    """Part the photos of an archive from pictures of formats that aren't read.

    The photos get a mark if they all lie in one first folder.
    """
    photos: list[ZipMember | TarMember] = []
    unread = []
    for member in members:
        if PurePosixPath(member.name).suffix.lower() in FORMATS:
            photos.append(member)
        else:
            unread.append(shown(member.name))
    paths = [PurePosixPath(member.name).parts for member in photos]
    wrapped = len({parts[0] for parts in paths}) == 1 and all(len(parts) > 1 for parts in paths)
    return [replace(photo, wrapped=True) for photo in photos] if wrapped else photos, unread


def _find_pairs(damaged: Path, clean: Path) -> PhotoSet:
    (first, others), (second, more) = _find_at(damaged), _find_at(clean)
    # As they are comes first: two archives of photos in sub-folders may share all but one of these.
    ways = ((False, False), (True, True), (True, False), (False, True))
    pairs = next(filter(None, (_match(first, second, way) for way in ways)), None)
    if pairs is None:
        raise RestoreError(
            f"No photo in {damaged} has the relative path of one in {clean}; pairs are found by "
            f"it, whatever the extension."
        )
    used = {file for pair in pairs.values() for file in (pair.damaged, pair.clean)}
    unpaired = [shown(str(f)) for f in (*first.values(), *second.values()) if f not in used]
    return PhotoSet(f"{damaged} and {clean}", pairs, unpaired, others + more)


def _match(
    damaged: Mapping[str, PhotoFile], clean: Mapping[str, PhotoFile], unwrap: tuple[bool, bool]
) -> dict[str, Pair]:
    """Return the pairs by the names of the clean photos; those of one extension come first."""
    left, right = (
        {name: path_inside(name, photo, unwrap=inside) for name, photo in photos.items()}
        for photos, inside in zip((damaged, clean), unwrap, strict=True)
    )
    found: dict[str, str] = {}
    for key in (compose, stem_of):  # a Mac may write é as e with an accent
        # Each is used once: of a.jpg and a.png one has to do.
        partners = {key(left[name]): name for name in sorted(left, reverse=True)}
        for name in sorted(right.keys() - found.keys()):
            if (partner := partners.pop(key(right[name]), None)) is not None:
                found[name] = partner
                del left[partner]
    return {name: Pair(damaged[found[name]], clean[name]) for name in clean if name in found}
