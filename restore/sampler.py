"""The sampler: noise in, and a label where it knows classes, pictures out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import pi, sin
from numbers import Integral, Real
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from restore.assets import checkpoint_path
from restore.checkpoint import Header, check_task, load_network
from restore.device import pick_device, sentence_on_memory, to_device
from restore.errors import UsageError
from restore.image import Pixels, to_gray, to_pixels, to_tensor
from restore.nets import SAMPLERS, Autoencoder, SamplerGenerator
from restore.nets.growing import Growing
from restore.nets.levels import level_sizes
from restore.seeded import read_seed
from restore.tables import look_up

BATCH = 64  # pictures drawn at once
REACH = 3.0  # of N(0, 1): a traversal goes this far to both sides
Label = str | int


@dataclass(frozen=True, eq=False)
class Sampler:
    """A generator that is ready to use: `Sampler.load("digits").draw(count=8, label=7)`.

    Pictures are (N, S, S, 3) uint8 RGB, or (N, S, S) where the generator draws gray ones.
    """

    name: str
    settings: Header = field(repr=False)
    generator: SamplerGenerator = field(repr=False)
    device: torch.device

    @classmethod
    def load(cls, name: str | Path, device: str | torch.device = "auto") -> "Sampler":
        """Load a shipped checkpoint by name, a .safetensors file, or a run's folder.

        Raises:
            UsageError: an unknown name or device, or a checkpoint that draws no pictures.
            RestoreError: the file is missing or is no whole checkpoint of this program.
        """
        path = checkpoint_path(name)
        place = pick_device(device)
        check_task(path, "generate")
        settings, generator = load_network(path, SAMPLERS)
        grow_as_trained(generator, settings)
        return cls(settings.name, settings, to_device(generator, place), place)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes, in the generator's order; none where it knows no classes."""
        named, classes = self.settings.labels, self.generator.classes
        return named if len(named) == classes else tuple(map(str, range(classes)))

    def find_label(self, label: Label) -> int:
        """Return the number of a label that is given by its name, or else by its number.

        Raises:
            UsageError: there is no such label, or the sampler knows no classes.
        """
        if not self.labels:
            raise UsageError(f"{self.name} knows no classes, so it takes no label ('{label}').")
        text = str(label)
        are_numbers = all(name.isdecimal() for name in self.labels)
        is_name = text in self.labels or are_numbers
        if not is_name and text.isdecimal() and int(text) < len(self.labels):
            return int(text)
        return look_up({name: number for number, name in enumerate(self.labels)}, text, "label")

    def label_of(self, index: int, label: Label | None = None) -> str | None:
        """Return the name of the label of sample `index`: without a wish, each class in turn."""
        if label is not None:
            return self.labels[self.find_label(label)]
        return self.labels[index % len(self.labels)] if self.labels else None

    @sentence_on_memory()
    def draw(
        self,
        count: int = 1,
        label: Label | None = None,
        seed: int = 0,
        *,
        truncation: float = 1.0,
        first: int = 0,
        batch: int = BATCH,
    ) -> Pixels:
        """Draw `count` pictures; sample i depends on the seed and i alone.

        Args:
            count: 0 or more.
            label: of all of them, by name or number; without one each class comes in turn.
            seed: another one, other pictures.
            truncation: 1 draws as in training, smaller values nearer to the mean picture: fewer odd
                ones, less variety.
            first: number of the first sample, to go on where an earlier call stopped.
            batch: how many to compute at once, which changes no picture by more than rounding.

        Raises:
            UsageError: an unknown label, a truncation outside of 0 to 1, a negative count or
                number, a seed that is not 0 to 2³² - 1.
            RestoreError: there is not enough memory for a batch.
        """
        for name, number, least in (("count", count, 0), ("first", first, 0), ("batch", batch, 1)):
            _check_whole(name, number, least)
        self._check(truncation)
        parts = [self._empty()]
        for start in range(first, first + count, batch):
            numbers = range(start, min(start + batch, first + count))
            noise = torch.cat([self.draw_noise(seed, number) for number in numbers])
            parts.append(self._render(noise, self._numbers(numbers, label), truncation))
        return np.concatenate(parts)

    @sentence_on_memory()
    def interpolate(
        self,
        count: int,
        seeds: Sequence[int],
        label: Label | None = None,
        *,
        truncation: float = 1.0,
    ) -> Pixels:
        """Draw `count` pictures on the way from the first sample of one seed to that of the next.

        The noise goes along great circles (White, arXiv:1609.04468), at a nearly even pace through
        all seeds, whose own pictures are among those drawn.

        Raises:
            UsageError: fewer than two seeds, fewer pictures than seeds; also as `draw`.
        """
        if len(seeds) < 2:
            raise UsageError(
                f"An interpolation goes between two seeds or more, not {len(seeds)}; name them as "
                f"in --seed 1,5."
            )
        _check_whole("count", count, 1)
        if count < len(seeds):
            raise UsageError(
                f"An interpolation shows the picture of each seed, so {count} are too few for "
                f"{len(seeds)} seeds; ask for {len(seeds)} or more."
            )
        self._check(truncation)
        corners = [self.draw_noise(seed) for seed in seeds]
        noise = []
        stops = np.linspace(0, count - 1, len(seeds)).round()
        for place in np.interp(np.arange(count), stops, np.arange(len(seeds))):
            leg = min(int(place), len(seeds) - 2)
            noise.append(self._between(corners[leg], corners[leg + 1], float(place - leg)))
        return self._render_all(torch.cat(noise), label, truncation)

    @sentence_on_memory()
    def traverse(
        self,
        dimension: int,
        count: int,
        label: Label | None = None,
        seed: int = 0,
        *,
        truncation: float = 1.0,
    ) -> Pixels:
        """Draw the first sample of a seed with one number of its noise going from -3 to 3.

        Raises:
            UsageError: no such dimension, no picture; also as `draw`.
        """
        latent = self.generator.latent
        _check_whole("count", count, 1)
        if not isinstance(dimension, Integral) or not 0 <= dimension < latent:
            raise UsageError(
                f"The noise of {self.name} has {latent} dimensions, 0 to {latent - 1}; there is no "
                f"{dimension}."
            )
        self._check(truncation)
        noise = self.draw_noise(seed).repeat(count, 1)
        noise[:, dimension] = torch.linspace(-REACH, REACH, count)
        return self._render_all(noise, label, truncation)

    @sentence_on_memory()
    def reconstruct(self, picture: Pixels, label: Label | None = None) -> Pixels:
        """Return a picture as the sampler draws it again, from the noise that it finds for it.

        Args:
            picture: (S, S, 3) uint8 RGB, or (S, S) gray, of the sampler's size.
            label: what it shows, where the sampler knows classes.

        Returns:
            One picture (S, S, 3), or (S, S) where the sampler draws gray ones.

        Raises:
            UsageError: the sampler can't find noise, the picture has another size, or the label is
                missing or unknown.
        """
        if not isinstance(self.generator, Autoencoder):
            raise UsageError(
                f"{self.name} can't find the noise of a given picture; only samplers trained with "
                f"the recipe vae can."
            )
        if self.labels and label is None:
            known = ", ".join(self.labels)
            raise UsageError(f"{self.name} has to be told what the picture shows: one of {known}.")
        numbers = self._numbers(range(1), label)
        with torch.inference_mode():
            given = self._to_input(picture).to(self.device)
            noise = self.generator.encode(given, numbers)
        return self._render(noise, numbers, 1.0)[0]

    def draw_noise(self, seed: int, number: int = 0) -> Tensor:
        """Return the noise (1, D) of a sample, N(0, 1), from the seed and its number alone."""
        if number < 0:
            raise UsageError(f"A number of a sample is 0 or more, not {number}.")
        shape = self.generator.noise_shape(1)
        values = np.random.default_rng([read_seed(seed), number]).standard_normal(shape, np.float32)
        return torch.from_numpy(values)

    def _between(self, start: Tensor, end: Tensor, share: float) -> Tensor:
        """Return noise on the way; what is shown and what is only grain each go their own."""
        latent = self.generator.latent
        parts = (slice(None, latent), slice(latent, None))
        return torch.cat([slerp(start[:, p], end[:, p], share) for p in parts], dim=1)

    def _numbers(self, samples: range, label: Label | None) -> Tensor | None:
        """Return the label of each sample (N,), None where the sampler takes none."""
        if label is not None:
            return torch.full((len(samples),), self.find_label(label), device=self.device)
        if not self.labels:
            return None
        return torch.tensor(samples, device=self.device) % len(self.labels)

    def _render_all(self, noise: Tensor, label: Label | None, truncation: float) -> Pixels:
        """Draw pictures of one label, that of sample 0 where there is no wish."""
        number = self._numbers(range(1), label)
        parts = [
            self._render(part, None if number is None else number.expand(len(part)), truncation)
            for part in noise.split(BATCH)
        ]
        return np.concatenate([self._empty(), *parts])

    def _render(self, noise: Tensor, numbers: Tensor | None, truncation: float) -> Pixels:
        """Draw a batch in fp32: in bf16 a picture would change with the size of its batch."""
        with torch.inference_mode():
            images = self.generator(noise.to(self.device), numbers, truncation).cpu()
        pixels = np.stack([to_pixels(images[n : n + 1]) for n in range(len(images))])
        return pixels if self.generator.channels == 3 else pixels[..., 0]

    def _to_input(self, picture: Pixels) -> Tensor:
        size, channels = self.generator.size, self.generator.channels
        shapes = {(size, size), (size, size, 1), (size, size, 3)}
        if not isinstance(picture, np.ndarray):
            raise UsageError(f"A picture is a NumPy array, not {type(picture).__name__}.")
        if picture.shape not in shapes or picture.dtype != np.uint8:
            raise UsageError(
                f"{self.name} takes pictures of {size} × {size} pixels as uint8, not "
                f"{picture.shape} {picture.dtype}."
            )
        if channels == 1 and picture.ndim == 3 and picture.shape[2] == 3:
            picture = to_gray(picture)  # as in training
        image = to_tensor(picture if picture.ndim == 3 else picture[..., None])
        return image.expand(-1, channels, -1, -1)

    def _empty(self) -> Pixels:
        size = self.generator.size
        color = (3,) if self.generator.channels == 3 else ()
        return np.zeros((0, size, size, *color), np.uint8)

    def _check(self, truncation: float) -> None:
        if not isinstance(truncation, Real) or not 0 <= truncation <= 1:
            raise UsageError(f"A truncation lies between 0 and 1, not at {truncation!r}.")


def _check_whole(name: str, number: object, least: int) -> None:
    if not isinstance(number, Integral) or number < least:
        raise UsageError(f"'{name}' is a whole number from {least} on, not {number!r}.")


def grow_as_trained(generator: SamplerGenerator, settings: Header) -> None:
    """Let a generator draw at the size that its training had reached, as the previews do.

    Where a run was stopped while pictures grew, the levels beyond that size have learned nothing
    and would add noise.
    """
    if isinstance(generator, Growing) and settings.size in level_sizes(generator.size)[:-1]:
        generator.grow(settings.size, 1.0)
        generator.size = settings.size


def slerp(start: Tensor, end: Tensor, share: float) -> Tensor:
    """Return the point at `share` of the great circle from one vector to another, both (1, D).

    Between vectors that have no angle (equal, opposite, empty) it goes straight.
    """
    cosine = torch.nn.functional.cosine_similarity(start, end).clamp(-1, 1)
    angle = float(cosine.acos()) if start.numel() else 0.0
    if not 1e-4 < angle < pi - 1e-4:
        return torch.lerp(start, end, share)
    here, there = sin((1 - share) * angle), sin(share * angle)
    return (here * start + there * end) / sin(angle)
