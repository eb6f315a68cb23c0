"""The training of a restorer: photos with holes or damage, and previews of held-out ones."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch import nn

from restore.checkpoint import build_network
from restore.data import Batch, MaskedPhotos, Photo, Report, load_batches, shuffle
from restore.lpips import load_lpips
from restore.nets import RESTORERS
from restore.training.augment import FEW_PHOTOS
from restore.training.photos import (
    check_begins_with_photo,
    check_source,
    gather_photos,
    load_damage,
    remember_photos,
)
from restore.training.preview import Preview
from restore.training.recipe import RestorerRecipe, Stage
from restore.training.restorer_step import RestorerStep
from restore.training.task import Look, Say, Source, Task, build_discriminator
from restore.training.team import Noise, Team

HELD_OUT = 16  # photos at most that are never trained on, but previewed


class RestorerTask(Task):
    """What a run of a restorer needs."""

    recipe: RestorerRecipe
    step: RestorerStep
    networks = RESTORERS

    def __init__(self, recipe: RestorerRecipe, team: Team, found: Report | None, say: Say) -> None:
        self.recipe, self.report = recipe, found
        photos = [] if found is None else list(found.photos.values())
        self.photos, held_out = split_photos(photos, recipe.seed)
        self.preset = load_damage(recipe)
        torch.manual_seed(recipe.seed)
        generator = build_network(RESTORERS, recipe.generator).to(team.device)
        discriminator = build_discriminator(recipe, team.device)
        lpips = load_lpips()
        if lpips is None and "perceptual" in recipe.losses:
            say("The LPIPS backbone is absent, so training goes on without that term.")
        elif lpips is not None:
            lpips = lpips.to(team.device).to(memory_format=torch.channels_last)
        few = found is not None and len(photos) < FEW_PHOTOS
        augmented = recipe.augment == "on" or (recipe.augment == "auto" and few)
        self.step = RestorerStep(generator, discriminator, recipe, lpips, team, augmented)
        self.preview = Preview(held_out, self.preset, recipe, lpips)

    @classmethod
    def gather(cls, recipe: RestorerRecipe, source: Source, run: Path, say: Say) -> Report:
        """Find and check the photos for a run."""
        if isinstance(source, tuple) or recipe.degrade:
            check_begins_with_photo(recipe)
        return gather_photos(recipe, source, run, say)

    @classmethod
    def check(cls, recipe: RestorerRecipe, source: Source) -> Report:
        """Return what is wrong with the photos."""
        return check_source(recipe, source)

    def remember(self, run: Path) -> None:
        """Write what was found out about the photos into the run folder."""
        if self.report is not None:
            remember_photos(self.report, run)

    def load_batches(
        self, stage: Stage, batch: int, turns: Iterable[int], say: Say
    ) -> Iterator[Batch]:
        """Yield batches of masked photos, without end."""
        dataset = MaskedPhotos(self.photos, self.preset, stage.size, self.recipe.seed)
        return load_batches(dataset, batch, turns, self.recipe.workers, say)

    def look(self, average: nn.Module, stage: Stage) -> Look:
        """Restore the held-out photos."""
        return self.preview.look(average, self.device, stage.size)

    def make_probe(self, stage: Stage) -> Batch:
        """Return a batch of noise with a hole in it."""
        clean = torch.rand(stage.batch, 3, stage.size, stage.size)
        mask = torch.zeros(stage.batch, 1, stage.size, stage.size)
        mask[..., stage.size // 4 : stage.size // 2] = 1
        return Batch(clean, mask)

    def run_generator(self, probe: Batch, noise: Noise) -> None:
        """Restore the first photo."""
        size = probe.clean.shape[-1]
        drawn = noise.normal(*self.step.generator.noise_shape(1, size, size))
        self.step.generator(probe.damaged[:1], probe.mask[:1], drawn)


def split_photos(photos: Sequence[Photo], seed: int) -> tuple[list[Photo], list[Photo]]:
    """Return (photos to train on, photos held out): 2 %, at most `HELD_OUT`, of two or more."""
    count = min(HELD_OUT, max(1, len(photos) // 50)) if len(photos) > 1 else 0
    order = shuffle(len(photos), seed, 0)
    held_out = {int(index) for index in order[:count]}
    rest = [photo for index, photo in enumerate(photos) if index not in held_out]
    return rest, [photos[index] for index in sorted(held_out)] or list(photos)
