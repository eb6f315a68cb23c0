"""Lettering over a photo: captions, date stamps, watermarks."""

import string
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.degradations.damage import Damage, Layer
from restore.seeded import Count, Rng, Shares, draw_count, within

Canvas = NDArray[np.uint8]

FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)
COLORS = ((255, 255, 255), (0, 0, 0), (255, 150, 40), (255, 225, 60), (200, 30, 30))
_LETTERS = string.ascii_letters + string.digits + " .:'-"
_HEIGHT = 22  # pixels of a capital at scale 1


def write(
    canvas: Canvas, text: str, foot: tuple[int, int], height: float, font: int, bold: bool
) -> None:
    """Write a line of text into a canvas (H, W) uint8, 255 on 0; its foot begins at (x, y)."""
    # OpenCV 5 takes 2 and more as bold; before, a letter is drawn by lines of so many pixels.
    thin = 1 if cv2.getVersionMajor() >= 5 else max(1, round(height / 16))
    thickness = max(2, round(height / 8)) if bold else thin
    cv2.putText(canvas, text, foot, font, height / _HEIGHT, 255, thickness, cv2.LINE_AA)


def tile(size: tuple[int, int], text: str, height: float, angle: float, font: int) -> Canvas:
    """Return a canvas (H, W) uint8 with a text all over, turned by `angle` degrees."""
    side = int(np.hypot(*size)) + 1  # of a square that covers the picture however it is turned
    canvas = np.zeros((side, side), np.uint8)
    line = (text + "   ") * (2 + round(2 * side / (height * len(text))))
    for row, y in enumerate(range(0, side + round(height), max(2, round(3.5 * height)))):
        write(canvas, line, (-round((row % 2 * 3 + 1) * height), y), height, font, bold=True)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), angle, 1)
    turn[0, 2] -= (side - size[1]) / 2
    turn[1, 2] -= (side - size[0]) / 2
    return np.asarray(cv2.warpAffine(canvas, turn, size[::-1]), np.uint8).reshape(size)


def _draw_words(rng: Rng, count: int) -> str:
    return "".join(_LETTERS[n] for n in rng.integers(len(_LETTERS), size=count)).strip() or "x"


class Text(Damage):
    """Captions and date stamps in several fonts and colours."""

    lines: Count = (1, 3)
    letters: Count = (4, 24)
    height: Shares = (0.03, 0.1)  # of a capital
    opacity: Shares = (0.7, 1)

    def draw(self, height: int, width: int, rng: Rng) -> Layer:
        """Return the text, all of it in one colour."""
        canvas, side = np.zeros((height, width), np.uint8), min(height, width)
        for _ in range(draw_count(rng, self.lines)):
            text = _draw_words(rng, draw_count(rng, self.letters))
            capital = max(1.0, rng.uniform(*self.height) * side)
            foot = round(rng.uniform(-0.1, 0.6) * width), round(rng.uniform(0.05, 1) * height)
            font, bold = FONTS[rng.integers(len(FONTS))], bool(rng.integers(2))
            write(canvas, text, foot, capital, font, bold)
        color = np.array(COLORS[rng.integers(len(COLORS))], np.float32)
        return Layer(color, canvas * np.float32(rng.uniform(*self.opacity) / 255))


class Watermark(Damage):
    """One text repeated across the whole picture, half transparent."""

    letters: Count = (5, 14)
    height: Shares = (0.04, 0.12)  # of a capital
    angle: Annotated[tuple[float, float], within(0, 360)] = (0, 60)  # degrees
    opacity: Shares = (0.2, 0.6)

    def draw(self, height: int, width: int, rng: Rng) -> Layer:
        """Return the watermark, white or black."""
        text = _draw_words(rng, draw_count(rng, self.letters))
        capital = max(1.0, rng.uniform(*self.height) * min(height, width))
        font, angle = FONTS[rng.integers(len(FONTS))], rng.uniform(*self.angle)
        canvas = tile((height, width), text, capital, angle, font)
        color = np.array(COLORS[0 if rng.random() < 0.7 else 1], np.float32)
        return Layer(color, canvas * np.float32(rng.uniform(*self.opacity) / 255))
