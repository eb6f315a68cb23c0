"""Where the shipped checkpoints, presets and recipes lie, and which file a name means."""

import os
from pathlib import Path

from restore.errors import RestoreError, UsageError
from restore.tables import look_up

_PACKAGE = Path(__file__).resolve().parent
RECIPE, PREVIEWS, BEST = "recipe.toml", "samples", "best"  # in the folder of a training run
DISCRIMINATOR = ".discriminator.safetensors"  # what a discriminator's file ends with
CLASSIFIER = ".classifier.safetensors"  # what a classifier's file ends with
NATURAL = "-natural"  # what the name of natural weights ends with
_BESIDE = (DISCRIMINATOR, CLASSIFIER)  # what lies beside models and is none


def checkpoints_folder() -> Path:
    """Return the folder of the shipped checkpoints, NAME.safetensors."""
    return _asset_folder("checkpoints")


def masks_folder() -> Path:
    """Return the folder of the shipped mask presets, NAME.toml."""
    return _asset_folder("masks")


def recipes_folder() -> Path:
    """Return the folder of the shipped training recipes, NAME.toml."""
    return _PACKAGE / "recipes"


def chains_folder() -> Path:
    """Return the folder of the shipped chains of degradations, NAME.toml."""
    return _PACKAGE / "degradations" / "presets"


def _asset_folder(name: str) -> Path:
    installed = _PACKAGE / "_assets" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def checkpoint_names() -> list[str]:
    """Return the names of the shipped checkpoints, without discriminators and classifiers."""
    return list(_checkpoints_in(checkpoints_folder()))


def classifier_names() -> list[str]:
    """Return the names of the shipped classifiers, NAME.classifier.safetensors."""
    return list(_named_files(checkpoints_folder(), CLASSIFIER))


def preset_names() -> list[str]:
    """Return the names of the shipped mask presets."""
    return list(_named_files(masks_folder(), ".toml"))


def recipe_names() -> list[str]:
    """Return the names of the shipped recipes."""
    return list(_named_files(recipes_folder(), ".toml"))


def chain_names() -> list[str]:
    """Return the names of the shipped chains of degradations."""
    return list(_named_files(chains_folder(), ".toml"))


def checkpoint_path(name: str | Path) -> Path:
    """Return the checkpoint file meant by a shipped name, a .safetensors file or a run folder.

    A shipped name comes first; write ./NAME for a folder of the same name.

    Raises:
        UsageError: an unknown name, or a folder with several checkpoints.
        RestoreError: no such file, or a folder without a checkpoint.
    """
    if not isinstance(name, str | Path):
        raise UsageError(f"A model is named by a text or a path, not by {type(name).__name__}.")
    if str(name).endswith(DISCRIMINATOR):
        raise UsageError(
            f"{name} is an adversary in training and makes no pictures; name the model beside it."
        )
    shipped = _checkpoints_in(checkpoints_folder())
    if str(name) in shipped or not (
        _is_path(name, ".safetensors") or (name and Path(name).is_dir())
    ):
        return look_up(shipped, str(name), "checkpoint")
    path = Path(name)
    if not path.is_dir():
        return _existing(path, "checkpoint")
    found = _checkpoints_in(path)
    if not found:
        raise RestoreError(f"{path} holds no .safetensors checkpoint; name a file or a run folder.")
    if len(found) > 1:
        names = ", ".join(file.name for file in found.values())
        raise UsageError(f"{path} holds several checkpoints ({names}); name one of the files.")
    return next(iter(found.values()))


def name_of(model: str | Path) -> str:
    """Return what results of a model are called by default: its name, the file's or the run's.

    Not what its header says, which a stranger may have written.
    """
    if str(model) in checkpoint_names():
        return str(model)
    return Path(model).resolve().name.removesuffix(".safetensors")


def discriminator_path(checkpoint: Path) -> Path:
    """Return where the discriminator of a generator's checkpoint lies: beside it."""
    return checkpoint.with_name(checkpoint.name.removesuffix(".safetensors") + DISCRIMINATOR)


def natural_path(checkpoint: Path) -> Path:
    """Return where the natural weights of a checkpoint lie, if it has any: beside it."""
    return checkpoint.with_name(f"{checkpoint.stem}{NATURAL}{checkpoint.suffix}")


def is_natural(checkpoint: Path) -> bool:
    """Tell by its name whether a checkpoint holds natural weights."""
    return checkpoint.stem.endswith(NATURAL)


def classifier_path(name: str | Path) -> Path:
    """Return the file of a shipped classifier or of one given as a .safetensors file.

    Raises:
        UsageError: an unknown name.
        RestoreError: no such file.
    """
    shipped = _named_files(checkpoints_folder(), CLASSIFIER)
    if str(name) not in shipped and _is_path(name, ".safetensors"):
        return _existing(Path(name), "classifier")
    return look_up(shipped, str(name), "classifier")


def preset_path(name: str | Path) -> Path:
    """Return the file of a shipped mask preset or of a preset given as a .toml file.

    Raises:
        UsageError: an unknown name.
        RestoreError: no such file.
    """
    return _name_or_file(name, masks_folder(), "mask preset")


def recipe_path(name: str | Path) -> Path:
    """Return the file of a shipped recipe or of a recipe given as a .toml file.

    Raises:
        UsageError: an unknown name.
        RestoreError: no such file.
    """
    return _name_or_file(name, recipes_folder(), "recipe")


def chain_path(name: str | Path) -> Path:
    """Return the file of a shipped chain of degradations or of one given as a .toml file.

    Raises:
        UsageError: an unknown name.
        RestoreError: no such file.
    """
    return _name_or_file(name, chains_folder(), "degradation preset")


def _name_or_file(name: str | Path, folder: Path, what: str) -> Path:
    shipped = _named_files(folder, ".toml")
    if str(name) not in shipped and _is_path(name, ".toml"):
        return _existing(Path(name), what)
    return look_up(shipped, str(name), what)


def _checkpoints_in(folder: Path) -> dict[str, Path]:
    files = _named_files(folder, ".safetensors")
    return {name: file for name, file in files.items() if not file.name.endswith(_BESIDE)}


def _named_files(folder: Path, ending: str) -> dict[str, Path]:
    return {file.name.removesuffix(ending): file for file in sorted(folder.glob(f"*{ending}"))}


def _is_path(name: str | Path, ending: str) -> bool:
    """Tell a path from a bare name: it ends as such a file does or has a folder in it."""
    return isinstance(name, Path) or name.endswith(ending) or not {"/", os.sep}.isdisjoint(name)


def _existing(path: Path, what: str) -> Path:
    if not path.is_file():
        raise RestoreError(f"There is no {what} file {path}.")
    return path
