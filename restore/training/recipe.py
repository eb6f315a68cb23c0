"""Recipes: everything that a training run is made of, in one TOML file."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from restore.assets import CLASSIFIER, DISCRIMINATOR, recipe_path
from restore.checkpoint import NetworkSettings
from restore.config import Settings, apply_overrides, read_toml, validate
from restore.errors import UsageError
from restore.losses import LOSSES, FeatureMatching, Loss, Penalty, Played
from restore.nets.levels import level_sizes
from restore.tables import look_up

Beta = Annotated[float, Field(ge=0, lt=1)]


class Stage(Settings):
    """A part of the run at one photo size."""

    size: int = Field(ge=32, multiple_of=16)  # pixels, side of the squares
    batch: int = Field(ge=1)  # photos in a step
    share: float = Field(gt=0)  # of all steps, relative to the other stages
    least_batch: ClassVar[int] = 1  # in a process


class OptimizerSettings(Settings):
    """The optimiser of both networks."""

    kind: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = Field(3e-4, gt=0)  # of the generator
    discriminator_lr: float = Field(4.5e-4, gt=0)
    betas: tuple[Beta, Beta] = (0.5, 0.99)  # (momentum, -) for sgd
    weight_decay: float = Field(0.01, ge=0)


PATCH_KINDS = ("patch", "multi-scale")  # for restorers; spectral unless told otherwise


class Recipe(Settings):
    """Everything that a training run is made of, whatever it trains."""

    least_side: ClassVar[int] = 32  # pixels; photos that are less wide or high are left out
    name: str = Field(pattern=r"^\w[\w .-]*$")  # of the checkpoint's file, too
    task: str
    seed: int = Field(1, ge=0, lt=2**20)
    steps: int = Field(ge=1)  # generator updates in all
    save_seconds: float = Field(300.0, gt=0)
    preview_seconds: float = Field(600.0, gt=0)
    warmup: int = Field(300, ge=0)  # steps
    cooldown: float = Field(0.25, ge=0, le=1)  # share of the steps
    decay: Literal["linear", "cosine"] = "linear"  # shape of the cool-down
    ema: float = Field(0.998, ge=0, lt=1)
    clip: float = Field(1.0, gt=0)
    discriminator_steps: int = Field(1, ge=1)  # for each step of the generator
    augment: Literal["auto", "on", "off"] = "auto"  # DiffAugment; auto: below 10,000 photos
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    workers: int = Field(1, ge=0)  # processes that decode photos
    data: str = ""  # what the photos are, for the model card
    licence: str = ""
    stages: tuple[Stage, ...] = Field(min_length=1)
    generator: NetworkSettings
    discriminator: NetworkSettings | None = None  # built only where a loss needs it
    optimizer: OptimizerSettings = OptimizerSettings()  # type: ignore[call-arg]
    losses: dict[str, Loss]

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        for ending in (DISCRIMINATOR, CLASSIFIER):
            if f"{name}.safetensors".endswith(ending):
                raise ValueError(f"ends with {ending}, as files beside a checkpoint do")
        return name

    @model_validator(mode="before")
    @classmethod
    def _pick_losses(cls, data: Any) -> Any:
        losses = data.get("losses")
        if isinstance(losses, dict):
            built = {}
            for name, settings in losses.items():
                if name not in LOSSES:
                    raise ValueError(f"there is no loss '{name}'; known: {', '.join(LOSSES)}")
                built[name] = LOSSES[name].model_validate(settings)
            # In one order, so that their sum does not depend on that of a file.
            data = data | {"losses": {name: built[name] for name in LOSSES if name in built}}
        return data

    @model_validator(mode="after")
    def _check_losses(self) -> Self:
        for name, loss in self.losses.items():
            if loss.weight and self.task not in loss.tasks:
                fitting = ", ".join(n for n, kind in LOSSES.items() if self.task in kind.tasks)
                raise ValueError(
                    f"the loss '{name}' makes no sense for the task '{self.task}'; it takes "
                    f"{fitting}"
                )
        if all(isinstance(loss, Penalty) for loss in self.losses.values() if loss.weight):
            raise ValueError("no loss of a weight above 0 says what to learn")
        return self

    @model_validator(mode="after")
    def _check_discriminator(self) -> Self:
        if not self.needs_discriminator:
            if self.discriminator_steps > 1 or self.augment == "on":
                raise ValueError(
                    "its losses learn without a discriminator; leave out 'discriminator_steps' "
                    "and 'augment'"
                )
            return self
        if self.discriminator is None:
            raise ValueError("its losses need a discriminator, and it names none")
        if "adversarial" not in self.losses:
            raise ValueError(
                "its losses need a discriminator that learns, by the loss 'adversarial', whose "
                "weight may be 0"
            )
        if self.losses["adversarial"].every > 1:
            raise ValueError(
                "'adversarial' is due in every step; 'discriminator_steps' says how many of them "
                "are the discriminator's alone"
            )
        self._check_slope()
        return self

    def _check_slope(self) -> None:
        """Refuse a critic whose slope nothing bounds."""
        assert self.discriminator is not None, "which is checked before"
        arguments = self.discriminator.arguments
        # A norm divides by what it finds, and its slope is no longer that of the weights.
        spectral = arguments.get("norm", "none") == "none" and arguments.get(
            "spectral", self.discriminator.kind in PATCH_KINDS
        )
        penalties = [
            name for name, loss in self.losses.items() if loss.weight and isinstance(loss, Penalty)
        ]
        if penalties and arguments.get("norm") == "batch":
            raise ValueError(
                f"'{penalties[0]}' bounds the slope of each picture, and batch norm mixes those of "
                "a batch; add --set discriminator.arguments.norm=none"
            )
        kind = getattr(self.losses["adversarial"], "kind", None)
        if kind == "wasserstein" and not penalties and not spectral:
            raise ValueError(
                "'wasserstein' needs the loss 'gradient_penalty', 'r1' or 'r2', or a discriminator "
                "with 'spectral' and no 'norm'; without, its critic grows without end"
            )

    @property
    def needs_discriminator(self) -> bool:
        """Whether any loss needs a discriminator."""
        return any(
            loss.weight and isinstance(loss, Penalty | Played | FeatureMatching)
            for loss in self.losses.values()
        )

    def stage_at(self, step: int) -> tuple[Stage, int, int]:
        """Return the stage that `step` lies in, and the first step of it and of the next."""
        whole = sum(stage.share for stage in self.stages)
        first, share = 0, 0.0
        for stage in self.stages:
            share += stage.share
            end = round(self.steps * share / whole)
            if step < end:
                return stage, first, end
            first = end
        return self.stages[-1], first, self.steps

    def rate_at(self, step: int) -> float:
        """Return the factor on the learning rates in `step`: warm-up, level, cool-down."""
        up = (step + 1) / (self.warmup + 1)
        down = min(1.0, (self.steps - step) / max(1.0, self.cooldown * self.steps))
        if self.decay == "cosine":
            down = (1 - math.cos(math.pi * down)) / 2
        return max(0.0, min(1.0, up, down))


def _refuse_known(losses: dict[str, Loss]) -> None:
    """Raise `ValueError` where a loss has a weight for known pixels and all are in question."""
    for name, loss in losses.items():
        if getattr(loss, "known", 0):
            raise ValueError(f"'losses.{name}.known' is for pixels round holes; here are none")


class SamplerStage(Stage):
    """A part of the run of a sampler.

    Progressive growing is stages of smaller pictures first; the networks need `growing` for it
    (Karras et al., section 2, arXiv:1710.10196).
    """

    size: int = Field(ge=4, le=512)  # pixels, side of the pictures; `level_sizes` says which
    batch: int = Field(ge=2)  # pictures in a step
    least_batch: ClassVar[int] = 2  # batch norm compares them
    fade: float = Field(0.5, ge=0, le=1)  # share of its steps over which a new size comes in


class SamplerRecipe(Recipe):
    """The training of a sampler. Size, channels and classes of the networks come from here."""

    least_side: ClassVar[int] = 4
    task: Literal["generate"] = "generate"
    channels: Literal[1, 3] = 3  # 1: gray
    conditional: bool = False  # learn the labels of the pictures
    mirror: bool = True  # half of the pictures, left to right
    download: bool = False  # let torchvision fetch the data set that was named
    mixing: float = Field(0.0, ge=0, le=1)  # share of pictures from two noises ("style" alone)
    stages: tuple[SamplerStage, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_networks(self) -> Self:
        _refuse_known(self.losses)
        named = {name for name, loss in self.losses.items() if loss.weight}
        if named & {"kl", "reconstruction"} and self.generator.kind != "vae":
            raise ValueError("the losses 'kl' and 'reconstruction' need a generator of kind vae")
        if "feature_matching" in named and self.generator.kind != "vae":
            raise ValueError(
                "the loss 'feature_matching' compares each picture with one that it is drawn from, "
                "so it needs a generator of kind vae"
            )
        judge = self.discriminator.arguments if self.discriminator else {}
        guesses = self.conditional and judge.get("head") == "auxiliary"
        if "auxiliary" in named and not guesses:
            raise ValueError(
                "the loss 'auxiliary' needs labels and a discriminator that guesses them; add "
                "--set conditional=true --set discriminator.arguments.head=auxiliary, or --set "
                "losses.auxiliary.weight=0"
            )
        if guesses and "auxiliary" not in named:
            raise ValueError(
                "a discriminator that guesses labels learns them by the loss 'auxiliary' alone; "
                "add --set losses.auxiliary.weight=1, or --set discriminator.arguments.head=join"
            )
        return self

    @model_validator(mode="after")
    def _check_mixing(self) -> Self:
        if self.mixing and self.generator.kind != "style":
            raise ValueError("'mixing' is for a generator of kind style")
        return self

    @model_validator(mode="after")
    def _check_growth(self) -> Self:
        networks = (self.generator, self.discriminator)
        able = all(n is None or n.arguments.get("growing") or n.kind == "style" for n in networks)
        if len({stage.size for stage in self.stages}) > 1 and not able:
            raise ValueError(
                "stages of several sizes need networks that grow; add --set generator.arguments."
                "growing=true --set discriminator.arguments.growing=true"
            )
        sizes = [stage.size for stage in self.stages]
        if len({*sizes}) == 1:
            return self
        levels = level_sizes(max(sizes))
        if not (sizes == sorted(sizes) and {*sizes} <= {*levels}):
            raise ValueError(
                f"networks that grow to {levels[-1]} pixels double their size from {levels[0]} on, "
                f"so the stages have sizes of {', '.join(map(str, levels))}, rising"
            )
        return self

    def growth_at(self, step: int) -> tuple[int, float]:
        """Return the size of the pictures in `step`, and how far that size has come in, 0 to 1."""
        stage, first, end = self.stage_at(step)
        is_new = first > 0 and self.stage_at(first - 1)[0].size != stage.size
        if not is_new or not isinstance(stage, SamplerStage):
            return stage.size, 1.0
        return stage.size, min(1.0, (step - first + 1) / max(1.0, stage.fade * (end - first)))


class PhotoRecipe(Recipe):
    """The training of what learns from photos with something wrong with them."""

    compile: bool = False  # torch.compile: minutes at first, faster steps from then on


class RestorerRecipe(PhotoRecipe):
    """The training of a restorer."""

    task: Literal["inpaint", "mend"] = "inpaint"
    hint: float = Field(0.0, ge=0, le=1)  # share of photos shown at low resolution in the hole
    mask: str = "mixed"  # preset of holes
    degrade: str = ""  # preset of degradations that spoil whole photos, instead of holes
    gray: float = Field(0.0, ge=0, le=1)  # share of such photos that are made black and white

    @model_validator(mode="after")
    def _check_damage(self) -> Self:
        if self.gray and not self.degrade:
            raise ValueError("'gray' is for photos that 'degrade' spoils, and it names no preset")
        if self.degrade and self.task == "mend" and self.mask != "mixed":
            raise ValueError(
                "'mask' draws holes and 'degrade' spoils whole photos; name one, or set mask=mixed"
            )
        if self.degrade:
            _refuse_known(self.losses)
        return self

    @model_validator(mode="after")
    def _check_patches(self) -> Self:
        if self.discriminator and self.discriminator.kind not in PATCH_KINDS:
            raise ValueError(
                f"the discriminator of a restorer is one of {', '.join(PATCH_KINDS)}, not "
                f"{self.discriminator.kind}"
            )
        return self


class DetectorRecipe(PhotoRecipe):
    """The training of a detector."""

    task: Literal["detect"] = "detect"
    degrade: str = "scratched"  # preset of degradations; what they do here and there is looked for
    # How much larger than the squares the photos may be that they are damaged as parts of.
    zoom: float = Field(1.0, ge=1, le=8)

    @model_validator(mode="after")
    def _check_alone(self) -> Self:
        if self.discriminator:
            raise ValueError("a detector learns without a discriminator; leave out 'discriminator'")
        return self


# The settings of each task, by the name of the task.
RECIPES: dict[str, type[Recipe]] = {
    "inpaint": RestorerRecipe,
    "mend": RestorerRecipe,
    "generate": SamplerRecipe,
    "detect": DetectorRecipe,
}


def to_plain(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as tables and values, ready to be written as TOML."""
    plain = recipe.model_dump(mode="json", exclude_none=True)
    plain["losses"] = {name: loss.model_dump(mode="json") for name, loss in recipe.losses.items()}
    return plain


# What a resumed run may change: how long, how often, how fast; never what is learned.
FREE_KEYS = (
    "steps",
    "save_seconds",
    "preview_seconds",
    "workers",
    "compile",
    "download",
    "data",
    "licence",
)
FREE_RATES = ("lr", "discriminator_lr")  # of the optimiser; they are set anew in each step


def load_recipe(name: str | Path, overrides: Iterable[str] = ()) -> Recipe:
    """Return the recipe of a shipped name or of a TOML file, with each "key=value" put in.

    Raises:
        UsageError: an unknown name, key or value. RestoreError: the file can't be read.
    """
    path = recipe_path(name)
    data = apply_overrides(read_toml(path), overrides)
    kind = look_up(RECIPES, str(data.get("task", "inpaint")), "task")
    losses = data.get("losses")
    if isinstance(losses, dict):  # each by itself, so that a mistake is told with its own keys
        data["losses"] = {name: _load_loss(name, losses[name], path) for name in losses}
    return validate(kind, data, path)


def _load_loss(name: str, settings: Any, path: Path) -> Any:
    """Return the settings of a loss, built; those of an unknown one as they are."""
    if name not in LOSSES:
        return settings
    if not isinstance(settings, dict):
        raise UsageError(f"{path}: 'losses.{name}' is a table, as in losses.{name}.weight=1.")
    return validate(LOSSES[name], settings, f"{path}, losses.{name}")
