"""How masks are called: which photo's one is, by its name."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from restore.image import PICTURES, compose, drop_extension

STEM = "{stem}"  # in a pattern: the photo's name without its extension


def read_pattern(pattern: str) -> Callable[[str], str | None]:
    """Return what says to which photo, a path without extension, a mask's path belongs."""
    pattern = compose(pattern)
    extension = PurePosixPath(pattern).suffix
    named = extension.lower() in PICTURES
    before, after = map(re.escape, pattern.removesuffix(extension if named else "").split(STEM))
    after += f"(?i:{re.escape(extension)})" if named else ""
    expression = re.compile(rf"((?:.*/)?){before}([^/]+){after}", re.DOTALL)

    def owner_of(name: str) -> str | None:
        match = expression.fullmatch(compose(name if named else drop_extension(name)))
        return f"{match[1]}{match[2]}" if match else None

    return owner_of


def guess_pattern(photos: Iterable[str], names: Iterable[str]) -> str | None:
    """Return the pattern by which most names go on with - or _ after or before that of a photo.

    What `restore fix` calls its results, NAME-fixed and NAME-fixed-1, is none.

    Args:
        photos: their paths without extensions.
        names: those of files that may be masks.
    """
    known = set(photos)
    patterns: Counter[str] = Counter()
    for name in names:
        if re.search(r"-fixed(-\d+)?$", name):
            continue
        base = name.rpartition("/")[2]
        folder = name.removesuffix(base)
        for found in re.finditer("[-_]", base):
            if folder + base[: found.start()] in known:
                patterns[STEM + base[found.start() :]] += 1
            if folder + base[found.end() :] in known:
                patterns[base[: found.end()] + STEM] += 1
    return max(sorted(patterns), key=lambda pattern: patterns[pattern]) if patterns else None
