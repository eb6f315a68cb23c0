"""What a run would take: size of the networks, work, memory and hours, before it starts."""

import resource
import sys
import time
from dataclasses import dataclass

import tomli_w
import torch
from torch.utils.flop_counter import FlopCounterMode

from restore.checkpoint import build_network
from restore.data import Batch
from restore.lpips import load_lpips
from restore.nets import DISCRIMINATORS, RESTORERS, RestorerGenerator
from restore.training.recipe import Recipe, Stage, to_plain
from restore.training.restorer_step import RestorerStep
from restore.training.team import Noise, Team

WARM_STEPS, TIMED_STEPS = 1, 2


@dataclass(frozen=True)
class StageEstimate:
    """What one stage of a run takes on this machine."""

    size: int  # pixels
    batch: int  # photos
    steps: int
    gigaflop: float  # of the generator, forward, for one photo; a multiply-add counts as 2
    seconds: float  # for a photo, both networks trained

    @property
    def hours(self) -> float:
        """Hours for all steps of the stage."""
        return self.steps * self.batch * self.seconds / 3600


@dataclass(frozen=True)
class Estimate:
    """What a whole run takes on this machine."""

    generator: int  # parameters
    discriminator: int
    stages: list[StageEstimate]
    memory: float  # GiB, the most that this process or the GPU has held

    def lines(self) -> list[str]:
        """Return what a person wants to read, line by line."""
        stages = [
            f"{s.size} x {s.size}: {s.steps} steps of {s.batch} photos, {s.gigaflop:.1f} GFLOP and "
            f"{s.seconds:.3f} s a photo, {s.hours:.2f} hours"
            for s in self.stages
        ]
        return [
            f"generator {self.generator / 1e6:.2f} M parameters, "
            f"discriminator {self.discriminator / 1e6:.2f} M",
            *stages,
            f"memory {self.memory:.1f} GiB; {sum(s.hours for s in self.stages):.2f} hours in all",
        ]


def estimate(recipe: Recipe, device: str = "auto") -> Estimate:
    """Train a few steps of each stage on noise and return what the whole run would take.

    Raises:
        UsageError: an unknown network or device.
    """
    team = Team(device)
    generator = build_network(RESTORERS, recipe.generator).to(team.device)
    discriminator = build_network(DISCRIMINATORS, recipe.discriminator).to(team.device)
    lpips = load_lpips() if "perceptual" in recipe.losses else None
    if lpips is not None:
        lpips = lpips.to(team.device).to(memory_format=torch.channels_last)
    step = RestorerStep(generator, discriminator, recipe, lpips, team, recipe.augment == "on")
    stages, first = [], 0
    while first < recipe.steps:
        stage, _, end = recipe.stage_at(first)
        stages.append(_estimate_stage(step, generator, stage, end - first, team))
        first = end
    sizes = [sum(w.numel() for w in network.parameters()) for network in (generator, discriminator)]
    return Estimate(sizes[0], sizes[1], stages, _peak_memory(team.device))


def plan(recipe: Recipe, device: str = "auto") -> list[str]:
    """Return the resolved recipe as TOML and what a run of it would take, line by line."""
    text = tomli_w.dumps(to_plain(recipe)).rstrip()
    return [*text.splitlines(), "", *estimate(recipe, device).lines()]


def _estimate_stage(
    step: RestorerStep, generator: RestorerGenerator, stage: Stage, steps: int, team: Team
) -> StageEstimate:
    clean = torch.rand(stage.batch, 3, stage.size, stage.size)
    mask = torch.zeros(stage.batch, 1, stage.size, stage.size)
    mask[..., stage.size // 4 : stage.size // 2] = 1
    batch = Batch(clean, mask).to(team.device)
    noise = Noise(0, team)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        drawn = noise.normal(*generator.noise_shape(1, stage.size, stage.size))
        generator(batch.damaged[:1], batch.mask[:1], drawn)
    started = 0.0
    for number in range(WARM_STEPS + TIMED_STEPS):
        if number == WARM_STEPS:
            _finish(team.device)
            started = time.perf_counter()
        step.update(batch, number + 1, noise)
    _finish(team.device)
    seconds = (time.perf_counter() - started) / TIMED_STEPS / stage.batch
    work = counter.get_total_flops() / 1e9
    return StageEstimate(stage.size, stage.batch, steps, work, seconds)


def _finish(device: torch.device) -> None:
    """Wait for what the device still has to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _peak_memory(device: torch.device) -> float:
    """Return the most memory held so far, in GiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB here
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
