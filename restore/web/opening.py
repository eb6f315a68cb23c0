"""From a photo's file to the page on which it is painted, and back to files."""

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, count
from pathlib import Path

from restore.assets import checkpoint_path
from restore.errors import UsageError
from restore.fixing import find_damage
from restore.folders import (
    FixOptions,
    Opened,
    check_mask,
    open_photo,
    plan_jobs,
    write_result,
)
from restore.folders.report import hash_file
from restore.image import Mask, Photo, drop_extension, real_path
from restore.masks import grow_mask, read_mask, write_mask
from restore.web.retouching import Retouching
from restore.web.server import PaintServer

LONGEST_SIDE, MOST_PIXELS = 32_767, 2**28  # of a canvas in a browser


def open_page(
    photo: Path,
    out: str | None,
    options: FixOptions,
    *,
    model: str = "inpaint",
    device: str = "auto",
    port: int = 0,
    warn: Callable[[str], None] = warnings.warn,
) -> PaintServer:
    """Return the page of a photo, on which holes are painted and filled; `serve_forever` shows it.

    What is saved goes to files that are decided now: the photo to `out`, a mask to NAME-mask.png
    beside it, or NAME-mask-2.png and so on where that exists.

    Args:
        photo: its file.
        out: a file, a folder or None for NAME-fixed.EXT, see `restore.folders.plan_jobs`.
        options: the mask to begin with and how it is read, or what finds the damage to begin with;
            the seed, and whether files that exist are replaced.
        model: a restorer that fills holes: a checkpoint's name or file or a run's folder.
        device: see `restore.device.pick_device`.
        port: of the page, 0 for any that is free.
        warn: is called with a sentence where a result should be looked at.

    Raises:
        UsageError: the result exists, would replace the photo or can't hold what it holds, an
            unknown name, the model fills no holes, there are a mask and what finds one, or the
            photo is too large for a browser.
        RestoreError: the photo, its mask or the checkpoint can't be read; the port is taken.
    """
    check_mask(options)
    if options.mask is None and options.mask_is != "hole":
        raise UsageError("--mask-is says what white means in a mask; add --mask MASK.")
    if photo.is_dir():
        raise UsageError(f"{photo} is a folder, and one photo at a time is painted; name one.")
    (job,) = plan_jobs([photo], out, options)
    for name in filter(None, (model, options.find)):
        checkpoint_path(name)  # an unknown name shall be told before torch is imported
    source = hash_file(photo)  # as it is read now
    # The mask may be all or nothing here.
    opened = open_photo(job, replace(options, mask=None, mask_is="hole"))
    size = opened.photo.size
    if max(size) > LONGEST_SIDE or size[0] * size[1] > MOST_PIXELS:
        raise UsageError(
            f"{photo} is {size[1]} x {size[0]} pixels, and browsers draw at most {LONGEST_SIDE} "
            f"across or down and {MOST_PIXELS / 1e6:.0f} megapixels; fill it with restore fix "
            f"{photo} --mask MASK."
        )
    painted = None
    if options.mask is not None:
        limit = options.max_pixels
        painted = read_mask(options.mask, size, options.mask_is, max_pixels=limit)
        painted = grow_mask(painted, options.margin)
    from restore.restorer import Restorer

    restorer = Restorer.load(model, device=device)
    if restorer.mends:
        raise UsageError(f"{restorer.name} fills no holes; name a restorer that does, as inpaint.")
    for sentence in opened.warnings:
        warn(sentence)
    if options.find:
        painted = _find_damage(opened.photo, options, device)
    return PaintServer(
        Retouching(restorer, opened.photo, options.seed),
        name=photo.name,
        save=_Saver(opened, options, source),
        save_mask=_MaskSaver(photo, job.results[0], options),
        painted=painted if painted is not None and painted.any() else None,
        port=port,
    )


def _find_damage(photo: Photo, options: FixOptions, device: str) -> Mask:
    from restore.detector import Detector

    assert options.find is not None
    detector = Detector.load(options.find, device=device)
    return find_damage(detector, photo, threshold=options.threshold, grow=options.margin)


class _Saver:
    """Writes a photo to its result; what it has written itself, and nobody since, it replaces."""

    def __init__(self, opened: Opened, options: FixOptions, source: str | None) -> None:
        self.opened, self.options, self.source = opened, options, source
        self.digest: str | None = None  # of what was written

    def __call__(self, photo: Photo) -> str:
        (path,) = self.opened.job.results
        overwrite = self.options.overwrite or _is_still(path, self.digest)
        if not overwrite and os.path.lexists(path):
            raise UsageError(
                f"{path} exists and is not, or no longer, what was saved here; move it away and "
                "save again."
            )
        if hash_file(self.opened.job.photo) != self.source:
            photo = replace(photo)  # no longer the photo as it was read, whose file would be copied
        write_result(path, photo, self.opened, self.options, overwrite=overwrite)
        self.digest = hash_file(path)
        return str(path)


class _MaskSaver:
    """Writes a mask beside the result to a name that is free, or that it has written to itself.

    What is `taken`, the result's file and the mask that was given, it never replaces.
    """

    def __init__(self, photo: Path, result: Path, options: FixOptions) -> None:
        self.name, self.folder, self.overwrite = photo.name, result.parent, options.overwrite
        self.taken = {real_path(path) for path in (result, options.mask) if path is not None}
        self.path = next(self._names())
        self.digest: str | None = None  # of what was written

    def __call__(self, mask: Mask) -> str:
        overwrite = self.overwrite or _is_still(self.path, self.digest)
        if not overwrite:
            self.path = next(path for path in self._names() if not os.path.lexists(path))
        self.folder.mkdir(parents=True, exist_ok=True)
        write_mask(self.path, mask, overwrite=overwrite)
        self.digest = hash_file(self.path)
        return str(self.path)

    def _names(self) -> Iterator[Path]:
        """Yield NAME-mask.png, NAME-mask-2.png and so on, but for what is taken."""
        for number in chain([""], (f"-{number}" for number in count(2))):
            path = self.folder / f"{drop_extension(self.name)}-mask{number}.png"
            if real_path(path) not in self.taken:
                yield path


def _is_still(path: Path, digest: str | None) -> bool:
    """Tell whether a file is as it was written here."""
    return digest is not None and hash_file(path) == digest
