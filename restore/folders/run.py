"""Photos one after the other."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from restore.assets import checkpoint_path
from restore.errors import UsageError
from restore.folders.photo import FixOptions, Record, fix_photo
from restore.folders.plan import check_mask, plan_jobs

if TYPE_CHECKING:
    from restore.restorer import Restorer

Warn = Callable[[str], None]
DEFAULT_MODEL = "inpaint"


@dataclass(frozen=True)
class Failure:
    """A photo that could not be fixed, and why."""

    photo: Path
    error: Exception


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
        model: a checkpoint's name or file or a run's folder; None is "inpaint".
        device: "auto", "cpu", "cuda" or "mps".
        warn: is called with a sentence where a result should be looked at.

    Yields:
        A record for each result as soon as it is written, and a failure for each photo that could
        not be fixed.

    Raises:
        UsageError: the request makes no sense as a whole; then nothing has been written.
        RestoreError: there is no such mask, or the checkpoint can't be loaded.
    """
    check_mask(options)
    if options.mask is not None and options.mask.is_dir():
        raise UsageError(
            f"The mask {options.mask} is a folder, which is for a folder of photos; name one "
            "picture."
        )
    jobs = plan_jobs(photos, out, options)
    restorer = load_restorer(model, device)
    for job in jobs:
        try:
            yield from fix_photo(restorer, job, options, warn)
        except Exception as error:  # even a mistake of ours must not stop the other photos
            yield Failure(job.photo, error)


def load_restorer(model: str | None, device: str) -> "Restorer":
    """Load a checkpoint by name or file or a run's folder; None is "inpaint".

    Raises:
        UsageError: an unknown name or device.
        RestoreError: the checkpoint can't be loaded.
    """
    model = model or DEFAULT_MODEL
    checkpoint_path(model)  # an unknown name shall be told before torch is imported
    from restore.restorer import Restorer

    return Restorer.load(model, device=device)
