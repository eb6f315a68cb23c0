"""What all tasks share that learn from photos with something wrong with them."""

from collections.abc import Generator, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from restore.assets import checkpoint_names, checkpoint_path
from restore.checkpoint import find_difference, read_header
from restore.data import (
    Batch,
    Damaging,
    MaskedPhotos,
    Report,
    Spoiling,
    draw_item,
    load_batches,
    make_batch,
    shuffle,
)
from restore.errors import RestoreError
from restore.image import write_bytes
from restore.masks import Preset
from restore.training.photos import remember_photos
from restore.training.recipe import PhotoRecipe, Stage
from restore.training.task import Say, Task

Photo = TypeVar("Photo")  # its place, or its name

HELD_OUT = 16  # photos at most that are never trained on, but previewed
HELD_OUT_SEED = 1
HELD_OUT_NAMES = "held-out.txt"  # in the folder of a run
FEW = 1000  # photos


class PhotoTask(Task):
    """What a run needs that learns from photos with holes or damage.

    Args:
        recipe: of the run.
        found: the photos; None for an estimate.
        damage: what is wrong with the photos.
    """

    def __init__(
        self, recipe: PhotoRecipe, found: Report | None, damage: Preset | Spoiling | Damaging
    ) -> None:
        self.recipe, self.report, self.damage = recipe, found, damage
        photos = [] if found is None else list(found.photos.values())
        self.photos, self.held_out = split_photos(photos)

    def remember(self, run: Path) -> None:
        """Write what was found out about the photos, and which are previewed, into the folder."""
        if self.report is not None:
            remember_photos(self.report, run)
            _, held_out = split_photos(list(self.report.photos))
            names = "".join(f"{name}\n" for name in held_out)
            write_bytes(
                run / HELD_OUT_NAMES, names.encode(errors="surrogateescape"), overwrite=True
            )

    @property
    def advice(self) -> str | None:
        """A sentence where a shipped checkpoint would be a better start than nothing."""
        count, name = len(self.photos), self.recipe.name
        if not 0 < count < FEW or name not in checkpoint_names():
            return None
        shipped = read_header(checkpoint_path(name)).network
        if find_difference(self.networks, shipped, self.recipe.generator):
            return None
        return (
            f"{count} photos are few to learn from nothing; with --from {name} --set "
            "optimizer.lr=1e-4 --out ANOTHER a run begins with the shipped weights, and is better "
            "in minutes than this one in hours."
        )

    @property
    def data_key(self) -> int:
        """A number that differs where another process has found other photos."""
        return 0 if self.report is None else self.report.key

    def load_batches(
        self, stage: Stage, batch: int, turns: Iterable[int], say: Say
    ) -> Generator[Batch, None, None]:
        """Yield batches of damaged photos, without end."""
        dataset = MaskedPhotos(self.photos, self.damage, stage.size, self.recipe.seed)
        return load_batches(dataset, batch, turns, self.recipe.workers, say)

    def draw_held_out(self, size: int, draws: int = 1) -> Batch | None:
        """Return the same damaged photos as ever, each damaged in as many ways as `draws`.

        None where no held-out photo can be read any more.
        """
        items = []
        for draw in range(draws):
            for index, photo in enumerate(self.held_out):
                rng = np.random.default_rng([self.recipe.seed, index, 2, draw])
                with suppress(RestoreError):  # one that is gone by now must not end the run
                    items.append(draw_item(photo, self.damage, size, rng))
        return make_batch(items) if items else None

    def make_probe(self, stage: Stage) -> Batch:
        """Return a batch of noise with a hole in it."""
        clean = torch.rand(stage.batch, 3, stage.size, stage.size)
        mask = torch.zeros(stage.batch, 1, stage.size, stage.size)
        mask[..., stage.size // 4 : stage.size // 2] = 1
        return Batch(clean, mask)


def split_photos(photos: Sequence[Photo]) -> tuple[list[Photo], list[Photo]]:
    """Return (photos to train on, photos held out): 2 %, at most `HELD_OUT`, of two or more.

    Of the same photos the same ones whatever the recipe, so that none has been learned by the
    weights that a run starts from.
    """
    count = min(HELD_OUT, max(1, len(photos) // 50)) if len(photos) > 1 else 0
    order = shuffle(len(photos), HELD_OUT_SEED, 0)
    held_out = {int(index) for index in order[:count]}
    rest = [photo for index, photo in enumerate(photos) if index not in held_out]
    return rest, [photos[index] for index in sorted(held_out)] or list(photos)
