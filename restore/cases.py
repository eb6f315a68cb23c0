"""What restorers are scored on: clean photos, and what is wrong with each."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from restore.assets import preset_names
from restore.data import Pair, find_photos, list_photos, read_photo
from restore.degradations import load_chain
from restore.draw import draw_mask
from restore.errors import RestoreError, UsageError
from restore.image import (
    FORMATS,
    Mask,
    Pixels,
    encode_png,
    read_image,
    real_path,
    stem_of,
    write_bytes,
)
from restore.listing import list_files
from restore.lpips import LEAST_SIDE
from restore.masks import fit_mask, hole_share, is_shaped_as, load_preset, read_whole_mask

DRAWS = 50  # of a preset until it changes a photo
BLANK = 127  # gray in the hole, so that no method sees what was there


@dataclass(frozen=True)
class Case:
    """A clean photo (H, W, 3) and a hole in it: mask (H, W) {0, 1}, 1 is the hole.

    Or with `spoiled`, all of the photo as it is given to the methods, and a mask of where that was
    damaged, or of zeros where nobody asks for the place.
    """

    name: str
    group: str  # the line of the table that it counts for
    clean: Pixels
    mask: Mask
    spoiled: Pixels | None = None

    @property
    def key(self) -> str:
        """The relative path without its extension, which names its files for other programs."""
        path = Path(self.name)  # that of a member of a zip may begin with a slash
        return stem_of(path.relative_to(path.anchor).as_posix())

    @property
    def damaged(self) -> Pixels:
        """The photo as the methods see it, with the hole blanked out."""
        if self.spoiled is not None:
            return self.spoiled
        return draw_mask(self.clean, self.mask, (BLANK, BLANK, BLANK))


def read_cases(
    folder: Path,
    masks: str | Path,
    *,
    seed: int = 0,
    limit: int | None = None,
    last: int | None = None,
    warn: Callable[[str], None] = warnings.warn,
) -> Iterator[Case]:
    """Yield the photos of a folder with holes in them, grouped by the size of the hole.

    `masks`: a preset (shipped name or TOML file), drawn from (seed, index of the photo); or a
    folder of masks, white = hole, that the photos take in turn, both sorted by name; a folder of
    masks among the photos holds no photos; a mask of its photo's shape is scaled to it, as for
    filling, and of a larger one of another shape the top left counts. `last` and `limit`: only so
    many photos from the end, and of these from the start. Photos that can't be read or that a mask
    covers whole or not at all are left out, with a warning.

    Raises:
        RestoreError: no photos or no masks there.
        UsageError: unknown preset.
    """
    draw = _mask_source(masks, seed, warn)
    apart = Path(masks) if _is_folder(masks) else None
    for index, name, clean in read_photos(folder, limit, last, warn, apart):
        try:
            mask = draw(index, (clean.shape[0], clean.shape[1]))
        except RestoreError as error:
            warn(f"Left out: {name}, since its mask can't be used: {error}")
            continue
        if mask.all() or not mask.any():
            much = "all" if mask.any() else "nothing"
            warn(f"Left out: {name}, whose mask covers {much} of it.")
            continue
        yield Case(name, hole_band(mask), clean, mask)


def read_spoiled_cases(
    folder: Path,
    preset: str | Path,
    *,
    seed: int = 0,
    limit: int | None = None,
    last: int | None = None,
    warn: Callable[[str], None] = warnings.warn,
) -> Iterator[Case]:
    """Yield the photos of a folder spoiled as a whole, all in one group; else as `read_cases`.

    `preset`: of degradations, a shipped name or a TOML file, drawn from (seed, index of the photo),
    anew where chance leaves the photo as it is: that says nothing of a restorer.
    """
    chain = load_chain(preset)
    for index, name, clean in read_photos(folder, limit, last, warn):
        rng = np.random.default_rng([seed, index])
        drawn = (chain(clean, rng) for _ in range(DRAWS))
        try:
            spoiled = next((pixels for pixels in drawn if not np.array_equal(pixels, clean)), None)
        except RestoreError as error:
            warn(f"Left out: {name}, since it can't be spoiled: {error}")
            continue
        if spoiled is None:
            warn(f"Left out: {name}, which the preset {preset} leaves as it is.")
            continue
        yield Case(name, Path(preset).stem, clean, np.zeros(clean.shape[:2], np.uint8), spoiled)


def read_paired_cases(
    folder: Path,
    damaged: Path,
    *,
    limit: int | None = None,
    last: int | None = None,
    warn: Callable[[str], None] = warnings.warn,
) -> Iterator[Case]:
    """Yield the photos of a folder as they really were damaged, all in one group; see `read_cases`.

    `damaged`: a folder of the damaged photos, each of the size of its clean one and under its
    relative path, but for the extension. Photos without a partner are left out, with a warning.

    Raises:
        RestoreError: no such folder, or no two that are a pair.
    """
    found = find_photos((damaged, folder))
    for name in found.unpaired:
        warn(f"Left out, without a partner: {name}.")
    for name, pair in list(found.photos.items())[-(last or 0) :][:limit]:
        assert isinstance(pair, Pair)
        try:
            spoiled, clean = read_photo(pair.damaged), read_photo(pair.clean)
        except RestoreError as error:
            warn(f"Left out: {error}")
            continue
        if spoiled.shape != clean.shape:
            warn(f"Left out: {name}, whose two photos differ in size.")
        elif _is_scored(pair.clean, clean, warn):
            yield Case(
                name, damaged.resolve().name, clean, np.zeros(clean.shape[:2], np.uint8), spoiled
            )


def read_photos(
    folder: Path,
    limit: int | None,
    last: int | None,
    warn: Callable[[str], None],
    apart: Path | None = None,
) -> Iterator[tuple[int, str, Pixels]]:
    """Yield index, relative path and pixels of the photos that can be read; see `read_cases`.

    `apart`: a folder whose pictures are none of the photos, though it may lie among them.
    """
    paths = list_photos(folder, warn)
    inside = None if apart is None else real_path(apart)
    if inside is not None and real_path(folder) in inside.parents:
        paths = [path for path in paths if not real_path(path).is_relative_to(inside)]
    for index, path in list(enumerate(paths))[-(last or 0) :][:limit]:
        try:
            clean = read_photo(path)
        except RestoreError as error:
            warn(f"Left out: {error}")
            continue
        if _is_scored(path, clean, warn):
            yield index, str(path.relative_to(folder)), clean


def _is_scored(photo: object, clean: Pixels, warn: Callable[[str], None]) -> bool:
    """Tell whether a photo is large enough to be scored, and warn where it isn't."""
    height, width = clean.shape[:2]
    if min(height, width) >= LEAST_SIDE:
        return True
    warn(
        f"Left out: {photo} is {width} × {height} pixels, and less than {LEAST_SIDE} on a side "
        f"can't be scored."
    )
    return False


def without_twins(cases: Iterable[Case], warn: Callable[[str], None]) -> Iterator[Case]:
    """Yield the cases of different names, since files for or by other programs go by the name.

    Of `a.jpg` and `a.png` the second is left out, with a warning; of `A.jpg` and `a.jpg` too, as on
    many disks their files would be one.
    """
    seen = set()
    for case in cases:
        key = case.key.casefold()
        if key in seen:
            warn(
                f"Left out: {case.name}, as another photo has its name but for the extension, or "
                "upper and lower case."
            )
            continue
        seen.add(key)
        yield case


def write_cases(folder: Path, cases: Iterable[Case], *, overwrite: bool = False) -> Iterator[Case]:
    """Write each case for other programs as it is taken: FOLDER/photos/NAME.png and FOLDER/masks/.

    The hole is gray in the photo, white in the mask. What is spoiled as a whole has no mask.

    Raises:
        UsageError: a file exists and shall not be replaced.
        RestoreError: it can't be written.
    """
    for case in cases:
        files = {"photos": case.damaged}
        if case.mask.any():
            files["masks"] = case.mask * np.uint8(255)
        for kind, pixels in files.items():
            path = folder / kind / f"{case.key}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, encode_png(pixels), overwrite=overwrite)
        yield case


class Results:
    """What another program has made of cases: files of the photos' names, with any extension.

    Args:
        name: of the program.
        folder: of the files.

    Raises:
        RestoreError: there is no such folder.
    """

    def __init__(self, name: str, folder: Path) -> None:
        if not folder.is_dir():
            raise RestoreError(f"There is no folder {folder} with results of {name}.")
        self.name, self.folder = name, folder
        self.files: dict[str, list[Path]] = {}
        for file in list_files(folder, []).files:
            if Path(file).suffix.lower() in FORMATS:
                self.files.setdefault(stem_of(file), []).append(folder / file)

    def read(self, case: Case) -> Pixels:
        """Return the result for a case.

        Raises:
            RestoreError: there is none or several, it can't be read, or it has another size.
        """
        found = self.files.get(case.key, [])
        if len(found) != 1:
            count = "several results" if found else "no result"
            raise RestoreError(f"{self.folder} has {count} for {case.name}.")
        pixels = read_image(found[0]).pixels
        if pixels.shape != case.clean.shape:
            sizes = [f"{shape[1]} × {shape[0]}" for shape in (pixels.shape, case.clean.shape)]
            raise RestoreError(f"{found[0]} has {sizes[0]} pixels, and the photo {sizes[1]}.")
        return pixels


def crop_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    """Return the top left of a mask at `size` (height, width), enlarged first if it is smaller."""
    scale = max(size[0] / mask.shape[0], size[1] / mask.shape[1])
    if scale > 1:
        larger = (round(mask.shape[1] * scale), round(mask.shape[0] * scale))
        mask = np.asarray(cv2.resize(mask, larger, interpolation=cv2.INTER_NEAREST), np.uint8)
    return np.ascontiguousarray(mask[: size[0], : size[1]])


def hole_band(mask: Mask) -> str:
    """Return the tenth that the hole's share of the photo falls into, as in "10–20 %"."""
    low = 10 * min(9, int(10 * hole_share(mask)))
    return f"{low}–{low + 10} %"


def _is_folder(masks: str | Path) -> bool:
    return Path(masks).is_dir() and str(masks) not in preset_names()


def _mask_source(
    masks: str | Path, seed: int, warn: Callable[[str], None]
) -> Callable[[int, tuple[int, int]], Mask]:
    if _is_folder(masks):
        paths = list_photos(Path(masks), warn)

        def draw(index: int, size: tuple[int, int]) -> Mask:
            mask = read_whole_mask(paths[index % len(paths)])
            return fit_mask(mask, size) if is_shaped_as(mask, size) else crop_mask(mask, size)

        return draw
    named = str(masks) in preset_names() or Path(masks).suffix == ".toml"
    if Path(masks).is_file() and not named:
        raise UsageError(f"{masks} is one file; name a folder of masks, or a preset.")
    preset = load_preset(masks)
    return lambda index, size: preset.draw(*size, np.random.default_rng([seed, index]))
