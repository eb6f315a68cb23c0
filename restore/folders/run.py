"""Photos one after the other."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from restore.assets import checkpoint_names, checkpoint_path
from restore.errors import UsageError
from restore.folders.options import MENDING_FLAGS, FixOptions
from restore.folders.photo import Record, fix_job
from restore.folders.plan import check_mask, identity_of, plan_jobs
from restore.outputs import Failure

if TYPE_CHECKING:
    from restore.folders.repairer import Repairer
    from restore.restorer import Restorer

Warn = Callable[[str], None]


def fix_photos(
    photos: Sequence[Path],
    out: str | None,
    options: FixOptions,
    *,
    model: str | None = None,
    device: str = "auto",
    warn: Warn = warnings.warn,
) -> Iterator[Record | Failure]:
    """Fix photo after photo; one that can't be fixed is reported and the next one is tried.

    Args:
        photos: the photo files.
        out: a file, a folder or None, see `plan_jobs`.
        options: how to fix them.
        model: a checkpoint's name or file or a run's folder; None is "inpaint", or "mend" without
            a mask.
        device: see `restore.device.pick_device`.
        warn: is called with a sentence where a result should be looked at.

    Yields:
        A record for each result as soon as it is written, and a failure for each photo that could
        not be fixed.

    Raises:
        UsageError: the request makes no sense as a whole; then nothing has been written.
        RestoreError: there is no such mask, or the checkpoint can't be loaded.
    """
    check_mask(options)
    if options.mask_pattern is not None:
        raise UsageError("--mask-pattern finds the masks of a folder of photos; name that.")
    if options.mask is not None and options.mask.is_dir():
        raise UsageError(
            f"The mask {options.mask} is a folder, which is for a folder of photos; name that "
            "instead of its photos, or one picture as --mask."
        )
    jobs = plan_jobs(_without_mask(photos, options.mask, warn), out, options)
    model = pick_model(model, options)
    fixer = load_fixer(model, options, device)
    for job in jobs:
        try:
            yield from fix_job(fixer, job, options, warn)
        except Exception as error:  # even a mistake of ours must not stop the other photos
            yield Failure(job.photo, error)


def _without_mask(photos: Sequence[Path], mask: Path | None, warn: Warn) -> Sequence[Path]:
    """Return the photos without the mask, which *.png may have named among them."""
    if mask is None:
        return photos
    others = [photo for photo in photos if identity_of(photo) != identity_of(mask)]
    if not others or len(others) == len(photos):
        return photos
    warn(f"{mask} is the mask, so it is not fixed itself.")
    return others


def pick_model(model: str | None, options: FixOptions) -> str:
    """Return the checkpoint to load; for None the shipped one that does what is asked for.

    Raises:
        UsageError: it is not installed; there is no mask and it fills holes; what is found
            or marked is to be filled and it fills no holes.
    """
    if options.repairs:
        return _pick_filler(model, options)
    if not options.is_whole:
        return model or "inpaint"
    if model is None:
        if not _can_mend():
            raise UsageError(
                "Without a mask a photo needs the restorer 'mend', which is not installed; mark "
                "what to fill with --mask MASK, or with --mask-is alpha if it is transparent."
            )
        return "mend"
    name, task = _read_task(model)
    if task == "inpaint":
        raise UsageError(
            f"{name} fills holes and needs a mask; add --mask MASK, or leave out --model."
        )
    return model


def _pick_filler(model: str | None, options: FixOptions) -> str:
    """Return the checkpoint that fills what is found or marked, before the whole is mended."""
    if options.mend and not _can_mend():
        raise UsageError("--mend needs the restorer 'mend', which is not installed; leave it out.")
    if model is None:
        return "inpaint"
    name, task = _read_task(model)
    if task != "inpaint":
        raise UsageError(
            f"What is found or marked is filled, and {name} fills no holes; leave out --model, or "
            "name a restorer of holes, such as inpaint."
        )
    return model


def _read_task(model: str) -> tuple[str, str]:
    """Return the name of a checkpoint and its task."""
    path = checkpoint_path(model)  # an unknown name shall be told before torch is imported
    from restore.checkpoint import read_header

    header = read_header(path)
    return header.name, header.task


def name_checkpoints(model: str, options: FixOptions) -> list[str]:
    """Return the checkpoints that take part, each a name or file or a run's folder."""
    if not options.repairs:
        return [model]
    finder = [] if options.find is None else [options.find]
    return [*finder, model, *(["mend"] if _can_mend() else [])]


def _can_mend() -> bool:
    return "mend" in checkpoint_names()


def load_fixer(model: str, options: FixOptions, device: str) -> "Restorer | Repairer":
    """Load what fixes photos: the restorer `model`, or all that --find and --mend need.

    Raises:
        UsageError: an unknown name or device, or a setting of mending where nothing mends.
        RestoreError: a checkpoint can't be loaded.
    """
    for name in name_checkpoints(model, options):
        checkpoint_path(name)  # an unknown name shall be told before torch is imported
    if options.repairs:
        return _load_repairer(model, options, device)
    from restore.restorer import Restorer

    return Restorer.load(model, device=device, **options.mending)


def _load_repairer(model: str, options: FixOptions, device: str) -> "Repairer":
    """Load the detector of the options, what fills, and "mend" where it is installed."""
    mends = _can_mend()
    if not mends and options.tunes_mending:
        raise UsageError(
            f"{MENDING_FLAGS} need the restorer 'mend', which is not installed; leave them out, "
            "and --find fills what it finds."
        )
    from restore.detector import Detector
    from restore.folders.repairer import Repairer
    from restore.restorer import Restorer

    detector = None if options.find is None else Detector.load(options.find, device=device)
    filler = Restorer.load(model, device=device)
    mender = Restorer.load("mend", device=device, **options.mending) if mends else None
    return Repairer(detector, filler, mender, options.margin, options.threshold)
