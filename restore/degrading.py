"""Photo files in, spoiled files out: pairs for training and tests."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from restore.degradations import Degradation
from restore.image import (
    check_held,
    cover_hidden,
    encode_finely,
    read_image,
    tell_lost,
    write_image,
)
from restore.listing import ALL, Choice
from restore.outputs import (
    Failure,
    Output,
    check_folder_name,
    choose_photos,
    each,
    part_alike,
    plan_output,
    plan_outputs,
)
from restore.seeded import make_rng


def degrade_photos(
    source: Path,
    out: str,
    degradation: Degradation,
    *,
    seed: int = 0,
    overwrite: bool = False,
    warn: Callable[[str], None] = warnings.warn,
    choice: Choice = ALL,
) -> Iterator[Output | Failure]:
    """Spoil a photo or all photos of a folder; one that fails does not stop the others.

    Each photo has random numbers of its own, see `make_rng`. Files keep their format, colour mode
    and metadata, but a JPEG is written finely; a gray photo stays gray. What is spoiled has 8 bits,
    also in a file of 16.

    Args:
        source: a photo, or a folder of any depth.
        out: for a folder a folder, where photos keep their relative paths; for a photo a file, or
            a folder, if it is one or ends with "/".
        degradation: a kind or a chain.
        seed: another one spoils otherwise.
        overwrite: whether results that exist are replaced.
        warn: is told what a result does not keep, as CMYK, and of folders that are passed over.
        choice: which photos of a folder are taken.

    Yields:
        An output for each result as soon as it is written, and a failure for each photo without
        one, as one whose name differs from another's in upper and lower case alone, and each folder
        that can't be looked into.

    Raises:
        UsageError: a result exists, or would lie among the photos, or `out` may be meant as a file
            or a folder; then nothing has been written.
        RestoreError: no photo in the folder.
    """
    if source.is_dir():
        check_folder_name(out, source)
        found, failures = choose_photos(source, warn, choice)
        photos, alike = part_alike(found)
        outputs = plan_outputs(source, Path(out), photos, overwrite=overwrite)
        yield from (*failures, *alike)
    else:
        outputs = [plan_output(source, out, overwrite=overwrite)]

    def spoil(output: Output) -> Output:
        photo = read_image(output.photo)
        check_held(output.out, photo.pixels.shape, photo, photo.alpha)
        for sentence in filter(None, (photo.warning, tell_lost(output.out, photo))):
            warn(sentence)
        shown = cover_hidden(photo.pixels, photo.alpha)  # what is invisible shall not bleed
        spoiled = degradation(shown, make_rng(seed, output.name))
        if photo.gray:  # one channel: the mean of three has less noise
            spoiled = spoiled[..., 1:2].repeat(3, axis=2)
        output.out.parent.mkdir(parents=True, exist_ok=True)
        if photo.format == "JPEG":  # whose compression would be damage that nobody asked for
            photo = replace(photo, encoding=encode_finely(photo.encoding, colours=True))
        write_image(output.out, spoiled, photo, overwrite=overwrite)
        return output

    yield from each(outputs, spoil)
