"""The training loop: batches in, log, previews, states and checkpoints out.

It knows no losses and no task.
"""

import copy
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal, NoReturn

import tomli_w
import torch

from restore.assets import PREVIEWS, RECIPE, checkpoint_path, discriminator_path
from restore.checkpoint import (
    Header,
    check_name,
    check_task,
    find_difference,
    load_network,
    save_checkpoint,
)
from restore.data import Turns, shown
from restore.errors import RestoreError, UsageError
from restore.image import encode_png, write_bytes
from restore.nets import DISCRIMINATORS
from restore.staging import alone_in
from restore.training.best import Best
from restore.training.optimizers import follow, match_layout
from restore.training.progress import Progress, say
from restore.training.recipe import Recipe, load_recipe, to_plain
from restore.training.resuming import check_same_recipe, keep_presets, refuse_losses
from restore.training.signals import stop_on_signals, tell_of_memory, tell_of_workers
from restore.training.state import list_states, load_state, save_state
from restore.training.step import AnyBatch
from restore.training.task import Source, Task
from restore.training.tasks import check_fit, find_task, list_related
from restore.training.team import Noise, Team, mix_seed
from restore.training.watch import Trouble, Watch


def train(
    recipe: Recipe,
    source: Source,
    run: Path,
    device: str = "auto",
    start: str | Path | None = None,
) -> Path:
    """Train what `recipe` names on the photos of `source` and return its checkpoint.

    A run folder that holds a state goes on from there. Ctrl-C saves, then stops.

    Args:
        recipe: what to train, and how.
        source: a folder, zip or tar of photos, or one of damaged and one of clean photos.
        run: the folder of the run.
        device: see `restore.device.pick_device`.
        start: name, file or run of a checkpoint that a new run starts from, the discriminator
            beside it included.

    Raises:
        UsageError: the run folder belongs to another recipe or to other photos, or has a name that
            weights can't be read from.
        RestoreError: no photos, a damaged state, a folder that can't be written or that another
            run writes into.
    """
    check_name(run)
    team = Team(device)
    tell = say if team.is_first else _be_quiet
    goes_on = bool(list_states(run / "state"))
    if team.is_first and not goes_on:
        refuse_losses(recipe, run)
    kind = find_task(recipe)
    trial = kind(recipe, team, None, _be_quiet)  # tells of wrong names before photos are looked at
    check_fit(trial, team, None if goes_on else start)
    task = kind(recipe, team, kind.gather(recipe, source, run, tell), tell)
    training = Training(task, run, team)
    memory = tell_of_memory(run, recipe.stages, team.size)
    with alone_in(run) if team.is_first else nullcontext():
        training.resume_or_start(start)
        if team.is_first:
            task.remember(run)
        with stop_on_signals(training.ask), tell_of_workers(), memory:
            training.run_all()
    team.leave()
    return training.checkpoint


def _list_classes(labels: Sequence[str]) -> str:
    return ", ".join(map(shown, labels)) or "none"


def _be_quiet(_: str) -> None:
    """Say nothing: another process says it."""


class Training:
    """One run: networks, position, and the folder that all of it is written to."""

    def __init__(self, task: Task, run: Path, team: Team) -> None:
        self.task, self.recipe, self.step = task, task.recipe, task.step
        self.run, self.team = run, team
        self.checkpoint = run / f"{self.recipe.name}.safetensors"
        generator = self.step.networks["generator"]
        self.average = copy.deepcopy(generator).requires_grad_(False).eval()
        self.progress = Progress(
            self.recipe.steps, run, workers=self.recipe.workers, shown=team.is_first
        )
        self.watch = Watch(bounded=task.bounded)
        self.best = Best(run, self.recipe.name, task.goals)
        self.number, self.images, self.falls = 0, 0, 0
        self.asked = False  # this process to stop
        self.stopping = False  # all of them, which they have agreed on
        self.before: dict[str, str] = {}  # what is known of the weights that it began with

    @property
    def parts(self) -> dict[str, Any]:
        """All that is saved and resumed, by name."""
        return {"average": self.average, **self.step.parts}

    def resume_or_start(self, start: str | Path | None) -> None:
        """Load the newest state of the run folder, or set a new one up."""
        states = list_states(self.run / "state")
        if states:
            check_same_recipe(self.recipe, self.run / RECIPE)
            if start is not None:
                self.progress.say(f"{self.run} goes on from its own state, not from {start} anew.")
            self._load(states[-1])
            self.best.go_on()
            self._tell_stage(load_recipe(self.run / RECIPE))
        elif start is not None:
            self._start_from(checkpoint_path(start))
        elif advice := self.task.advice:
            self.progress.say(advice)
        if not self.team.agree(self.number, self.images, self.task.data_key):
            raise UsageError(
                f"The processes find different states in {self.run}, or different photos; all "
                "machines need the same folders, which they share."
            )
        if self.team.is_first:
            recipe = tomli_w.dumps(to_plain(self.recipe)).encode()
            write_bytes(self.run / RECIPE, recipe, overwrite=True)
            keep_presets(self.recipe, self.run)
        self.progress.begin(self.number)

    def _tell_stage(self, before: Recipe) -> None:
        """Tell where with other steps a run goes back to a stage that it has been through."""
        old, new = (r.stages.index(r.stage_at(self.number)[0]) for r in (before, self.recipe))
        if new < old:
            self.progress.say(
                f"With {self.recipe.steps} steps, step {self.number} lies in stage {new + 1} of "
                f"{len(self.recipe.stages)} ({self.recipe.stages[new].size} pixels) again, after "
                f"stage {old + 1}."
            )

    def _load(self, state: Path) -> None:
        facts = load_state(state, self.parts)
        for optimizer in self.step.optimizers.values():
            match_layout(optimizer)
        self.number, self.images, self.falls = facts["step"], facts["images"], facts["falls"]
        self.before = facts.get("before", {})

    def _start_from(self, start: Path) -> None:
        check_task(start, *list_related(self.task))
        header, generator = load_network(start, self.task.networks)
        self.before = {"name": header.name, "data": header.data, "licence": header.licence}
        other = find_difference(self.task.networks, header.network, self.recipe.generator)
        if other:
            self._refuse_generator(start, header.labels, other)
        if header.labels != self.task.labels:
            self._tell_classes(start, header.labels)
        for network in (self.step.networks["generator"], self.average):
            network.load_state_dict(generator.state_dict())
        if "discriminator" in self.step.networks:
            self._start_discriminator(start)

    def _start_discriminator(self, start: Path) -> None:
        beside = discriminator_path(start)
        if not beside.is_file():
            self.progress.say(f"{start} has no discriminator beside it: a new one is trained.")
            return
        header, discriminator = load_network(beside, DISCRIMINATORS)
        assert self.recipe.discriminator is not None, "or the step would have none"
        if find_difference(DISCRIMINATORS, header.network, self.recipe.discriminator):
            self.progress.say(f"{beside.name} is another discriminator: a new one is trained.")
        else:
            self.step.networks["discriminator"].load_state_dict(discriminator.state_dict())

    def _refuse_generator(self, start: Path, known: Sequence[str], other: str) -> NoReturn:
        if known and self.task.labels and len(known) != len(self.task.labels):
            raise UsageError(
                f"{start} knows {len(known)} classes ({_list_classes(known)}), and the pictures "
                f"have {len(self.task.labels)} ({_list_classes(self.task.labels)}); give pictures "
                "of the same classes, and the recipe that it was trained with."
            )
        raise UsageError(
            f"{start} holds another generator than the recipe names: {other}; take the recipe "
            "that it was trained with."
        )

    def _tell_classes(self, start: Path, known: Sequence[str]) -> None:
        self.progress.say(
            f"{start} knows the classes {_list_classes(known)}, and the pictures have "
            f"{_list_classes(self.task.labels)}; each begins as the one of the same number."
        )

    def ask(self) -> None:
        """Ask the run to stop after the step in hand."""
        self.asked = True

    def run_all(self) -> None:
        """Train until all steps are done or someone wants it to stop, then save."""
        with self.progress:
            self._run_steps()
            while trouble := self.watch.look():
                self._go_back(trouble)
                self._run_steps()
            early = self.number < self.recipe.steps
            if early and self.watch.seems_lost and list_states(self.run / "state"):
                self.progress.say(
                    "The discriminator seems to have won since the last state was saved, so that "
                    "stays the newest."
                )
            else:
                self.save()
            self.progress.tell(self.number, self.images)
            self.show()

    def _run_steps(self) -> None:
        """Train through the steps that are left, saving and showing where it is time to."""
        saved = previewed = time.monotonic()
        with closing(self._timed_batches()) as batches:
            for batch, started in batches:
                self._update(batch, started)
                now = time.monotonic()
                save_due, self.stopping = self.team.any(
                    self.team.is_first and now - saved > self.recipe.save_seconds, self.asked
                )
                if (self.watch.due or save_due) and (trouble := self.watch.look()):
                    self._go_back(trouble)
                if now - previewed > self.recipe.preview_seconds:
                    self.show()
                    previewed = now
                # What seems lost is not saved, as there would soon be nothing else to go back to.
                if save_due and not self.watch.won:  # alike in all processes, as the logs are
                    self.save(last=False)
                    saved = now
                if self.stopping:
                    break

    def _timed_batches(self) -> Generator[tuple[AnyBatch, float], None, None]:
        """Yield (batch, time at which it was asked for), through all stages that are left."""
        while self.number < self.recipe.steps and not self.stopping:
            stage, first, end = self.recipe.stage_at(self.number)
            whole = self.task.batch_of(stage)
            share = self.team.share(stage.batch) * (whole // stage.batch)
            turns = Turns(self.images, whole, self.team.rank, self.team.size)
            # Closed at any end, so that the processes which read photos end before this one.
            # Each process tells of the photos that it can't read.
            tell = self.progress.say if self.team.is_first else say
            with closing(self.task.load_batches(stage, share, turns, tell)) as batches:
                while first <= self.number < end:
                    started = time.monotonic()
                    try:
                        batch = next(batches)
                    except RuntimeError:
                        # A signal to all processes has ended a worker, too; a team's launcher
                        # ends the rest of it, which can't be left alone in the middle of a step.
                        if self.asked and self.team.size == 1:
                            return
                        raise
                    self.progress.waited(time.monotonic() - started)
                    yield batch.to(self.team.device), started

    def _go_back(self, trouble: Trouble) -> None:
        """Go back to the last state, once in a run; photos and noise after it will be others.

        Raises:
            RestoreError: it has gone back before, or there is no state.
        """
        states = list_states(self.run / "state")
        if self.falls or not states:
            again = " again" if self.falls else ""
            raise RestoreError(
                f"Training stopped at step {self.number}: {trouble.reason}{again}; start the same "
                f"command again with {self._advise(trouble)}."
            )
        images = self.images
        self._load(states[-1])
        if not self.team.agree(self.number):  # nor is a state replaced that others still read
            raise RestoreError(f"The processes find different states in {self.run}.")
        self.images, self.falls = images, self.falls + 1
        self.progress.forget()
        self.progress.say(f"At step {self.number} again, since {trouble.reason}.")

    def _advise(self, trouble: Trouble) -> str:
        """Return options that halve the rates which may have been too high."""
        rates = {"lr": self.recipe.optimizer.lr}
        if "discriminator" in self.step.networks:
            rates["discriminator_lr"] = self.recipe.optimizer.discriminator_lr
        halves = {name: rate / 2 for name, rate in rates.items() if name in trouble.rates}
        return " ".join(f"--set optimizer.{name}={half:.3g}" for name, half in halves.items())

    def _update(self, batch: AnyBatch, started: float) -> None:
        noise = Noise((self.recipe.seed, self.images), self.team)
        # Of dropout, which asks for no numbers of ours.
        torch.manual_seed(mix_seed((self.recipe.seed, self.images, 1 + self.team.rank)))
        self.step.set_rate(self.recipe.rate_at(self.number))
        logs = self.step.update(batch, self.number, noise)
        follow(
            self.average,
            self.step.networks["generator"],
            min(self.recipe.ema, (1 + self.number) / (10 + self.number)),
        )
        self.number += 1
        photos = len(batch) * self.team.size
        self.images += photos
        spent = time.monotonic() - started
        self.watch.add(logs)
        self.progress.add(self.number, self.images, photos, spent, logs)

    def save(self, *, last: bool = True) -> None:
        """Save the state and both checkpoints; what can't be saved last is the end."""
        if not self.team.is_first:
            return
        facts: dict[str, Any] = {"step": self.number, "images": self.images}
        facts |= {"falls": self.falls, "before": self.before}
        with self._going_on(last):
            save_state(self.run / "state", self.number, self.parts, facts)
        with self._going_on(last):
            self._save_checkpoints()

    def _save_checkpoints(self) -> None:
        header = self._header()
        save_checkpoint(self.checkpoint, self.average, header)
        if "discriminator" in self.step.networks:
            save_checkpoint(
                discriminator_path(self.checkpoint),
                self.step.networks["discriminator"],
                header.model_copy(update={"network": self.recipe.discriminator}),
            )

    def show(self) -> None:
        """Write a preview and log its scores."""
        if not self.team.is_first:
            return
        stage, _, _ = self.recipe.stage_at(max(0, self.number - 1))
        look = self.task.look(self.average, stage)
        self.progress.log({"step": self.number, "images": self.images} | look.scores)
        with self._going_on():
            self.best.offer(self.average, self._header(), look.scores)
        with self._going_on():
            if look.sheet is not None:
                path = self.run / PREVIEWS / f"{self.number:08d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_bytes(path, encode_png(look.sheet), overwrite=True)
                self.progress.picture("preview", look.sheet, self.number)

    @contextmanager
    def _going_on(self, last: bool = False) -> Iterator[None]:
        """Tell of what can't be written, and train on: the next time there may be room for it.

        Not of what is written `last`, nor of weights that no checkpoint holds: they get no smaller.
        """
        try:
            yield
        except (OSError, RestoreError) as error:
            if last or isinstance(error, UsageError):
                raise
            told = str(error).rstrip(".")
            self.progress.say(f"{told}; training goes on, and tries again later.")

    def _header(self) -> Header:
        recipe = self.recipe
        stage, _, _ = recipe.stage_at(max(0, self.number - 1))
        return Header(
            name=recipe.name,
            task=recipe.task,
            network=recipe.generator,
            size=stage.size,
            zoom=self.task.zoom,
            steps=self.number,
            images=self.images,
            data=self._describe("data"),
            licence=self._describe("licence"),
            labels=self.task.labels,
        )

    def _describe(self, fact: Literal["data", "licence"]) -> str:
        """Return what the recipe says of its photos, and what is known of those before them."""
        own, before = getattr(self.recipe, fact), self.before.get(fact)
        told = f"before, as {self.before['name']}: {before}" if before else ""
        return "; ".join(filter(None, (own, told)))
