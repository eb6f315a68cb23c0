"""Photo files in, mask files out: what is damaged, of a colour, in boxes, or drawn at random."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from restore.draw import draw_mask
from restore.errors import UsageError
from restore.fixing import find_damage
from restore.image import (
    MAX_PIXELS,
    PICTURES,
    Mask,
    Photo,
    check_held,
    check_target,
    format_of,
    read_image,
    real_path,
    stem_of,
    with_extension,
    write_image,
)
from restore.listing import ALL, Choice, list_files
from restore.masks import (
    TOLERANCE,
    Preset,
    grow_mask,
    hole_share,
    mask_from_boxes,
    mask_from_color,
    write_mask,
)
from restore.outputs import Failure, choose_photos, each, plan_outputs
from restore.seeded import make_rng

if TYPE_CHECKING:
    from restore.detector import Detector

_PLAIN = Photo(np.zeros((1, 1, 3), np.uint8))  # without metadata, as masks and previews are


@dataclass(frozen=True)
class Marked:
    """A mask that was written.

    Attributes:
        photo: it is for.
        mask: the file.
        preview: the photo with the mask laid over it, or None.
        hole: share of the pixels that are marked, 0 to 1.
    """

    photo: Path
    mask: Path
    preview: Path | None
    hole: float


# What is marked ----------------------------------------------------------------------------------


class Marker(ABC):
    """Marks the holes of photos."""

    def prepare(self) -> None:  # noqa: B027 - most have nothing to load
        """Load what takes long, once; else it is loaded for the first photo."""

    @abstractmethod
    def mark(self, photo: Photo, name: str | None) -> Mask:
        """Return a mask (H, W) uint8 {0, 1}, 1 is the hole; one of many photos has a name."""


@dataclass(frozen=True)
class Detected(Marker):
    """What a detector finds, but not in what is invisible."""

    detector: str | Path
    threshold: float | None = None
    device: str = "auto"

    @cached_property
    def _loaded(self) -> "Detector":
        from restore.detector import Detector  # brings torch, which takes seconds

        return Detector.load(self.detector, device=self.device)

    def prepare(self) -> None:
        """Load the detector."""
        _ = self._loaded

    def mark(self, photo: Photo, name: str | None) -> Mask:
        """Return a mask of the damage."""
        return find_damage(self._loaded, photo, threshold=self.threshold)


@dataclass(frozen=True)
class Color(Marker):
    """What has a colour, see `mask_from_color`; what is invisible has none."""

    color: str
    tolerance: int = TOLERANCE

    def mark(self, photo: Photo, name: str | None) -> Mask:
        """Return a mask of what has the colour."""
        marked = mask_from_color(photo.pixels, self.color, self.tolerance)
        return marked if photo.alpha is None else marked & (photo.alpha > 0)


@dataclass(frozen=True)
class Boxes(Marker):
    """The same boxes in each photo, see `mask_from_boxes`."""

    boxes: Sequence[tuple[int, int, int, int]]

    def mark(self, photo: Photo, name: str | None) -> Mask:
        """Return a mask of the boxes."""
        return mask_from_boxes(photo.size, self.boxes)


@dataclass(frozen=True)
class Random(Marker):
    """Holes as a preset draws them; of many photos each has its own."""

    preset: Preset
    seed: int = 0

    def mark(self, photo: Photo, name: str | None) -> Mask:
        """Return a mask of random holes."""
        rng = np.random.default_rng(self.seed) if name is None else make_rng(self.seed, name)
        return self.preset.draw(*photo.size, rng)


# Files -------------------------------------------------------------------------------------------


def mark_photo(
    photo: Path,
    mask: Path,
    marker: Marker,
    *,
    preview: Path | None = None,
    grow: int = 0,
    overwrite: bool = False,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Marked:
    """Write the mask of a photo, and a preview, into folders that are made where they are missing.

    Args:
        photo: a file.
        mask: the file that is written; white marks the hole.
        marker: says what is marked.
        preview: a file for the photo with the mask laid over it, or None.
        grow: pixels by which the mask is widened.
        overwrite: whether files that exist are replaced, but never the photo.
        name: of one of many photos, its relative path with "/"; None for one alone.
        max_pixels: width times height of a photo at most, so that memory suffices.

    Raises:
        UsageError: a file exists or is the photo, both are one, or a format isn't written.
        RestoreError: the photo can't be read, or a file not be written.
    """
    targets = [path for path in (mask, preview) if path is not None]
    read = read_image(photo, max_pixels=max_pixels)
    for path in targets:
        format_of(path, _PLAIN)
        path.parent.mkdir(parents=True, exist_ok=True)
    _check_targets(photo, mask, preview, overwrite=overwrite)
    for path in targets:
        check_held(path, read.pixels.shape, _PLAIN, None)
    marked = grow_mask(marker.mark(read, name), grow)
    write_mask(mask, marked, overwrite=overwrite)
    if preview is not None:
        shown = draw_mask(read.pixels, marked)
        like = Photo(shown, permissions=read.permissions)
        write_image(preview, shown, like, overwrite=overwrite)
    return Marked(photo, mask, preview, hole_share(marked))


def mark_size(
    size: tuple[int, int], mask: Path, marker: Marker, *, grow: int = 0, overwrite: bool = False
) -> float:
    """Write a mask of a size (height, width) for no photo in particular.

    Args:
        size: in pixels.
        mask: the file that is written; white marks the hole.
        marker: says what is marked, whatever the photo shows.
        grow: pixels by which the mask is widened.
        overwrite: whether a file that exists is replaced.

    Returns:
        The share of the pixels that are marked, 0 to 1.

    Raises:
        UsageError: the file exists, or its format isn't written.
        RestoreError: it can't be written.
    """
    blank = Photo(np.broadcast_to(np.uint8(0), (*size, 3)))  # takes no memory
    marked = grow_mask(marker.mark(blank, None), grow)
    mask.parent.mkdir(parents=True, exist_ok=True)
    write_mask(mask, marked, overwrite=overwrite)
    return hole_share(marked)


def _check_targets(photo: Path, mask: Path, preview: Path | None, *, overwrite: bool) -> None:
    """Refuse what can't be written, or would replace something, before work begins."""
    for path, what, option in ((mask, "mask", "out"), (preview, "preview", "preview")):
        if path is None:
            continue
        if path.exists() and photo.exists() and path.samefile(photo):
            raise UsageError(f"The {what} can't replace {photo} itself; name another --{option}.")
        check_target(path, overwrite=overwrite)
    if preview is not None and real_path(preview) == real_path(mask):
        raise UsageError(f"{preview} is named for the mask and for the preview; name two files.")


def mark_photos(
    folder: Path,
    out: Path,
    marker: Marker,
    *,
    previews: Path | None = None,
    grow: int = 0,
    overwrite: bool = False,
    resume: bool = False,
    warn: Callable[[str], None] = warnings.warn,
    max_pixels: int = MAX_PIXELS,
    choice: Choice = ALL,
) -> Iterator[Marked | Failure]:
    """Write the masks of a folder of photos; one that fails does not stop the others.

    The mask of `folder/trip/a.jpg` is `out/trip/a.png`, where `restore fix folder --mask out`
    looks for it, for the same files.

    Args:
        folder: of any depth.
        out: a folder outside of it.
        marker: says what is marked.
        previews: a folder for the photos with the masks laid over them, or None.
        grow: pixels by which masks are widened.
        overwrite: whether files that exist are replaced, but never a photo.
        resume: whether photos whose mask is there are passed over; it may have been corrected.
        warn: is told of what is passed over, and of photos that share a mask with one before, as
            a.tif does with a.jpg.
        max_pixels: width times height of a photo at most.
        choice: which photos are taken.

    Yields:
        What was written for each photo as soon as it is, and a failure for each whose name differs
        from that of another one in upper and lower case alone and each folder that can't be looked
        into.

    Raises:
        UsageError: a file exists or would lie among the photos; then nothing has been written.
        RestoreError: no photo in it.
    """
    photos, failures = choose_photos(folder, warn, choice)
    photos, doubles = _part_doubles(photos, warn)
    if resume:
        photos = _without_mask(folder, out, photos, warn)
    plan = partial(plan_outputs, folder, photos=photos, extension=".png", overwrite=overwrite)
    outputs = plan(out)
    shown: dict[Path, Path] = {}
    if previews is not None:
        there, here = real_path(previews), real_path(out)
        if there.is_relative_to(here) or here.is_relative_to(there):
            raise UsageError(
                f"Masks go into {out} and previews into {previews}; name two folders, neither of "
                "them in the other."
            )
        shown = {output.photo: output.out for output in plan(previews)}
    marker.prepare()  # what is wrong with it is told once, not for each photo
    yield from (*failures, *doubles)
    yield from each(
        outputs,
        lambda output: mark_photo(
            output.photo,
            output.out,
            marker,
            preview=shown.get(output.photo),
            grow=grow,
            overwrite=overwrite,
            name=output.name,
            max_pixels=max_pixels,
        ),
    )


def _without_mask(
    folder: Path, out: Path, photos: Sequence[Path], warn: Callable[[str], None]
) -> list[Path]:
    """Return the photos whose mask is not there yet, of any format, and tell how many are."""
    there = list_files(out, []).files if out.is_dir() else []
    masks = {stem_of(file) for file in there if Path(file).suffix.lower() in PICTURES}
    names = {photo: photo.relative_to(folder) for photo in photos}
    missing = [
        photo
        for photo, name in names.items()  # a mask may also lie behind a link
        if not (stem_of(name.as_posix()) in masks or with_extension(out / name, ".png").exists())
    ]
    if count := len(photos) - len(missing):
        warn(f"Kept, as they are there: {count} of {len(photos)} masks.")
    return missing


def _part_doubles(
    photos: Sequence[Path], warn: Callable[[str], None]
) -> tuple[list[Path], list[Failure]]:
    """Part photos whose mask would be that of one before from the rest.

    One of the same name but for its extension shares the mask, as is told; one whose name differs
    in upper and lower case, too, has none, as on many disks it would be the same file.
    """
    owners: dict[str, Path] = {}
    sharing, failures = [], []
    for photo in photos:
        name = stem_of(str(photo))
        owner = owners.setdefault(name.casefold(), photo)
        if owner == photo:
            continue
        if stem_of(str(owner)) == name:
            sharing.append((photo, owner))
        else:
            sentence = f"{photo} would have the mask of {owner}; rename one of them."
            failures.append(Failure(photo, UsageError(sentence)))
    if sharing:
        first, owner = sharing[0]
        warn(
            f"Photos that share the mask of another one of their name: {len(sharing)}; the first "
            f"is {first}, with {owner}."
        )
    return list(owners.values()), failures
