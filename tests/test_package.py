"""The wheel, installed in another place: it holds all it needs and works from any folder."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import restore
from restore.assets import checkpoint_names, checkpoints_folder, preset_names, recipe_names

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by hatchling from the sources that it packs of the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", folder, "-t"]
    subprocess.run([*build, "sdist"], cwd=ROOT, check=True, capture_output=True)
    (sources,) = folder.glob("*.tar.gz")
    shutil.unpack_archive(sources, folder, filter="data")
    inside = folder / sources.name.removesuffix(".tar.gz")
    subprocess.run([*build, "wheel"], cwd=inside, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel is installed into; its dependencies come from where we run."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-index"]
    subprocess.run([*pip, "--no-deps", "--target", folder, wheel], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def run(installed: Path):
    """Run `python ...` from / with the installed wheel before everything else."""

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(installed)}
        command = [sys.executable, *map(str, words)]
        return subprocess.run(
            command, cwd="/", env=environment, capture_output=True, text=True, check=False
        )

    return run


def test_the_wheel_adds_one_name(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "restore",
        f"restore_gan-{restore.__version__}.dist-info",
    }


def test_the_wheel_holds_every_file_of_the_checkout(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "restore"
    endings = ("py", "toml", "typed", "html", "css", "js")
    code = [path for ending in endings for path in package.rglob(f"*.{ending}")]
    assets = [*(ROOT / "masks").glob("*.toml"), *checkpoints_folder().glob("*.safetensors")]
    expected = {path.relative_to(ROOT).as_posix() for path in code}
    expected |= {f"restore/_assets/{path.relative_to(ROOT).as_posix()}" for path in assets}
    assert expected - names == set()


def test_the_wheel_stays_small(wheel: Path) -> None:
    assert wheel.stat().st_size < 60 * 2**20


def test_help_from_anywhere(run, installed: Path) -> None:
    ran = run(installed / "bin" / "restore", "--help")
    assert ran.returncode == 0, ran.stderr
    assert "fix" in ran.stdout


def test_the_same_assets_are_found_from_anywhere(run, installed: Path) -> None:
    ran = run(
        "-c",
        "import json; from restore import assets as a; print(json.dumps(["
        "a.checkpoint_names(), a.preset_names(), a.recipe_names(), str(a.masks_folder())]))",
    )
    *names, folder = json.loads(ran.stdout)
    assert names == [checkpoint_names(), preset_names(), recipe_names()]
    assert Path(folder).is_relative_to(installed)


def test_models_from_anywhere(run) -> None:
    ran = run("-m", "restore", "models", "--json")
    assert ran.returncode == 0, ran.stderr
    assert [json.loads(line)["name"] for line in ran.stdout.splitlines()] == checkpoint_names()


def test_a_photo_is_fixed_from_anywhere(run, installed: Path, tiny_checkpoint, tmp_path) -> None:
    """With the shipped checkpoint as soon as there is one, and its mask from a preset."""
    model = [] if "inpaint" in checkpoint_names() else ["--model", tiny_checkpoint]
    photo, mask, fixed = (tmp_path / name for name in ("p.png", "mask.png", "fixed.png"))
    pixels = np.random.default_rng(0).integers(0, 128, (96, 128, 3), np.uint8)
    pixels[:, 50:] += 128  # all one texture would be filled without the checkpoint
    Image.fromarray(pixels).save(photo)
    command = ["-m", "restore", "mask", photo, "--preset", "boxes", "--out", mask]
    assert run(*command).returncode == 0
    ran = run("-m", "restore", "fix", photo, "--mask", mask, *model, "--out", fixed)
    assert ran.returncode == 0, ran.stderr
    known = np.array(Image.open(mask)) == 0
    assert (np.array(Image.open(fixed))[known] == pixels[known]).all()
    assert (np.array(Image.open(fixed))[~known] != pixels[~known]).any()


def test_the_public_names_exist_and_torch_waits() -> None:
    program = (
        "import sys, restore\n"
        "assert not {'torch', 'numpy'} & set(sys.modules)\n"
        "assert set(restore.__all__) <= set(dir(restore))\n"
        "missing = [name for name in restore.__all__ if not hasattr(restore, name)]\n"
        "assert missing == [], missing\n"
        "assert restore.Restorer.__name__ == 'Restorer'\n"
        "assert not hasattr(restore, 'nothing')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_restorer_is_there_without_the_libraries_that_fixing_does_not_need() -> None:
    program = (
        "import sys\n"
        "from restore import Restorer\n"
        "Restorer.load(device='cpu')\n"
        "unused = {'torchvision', 'kornia', 'lpips', 'skimage', 'matplotlib', 'sympy'}\n"
        "found = unused & set(sys.modules)\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
