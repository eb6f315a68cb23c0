"""The networks, by the names that recipes and checkpoints use."""

from restore.nets.contracts import (
    Autoencoder,
    DetectorNetwork,
    Discriminator,
    RestorerGenerator,
    SamplerGenerator,
)
from restore.nets.dcgan import DcganDiscriminator, DcganGenerator
from restore.nets.detector import UnetDetector
from restore.nets.gated import GatedGenerator
from restore.nets.mlp import MlpDiscriminator, MlpGenerator
from restore.nets.patch import MultiScaleDiscriminator, PatchDiscriminator
from restore.nets.style import StyleGenerator
from restore.nets.unet import UnetGenerator
from restore.nets.vae import VaeGenerator

RESTORERS: dict[str, type[RestorerGenerator]] = {"gated": GatedGenerator, "unet": UnetGenerator}
SAMPLERS: dict[str, type[SamplerGenerator]] = {
    "mlp": MlpGenerator,
    "dcgan": DcganGenerator,
    "vae": VaeGenerator,
    "style": StyleGenerator,
}
DISCRIMINATORS: dict[str, type[Discriminator]] = {
    "patch": PatchDiscriminator,
    "multi-scale": MultiScaleDiscriminator,
    "mlp": MlpDiscriminator,
    "dcgan": DcganDiscriminator,
}
DETECTORS: dict[str, type[DetectorNetwork]] = {"light-unet": UnetDetector}

__all__ = [
    "DETECTORS",
    "DISCRIMINATORS",
    "RESTORERS",
    "SAMPLERS",
    "Autoencoder",
    "DetectorNetwork",
    "Discriminator",
    "RestorerGenerator",
    "SamplerGenerator",
]
