"""How long a photo takes in training, by part, beside the reference of `benchmarks/speed.py`.

    python benchmarks/training.py PHOTOS --recipe inpaint

For each stage of the recipe: seconds for a photo (both networks and all losses, those that are due
in every eighth step by an eighth), its ratio to the reference, the share of each part measured
alone, and the work per second, without such losses, as a fraction of what the fastest bf16
convolution does here (3 × 3, 256 channels, 32 × 32, forward). Data is the time one worker needs for
a photo; it is not part of the step, which only waits when the worker is slower.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from speed import make_reference, seconds
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from restore.checkpoint import build_network
from restore.data import Batch, MaskedPhotos, make_batch
from restore.device import autocast, pick_device
from restore.lpips import load_lpips
from restore.nets import RESTORERS
from restore.training import load_recipe
from restore.training.optimizers import follow
from restore.training.photos import check_source, load_holes_or_spoiling
from restore.training.recipe import RestorerRecipe, Stage
from restore.training.restorer_step import RestorerStep
from restore.training.task import build_discriminator
from restore.training.team import Noise, Team

STEPS = 5


def main() -> None:
    """Measure each stage and print its lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--recipe", default="inpaint")
    options = parser.parse_args()
    recipe = load_recipe(options.recipe)
    assert isinstance(recipe, RestorerRecipe), "only restorers are measured here"
    photos = list(check_source(recipe, options.photos).photos.values())
    pick_device("cpu")  # sets how memory is kept, for the reference too
    reference = timed(make_reference())
    peak = measure_peak()
    print(f"reference {reference:.3f} s, bf16 convolutions {peak:.0f} GFLOP/s")
    for stage in recipe.stages:
        dataset = MaskedPhotos(photos, load_holes_or_spoiling(recipe), stage.size, recipe.seed)
        measure_stage(recipe, stage, dataset, reference, peak)


def measure_stage(
    recipe: RestorerRecipe, stage: Stage, dataset: MaskedPhotos, reference: float, peak: float
) -> None:
    """Print what a photo of one stage takes, whole and by part."""
    step = make_step(recipe)
    started = time.perf_counter()
    batch = make_batch([dataset[index] for index in range(stage.batch)])
    data = (time.perf_counter() - started) / stage.batch
    work = count_work(step, batch)
    plain, spread = time_step(step, batch)
    whole, rate = (plain + spread) / stage.batch, work * stage.batch / plain / 1e9
    print(
        f"{stage.size}²: {whole:.4f} s a photo, {whole / reference:.3f} × reference, "
        f"{rate:.0f} GFLOP/s ({rate / peak:.0%} of the peak)"
    )
    parts = measure_parts(step, batch)
    shares = ", ".join(f"{name} {took / stage.batch / whole:.0%}" for name, took in parts.items())
    print(f"  {shares}; data {data:.4f} s in a worker")


def make_step(recipe: RestorerRecipe) -> RestorerStep:
    """Return a fresh training step of the recipe."""
    generator = build_network(RESTORERS, recipe.generator)
    discriminator = build_discriminator(recipe, torch.device("cpu"))
    needs = {need for loss in recipe.losses.values() if loss.weight for need in loss.needs}
    lpips = load_lpips() if "lpips" in needs else None
    if lpips is not None:
        lpips = lpips.to(memory_format=torch.channels_last)
    return RestorerStep(generator, discriminator, recipe, lpips, Team("cpu"))


def count_work(step: RestorerStep, batch: Batch) -> int:
    """Return the FLOP of training on one photo, a backward pass counting as two forward ones.

    The generator runs forward and back; the discriminator forward on real and fake, back to its
    weights, and from the fake back to the photo; LPIPS forward on both and back to the fake.
    """
    photo, mask = batch.clean[:1], batch.mask[:1]
    drawn = Noise(0, step.team).normal(*step.generator.noise_shape(1, *photo.shape[2:]))
    total = 3 * count_forward(lambda: step.generator(photo, mask, drawn))
    if step.discriminator is not None:
        discriminator = step.discriminator
        total += 7 * count_forward(lambda: discriminator(photo, mask))
    if step.lpips is not None:
        lpips = step.lpips
        total += 3 * count_forward(lambda: lpips.features(photo))
    return total


def count_forward(task: Callable[[], object]) -> int:
    """Return the FLOP of a task without its backward pass."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        task()
    return int(counter.get_total_flops())


def measure_parts(step: RestorerStep, batch: Batch) -> dict[str, float]:
    """Return the seconds that each part takes for a batch, forward and backward, alone."""
    noise = Noise(0, step.team)
    size = batch.clean.shape[-1]

    def generate() -> None:
        drawn = noise.normal(*step.generator.noise_shape(len(batch.clean), size, size))
        with autocast(batch.clean.device):
            restored = step.generator(batch.damaged, batch.mask, drawn)
        restored.mean().backward()

    def discriminate() -> None:
        assert step.discriminator is not None
        fake = batch.clean.flip(0).requires_grad_()
        with autocast(batch.clean.device):
            real, _ = step.discriminator(batch.clean, batch.mask)
            false, _ = step.discriminator(fake, batch.mask)
        weights = step.discriminator_weights
        torch.autograd.grad((real - false).float().mean(), weights, retain_graph=True)
        torch.autograd.grad(false.float().mean(), fake)

    def perceive() -> None:
        assert step.lpips is not None
        fake = batch.clean.flip(0).requires_grad_()
        with autocast(batch.clean.device):
            step.lpips(fake, batch.clean).sum().backward()

    def optimise() -> None:
        for weight in step.discriminator_weights:  # those without are passed over
            weight.grad = torch.zeros_like(weight)
        step.generator_optimizer.step()
        step.move_discriminator()
        follow(step.generator, step.generator, 0.5)

    parts: dict[str, Callable[[], None]] = {"generator": generate}
    if step.discriminator is not None:
        parts["discriminator"] = discriminate
    if step.lpips is not None:
        parts["LPIPS"] = perceive
    return {name: timed(part) for name, part in (parts | {"optimiser": optimise}).items()}


def time_step(step: RestorerStep, batch: Batch) -> tuple[float, float]:
    """Return the seconds of a step, and those of losses that are due in some steps, spread out."""
    plain = timed(lambda: step.update(batch, 1, Noise(0, step.team)))
    periods = {loss.every for loss in step.recipe.losses.values() if loss.weight} - {1}
    if not periods:
        return plain, 0.0
    (period,) = periods  # one, as in all recipes
    all_due = timed(lambda: step.update(batch, 0, Noise(0, step.team)))
    return plain, (all_due - plain) / period


def timed(task: Callable[[], object]) -> float:
    """Return the median seconds of a task, after one run that doesn't count."""
    task()
    return median(seconds(task) for _ in range(STEPS))


def measure_peak() -> float:
    """Return the GFLOP/s of the bf16 convolution that runs fastest here."""
    layer = nn.Conv2d(256, 256, 3, padding=1).to(memory_format=torch.channels_last)
    features = torch.randn(8, 256, 32, 32).to(memory_format=torch.channels_last)
    work = 2 * 9 * 256 * 256 * 32 * 32 * 8
    with torch.no_grad(), autocast(torch.device("cpu"), "bf16"):
        return work / timed(lambda: layer(features)) / 1e9


if __name__ == "__main__":
    main()
