"""The networks, by the names that recipes and checkpoints use."""

from torch import nn

from restore.nets.contracts import (
    Autoencoder,
    DetectorNetwork,
    Discriminator,
    RestorerGenerator,
    SamplerGenerator,
)
from restore.nets.detector import UnetDetector
from restore.nets.gated import GatedGenerator
from restore.nets.patch import MultiScaleDiscriminator, PatchDiscriminator
from restore.nets.unet import UnetGenerator

RESTORERS: dict[str, type[RestorerGenerator]] = {"gated": GatedGenerator, "unet": UnetGenerator}
SAMPLERS: dict[str, type[SamplerGenerator]] = {}
GENERATORS: dict[str, type[nn.Module]] = {**RESTORERS, **SAMPLERS}
DISCRIMINATORS: dict[str, type[Discriminator]] = {
    "patch": PatchDiscriminator,
    "multi-scale": MultiScaleDiscriminator,
}
DETECTORS: dict[str, type[DetectorNetwork]] = {"light-unet": UnetDetector}

__all__ = [
    "DETECTORS",
    "DISCRIMINATORS",
    "GENERATORS",
    "RESTORERS",
    "SAMPLERS",
    "Autoencoder",
    "DetectorNetwork",
    "Discriminator",
    "RestorerGenerator",
    "SamplerGenerator",
]
