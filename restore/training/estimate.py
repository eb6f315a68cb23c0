"""What a run would take: size of the networks, work, memory and hours, before it starts."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import lcm, nan

import tomli_w
import torch
from torch.utils.flop_counter import FlopCounterMode

from restore.training.recipe import Recipe, Stage, to_plain
from restore.training.step import AnyBatch
from restore.training.task import Task
from restore.training.tasks import find_task
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
            f"memory {self.memory:.1f} GiB; {sum(s.hours for s in self.stages):.2f} hours in all, "
            "if photos are read as fast",
        ]


def estimate(recipe: Recipe, device: str = "auto") -> Estimate:
    """Train a few steps of each stage on noise and return what the whole run would take.

    Raises:
        UsageError: an unknown network or device.
    """
    team = Team(device)
    task = find_task(recipe)(recipe, team, None, lambda _: None)
    stages, first = [], 0
    while first < recipe.steps:
        stage, _, end = recipe.stage_at(first)
        stages.append(_estimate_stage(task, stage, first, end, team))
        first = end
    sizes = {n: sum(w.numel() for w in net.parameters()) for n, net in task.step.networks.items()}
    discriminator = sizes.get("discriminator", 0)
    return Estimate(sizes["generator"], discriminator, stages, _peak_memory(team.device))


def plan(recipe: Recipe, device: str = "auto") -> Iterator[str]:
    """Yield the resolved recipe as TOML and then, after a while, what a run of it would take."""
    yield from tomli_w.dumps(to_plain(recipe)).rstrip().splitlines()
    yield ""
    yield from estimate(recipe, device).lines()


def _estimate_stage(task: Task, stage: Stage, first: int, end: int, team: Team) -> StageEstimate:
    batch = task.make_probe(stage).to(team.device)
    noise = Noise(0, team)
    numbers = late_steps(task.recipe, first, end)
    for number in numbers[:WARM_STEPS]:  # networks that grow have the stage's size from here on
        task.step.update(batch, number, noise)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        task.run_generator(batch, noise)
    _finish(team.device)
    started = time.perf_counter()
    for number in numbers[WARM_STEPS:]:
        task.step.update(batch, number, noise)
    _finish(team.device)
    seconds = (time.perf_counter() - started) / TIMED_STEPS
    seconds += _lazy_seconds(task, batch, noise, max(first, numbers[0] - 1), seconds)
    work = counter.get_total_flops() / 1e9
    return StageEstimate(stage.size, len(batch), end - first, work, seconds / len(batch))


def _lazy_seconds(task: Task, batch: AnyBatch, noise: Noise, number: int, plain: float) -> float:
    """Return by how much the losses that are not due in every step lengthen the mean one.

    Only where all of these are due together, and not in the steps that were timed.

    Args:
        task, batch, noise: what is trained.
        number: of a step in which they are due, else nothing is measured.
        plain: seconds of a step without them.
    """
    losses = task.recipe.losses.values()
    lazy = {loss.every for loss in losses if loss.weight and loss.every > 1}
    every = min(lazy, default=0)
    if len(lazy) != 1 or number % every or every <= WARM_STEPS + TIMED_STEPS:
        return 0.0
    seconds = []
    for _ in range(WARM_STEPS + 1):
        started = time.perf_counter()
        task.step.update(batch, number, noise)
        _finish(task.device)
        seconds.append(time.perf_counter() - started)
    return max(0.0, seconds[-1] - plain) / every


def late_steps(recipe: Recipe, first: int, end: int) -> list[int]:
    """Return the numbers of the steps to try, late in a stage, when its size has come in.

    In a stage that is long enough the lazy losses are due in them as in the steps 1, 2, 3, and all
    of them in the step before. A stage of fewer steps has its last one tried again.
    """
    count = WARM_STEPS + TIMED_STEPS
    period = lcm(*(loss.every for loss in recipe.losses.values() if loss.weight))
    start = max(first, (end - 1 - count) // period * period + 1)
    return [min(start + number, end - 1) for number in range(count)]


def _finish(device: torch.device) -> None:
    """Wait for what the device still has to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _peak_memory(device: torch.device) -> float:
    """Return the most memory held so far, in GiB; NaN where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    if device.type == "mps":
        return torch.mps.driver_allocated_memory() / 2**30  # of now; the most is not told
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return nan
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB here
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
