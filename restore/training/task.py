"""What a run needs to know of its task: networks and their step, data, and how to look at it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import nn

from restore.checkpoint import build_network
from restore.errors import UsageError
from restore.image import Pixels
from restore.losses import Adversarial
from restore.nets import DISCRIMINATORS, Discriminator
from restore.training.recipe import Recipe, Stage
from restore.training.step import Step
from restore.training.team import Noise, Team

Source = Path | tuple[Path, Path]  # a folder or archive of photos, or one of damaged, one of clean
Say = Callable[[str], None]


class Look(NamedTuple):
    """What a look at a network showed: scores, and a sheet as pixels where there is one."""

    scores: dict[str, float]
    sheet: Pixels | None


class Findings(Protocol):
    """What a check of the data found."""

    def lines(self, most: int | None = None) -> list[str]:
        """Return it as text, with `most` photos at most under each heading."""


class Task(ABC):
    """What one run trains, and on what.

    Attributes:
        recipe: of the run, with what the data settles put in.
        step: the networks and how a batch updates them.
        networks: the table that the generator's name is a key of.
        labels: names of the classes, where there are any.
        zoom: how much larger than its squares the photos may be that these are parts of, if any.
        goals: names of the scores of previews by which one network is better than another; the
            first that there is counts, and lower is better where it has a "-" before it.
    """

    recipe: Recipe
    step: Step[Any]
    networks: Mapping[str, type[nn.Module]]
    labels: tuple[str, ...] = ()
    zoom: float | None = None
    goals: tuple[str, ...] = ()

    @classmethod
    @abstractmethod
    def gather(cls, recipe: Any, source: Source, run: Path, say: Say) -> Findings:
        """Find and check the data for a run, and say what is wrong with it.

        Raises:
            UsageError: the run was trained on other data, or the recipe can't take it.
            RestoreError: no such place, or nothing there to train on.
        """

    @classmethod
    @abstractmethod
    def check(cls, recipe: Any, source: Source) -> Findings:
        """Return what is wrong with the data; nothing is written. Errors as `gather`."""

    @abstractmethod
    def __init__(self, recipe: Any, team: Team, found: Any, say: Say) -> None:
        """Build the networks; `found` is what `gather` returned, None for an estimate."""

    @abstractmethod
    def remember(self, run: Path) -> None:
        """Write into the run folder what has been found out about the data."""

    def batch_of(self, stage: Stage) -> int:
        """Return how many photos a step takes, in all processes together."""
        return stage.batch

    @abstractmethod
    def load_batches(
        self, stage: Stage, batch: int, turns: Iterable[int], say: Say
    ) -> Generator[Any, None, None]:
        """Yield batches of the items numbered by `turns`, without end."""

    @abstractmethod
    def look(self, average: nn.Module, stage: Stage) -> Look:
        """Draw or restore the same things as ever with the averaged generator."""

    @abstractmethod
    def make_probe(self, stage: Stage) -> Any:
        """Return a batch of noise, to see what a step takes."""

    @abstractmethod
    def run_generator(self, probe: Any, noise: Noise) -> None:
        """Run the generator forward on the first photo of a probe."""

    @property
    def advice(self) -> str | None:
        """A sentence for who trains from nothing on this data, or None."""
        return None

    @property
    def data_key(self) -> int:
        """A number that differs where another process has found other data."""
        return 0

    @property
    def bounded(self) -> bool:
        """Whether the discriminator's loss can't fall below 0."""
        adversarial = self.recipe.losses.get("adversarial")
        return not (isinstance(adversarial, Adversarial) and adversarial.kind == "wasserstein")

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.step.team.device


def build_discriminator(recipe: Recipe, device: torch.device) -> Discriminator | None:
    """Return the discriminator of a recipe, or None where none of its losses needs one.

    Raises:
        UsageError: no such discriminator.
    """
    if not recipe.needs_discriminator:
        return None
    assert recipe.discriminator is not None, "checked by the recipe"
    return build_network(DISCRIMINATORS, recipe.discriminator).to(device)


def need_photos(source: Source, name: str) -> Path:
    """Return `source` where it is no pair of places.

    Raises:
        UsageError: it is.
    """
    if isinstance(source, tuple):
        raise UsageError(f"The recipe {name} doesn't learn from pairs; name one folder.")
    return source
