"""Contact sheets: pictures side by side with titles and labels, and masks laid over photos.

All pixels are (H, W, 3) uint8 RGB.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from restore.errors import RestoreError, UsageError
from restore.image import check_target, encode_png, real_path, write_bytes

PAPER = (255, 255, 255)
INK = (40, 40, 40)
HOLE = (255, 0, 255)  # magenta: rare in photos
TEXT_SIZE = 14  # pixels
GAP = 4  # pixels between pictures


def make_grid(
    rows: Sequence[Sequence[np.ndarray]],
    titles: Sequence[str] = (),
    labels: Sequence[str] = (),
) -> np.ndarray:
    """Lay rows of pictures out on white paper and return it as pixels.

    Pictures of different sizes are centred in cells of the largest height and width; a row may be
    shorter than others. `titles` stand above the columns, `labels` to the left of the rows; labels
    may have several lines.
    """
    height = max(picture.shape[0] for row in rows for picture in row)
    width = max(picture.shape[1] for row in rows for picture in row)
    left = max((_text_width(line) for label in labels for line in label.split("\n")), default=0)
    top = TEXT_SIZE + 2 * GAP if titles else GAP
    columns = max(len(row) for row in rows)
    size = (left + 2 * GAP + columns * (width + GAP), top + len(rows) * (height + GAP))
    paper = Image.new("RGB", size, PAPER)
    for r, row in enumerate(rows):
        for c, picture in enumerate(row):
            x = left + 2 * GAP + c * (width + GAP) + (width - picture.shape[1]) // 2
            y = top + r * (height + GAP) + (height - picture.shape[0]) // 2
            paper.paste(Image.fromarray(picture), (x, y))
    for c, title in enumerate(titles):
        _write(paper, (left + 2 * GAP + c * (width + GAP), GAP), title, width)
    for r, label in enumerate(labels):
        lines = label.split("\n")
        y = top + r * (height + GAP) + (height - TEXT_SIZE * len(lines)) // 2
        for n, line in enumerate(lines):
            _write(paper, (GAP, y + TEXT_SIZE * n), line, left)
    return np.array(paper)


def to_rgb(picture: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, 3) or, gray, (H, W) as (H, W, 3)."""
    return picture if picture.ndim == 3 else picture[..., None].repeat(3, axis=2)


def draw_mask(
    pixels: np.ndarray,
    mask: np.ndarray,
    color: tuple[int, int, int] = HOLE,
    opacity: float = 1.0,
) -> np.ndarray:
    """Return the photo with the hole (mask (H, W), 1 = hole) painted over, 1.0 = opaque."""
    painted, hole = pixels.copy(), mask > 0
    if opacity == 1:
        painted[hole] = color
        return painted
    paint = opacity * np.array(color) + (1 - opacity) * pixels[hole]
    painted[hole] = paint.round().astype(np.uint8)
    return painted


def _write(paper: Image.Image, position: tuple[int, int], text: str, width: int) -> None:
    """Write one line, shortened with an ellipsis to `width` pixels."""
    full = text
    while len(text) > 1 and _text_width(text) > width:
        full = full[:-1]
        text = full + "…"
    ImageDraw.Draw(paper).text(position, text, INK, _font())


def shrink(pixels: np.ndarray, side: int) -> np.ndarray:
    """Return a picture that is at most `side` pixels long and wide."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(scale * width)), max(1, round(scale * height)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def check_sheet(path: Path, *inputs: Path, overwrite: bool = False) -> None:
    """Refuse a contact sheet that can't be written or lies among what it is drawn from.

    Raises:
        UsageError: it is no PNG by name, lies in one of the folders `inputs`, or exists and shall
            not be overwritten. RestoreError: no such folder.
    """
    if path.suffix.lower() != ".png":
        name = f"{path.stem}.png" if path.stem.strip(".") == path.stem != "" else "sheet.png"
        raise UsageError(f"A sheet is a PNG; call it {name}.")
    for folder in inputs:
        if real_path(path).is_relative_to(real_path(folder)):
            raise UsageError(f"The sheet {path} would lie among the pictures; name another place.")
    check_target(path, overwrite=overwrite)


def write_sheet(path: Path, sheet: np.ndarray | None) -> None:
    """Write a contact sheet as a PNG, replacing an older one.

    Raises:
        RestoreError: there is nothing on it, or the file can't be written.
    """
    if sheet is None:
        raise RestoreError(f"There is no photo to put on the sheet {path}.")
    write_bytes(path, encode_png(sheet), overwrite=True)


def _text_width(text: str) -> int:
    return int(_font().getlength(text)) + 1


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(TEXT_SIZE)
