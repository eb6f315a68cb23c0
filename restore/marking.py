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
    read_box,
    read_color,
    read_mask,
    write_mask,
)
from restore.outputs import (
    Failure,
    Output,
    choose_photos,
    each,
    first_made,
    plan_outputs,
)
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
        kept: whether the mask was there, and only its preview was written.
    """

    photo: Path
    mask: Path
    preview: Path | None
    hole: float
    kept: bool = False


# What is marked ----------------------------------------------------------------------------------


class Marker(ABC):
    """Marks the holes of photos."""

    def prepare(self) -> None:  # noqa: B027 - most have nothing to load
        """Load what takes long, once; else it is loaded for the first photo."""

    @abstractmethod
    def mark(self, photo: Photo, name: str | None) -> Mask:
        """Return a mask (H, W) uint8 {0, 1}, 1 is the hole; None names no photo in particular."""


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

    def __post_init__(self) -> None:
        """Refuse what is no colour, once for all photos."""
        read_color(self.color)

    def mark(self, photo: Photo, name: str | None) -> Mask:
        """Return a mask of what has the colour."""
        marked = mask_from_color(photo.pixels, self.color, self.tolerance)
        return marked if photo.alpha is None else marked & (photo.alpha > 0)


@dataclass(frozen=True)
class Boxes(Marker):
    """The same boxes in each photo, see `mask_from_boxes`."""

    boxes: Sequence[tuple[int, int, int, int]]

    def __post_init__(self) -> None:
        """Refuse a box that no photo can hold, once for all photos."""
        for box in self.boxes:
            read_box(box)

    def mark(self, photo: Photo, name: str | None) -> Mask:
        """Return a mask of the boxes."""
        return mask_from_boxes(photo.size, self.boxes)


@dataclass(frozen=True)
class Random(Marker):
    """Holes as a preset draws them, for each photo its own, as `make_rng` says."""

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
    renew: bool = False,
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
        renew: whether a preview that exists is replaced anyway.
        name: the relative path of one of many photos, with "/"; None is the name of its file.
        max_pixels: width times height of a photo at most, so that memory suffices.

    Raises:
        UsageError: a file exists or is the photo, both are one, or a format isn't written.
        RestoreError: the photo can't be read, or a file not be written.
    """
    read = read_image(photo, max_pixels=max_pixels)
    renew = renew or overwrite
    for path, what, option, replaces in (
        (mask, "mask", "out", overwrite),
        (preview, "preview", "preview", renew),
    ):
        if path is None:
            continue
        if path.exists() and photo.exists() and path.samefile(photo):
            raise UsageError(f"The {what} can't replace {photo} itself; name another --{option}.")
        _check_file(path, read.size, overwrite=replaces)
    if preview is not None and real_path(preview) == real_path(mask):
        raise UsageError(f"{preview} is named for the mask and for the preview; name two files.")
    marked = grow_mask(marker.mark(read, photo.name if name is None else name), grow)
    for path in filter(None, (mask, preview)):  # both, before any is written
        path.parent.mkdir(parents=True, exist_ok=True)
    write_mask(mask, marked, overwrite=overwrite)
    if preview is not None:
        _write_preview(preview, read, marked, overwrite=renew)
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
    _check_file(mask, size, overwrite=overwrite)
    blank = Photo(np.broadcast_to(np.uint8(0), (*size, 3)))  # takes no memory
    marked = grow_mask(marker.mark(blank, None), grow)
    mask.parent.mkdir(parents=True, exist_ok=True)
    write_mask(mask, marked, overwrite=overwrite)
    return hole_share(marked)


def _check_file(path: Path, size: tuple[int, int], *, overwrite: bool) -> None:
    """Refuse a mask or preview that can't be written, before the work."""
    format_of(path, _PLAIN)
    check_held(path, (*size, 3), _PLAIN, None)
    check_target(first_made(path), overwrite=overwrite)


def _write_preview(preview: Path, photo: Photo, mask: Mask, *, overwrite: bool) -> None:
    shown = draw_mask(photo.pixels, mask)
    like = Photo(shown, permissions=photo.permissions)
    write_image(preview, shown, like, overwrite=overwrite)


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
        resume: whether masks that are there are kept; they may have been corrected. Their previews
            are drawn where they are missing or older, and where there are any, previews of other
            photos may be replaced.
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
    kept = _find_masks(folder, out, photos, warn) if resume else {}
    plan = partial(plan_outputs, folder, extension=".png")
    outputs = plan(out, [photo for photo in photos if photo not in kept], overwrite=overwrite)
    renew = overwrite or bool(kept)
    planned: list[Output] = []
    if previews is not None:
        there, here = real_path(previews), real_path(out)
        if there.is_relative_to(here) or here.is_relative_to(there):
            raise UsageError(
                f"Masks go into {out} and previews into {previews}; name two folders, neither of "
                "them in the other."
            )
        planned = plan(previews, photos, overwrite=renew)
    shown = {output.photo: output.out for output in planned}
    if outputs:
        marker.prepare()  # what is wrong with it is told once, not for each photo
    yield from (*failures, *doubles)

    def show(output: Output) -> Marked | None:
        mask = kept[output.photo]
        if output.out.exists() and output.out.stat().st_mtime_ns >= mask.stat().st_mtime_ns:
            return None  # it has not been corrected since
        return _preview_mask(output.photo, mask, output.out, max_pixels)

    yield from filter(None, each([o for o in planned if o.photo in kept], show))
    yield from each(
        outputs,
        lambda output: mark_photo(
            output.photo,
            output.out,
            marker,
            preview=shown.get(output.photo),
            grow=grow,
            overwrite=overwrite,
            renew=renew,
            name=output.name,
            max_pixels=max_pixels,
        ),
    )


def _find_masks(
    folder: Path, out: Path, photos: Sequence[Path], warn: Callable[[str], None]
) -> dict[Path, Path]:
    """Return the masks that are there already, of any format, by their photo; tell how many."""
    there = list_files(out, []).files if out.is_dir() else []
    masks = {stem_of(file): out / file for file in there if Path(file).suffix.lower() in PICTURES}
    found = {}
    for photo in photos:
        name = photo.relative_to(folder)
        linked = with_extension(out / name, ".png")  # a mask may also lie behind a link
        mask = masks.get(stem_of(name.as_posix())) or (linked if linked.exists() else None)
        if mask is not None:
            found[photo] = mask
    if found:
        warn(f"Kept, as they are there: {len(found)} of {len(photos)} masks.")
    return found


def _preview_mask(photo: Path, mask: Path, preview: Path, max_pixels: int) -> Marked:
    """Draw the preview of a mask that is there."""
    read = read_image(photo, max_pixels=max_pixels)
    marked = read_mask(mask, read.size, max_pixels=max_pixels)
    _check_file(preview, read.size, overwrite=True)
    preview.parent.mkdir(parents=True, exist_ok=True)
    _write_preview(preview, read, marked, overwrite=True)
    return Marked(photo, mask, preview, hole_share(marked), kept=True)


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
