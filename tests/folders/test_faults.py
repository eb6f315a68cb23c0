"""What goes wrong while a folder is fixed: at the end nothing is lost, and nothing is half there.

FAULT_SEED=3 python -m pytest -m slow tests/folders/test_faults.py -s
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore.errors import RestoreError
from restore.folders import Entry, FixOptions, Tree, fix_folder, plan_folder

pytestmark = pytest.mark.slow
TREE = Tree(Path("photos"), Path("out"), FixOptions(Path("mask.png"), seed=9))
RESUMED = replace(TREE, resume=True)
NAMES = [f"{folder}/{n:02}.png" for folder in ("first", "later") for n in range(10)]


@pytest.fixture
def place(fake_restorer, monkeypatch) -> Iterator[Path]:
    """A folder that every user may enter, with twenty photos of 100 kB in photos/."""
    place = Path(tempfile.mkdtemp(prefix="restore-faults-"))
    monkeypatch.chdir(place)
    place.chmod(0o777)
    rng = np.random.default_rng(0)
    for name in NAMES:
        path = Path("photos", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (180, 185, 3), np.uint8)).save(path)
    mask = np.zeros((180, 185), np.uint8)
    mask[9:20, 9:20] = 255
    Image.fromarray(mask).save("mask.png")
    yield place
    shutil.rmtree(place)


def fix(tree: Tree, after_first: Callable[[], object] = lambda: None) -> list[Entry]:
    entries = []
    for entry in fix_folder(plan_folder(tree), threads=1):
        if not entries:
            after_first()
        entries.append(entry)
    return entries


def whole_results() -> list[str]:
    """Return the results; each is its photo with the hole filled, and nothing else lies there."""
    found = []
    for path in sorted(Path("out").rglob("*")):
        if path.is_file() and path.suffix != ".jsonl":
            found.append(path.relative_to("out").as_posix())
            photo = np.array(Image.open(Path("photos") / found[-1]))
            photo[9:20, 9:20] = 9
            assert (np.array(Image.open(path)) == photo).all()
    return found


def tell(what: str, entries: list[Entry]) -> None:
    counts = Counter(entry.status for entry in entries)
    print(f"\n{what}: {dict(counts)}; all {len(NAMES)} there in the end")


@contextmanager
def nobody() -> Iterator[None]:
    """Have no more rights than the files give, also as root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_full_disk(place: Path) -> None:
    Path("out").mkdir()
    disk = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "out"]
    if subprocess.run(disk, capture_output=True, check=False).returncode:
        pytest.skip("a disk can't be mounted here")
    try:
        entries: list[Entry] = []
        with pytest.raises(RestoreError, match=r"^Can't write out/report.jsonl; make room on the"):
            for entry in fix_folder(plan_folder(TREE)):
                entries.append(entry)
                if len(entries) == 12:  # by now there is room for a few lines only
                    with Path("out/filler").open("wb", 0) as file, pytest.raises(OSError):
                        while True:
                            file.write(bytes(4096))
        failed = [entry for entry in entries if entry.status == "failed"]
        assert all("No space left" in str(entry.sentence) for entry in failed)
        assert failed
        Path("out/filler").unlink()
        done = {entry.out for entry in entries if entry.status == "done"}
        assert done <= set(whole_results())
        subprocess.run(["mount", "-o", "remount,size=50m", "out"], check=True)
        again = fix(RESUMED)
        assert done <= {entry.out for entry in again if entry.status == "kept"}
        assert whole_results() == NAMES
        tell("full disk", entries)
    finally:
        subprocess.run(["umount", "out"], check=True)


def test_lost_permissions(place: Path) -> None:
    def lose() -> None:
        Path("out/later").chmod(0o555)
        Path("photos/first/09.png").chmod(0)

    Path("out/later").mkdir(parents=True)
    Path("out/first").mkdir()
    for path in Path().rglob("*"):
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534)
    with nobody():
        entries = fix(TREE, lose)
    failed = {entry.photo: str(entry.sentence) for entry in entries if entry.status == "failed"}
    assert set(failed) == {name for name in NAMES if name.startswith("later") or "t/09" in name}
    assert "Permission denied" in failed["first/09.png"]
    assert "out/later" in failed["later/09.png"]
    Path("photos/first/09.png").chmod(0o644)
    Path("out/later").chmod(0o755)
    with nobody():
        statuses = Counter(entry.status for entry in fix(RESUMED))
    assert statuses == {"kept": 9, "done": 11}
    assert whole_results() == NAMES
    tell("lost permissions", entries)


def test_photos_and_folders_that_vanish(place: Path) -> None:
    kept = place / "kept"

    def vanish() -> None:
        shutil.copytree("photos", kept)
        Path("photos/first/09.png").unlink()
        shutil.rmtree("photos/later")
        shutil.rmtree("out/first", ignore_errors=True)  # which is written to meanwhile

    entries = fix(TREE, vanish)
    failed = {entry.photo: str(entry.sentence) for entry in entries if entry.status == "failed"}
    assert set(failed) >= {name for name in NAMES if name.startswith("later") or "t/09" in name}
    assert failed["later/03.png"] == "There is no file photos/later/03.png."
    shutil.rmtree("photos")
    kept.rename("photos")
    fix(RESUMED)
    assert whole_results() == NAMES
    tell("vanished files", entries)


# In a process that starts others of itself, so that torch is imported once only.
HEAD = """
import os, sys, time
from pathlib import Path
from restore.folders import FixOptions, Tree, fix_folder, plan_folder
import restore.folders.crew
import numpy as np
from PIL import Image
model, count = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(int(os.environ.get("FAULT_SEED", "0")))
Path("photos").mkdir()
for n in range(count):
    Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8)).save(f"photos/{n:04}.png")
mask = np.zeros((24, 32), np.uint8)
mask[5:15, 9:20] = 255
Image.fromarray(mask).save("mask.png")
def run(out, resume=False):
    tree = Tree(Path("photos"), Path(out), FixOptions(Path("mask.png")), resume=resume)
    return fix_folder(plan_folder(tree), model=model, device="cpu")
"""

KILLS = """
import restore.restorer  # and so what it needs is there in every process to come
# This one computes nothing before it starts them: PyTorch now and then hangs in a process that is
# started by one which has.
child = os.fork()
if child == 0:
    list(run("straight"))
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
report = Path("out/report.jsonl")
for kill in range(20):
    child = os.fork()
    if child == 0:
        list(run("out", resume=kill > 0))
        os._exit(0)
    size = report.stat().st_size if kill else 0
    more = rng.integers(1, 10) * 500  # bytes; a line is about that long
    while not report.exists() or report.stat().st_size < size + more:
        time.sleep(0.001)
    time.sleep(rng.uniform(0, 0.03))
    os.kill(child, 9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    for path in Path("out").glob("*.png"):
        Image.open(path).load()
    print(len(list(Path("out").glob("*.png"))), len(list(Path("out").glob(".*.part"))), flush=True)
print(*(entry.status for entry in run("out", resume=True)))
"""

MANY = """
pages = lambda: int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
for n, entry in enumerate(run("out"), start=1):
    assert entry.status == "done"
    if n in (count // 4, count // 2, count):
        print(n, pages())
"""


def run_program(program: str, checkpoint: Path, count: int) -> list[str]:
    command = [sys.executable, "-c", HEAD + program, str(checkpoint), str(count)]
    # On one thread PyTorch has no others, which a process that is started so would not have.
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


def hashes(folder: str) -> dict[str, str]:
    paths = Path(folder).glob("*.png")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_twenty_kills_in_a_folder_of_two_hundred(tmp_path, monkeypatch, tiny_checkpoint) -> None:
    monkeypatch.chdir(tmp_path)
    *kills, statuses = run_program(KILLS, tiny_checkpoint, 200)
    assert len(kills) == 20
    assert len(statuses.split()) == 200
    assert set(statuses.split()) == {"done", "kept"}
    assert hashes("out") == hashes("straight")
    assert len(hashes("out")) == 200
    assert sorted(path.name for path in Path("out").iterdir()) == [
        *sorted(hashes("photos")),
        "report.jsonl",
    ]
    lines = [
        json.loads(line)
        for line in Path("out/report.jsonl").read_text().splitlines()
        if line.endswith("}")
    ]
    assert {line["out"] for line in lines if line["status"] == "done"} == set(hashes("out"))
    print(
        f"\n20 kills with {', '.join(kill.split()[0] for kill in kills)} results there: none lost"
    )


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
def test_memory_is_flat_over_two_thousand_photos(tmp_path, monkeypatch, tiny_checkpoint) -> None:
    monkeypatch.chdir(tmp_path)
    lines = run_program(MANY, tiny_checkpoint, 2000)
    bytes_at = {int(n): int(size) for n, size in (line.split() for line in lines)}
    assert bytes_at[2000] - bytes_at[500] < 16_000_000
    sizes = ", ".join(f"{size / 1e6:.0f} MB after {n}" for n, size in bytes_at.items())
    print(f"\nmemory: {sizes} photos")
