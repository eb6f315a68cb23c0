"""Chains: degradations one after the other, by chance and in random order, read from TOML files."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from pydantic import Field, model_validator

from restore.assets import chain_path
from restore.config import Settings, read_toml, validate
from restore.degradations.blur import Downscale, GaussianBlur, LensBlur, MotionBlur
from restore.degradations.color import LowContrast, Yellowing
from restore.degradations.compression import Jpeg, Recompression, Webp
from restore.degradations.contract import Degradation, to_levels
from restore.degradations.cracks import Cracks, Creases, Flaking
from restore.degradations.damage import Damage, Dust, Folds, Scratches, Stains
from restore.degradations.fading import Fading
from restore.degradations.lettering import Text, Watermark
from restore.degradations.noise import FilmGrain, GaussianNoise, IsoNoise, PoissonNoise
from restore.degradations.rims import Mount, WornRims
from restore.errors import UsageError
from restore.image import Mask, Pixels, Plane, check_pixels
from restore.seeded import Rng, Share
from restore.tables import look_up

DEGRADATIONS: dict[str, type[Degradation]] = {
    "gaussian-noise": GaussianNoise,
    "poisson-noise": PoissonNoise,
    "iso-noise": IsoNoise,
    "film-grain": FilmGrain,
    "gaussian-blur": GaussianBlur,
    "motion-blur": MotionBlur,
    "lens-blur": LensBlur,
    "downscale": Downscale,
    "jpeg": Jpeg,
    "webp": Webp,
    "recompression": Recompression,
    "fading": Fading,
    "yellowing": Yellowing,
    "low-contrast": LowContrast,
    "mount": Mount,
    "scratches": Scratches,
    "cracks": Cracks,
    "creases": Creases,
    "flaking": Flaking,
    "folds": Folds,
    "worn-rims": WornRims,
    "dust": Dust,
    "stains": Stains,
    "text": Text,
    "watermark": Watermark,
}

SEEN = 16  # levels of 255 that damage has to change a pixel by to count
SPREAD = 2  # pixels that damage may be carried without a blur that says so


class Step(Settings):
    """A kind with its ranges, and how often it is applied."""

    chance: Share = 1.0
    degradation: Degradation


class Stage(Settings):
    """Steps that follow each other, as listed or in an order drawn anew for each photo, or one.

    In order "one" a single step is applied, each as often as its chance says; what the chances
    lack to 1 is how often none is.
    """

    order: Literal["listed", "random", "one"] = "listed"
    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_chances(self) -> "Stage":
        whole = sum(step.chance for step in self.steps)
        if self.order == "one" and whole > 1 + 1e-6:
            raise ValueError(
                f"the chances of a stage that applies one step add up to {whole:g}, over 1"
            )
        return self

    def draw_steps(self, rng: Rng) -> Iterator[Degradation]:
        """Yield what is applied this time, each drawn when it is asked for."""
        if self.order == "one":
            bounds = np.cumsum([step.chance for step in self.steps])
            drawn = int(np.searchsorted(bounds, rng.random(), side="right"))
            yield from (step.degradation for step in self.steps[drawn : drawn + 1])
            return
        count = len(self.steps)
        order = rng.permutation(count) if self.order == "random" else range(count)
        for step in (self.steps[n] for n in order):
            if rng.random() < step.chance:
                yield step.degradation


class Chain(Degradation):
    """Stages one after the other: two of them are the second order of Real-ESRGAN.

    Source: arXiv:2107.10833, section 3.2. Where chance skips every step a photo stays as it was.
    """

    name: str
    stages: tuple[Stage, ...] = Field(min_length=1)

    @property
    def damages(self) -> bool:
        """Whether any step is local damage, so that there is something for a mask to mark."""
        return any(isinstance(s.degradation, Damage) for stage in self.stages for s in stage.steps)

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Return the photo after all stages; anything but (H, W, 3) uint8 is a `UsageError`."""
        check_pixels(pixels)
        spoiled = pixels.copy()
        for step in self._draw_steps(rng):
            spoiled = step(spoiled, rng)
        return spoiled

    def spoil(self, pixels: Pixels, rng: Rng) -> Plane:
        """Return the photo after all stages, (H, W, 3) float32, the last step as its `spoil`."""
        check_pixels(pixels)
        values = pixels.astype(np.float32)
        for step in self._draw_steps(rng):
            values = step.spoil(to_levels(values), rng)
        return values

    def damage(self, pixels: Pixels, rng: Rng) -> tuple[Pixels, Mask]:
        """Return the photo after all stages and a mask (H, W) {0, 1}, 1 is local damage.

        In it is what would look otherwise, by `SEEN` levels or more, if the same had befallen the
        photo without that damage: soft rims that a blur drew out are in it, a white scratch in the
        sky or one that faded away is not.
        """
        check_pixels(pixels)
        spoiled, whole = pixels.copy(), pixels  # with and without local damage
        damaged = np.zeros(pixels.shape[:2], np.uint8)
        reach = SPREAD
        for step in self._draw_steps(rng):
            same = deepcopy(rng)
            spoiled, here = step.damage(spoiled, rng)
            damaged |= here
            if not damaged.any():
                whole = spoiled
            elif not isinstance(step, Damage):
                whole = step(whole, same)
                reach += step.reach
        disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        near = np.asarray(cv2.dilate(damaged, disk), np.uint8)
        return spoiled, near & is_seen(whole, spoiled)

    def _draw_steps(self, rng: Rng) -> Iterator[Degradation]:
        for stage in self.stages:
            yield from stage.draw_steps(rng)


def is_seen(before: Pixels, after: Pixels) -> Mask:
    """Return a mask (H, W) {0, 1}, 1 where any channel changed by `SEEN` levels or more."""
    return (cv2.absdiff(before, after).max(axis=2) >= SEEN).view(np.uint8)


def load_chain(name: str | Path) -> Chain:
    """Return the chain of a shipped name ("old-photo") or of a TOML file.

    The file: tables `[[stages]]` with `order = "random"` (or "one"; "listed" is the default), each
    with tables `[[stages.steps]]` that have `kind`, `chance` (default 1) and whatever settings of
    that kind shall differ from their defaults.

    Raises:
        UsageError: unknown chain, kind or key, or a value out of range.
        RestoreError: the file can't be read.
    """
    path = chain_path(name)
    data = read_toml(path)
    stages = _tables(data, "stages", f"{path}: a chain")
    for n, stage in enumerate(stages, 1):
        steps = _tables(stage, "steps", f"{path}: stage {n}")
        stage["steps"] = [
            _load_step(step, f"{path}, stage {n}, step {m}") for m, step in enumerate(steps, 1)
        ]
    return validate(Chain, {"name": path.stem} | data, path)


def load_damage(name: str | Path) -> Chain:
    """Return a chain as `load_chain` does, if it damages places that a detector can find.

    Raises:
        UsageError: it doesn't; and as `load_chain`.
    """
    chain = load_chain(name)
    if not chain.damages:
        raise UsageError(
            f"The preset {name} damages photos as a whole and nowhere in particular, so there is "
            "nothing to find; name one with scratches, cracks, dust or the like."
        )
    return chain


def _tables(data: dict[str, Any], key: str, what: str) -> list[dict[str, Any]]:
    tables = data.get(key)
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"{what} needs one or more tables '{key}'.")
    return tables


def _load_step(step: dict[str, Any], source: str) -> dict[str, Any]:
    kind = look_up(DEGRADATIONS, str(step.pop("kind", "")), "degradation")
    return {"chance": step.pop("chance", 1.0), "degradation": validate(kind, step, source)}
