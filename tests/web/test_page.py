"""The files of the page: they fit together and ask nobody else."""

import json
import re
import shutil
import subprocess

import pytest

from restore.web.server import DEEDS, FILES, LOOKS, SCRIPTS, files

TEXTS = {
    name: files("restore.web").joinpath(file).read_text("utf-8")
    for name, (file, _) in FILES.items()
}
PAGE, SCRIPT = TEXTS[""], "".join(TEXTS[name] for name in SCRIPTS)


def test_what_the_script_looks_for_is_on_the_page() -> None:
    ids = set(re.findall(r'id="([\w-]+)"', PAGE))
    wanted = set(re.findall(r'find\("([\w-]+)"\)', SCRIPT))
    clicked = re.search(r"CLICKS = \{(.*?)\}", SCRIPT, re.S)
    assert clicked
    wanted |= {entry.split(":")[0].strip() for entry in clicked[1].split(",")}
    assert wanted and wanted <= ids


def test_every_button_does_something() -> None:
    buttons = set(re.findall(r'<button id="([\w-]+)"', PAGE))
    clicked = re.search(r"CLICKS = \{(.*?)\}", SCRIPT, re.S)
    chosen = re.search(r"for \(const name of \[(.*?)\]\) find\(name\)", SCRIPT)
    assert clicked and chosen
    known = {entry.split(":")[0].strip() for entry in clicked[1].split(",")}
    known |= set(re.findall(r'"(\w+)"', chosen[1]))
    known |= set(re.findall(r'find\("(\w+)"\)\.addEventListener', SCRIPT))
    assert buttons <= known


def test_what_the_script_asks_for_is_answered() -> None:
    asked = set(re.findall(r'ask\("(\w+)"|src = "(\w+)"|step\([\w.]+, "(\w+)"', SCRIPT))
    asked = {name for names in asked for name in names if name}
    assert asked == {*LOOKS, *DEEDS} - {*FILES}


@pytest.mark.parametrize("name", FILES)
def test_nobody_else_is_asked(name: str) -> None:
    assert not re.search(r"https?:|//\w+\.\w", TEXTS[name])


def test_nothing_runs_that_the_policy_forbids() -> None:
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|<style|\bstyle=", PAGE)
    assert "innerHTML" not in SCRIPT and "eval(" not in SCRIPT


def test_what_a_script_takes_from_another_is_there() -> None:
    for name in SCRIPTS:
        for wanted, other in re.findall(r'import \{ (.*?) \} from "\./(.*?)"', TEXTS[name]):
            given = re.findall(
                r"export (?:async function|function|class|const) (\w+)", TEXTS[other]
            )
            assert set(wanted.split(", ")) <= set(given)


STEPS = [  # deed; then strokes, mask, fills, what undo takes, what redo takes
    ("a", "a", "mask", 0, "stroke", ""),
    ("b", "ab", "mask", 0, "stroke", ""),
    ("fill", "", None, 1, "fill", ""),
    ("c", "c", None, 1, "stroke", ""),
    ("undo", "", None, 1, "fill", "stroke"),
    ("undo", "ab", "mask", 0, "stroke", "fill"),
    ("undo", "a", "mask", 0, "stroke", "stroke"),
    ("redo", "ab", "mask", 0, "stroke", "fill"),
    ("redo", "", None, 1, "fill", "stroke"),
    ("redo", "c", None, 1, "stroke", ""),
    ("redo", "c", None, 1, "stroke", ""),
    ("undo", "", None, 1, "fill", "stroke"),
    ("undo", "ab", "mask", 0, "stroke", "fill"),
    ("d", "abd", "mask", 0, "stroke", ""),
    ("redo", "abd", "mask", 0, "stroke", ""),
    ("fill", "", None, 1, "fill", ""),
    ("undo", "abd", "mask", 0, "stroke", "fill"),
    ("change", "abd", "mask", 0, "stroke", ""),
]
PLAY = """
const steps = new Steps();
steps.painted = "mask";
for (const deed of DEEDS) {
  if (deed in steps) steps[deed]();
  else steps.paint(deed);
  const { strokes, painted, fills, last, next } = steps;
  console.log(JSON.stringify([deed, strokes.join(""), painted, fills.length, last, next]));
}
"""


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
def test_steps_are_taken_back_and_put_back_in_turn() -> None:
    deeds = json.dumps([deed for deed, *_ in STEPS])
    told = subprocess.run(
        ["node", "--input-type=module"],
        input=TEXTS["steps.js"] + PLAY.replace("DEEDS", deeds),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert [tuple(json.loads(line)) for line in told.splitlines()] == STEPS
