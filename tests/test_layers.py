"""The map of CONTRIBUTING.md: who may import whom, and how long a file may be."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "restore"

LAYERS = re.search(r"```layers\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.S)
assert LAYERS
NUMBER = {  # of a module's line in the table, counted from the top
    name: number
    for number, line in enumerate(LAYERS[1].splitlines())
    for name in line.split("  ")[0].split()
}
DOORS = {"__init__", "__main__"}  # they lead into the package and belong to no layer
SOURCES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 400


def unit_of(module: str) -> str:
    """Return the module or folder directly below `restore` that a dotted name belongs to."""
    return module.split(".")[1] if "." in module else ""


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports_of(path: Path, source: str) -> list[str]:
    """List the dotted names inside `restore` that a file imports, at its top or in a function."""
    package = module_of(path) if path.stem == "__init__" else module_of(path).rpartition(".")[0]
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            ancestors = package.split(".")[: package.count(".") + 2 - node.level]
            base = ".".join([*(ancestors if node.level else []), *filter(None, [node.module])])
            found += [f"{base}.{alias.name}" for alias in node.names]
    return [name for name in found if name.split(".")[0] == "restore"]


def broken_rules(path: Path, source: str) -> list[str]:
    """List the imports of a file that reach sideways or up."""
    own = unit_of(module_of(path)) or path.stem
    if own in DOORS:
        return []
    others = {unit_of(name) for name in imports_of(path, source)} - {own, "", "__version__"}
    return [f"{own} imports {other}" for other in others if NUMBER[other] >= NUMBER[own]]


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_only_from_lower_layers(path: Path) -> None:
    assert broken_rules(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_every_module_has_a_layer(path: Path) -> None:
    own = unit_of(module_of(path)) or path.stem
    assert own in NUMBER or own in DOORS, f"give {own} a place in the table of CONTRIBUTING.md"


@pytest.mark.parametrize(
    "line",
    [
        "from restore.commands import main",
        "import restore.commands",
        "from restore import commands",
        "from . import commands",
        "from .commands import main",
        "def late():\n    from restore.metrics import METRICS",
    ],
)
def test_the_rule_notices_an_import_from_above(line: str) -> None:
    assert broken_rules(PACKAGE / "masks.py", line)


@pytest.mark.parametrize("line", ["from ..training import train", "from restore.masks import x"])
def test_the_rule_notices_an_import_from_a_folder(line: str) -> None:
    assert broken_rules(PACKAGE / "nets" / "new.py", line)


def test_the_rule_allows_what_lies_below() -> None:
    source = "import numpy\nfrom restore.errors import UsageError\nfrom restore.nets import fill"
    assert broken_rules(PACKAGE / "nets" / "new.py", source) == []


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_no_file_is_too_long(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines < LONGEST, f"{path.name} has {lines} lines: make it a folder"


def test_no_file_is_named_after_nothing() -> None:
    assert not {"utils", "helpers", "common", "misc"} & {path.stem for path in SOURCES}
