"""The training of a sampler: pictures with or without labels, grids from the same noise."""

import zlib
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from restore.checkpoint import NetworkSettings, build_network
from restore.data import (
    PREFIX,
    Gallery,
    PictureBatch,
    Squares,
    find_idx,
    find_photos,
    label_photos,
    load_pictures,
    open_idx,
    open_photos,
    open_torchvision,
)
from restore.device import autocast
from restore.draw import make_grid
from restore.errors import UsageError
from restore.image import to_pixels, write_bytes
from restore.nets import SAMPLERS, Autoencoder, SamplerGenerator
from restore.nets.growing import grow
from restore.training.augment import is_augmented
from restore.training.photos import (
    MEMORY,
    check_source,
    gather_photos,
    remember_photos,
)
from restore.training.recipe import SamplerRecipe, Stage
from restore.training.sampler_step import GanStep, VaeStep
from restore.training.state import list_states
from restore.training.task import Look, Say, Source, Task, build_discriminator, need_photos
from restore.training.team import Noise, Team

SHOWN = 8  # pictures in a row of the grid, and rows where there are no classes
MOST_ROWS = 10  # classes that the grid shows
CLASSES = 10  # that an estimate takes for granted
SEED = 0  # of the noise of the grids
FINGERPRINT = "pictures.sha256"  # file of a run on pictures that are no photos


class SamplerTask(Task):
    """What a run of a sampler needs."""

    recipe: SamplerRecipe
    step: GanStep
    networks = SAMPLERS

    def __init__(self, recipe: SamplerRecipe, team: Team, found: Gallery | None, say: Say) -> None:
        self.gallery = found
        self.labels = found.names if found is not None and recipe.conditional else ()
        classes = len(self.labels) if found is not None else CLASSES
        self.recipe = fit_recipe(recipe, classes)
        torch.manual_seed(recipe.seed)
        generator = build_network(SAMPLERS, self.recipe.generator).to(team.device)
        discriminator = build_discriminator(self.recipe, team.device)
        count = None if found is None else len(found.pictures)
        augmented = is_augmented(self.recipe.augment, count)
        step = VaeStep if isinstance(generator, Autoencoder) else GanStep
        self.step = step(generator, discriminator, self.recipe, team, augmented)

    @classmethod
    def gather(cls, recipe: SamplerRecipe, source: Source, run: Path, say: Say) -> Gallery:
        """Find and check the pictures for a run."""
        gallery = open_special(source, recipe)
        _check_same_kind(run, MEMORY if gallery is not None else FINGERPRINT, str(source))
        if gallery is not None:
            check_same_pictures(gallery, run)
        else:
            found = find_photos(need_photos(source, recipe.name))
            check_labels(label_photos(found.place, found.photos), recipe)
            gallery = open_photos(gather_photos(recipe, source, run, say))
        check_labels(gallery, recipe)
        # gather_photos has told what there is to tell of photos.
        classes = gallery.class_lines() if recipe.conditional else []
        for line in gallery.lines() if gallery.report is None else classes:
            say(line)
        if gallery.report is not None and recipe.channels == 1:
            size = recipe.stages[-1].size
            say(f"Photos are learned in gray (channels=1), at {size} × {size} pixels.")
        return gallery

    @classmethod
    def check(cls, recipe: SamplerRecipe, source: Source) -> Gallery:
        """Return what is there and what is wrong with it."""
        gallery = open_special(source, recipe) or open_photos(check_source(recipe, source))
        check_labels(gallery, recipe)
        return gallery

    def remember(self, run: Path) -> None:
        """Write into the run folder which pictures these are."""
        if self.gallery is None:
            return
        if self.gallery.report is not None:
            remember_photos(self.gallery.report, run)
        else:
            fingerprint = self.gallery.fingerprint().encode()
            write_bytes(run / FINGERPRINT, fingerprint, overwrite=True)

    @property
    def data_key(self) -> int:
        """A number that differs where another process has found other pictures."""
        if self.gallery is None:
            return 0
        report = self.gallery.report
        return zlib.crc32(self.gallery.fingerprint().encode()) if report is None else report.key

    def batch_of(self, stage: Stage) -> int:
        """Return how many pictures a step takes: a batch for each update of the discriminator."""
        return stage.batch * self.recipe.discriminator_steps

    def load_batches(
        self, stage: Stage, batch: int, turns: Iterable[int], say: Say
    ) -> Generator[PictureBatch, None, None]:
        """Yield batches of pictures, without end."""
        assert self.gallery is not None
        recipe = self.recipe
        gallery = self.gallery if recipe.conditional else self.gallery.without_labels()
        squares = Squares(gallery, stage.size, recipe.channels, recipe.mirror, recipe.seed)
        return load_pictures(squares, batch, turns, recipe.workers, say)

    def look(self, average: nn.Module, stage: Stage) -> Look:
        """Draw pictures from the same noise as ever; rows are classes, where there are any."""
        assert isinstance(average, SamplerGenerator)
        grow(average, stage.size, 1.0)
        rows = min(len(self.labels), MOST_ROWS) or SHOWN
        generator = torch.Generator().manual_seed(SEED)
        noise = torch.randn(average.noise_shape(rows * SHOWN), generator=generator)
        label = torch.arange(rows).repeat_interleave(SHOWN) if self.labels else None
        images = self._draw(average, noise, label, stage.batch)
        pixels = [to_pixels(image[None]) for image in images]
        pictures = [pixels[start : start + SHOWN] for start in range(0, len(pixels), SHOWN)]
        return Look({}, make_grid(pictures, labels=self.labels[:rows]))

    def _draw(
        self, average: SamplerGenerator, noise: Tensor, label: Tensor | None, batch: int
    ) -> Tensor:
        """Return pictures (N, 3, S, S) on the CPU, drawn as many at once as a step takes."""
        parts = noise.split(batch)
        labels = [None] * len(parts) if label is None else label.to(self.device).split(batch)
        with torch.inference_mode(), autocast(self.device, self.recipe.precision):
            images = [
                average(part.to(self.device), given).float().cpu()
                for part, given in zip(parts, labels, strict=True)
            ]
        return torch.cat(images).expand(-1, 3, -1, -1)

    def make_probe(self, stage: Stage) -> PictureBatch:
        """Return a batch of noise."""
        count = self.batch_of(stage)
        image = torch.rand(count, self.recipe.channels, stage.size, stage.size)
        label = torch.arange(count) % CLASSES if self.recipe.conditional else None
        return PictureBatch(image, label)

    def run_generator(self, probe: PictureBatch, noise: Noise) -> None:
        """Draw one picture of the size of the stage."""
        drawn = noise.normal(*self.step.generator.noise_shape(1))
        self.step.generator.eval()(drawn, None if probe.label is None else probe.label[:1])
        self.step.generator.train()


def fit_recipe(recipe: SamplerRecipe, classes: int) -> SamplerRecipe:
    """Return the recipe with size, channels and classes put into the arguments of its networks."""
    facts: dict[str, Any] = {"size": recipe.stages[-1].size, "channels": recipe.channels}
    facts["classes"] = classes if recipe.conditional else 0
    networks = {"generator": recipe.generator, "discriminator": recipe.discriminator}
    fitted = {
        name: NetworkSettings(kind=network.kind, arguments=network.arguments | facts)
        for name, network in networks.items()
        if network is not None
    }
    return recipe.model_copy(update=fitted)


def open_special(source: Source, recipe: SamplerRecipe) -> Gallery | None:
    """Return the pictures of idx files or of a torchvision data set; None for a place of photos.

    Raises:
        UsageError: a pair of places, or an unknown data set. RestoreError: it can't be read.
    """
    place = need_photos(source, recipe.name)
    if str(place).startswith(PREFIX):
        return open_torchvision(str(place).removeprefix(PREFIX), recipe.download)
    images = find_idx(place)
    return None if images is None else open_idx(images, place)


def check_same_pictures(gallery: Gallery, run: Path) -> None:
    """Raise `UsageError` where a run that goes on has learned from other pictures."""
    memory = run / FINGERPRINT
    if not list_states(run / "state") or not memory.is_file():
        return
    if memory.read_text() != gallery.fingerprint():
        raise _other_pictures(run, gallery.place)


def _check_same_kind(run: Path, memory: str, place: str) -> None:
    """Raise `UsageError` where a run that goes on remembers pictures of the other kind."""
    if list_states(run / "state") and (run / memory).is_file():
        raise _other_pictures(run, place)


def _other_pictures(run: Path, place: str) -> UsageError:
    return UsageError(
        f"{run} was trained on other pictures than those of {place}; give the same pictures, or go "
        f"on from its weights with --from {run} --out ANOTHER."
    )


def check_labels(gallery: Gallery, recipe: SamplerRecipe) -> None:
    """Raise `UsageError` where a recipe needs labels and pictures have none."""
    if recipe.conditional and not gallery.names:
        if gallery.stray:
            raise UsageError(
                f"The recipe {recipe.name} learns classes, and in {gallery.place} {gallery.stray} "
                "lies beside the folders; move it into one of them."
            )
        unlabelled = "--set conditional=false"
        if "auxiliary" in recipe.losses:
            unlabelled += " --set losses.auxiliary.weight=0"
        raise UsageError(
            f"The recipe {recipe.name} learns classes and {gallery.place} has none; give a folder "
            f"with a folder for each class, or idx files with their labels, or add {unlabelled}."
        )
