"""A folder whose run is stopped in the middle."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

OUT, REPORT = Path("out"), Path("out/report.jsonl")


def lines() -> list[dict]:
    return [json.loads(line) for line in REPORT.read_text().splitlines()]


def files() -> list[str]:
    return [path.name for path in OUT.iterdir() if path.suffix != ".jsonl"]


def run_slowly(*words: str) -> subprocess.Popen[str]:
    """Start `restore fix` on photos/ in a process whose restorer takes 50 ms for a photo."""
    program = """
import sys, time, numpy as np
from pathlib import Path
import restore.folders.run as run
from restore.commands import main
class Slow:
    name, mends = "slow", False
    def steps(self, photo, mask, seed=0):
        time.sleep(0.05)
        return np.where(mask[..., None] == 1, np.uint8(seed), photo)
        yield
import restore.folders.crew as crew, restore.folders.folder as folder
crew.pick_way = lambda restorer: crew.Way()
folder.load_fixer = lambda *_: Slow()
sys.exit(main(sys.argv[1:]))
"""
    command = [sys.executable, "-c", program, "fix", "photos", "--mask", "masks", "--out", "out"]
    return subprocess.Popen(
        [*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(*names: str) -> None:
    deadline = time.monotonic() + 60
    while not all((OUT / name).exists() for name in names):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def assert_whole(names: Iterator[str]) -> None:
    for name in names:
        Image.open(OUT / name).load()


def test_ctrl_c_finishes_the_photo_in_hand(make_album) -> None:
    make_album(*(f"{n:03}.png" for n in range(200)))
    process = run_slowly()
    wait_for("001.png")
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (130, "")
    assert 2 <= len(files()) < 200
    assert sorted(line["out"] for line in lines()) == sorted(files())
    assert out == f"{len(files())} fixed, 0 failed; see out/report.jsonl\n"
    assert_whole(iter(files()))


def test_a_killed_run_leaves_whole_files_and_the_next_goes_on(make_album) -> None:
    names = [f"{n:03}.png" for n in range(100)]
    make_album(*names)
    process = run_slowly()
    wait_for("000.png", "001.png", "002.png", "003.png", "report.jsonl")
    process.kill()
    process.communicate()
    left = [name for name in files() if not name.startswith(".restore-")]
    assert 4 <= len(left) < 100
    assert_whole(iter(left))
    process = run_slowly("--resume")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "kept from before" in out
    assert sorted(files()) == names
    assert_whole(iter(names))
