import numpy as np
import pytest

from restore.degradations.lettering import FONTS, Text, Watermark, tile, write


@pytest.mark.parametrize("font", FONTS)
def test_a_text_is_as_high_as_asked(font: int) -> None:
    canvas = np.zeros((120, 400), np.uint8)
    write(canvas, "HHH", (20, 80), 40, font, bold=False)
    rows = np.nonzero(canvas.max(axis=1))[0]
    assert rows.max() == pytest.approx(80, abs=8)
    assert np.ptp(rows) == pytest.approx(40, abs=14)


def test_a_bold_text_has_more_ink() -> None:
    canvases = np.zeros((2, 60, 200), np.uint8)
    for canvas, bold in zip(canvases, (False, True), strict=True):
        write(canvas, "text", (10, 40), 24, FONTS[0], bold)
    assert canvases[1].sum() > 1.2 * canvases[0].sum()


@pytest.mark.parametrize("angle", [0, 30, 90])
@pytest.mark.parametrize("size", [(120, 160), (300, 60)])
def test_a_watermark_is_everywhere(size: tuple[int, int], angle: float) -> None:
    canvas = tile(size, "sample", 10, angle, FONTS[0])
    assert canvas.shape == size
    for half in (*np.array_split(canvas, 2, axis=0), *np.array_split(canvas, 2, axis=1)):
        assert 0.02 < (half > 128).mean() < 0.4


def test_lettering_has_its_opacity() -> None:
    for kind in (Text(opacity=(0.6, 0.6)), Watermark(opacity=(0.6, 0.6))):
        most = max(kind.draw(200, 200, np.random.default_rng(s)).opacity.max() for s in range(5))
        assert most == pytest.approx(0.6)
