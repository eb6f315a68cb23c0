"""The networks, by the names that recipes and checkpoints use."""

from restore.nets.contracts import Discriminator, RestorerGenerator
from restore.nets.gated import GatedGenerator
from restore.nets.patch import MultiScaleDiscriminator, PatchDiscriminator

GENERATORS: dict[str, type[RestorerGenerator]] = {"gated": GatedGenerator}
DISCRIMINATORS: dict[str, type[Discriminator]] = {
    "patch": PatchDiscriminator,
    "multi-scale": MultiScaleDiscriminator,
}

__all__ = ["DISCRIMINATORS", "GENERATORS", "Discriminator", "RestorerGenerator"]
