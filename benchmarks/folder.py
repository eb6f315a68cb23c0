"""How many photos a second: a folder, beside a loop in one process and a process for each photo.

    python benchmarks/folder.py --count 200 --each 5

Photos of 512², PNG and JPEG in turn, are cut from those inside scikit-image; masks are of the
preset `mixed`. Every way is timed as a user meets it, from the start of a process to its end. A
process for each photo is timed with `--each` photos only, and reckoned up from those. The loop
reads, fixes and writes one photo after the other with the same functions, and its files have the
same bytes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 512  # pixels
LOOP = """
import sys
from pathlib import Path
from restore import Restorer
from restore.image import read_image, write_image
from restore.masks import read_mask
restorer = Restorer.load(sys.argv[1])
Path("loop").mkdir()
for path in sorted(Path("photos").iterdir()):
    photo = read_image(path)
    mask = read_mask(Path("masks", path.stem + ".png"), photo.pixels.shape[:2])
    write_image(Path("loop", path.name), restorer.fix(photo.pixels, mask), photo)
"""


def main() -> None:
    """Time the three ways and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="photos [200]")
    parser.add_argument("--each", type=int, default=5, help="of them in a process for each [5]")
    parser.add_argument("--model", default="inpaint", help="name or file of a checkpoint")
    parser.add_argument("--jobs", type=int, default=2, help="of restore fix [2]")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        make_album(place, options.count)
        rows = measure(place, options.count, options.each, options.model, options.jobs)
        assert read_all(place / "folder") == read_all(place / "loop")
    print(json.dumps(rows) if options.json else to_table(rows))


def make_album(place: Path, count: int) -> None:
    """Write photos/NNN.png or .jpg and masks/NNN.png into `place`."""
    from skimage import data

    from restore.masks import load_preset

    pictures = [
        np.pad(p, ((0, 400), (0, 400), (0, 0)), "symmetric")
        for p in (data.astronaut(), data.coffee(), data.rocket())
    ]
    preset = load_preset("mixed")
    for folder in ("photos", "masks"):
        (place / folder).mkdir()
    for n in range(count):
        rng = np.random.default_rng(n)
        picture = pictures[n % len(pictures)]
        top, left = (int(rng.integers(0, side - SIDE)) for side in picture.shape[:2])
        photo = Image.fromarray(picture[top : top + SIDE, left : left + SIDE])
        name = f"{n:03}.{('png', 'jpg')[n % 2]}"
        photo.save(place / "photos" / name, quality=90)  # which PNG passes over
        mask = preset.draw(SIDE, SIDE, rng) * np.uint8(255)
        Image.fromarray(mask).save(place / "masks" / f"{n:03}.png")


def measure(
    place: Path, count: int, each: int, model: str, jobs: int
) -> list[dict[str, float | str]]:
    """Return a row for each way: seconds, photos that were timed, photos a second."""
    fix = [sys.executable, "-m", "restore", "fix", "--model", model]
    whole = [*fix, "photos", "--mask", "masks", "--out", "folder", "--jobs", str(jobs)]
    photos = sorted((place / "photos").iterdir())[:each]
    alone = [
        [*fix, f"photos/{path.name}", "--mask", f"masks/{path.stem}.png", "--out", "each/"]
        for path in photos
    ]
    ways: dict[str, tuple[int, list[list[str]]]] = {
        "a folder": (count, [whole]),
        "a loop": (count, [[sys.executable, "-c", LOOP, model]]),
        "a process for each": (len(alone), alone),
    }
    rows: list[dict[str, float | str]] = []
    run_all([[*alone[0][:-1], "warm/"]], place)  # libraries are read from the disk once
    for way, (timed, commands) in ways.items():
        seconds = run_all(commands, place)
        rows.append({"way": way, "timed": timed, "seconds": seconds, "speed": timed / seconds})
    return rows


def run_all(commands: Sequence[Sequence[str]], place: Path) -> float:
    """Run commands one after the other and return the seconds that they took."""
    start = time.perf_counter()
    for command in commands:
        subprocess.run(command, check=True, cwd=place, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def read_all(folder: Path) -> dict[str, bytes]:
    """Return the photos in a folder by name."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix != ".jsonl"}


def to_table(rows: Sequence[dict[str, float | str]]) -> str:
    """Return the rows as a table in Markdown; the last column is the folder's speed over theirs."""
    lines = ["| way | photos | seconds | photos/s | the folder is |", "|---|---|---|---|---|"]
    for row in rows:
        ratio = float(rows[0]["speed"]) / float(row["speed"])
        lines.append(
            f"| {row['way']} | {row['timed']} | {row['seconds']:.1f} | {row['speed']:.2f} | "
            f"{ratio:.2f} × |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
