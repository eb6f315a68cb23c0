"""Presets: weighted mixtures of kinds, read from TOML files."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import Field

from restore.assets import preset_path
from restore.config import Settings, read_toml, validate
from restore.errors import UsageError
from restore.image import Mask
from restore.masks.kinds import MASKS, Kind
from restore.seeded import Rng, Shares
from restore.tables import look_up

TRIES = 12


class Part(Settings):
    """One kind of a preset and how often it is drawn, relative to the weights of the others."""

    weight: float = Field(gt=0)
    kind: Kind


class Preset(Settings):
    """A weighted mixture of kinds whose holes cover a share of the picture within `area`."""

    name: str
    parts: tuple[Part, ...] = Field(min_length=1)
    area: Shares = (0.0, 1.0)

    def draw(self, height: int, width: int, rng: Rng) -> Mask:
        """Return a mask (H, W) uint8 {0, 1}, 1 is the hole.

        One kind is drawn by weight, then its mask, again until its area fits; after `TRIES` the
        mask that came closest. A generator in the same state gives the same mask.
        """
        weights = np.array([part.weight for part in self.parts])
        kind = self.parts[rng.choice(len(weights), p=weights / weights.sum())].kind
        closest, least_miss = np.zeros((height, width), np.uint8), np.inf
        for _ in range(TRIES):
            mask = kind.draw(height, width, rng)
            share = hole_share(mask)
            miss = max(self.area[0] - share, share - self.area[1], 0.0)
            if miss < least_miss:
                closest, least_miss = mask, miss
            if miss == 0:
                break
        return closest


def load_preset(name: str | Path) -> Preset:
    """Return the preset of a shipped name ("wide") or of a TOML file.

    The file: `area = [0.05, 0.5]` (optional) and tables `[[parts]]`, each with `kind`, `weight`
    (default 1) and whatever settings of that kind shall differ from their defaults.

    Raises:
        UsageError: unknown preset, kind or key, or a value out of range.
        RestoreError: the file can't be read.
    """
    path = preset_path(name)
    data = read_toml(path)
    parts = data.get("parts")
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise UsageError(f"{path}: a mask preset needs one or more tables [[parts]].")
    data["parts"] = [_load_part(part, f"{path}, part {n}") for n, part in enumerate(parts, 1)]
    return validate(Preset, {"name": path.stem} | data, path)


def _load_part(part: dict[str, Any], source: str) -> dict[str, Any]:
    kind = look_up(MASKS, str(part.pop("kind", "")), "mask kind")
    return {"weight": part.pop("weight", 1.0), "kind": validate(kind, part, source)}


def hole_share(mask: Mask) -> float:
    """Return how much of the picture is hole, 0 to 1."""
    return cv2.countNonZero(mask) / mask.size
