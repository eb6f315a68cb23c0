"""What is wrong with the photos of a set: unreadable, tiny, there twice, small, gray, alike."""

import hashlib
import json
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restore.data.sources import (
    LEFT_OUT,
    Example,
    Pair,
    PhotoFile,
    PhotoSet,
    read_photo_bytes,
    shown,
    stamp_of,
)
from restore.errors import RestoreError
from restore.image import read_pixels, write_bytes

MIN_SIDE = 32  # pixels; photos that are less wide or high are left out
GRAY = 2.0  # levels of 255 that the channels of a gray photo differ by on average, at most
ALIKE = 3  # bits of 64 that the looks of two photos that look alike differ in, at most
COMMON = 1000  # photos that share a quarter of their look, at most, to be compared
MANY = 1000  # photos whose check takes long enough to be announced
THREADS = 4
CHUNK = 1000  # photos handed to the threads at once

HEADINGS = {
    "unreadable": "Left out, can't be read",
    "unread": LEFT_OUT,
    "unpaired": "Left out, without a partner",
    "tiny": "Left out, less than {least} pixels wide or high",
    "duplicate": "Left out, equal to another byte by byte",
    "small": "Kept but enlarged, less than {size} pixels wide or high",
    "gray": "Kept, gray",
    "alike": "Kept, looks like another",
}


class Facts(NamedTuple):
    """What was found out about a photo or a pair."""

    stamp: list[int]  # changes with the file
    problem: str  # why it can't be read, "" if it can
    digest: str = ""  # of its bytes
    look: str = ""  # perceptual hash, 64 bits as 16 digits
    height: int = 0  # pixels, as displayed
    width: int = 0
    gray: bool = False


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        place: what was checked.
        size: the largest size that the photos will be trained at, in pixels.
        photos: those to train on, by relative path, in its order.
        facts: of all photos, by relative path.
        found: for each key of `HEADINGS` the photos it is true of, with details.
        least: photos that are less wide or high are left out, in pixels.
    """

    place: str
    size: int
    photos: dict[str, Example]
    facts: dict[str, Facts]
    found: dict[str, list[str]]
    least: int = MIN_SIDE

    @property
    def key(self) -> int:
        """A number that differs where there are other photos to train on."""
        return zlib.crc32(repr([(name, self.facts[name].digest) for name in self.photos]).encode())

    def lines(self, most: int | None = None) -> list[str]:
        """Return the report as text, with `most` photos at most under each heading."""
        lines = [f"{self.place}: {len(self.facts)} photos, {len(self.photos)} to train on"]
        for key, heading in HEADINGS.items():
            if photos := self.found[key]:
                lines.append(f"{heading.format(size=self.size, least=self.least)}: {len(photos)}")
                lines += [f"  {photo}" for photo in photos[:most]]
                if most is not None and len(photos) > most:
                    lines.append(f"  and {len(photos) - most} more")
        return lines


def check_photos(
    found: PhotoSet,
    size: int,
    known: Mapping[str, Facts] | None = None,
    say: Callable[[str], None] = lambda _: None,
    least: int = MIN_SIDE,
) -> Report:
    """Look at every photo and report what is wrong with which.

    Args:
        found: the photos.
        size: the largest size that they will be trained at, in pixels.
        known: facts of an earlier check, which spare a photo that was read and did not change
            another look.
        say: is called with a sentence before a check that takes a while.
        least: leave out photos that are less wide or high, in pixels.

    Raises:
        RestoreError: there is no photo to train on.
    """
    facts = dict(known or {})
    new = {name: photo for name, photo in found.photos.items() if _is_new(photo, facts.get(name))}
    if len(new) > MANY:
        say(f"Looking at {len(new)} photos, once.")
    facts |= _look_at_all(new)
    return _report(found, size, {name: facts[name] for name in found.photos}, least)


def usable(facts: Mapping[str, Facts], least: int = MIN_SIDE) -> dict[str, str]:
    """Return the digests of the photos to train on: readable, not tiny, each content once."""
    first: dict[str, str] = {}
    for name, fact in facts.items():
        if not fact.problem and min(fact.height, fact.width) >= least:
            first.setdefault(fact.digest, name)
    return {name: digest for digest, name in first.items()}


def find_alike(looks: list[str]) -> Iterator[tuple[int, int]]:
    """Yield (photo, first photo before it that looks like it) as places in `looks`.

    Looks that differ in 3 bits at most agree in one of their four words at least, so only photos
    with a word in common are compared.
    """
    words = np.frombuffer(bytes.fromhex("".join(looks)), np.uint16).reshape(-1, 4)
    first: dict[int, int] = {}
    for column in range(4):
        groups = defaultdict(list)
        for place, word in enumerate(words[:, column].tolist()):
            groups[word].append(place)
        for group in groups.values():
            for number in range(1, len(group) if len(group) <= COMMON else 0):
                place, before = group[number], group[:number]
                differ = np.unpackbits((words[before] ^ words[place]).view(np.uint8), axis=1)
                near = np.flatnonzero(differ.sum(axis=1) <= ALIKE)
                if near.size:
                    first[place] = min(first.get(place, place), before[near[0]])
    yield from sorted(first.items())


def save_facts(path: Path, facts: Mapping[str, Facts]) -> None:
    """Write the facts of a check, for `load_facts`.

    Raises:
        RestoreError: the file can't be written.
    """
    write_bytes(path, json.dumps(facts).encode(), overwrite=True)


def load_facts(path: Path) -> dict[str, Facts]:
    """Return the facts of an earlier check; none where there are none that can be read."""
    try:
        return {name: Facts(*fact) for name, fact in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _is_new(photo: Example, fact: Facts | None) -> bool:
    """Tell what has to be looked at; a file that could not be read may have become readable."""
    return fact is None or bool(fact.problem) or fact.stamp != stamp_of(photo)


def _look_at_all(photos: Mapping[str, Example]) -> dict[str, Facts]:
    jobs = list(photos.items())
    facts: dict[str, Facts] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(jobs), CHUNK):
            facts |= pool.map(_look_at, jobs[start : start + CHUNK])
    return facts


def _look_at(job: tuple[str, Example]) -> tuple[str, Facts]:
    name, photo = job
    stamp = stamp_of(photo)
    try:
        if isinstance(photo, Pair):
            return name, _pair_facts(photo)._replace(stamp=stamp)
        return name, _file_facts(photo, shown(name))._replace(stamp=stamp)
    except RestoreError as error:
        return name, Facts(stamp, str(error))


def _pair_facts(pair: Pair) -> Facts:
    first, second = shown(str(pair.damaged)), shown(str(pair.clean))
    damaged, clean = _file_facts(pair.damaged, first), _file_facts(pair.clean, second)
    if (damaged.height, damaged.width) != (clean.height, clean.width):
        raise RestoreError(
            f"{first} has {damaged.width} × {damaged.height} pixels and {second} has "
            f"{clean.width} × {clean.height}; the two of a pair have to be of one size."
        )
    return clean._replace(digest=damaged.digest + clean.digest)


def _file_facts(photo: PhotoFile, name: str) -> Facts:
    data = read_photo_bytes(photo, name)
    # Of a JPEG an eighth is decoded, but all of it is read.
    levels, (height, width) = read_pixels(name, data, least=64)
    small = Image.fromarray(levels).resize((32, 32), Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32)
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    gray = bool(np.ptp(pixels, axis=2).mean() < GRAY)
    return Facts([], "", digest, _hash_look(pixels.mean(axis=2)), height, width, gray)


def _hash_look(levels: NDArray[np.float32]) -> str:
    """Return which of the 64 lowest frequencies of 32 × 32 gray levels lie above their median."""
    low = cv2.dct(levels)[:8, :8]
    return np.packbits(low > np.median(low)).tobytes().hex()


def _report(found: PhotoSet, size: int, facts: dict[str, Facts], least: int) -> Report:
    kept = usable(facts, least)
    first = {digest: shown(name) for name, digest in kept.items()}
    lines: dict[str, list[str]] = {key: [] for key in HEADINGS}
    lines["unread"] += found.unread
    lines["unpaired"] += found.unpaired
    for name, fact in facts.items():
        label = shown(name)
        measured = f"{label} ({fact.width} × {fact.height})"
        if fact.problem:
            lines["unreadable"].append(fact.problem)
        elif name not in kept and fact.digest in first:
            lines["duplicate"].append(f"{label} = {first[fact.digest]}")
        elif name not in kept:
            lines["tiny"].append(measured)
        elif min(fact.height, fact.width) < size:
            lines["small"].append(measured)
        if name in kept and fact.gray:
            lines["gray"].append(label)
    names = list(kept)
    for one, other in find_alike([facts[name].look for name in names]):
        lines["alike"].append(f"{shown(names[one])} ~ {shown(names[other])}")
    if not kept:
        why = (lines["unreadable"] + [f"{name} is too small." for name in lines["tiny"]])[0]
        raise RestoreError(f"{found.place} holds no photo that can be trained on: {why}")
    photos = {name: found.photos[name] for name in names}
    return Report(found.place, size, photos, facts, lines, least)
