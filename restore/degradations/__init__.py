"""Degradations: what spoils photos, one kind at a time or in chains.

Each takes (pixels, rng) and returns pixels, (H, W, 3) uint8 RGB of the same size.
"""

from restore.degradations.chain import DEGRADATIONS, Chain, Stage, Step, load_chain, load_damage
from restore.degradations.contract import Degradation
from restore.degradations.damage import Damage, Layer, lay_over
from restore.degradations.fading import find_fading, unfade
from restore.seeded import Rng

__all__ = [
    "DEGRADATIONS",
    "Chain",
    "Damage",
    "Degradation",
    "Layer",
    "Rng",
    "Stage",
    "Step",
    "find_fading",
    "lay_over",
    "load_chain",
    "load_damage",
    "unfade",
]
