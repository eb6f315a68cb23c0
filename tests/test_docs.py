"""What the documents show is what the program does."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

from restore.assets import chain_names, preset_names, recipe_names
from restore.commands import cli, main
from restore.detector import THRESHOLD
from restore.folders.options import MAX_BYTES
from restore.generating import DEFAULT_COUNT
from restore.image import MAX_PIXELS
from restore.losses import LOSSES
from restore.masks import MASKS, TOLERANCE, kinds, load_preset
from restore.training import load_recipe
from restore.training.recipe import DetectorRecipe, RestorerRecipe

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TRAINING = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
LIBRARY = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
DOCS = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md")))
FOLDERS = ("", "docs", "benchmarks", "checkpoints", "masks", "examples", "tests")
PAGES = [path for folder in FOLDERS for path in (ROOT / folder).glob("*.md")]


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a language in a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.S | re.M)


def commands(page: str) -> list[str]:
    """Return the lines of the console blocks that run `restore`."""
    lines = "".join(blocks(page, "console")).splitlines()
    return [line for line in lines if line.startswith("restore ")]


@pytest.mark.parametrize("line", commands(README + CONTRIBUTING + DOCS))
def test_every_command_shown_can_be_given(line: str) -> None:
    _, name, *words = shlex.split(line)
    parent = click.Context(cli, **cli.context_settings)  # click keeps its names of --help
    cli.commands[name].make_context(name, words, parent)  # raises where click would refuse it


def test_every_option_mentioned_exists() -> None:
    known = {name for command in cli.commands.values() for p in command.params for name in p.opts}
    mentioned = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", README + DOCS))
    assert mentioned - known <= {"--help", "--nproc"}  # the latter of torchrun


def test_every_key_of_a_recipe_is_explained() -> None:
    keys = {*RestorerRecipe.model_fields, *DetectorRecipe.model_fields} - {"name", "task"}
    assert [key for key in keys if f"`{key}`" not in TRAINING] == []
    table = "".join(line for line in TRAINING.splitlines() if line.startswith("| "))
    taken = {name for name, loss in LOSSES.items() if loss.tasks & {"inpaint", "mend", "detect"}}
    assert [name for name in taken if f"`{name}`" not in table] == []
    assert [name for name in recipe_names() if f"`{name}`" not in README + TRAINING] == []
    settings = {key for name in taken for key in LOSSES[name].model_fields}
    assert [key for key in settings if f"`{key}`" not in TRAINING] == []


def test_the_help_tells_what_there_is() -> None:
    words = {
        name: " ".join(command.get_help(click.Context(command)).split())
        for name, command in cli.commands.items()
    }
    for name in chain_names():
        assert re.search(rf"\b{name}\b", words["degrade"])
    samplers = {name for name in recipe_names() if load_recipe(name).task == "generate"}
    assert {*re.search(r"draw pictures \((.*?)\)", words["train"])[1].split(", ")} == samplers
    for command, option, default in (
        ("mask", "tolerance", TOLERANCE),
        ("mask", "threshold", THRESHOLD),
        ("fix", "max-megapixels", round(MAX_PIXELS / 1e6)),
        ("fix", "max-megabytes", round(MAX_BYTES / 1e6)),
        ("generate", "count", DEFAULT_COUNT),
    ):
        shown = re.search(rf"--{option} .*?\[default: (.*?)\]", words[command])
        assert shown[1] == f"{default:g}", option


def test_every_preset_is_in_the_readme() -> None:
    assert [name for name in preset_names() if f"`{name}`" not in README] == []


def test_every_command_is_in_the_readme() -> None:
    assert {shlex.split(line)[1] for line in commands(README)} == set(cli.commands)


def test_the_python_shown_runs(
    write_picture, fake_restorer, make_sampler, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    shutil.copy(make_sampler("digits", tuple("0123456789"), size=16, channels=1), folder)
    shutil.copy(ROOT / "checkpoints" / "scratches.safetensors", folder)
    monkeypatch.setattr("restore.assets.checkpoints_folder", lambda: folder)
    write_picture("photo.jpg")
    write_picture("old.png")
    mask = np.zeros((40, 60), np.uint8)
    mask[16:32, 16:32] = 255  # whole blocks of the JPEG
    write_picture("mask.png", mask)
    shown: dict[str, object] = {}
    for block in [*blocks(README, "python"), *blocks(LIBRARY, "python")]:
        exec(block, shown)
    assert shown["mask"].shape == (40, 60)
    assert shown["sevens"].shape == (8, 16, 16)
    mended = np.array(Image.open("mended.jpg"))
    assert mended[16:32, 16:32].mean() < 8 < mended[:10].mean()
    assert np.array(Image.open("mended.png")).max() == 0


def test_every_make_target_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    shown = set(re.findall(r"^\s*make ([a-z]+)", README + CONTRIBUTING, re.M))
    assert {"demo", "check", "test"} <= shown <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_inside_the_tree_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert "://" in link or (page.parent / link).exists(), link


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    needed = [*project["dependencies"], *chain.from_iterable(extras)]
    rows = re.findall(r"^\| ([a-z0-9, -]+) \|", CONTRIBUTING.split("## Dependencies")[1], re.M)
    explained = {name for row in rows for name in row.split(", ")} - {"package", "---"}
    assert {re.split(r"[>=<\[]", name)[0] for name in needed} == explained


def test_the_worked_addition_works(tmp_path, monkeypatch) -> None:
    """Do what CONTRIBUTING.md says: the class, its line in the table, the preset, the command."""
    monkeypatch.chdir(tmp_path)
    (code,), (preset,), (line,) = (
        blocks(CONTRIBUTING, "python"),
        blocks(CONTRIBUTING, "toml"),
        commands(CONTRIBUTING),
    )
    assert '`"stripes": Stripes`' in CONTRIBUTING
    module = dict(vars(kinds))
    exec(code, module)
    monkeypatch.setitem(MASKS, "stripes", module["Stripes"])
    Path("masks").mkdir()
    Path("masks/stripes.toml").write_text(preset)
    assert main(shlex.split(line)[1:]) == 0
    drawn = np.array(Image.open("stripes.png"))
    assert drawn.shape == (200, 300)
    assert 0.01 <= (drawn == 255).mean() <= 0.3
    kind = load_preset("masks/stripes.toml").parts[0].kind
    rows = kind.draw(50, 70, np.random.default_rng(0))
    assert rows.any()
    assert (rows == rows[0]).all()


def test_the_examples_are_written_without_a_network(tmp_path) -> None:
    program = (
        "import socket, sys, runpy\n"
        "def refuse(*_): raise OSError('no network')\n"
        "socket.socket.connect = refuse\n"
        f"sys.argv = ['write_examples.py', {str(tmp_path)!r}]\n"
        f"runpy.run_path({str(ROOT / 'examples' / 'write_examples.py')!r}, run_name='__main__')"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    for photo, mask in (("photo.png", "mask.png"), ("rocket.png", "rocket-mask.png")):
        pixels, hole = Image.open(tmp_path / photo), Image.open(tmp_path / mask)
        assert pixels.size == hole.size
        assert set(np.unique(hole)) == {0, 255}
        assert 0.03 < (np.array(hole) == 255).mean() < 0.15
