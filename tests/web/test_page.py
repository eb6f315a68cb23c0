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


def clicked() -> set[str]:
    """Return the ids of the buttons that the script has deeds for."""
    tables = re.findall(r"(?:CLICKS|ZOOM) = \{(.*?)\}", SCRIPT, re.S)
    assert len(tables) == 2
    return {entry.split(":")[0].strip() for table in tables for entry in table.split(",")}


def test_what_the_script_looks_for_is_on_the_page() -> None:
    ids = set(re.findall(r'id="([\w-]+)"', PAGE))
    wanted = set(re.findall(r'find\("([\w-]+)"\)', SCRIPT))
    assert wanted and wanted | clicked() <= ids


def test_every_button_does_something() -> None:
    buttons = set(re.findall(r'<button id="([\w-]+)"', PAGE))
    chosen = re.search(r"for \(const name of \[(.*?)\]\) find\(name\)", SCRIPT)
    assert chosen
    known = clicked()
    known |= set(re.findall(r'"(\w+)"', chosen[1]))
    known |= set(re.findall(r'find\("(\w+)"\)\.addEventListener', SCRIPT))
    assert buttons <= known


def test_what_the_script_asks_for_is_answered() -> None:
    asked = set(re.findall(r'ask\("(\w+)"|step\([\w.]+, "(\w+)"', SCRIPT))
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
    ("fill", "", None, 2, "fill", ""),  # another one of the same hole
    ("undo", "", None, 1, "fill", "fill"),
    ("undo", "abd", "mask", 0, "stroke", "fill"),
    ("redo", "", None, 1, "fill", "fill"),
    ("redo", "", None, 2, "fill", ""),
]
KEYS = [  # what is pressed; the name of it
    ({"key": "b"}, "b"),
    ({"key": "B", "shiftKey": True}, "b"),
    ({"key": "Enter"}, "Enter"),
    ({"key": "z", "ctrlKey": True}, "Control+z"),
    ({"key": "Z", "metaKey": True, "shiftKey": True}, "Control+Shift+z"),
    ({"key": "я", "code": "KeyZ", "ctrlKey": True}, "Control+z"),
    ({"key": "и", "code": "KeyB"}, "b"),
    ({"key": "[", "altKey": True, "ctrlKey": True}, "["),
    ({"key": "b", "altKey": True}, ""),
    ({"key": "0"}, "0"),
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


def play(script: str) -> list:
    """Return what a script prints, line by line, as JSON."""
    told = subprocess.run(
        ["node", "--input-type=module"],
        input=script,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    return [json.loads(line) for line in told.splitlines()]


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
def test_keys_have_one_name_on_every_keyboard() -> None:
    pressed = json.dumps([event for event, _ in KEYS])
    names = play(
        TEXTS["keys.js"]
        + f"for (const e of {pressed}) console.log(JSON.stringify(nameOf({{code: '', ...e}})));"
    )
    assert names == [name for _, name in KEYS]


FINGERS = """
const view = { scrollLeft: 50, scrollTop: 40, clientWidth: 424, clientHeight: 324,
  getBoundingClientRect: () => ({ left: 0, top: 0, width: 424, height: 324 }) };
const stage = { style: {}, classList: { toggle() {} },
  getBoundingClientRect: () => ({ left: -view.scrollLeft, top: -view.scrollTop }) };
const shown = new Viewport(view, stage);
const tell = () => console.log(JSON.stringify([shown.scale, view.scrollLeft, view.scrollTop]));
shown.zoomBy(2);
tell();
shown.show(800, 600);
shown.fit();
shown.zoomBy(2);
[view.scrollLeft, view.scrollTop] = [50, 40];
shown.hold({ pointerId: 1, clientX: 100, clientY: 100 });
shown.move({ pointerId: 1, clientX: 90, clientY: 80 });
shown.move({ pointerId: 7, clientX: 0, clientY: 0 });
tell();
shown.hold({ pointerId: 2, clientX: 190, clientY: 80 });
shown.move({ pointerId: 2, clientX: 290, clientY: 80 });
tell();
console.log(JSON.stringify([shown.release({ pointerId: 7 }), shown.release({ pointerId: 1 })]));
console.log(JSON.stringify([shown.isHeld, shown.release({ pointerId: 2 }), shown.isHeld]));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
def test_a_photo_is_moved_by_one_pointer_and_zoomed_by_two() -> None:
    """Two fingers twice as far apart: twice as large, and their middle is where it was."""
    idle, moved, zoomed, *rest = play(TEXTS["viewport.js"] + FINGERS)
    assert idle == [1, 50, 40]
    assert moved == [1, 60, 60]
    # The middle goes from 140 to 190: what lies under it, 60 + 140, is at 190 then, twice as far.
    assert zoomed == [2, 210, 200]
    assert rest == [[False, True], [True, True, False]]


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
def test_steps_are_taken_back_and_put_back_in_turn() -> None:
    deeds = json.dumps([deed for deed, *_ in STEPS])
    told = play(TEXTS["steps.js"] + PLAY.replace("DEEDS", deeds))
    assert [tuple(line) for line in told] == STEPS


RELOADED = """
const steps = new Steps();
steps.paint("a");
steps.recount(1, 2);
const tell = () => console.log(JSON.stringify([steps.fills.length, steps.last, steps.next]));
tell();
steps.redo();
tell();
steps.recount(0, 0);
tell();
"""


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
def test_a_page_that_is_read_again_knows_what_was_taken_back() -> None:
    told = play(TEXTS["steps.js"] + RELOADED)
    assert told == [[1, "stroke", "fill"], [2, "fill", "fill"], [0, "", ""]]


DRAWN = """
globalThis.OffscreenCanvas = class {
  constructor(width, height) { this.width = width; this.height = height; }
  getContext() {
    return { fillRect() {}, clearRect() {}, drawImage() {}, putImageData() {},
      getImageData: (x, y, w, h) => ({ data: Array(w * h).fill(READ).flat() }) };
  }
};
let told = "";
try { checkReading(); } catch (error) { told = error.message; }
console.log(JSON.stringify(told));
try { told = ""; resize(new OffscreenCanvas(9, 9), 9, 9); } catch (error) { told = error.message; }
console.log(JSON.stringify(told));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
@pytest.mark.parametrize(
    ("pixel", "hidden", "blank"),
    [
        ([255, 0, 255, 255], False, False),
        ([251, 3, 254, 255], False, False),
        ([90, 17, 201, 255], True, False),
        ([0, 0, 0, 0], True, True),
    ],
)
def test_a_browser_that_hides_or_drops_what_is_drawn_is_told(
    pixel: list[int], hidden: bool, blank: bool
) -> None:
    reading, room = play(TEXTS["canvases.js"] + DRAWN.replace("READ", json.dumps(pixel)))
    assert bool(reading) == hidden and bool(room) == blank
