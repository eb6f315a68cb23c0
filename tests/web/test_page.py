"""The files of the page: they fit together and ask nobody else."""

import re

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
    asked = set(re.findall(r'ask\("(\w+)"', SCRIPT)) | set(re.findall(r'src = "(\w+)"', SCRIPT))
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
