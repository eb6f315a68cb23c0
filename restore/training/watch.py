"""Watching a run for the two ways in which adversarial training dies."""

from typing import NamedTuple

import torch
from torch import Tensor

LOOK_STEPS = 10  # steps between two looks, which cost a GPU a wait
COLLAPSE = 0.02  # discriminator loss below which it has won: it tells real from fake every time
COLLAPSE_STEPS = 500


class Trouble(NamedTuple):
    """What went wrong in a run, as part of a sentence, and which rates may have been too high."""

    reason: str
    rates: tuple[str, ...]


class Watch:
    """Collects the losses of each step and tells when a run can't recover by itself."""

    def __init__(self, bounded: bool = True) -> None:
        """`bounded`: the discriminator's loss can't fall below 0, so near 0 means collapse."""
        self.bounded = bounded
        self.seen: list[Tensor] = []
        self.played: list[Tensor] = []
        self.won = 0  # steps in a row

    def add(self, logs: dict[str, Tensor]) -> None:
        """Take note of a step's losses."""
        if not logs:  # a step in which no loss was due
            return
        self.seen.append(torch.stack([value.float() for value in logs.values()]).sum())
        if "discriminator" in logs:
            self.played.append(logs["discriminator"].float())

    @property
    def seems_lost(self) -> bool:
        """Whether the discriminator has won for so long that this is hardly chance."""
        return self.won >= COLLAPSE_STEPS // 5

    @property
    def due(self) -> bool:
        """Whether enough steps came for another look."""
        return len(self.seen) >= LOOK_STEPS

    def look(self) -> Trouble | None:
        """Return what went wrong since the last look, or None."""
        if not self.seen:
            return None
        finite = all(torch.isfinite(value) for value in self.seen)
        low = self.bounded and bool(self.played) and max(map(float, self.played)) < COLLAPSE
        self.won = self.won + len(self.seen) if low else 0
        self.seen, self.played = [], []
        if not finite:
            return Trouble("a loss became infinite or NaN", ("lr", "discriminator_lr"))
        if self.won >= COLLAPSE_STEPS:
            won, self.won = self.won, 0  # who goes back has as many steps again
            reason = f"the discriminator's loss stayed near 0 for {won} steps"
            return Trouble(reason, ("discriminator_lr",))
        return None
