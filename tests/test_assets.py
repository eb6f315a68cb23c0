from pathlib import Path

import pytest

from restore import assets
from restore.errors import RestoreError, UsageError


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package folder as a wheel leaves it, with two checkpoints and a preset."""
    package = tmp_path / "site-packages" / "restore"
    for name in ("_assets/checkpoints", "_assets/masks", "recipes"):
        (package / name).mkdir(parents=True)
    for name in ("inpaint", "inpaint.discriminator", "mend", "mnist.classifier"):
        (package / "_assets" / "checkpoints" / f"{name}.safetensors").touch()
    (package / "_assets" / "masks" / "wide.toml").touch()
    (package / "recipes" / "inpaint.toml").touch()
    monkeypatch.setattr(assets, "_PACKAGE", package)
    monkeypatch.chdir(tmp_path)
    return package


def test_the_checkout_has_its_presets() -> None:
    names = assets.preset_names()
    assert {"thin", "medium", "wide", "free-form", "boxes", "scratches", "mixed"} <= set(names)
    assert assets.preset_path("wide") == assets.masks_folder() / "wide.toml"


def test_names_leave_out_discriminators_and_classifiers(installed: Path) -> None:
    assert assets.checkpoint_names() == ["inpaint", "mend"]
    assert assets.preset_names() == ["wide"]
    assert assets.recipe_names() == ["inpaint"]
    assert assets.classifier_names() == ["mnist"]


def test_a_classifier_is_a_name_or_a_file(installed: Path, tmp_path: Path) -> None:
    folder = installed / "_assets" / "checkpoints"
    assert assets.classifier_path("mnist") == folder / "mnist.classifier.safetensors"
    (tmp_path / "mine.safetensors").touch()
    assert assets.classifier_path("mine.safetensors") == Path("mine.safetensors")
    with pytest.raises(UsageError, match="Did you mean 'mnist'"):
        assets.classifier_path("minst")
    with pytest.raises(RestoreError, match=r"no classifier file absent\.safetensors"):
        assets.classifier_path("absent.safetensors")


def test_a_name_is_the_shipped_file(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "inpaint").mkdir()  # a folder of that name doesn't hide it
    folder = installed / "_assets" / "checkpoints"
    assert assets.checkpoint_path("inpaint") == folder / "inpaint.safetensors"
    assert assets.recipe_path("inpaint") == installed / "recipes" / "inpaint.toml"


@pytest.mark.parametrize("name", ["mine.safetensors", "./mine.safetensors"])
def test_a_file_is_itself(installed: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "mine.safetensors").touch()
    assert assets.checkpoint_path(name) == Path(name)


@pytest.mark.parametrize("name", ["run", "run/", "./run"])
def test_a_run_folder_is_its_checkpoint(installed: Path, tmp_path: Path, name: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "inpaint.discriminator.safetensors").touch()
    with pytest.raises(RestoreError, match=r"run holds no \.safetensors checkpoint"):
        assets.checkpoint_path(name)
    (run / "inpaint.safetensors").touch()
    assert assets.checkpoint_path(name) == Path("run/inpaint.safetensors")
    (run / "other.safetensors").touch()
    with pytest.raises(UsageError, match=r"inpaint\.safetensors, other\.safetensors"):
        assets.checkpoint_path(name)


def test_an_unknown_name_suggests_the_nearest(installed: Path) -> None:
    with pytest.raises(UsageError, match=r"no checkpoint 'inpant'.*Did you mean 'inpaint'\?"):
        assets.checkpoint_path("inpant")
    with pytest.raises(UsageError, match=r"no mask preset 'wid'.*Did you mean 'wide'\?"):
        assets.preset_path("wid")
    with pytest.raises(UsageError, match=r"no recipe 'inpant'.*Did you mean 'inpaint'\?"):
        assets.recipe_path("inpant")


@pytest.mark.parametrize("name", ["no.toml", "./wide", Path("wide"), "folder/wide"])
def test_a_missing_file_is_a_sentence(installed: Path, name: str | Path) -> None:
    if name == Path("wide"):
        assert assets.preset_path(name).is_file()  # a bare name stays a name
        return
    with pytest.raises(RestoreError, match="There is no mask preset file"):
        assets.preset_path(name)


def test_no_name_is_no_folder_and_an_adversary_no_model(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.safetensors").touch()
    with pytest.raises(UsageError, match="no checkpoint ''"):
        assets.checkpoint_path("")
    with pytest.raises(UsageError, match="is an adversary"):
        assets.checkpoint_path("runs/mine.discriminator.safetensors")
