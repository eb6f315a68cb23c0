from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from restore.errors import RestoreError, UsageError
from restore.masks import (
    encode_mask,
    fit_mask,
    grow_mask,
    mask_from_alpha,
    mask_from_boxes,
    mask_from_chances,
    mask_from_color,
    read_mask,
    to_mask,
    write_mask,
)
from restore.masks.given import FAINT, SOFT_RIM

HOLE = np.zeros((6, 8), np.uint8)
HOLE[1:3, 2:7] = 1


def write(path: Path, picture: Image.Image, **options: object) -> Path:
    picture.save(path, **options)
    return path


def picture_of(mode: str) -> Image.Image:
    """The mask HOLE as a picture, white on black, in one of Pillow's modes."""
    if mode == "I;16":
        return Image.fromarray((HOLE * 65535.0).astype(np.uint16))
    if mode == "F":
        return Image.fromarray(HOLE.astype(np.float32))
    white = Image.fromarray(HOLE * 255)
    if mode == "alpha":  # painted on a transparent layer
        layer = Image.new("RGBA", white.size, (0, 0, 0, 0))
        layer.paste((255, 255, 255, 255), mask=white)
        return layer
    return white.convert(mode)


def far_apart(levels: list[float], kind: type = np.uint8, between: float = 0) -> np.ndarray:
    """Levels so far from each other that none is the soft rim of another."""
    line = np.full((1, 4 * SOFT_RIM * len(levels)), between, kind)
    line[0, 2 * SOFT_RIM :: 4 * SOFT_RIM] = levels
    return line


def near(mask: np.ndarray) -> list[int]:
    """What a mask says where `far_apart` has its levels."""
    return mask[0, 2 * SOFT_RIM :: 4 * SOFT_RIM].tolist()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "alpha"])
def test_any_picture_is_a_mask(tmp_path: Path, mode: str) -> None:
    path = write(tmp_path / "mask.png", picture_of(mode))
    assert np.array_equal(read_mask(path, HOLE.shape), HOLE)


@pytest.mark.parametrize(
    ("name", "mode"),
    [("m.gif", "P"), ("m.bmp", "L"), ("m.tif", "F"), ("m.webp", "RGB"), ("m.pgm", "L")],
)
def test_any_format_is_a_mask(tmp_path: Path, name: str, mode: str) -> None:
    options = {"lossless": True} if name == "m.webp" else {}
    path = write(tmp_path / name, picture_of(mode), **options)
    assert np.array_equal(read_mask(path, HOLE.shape), HOLE)


def test_a_cmyk_jpeg_is_a_mask(tmp_path: Path) -> None:
    big = Image.fromarray(HOLE * 255).resize((160, 120), Image.Resampling.NEAREST)
    path = write(tmp_path / "mask.jpg", big.convert("CMYK"), quality=100)
    assert np.mean(read_mask(path, (120, 160)) != np.asarray(big) // 255) < 0.01


def test_known_turns_white_and_black_round(tmp_path: Path) -> None:
    path = write(tmp_path / "mask.png", picture_of("L"))
    assert np.array_equal(read_mask(path, HOLE.shape, "known"), 1 - HOLE)
    layer = Image.new("RGBA", (8, 6), (0, 0, 0, 0))  # transparent marks nothing, either way
    layer.paste((0, 0, 0, 255), mask=Image.fromarray(HOLE * 255))
    path = write(tmp_path / "layer.png", layer)
    assert np.array_equal(read_mask(path, HOLE.shape, "known"), HOLE)


def test_gray_counts_from_half_up(tmp_path: Path) -> None:
    levels = far_apart([0, 127, 128, 255])
    path = write(tmp_path / "mask.png", Image.fromarray(levels))
    assert near(read_mask(path, levels.shape)) == [0, 0, 1, 1]
    levels = far_apart([0, 127, 128, 255], between=255)
    path = write(tmp_path / "mask.png", Image.fromarray(levels))
    assert near(read_mask(path, levels.shape, "known")) == [1, 1, 0, 0]


def test_the_soft_rim_of_a_hole_is_hole(tmp_path: Path) -> None:
    soft = cv2.GaussianBlur(np.pad(np.full((20, 20), 255, np.uint8), 20), (0, 0), 2)
    painted = np.pad(np.ones((20, 20), np.uint8), 20)
    path = write(tmp_path / "mask.png", Image.fromarray(soft))
    hole = read_mask(path, soft.shape)
    assert (hole >= painted).all() and soft[hole == 0].max() <= FAINT
    write(path, Image.fromarray(255 - soft))
    assert np.array_equal(read_mask(path, soft.shape, "known"), hole)
    write(path, Image.fromarray(np.minimum(soft, 120)))
    assert not read_mask(path, soft.shape).any(), "a rim of nothing"


@pytest.mark.parametrize("mask_is", ["hole", "known"])
def test_a_jpeg_of_a_mask_is_that_mask_but_for_its_rim(tmp_path: Path, mask_is: str) -> None:
    path = write(tmp_path / "mask.jpg", picture_of("L").resize((320, 240), 0), quality=60)
    exact = cv2.resize(HOLE, (320, 240), interpolation=cv2.INTER_NEAREST)
    if mask_is == "known":
        exact = 1 - exact
    hole = read_mask(path, (240, 320), mask_is)
    assert (hole >= exact).all() and (hole <= grow_mask(exact, SOFT_RIM)).all()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("white", [1, 255])
def test_labels_of_0_and_1_are_a_mask_and_so_are_few_bits_in_many(
    tmp_path: Path, kind: type, white: int
) -> None:
    path = tmp_path / "mask.png"
    assert cv2.imwrite(str(path), HOLE.astype(kind) * kind(white))
    assert np.array_equal(read_mask(path, HOLE.shape), HOLE)
    assert np.array_equal(read_mask(path, HOLE.shape, "known"), 1 - HOLE)
    assert cv2.imwrite(str(path), np.zeros_like(HOLE, kind))
    assert not read_mask(path, HOLE.shape).any()


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 0, 255), (128, 0, 0), (0, 192, 0)])
def test_a_mask_may_be_painted_in_a_colour(tmp_path: Path, colour: tuple[int, ...]) -> None:
    painted = HOLE[..., None] * np.array(colour, np.uint8)
    path = write(tmp_path / "mask.png", Image.fromarray(painted))
    assert np.array_equal(read_mask(path, HOLE.shape), HOLE)


@pytest.mark.parametrize("white", [1, 255, 65_535])
@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_samples_of_32_bits_have_a_scale_of_their_own(
    tmp_path: Path, kind: type, white: int
) -> None:
    path = write(tmp_path / "mask.tif", Image.fromarray(HOLE.astype(kind) * kind(white)))
    assert np.array_equal(read_mask(path, HOLE.shape), HOLE)
    assert np.array_equal(read_mask(path, HOLE.shape, "known"), 1 - HOLE)
    write(path, Image.fromarray(np.zeros_like(HOLE, kind)))
    assert not read_mask(path, HOLE.shape).any()


def test_a_float_mask_may_overshoot_its_scale(tmp_path: Path) -> None:
    for white in (1, 255):
        levels = far_apart([-0.1 * white, 0.49 * white, 0.51 * white, 1.1 * white], np.float32)
        path = write(tmp_path / "mask.tif", Image.fromarray(levels))
        assert near(read_mask(path, levels.shape)) == [0, 0, 1, 1]


@pytest.mark.parametrize("unknown", [np.nan, np.inf, -np.inf])
def test_what_a_float_mask_does_not_know_is_black(tmp_path: Path, unknown: float) -> None:
    levels = np.float32([[unknown, 0, 1, 0.04]])
    path = write(tmp_path / "mask.tif", Image.fromarray(levels))
    assert read_mask(path, (1, 4)).tolist() == [[0, 0, 1, 0]]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_a_mask_where_0_is_white_is_turned_round(tmp_path: Path, kind: type) -> None:
    black = 255 if kind == np.uint8 else 65_535
    levels = ((1 - HOLE) * float(black)).astype(kind)
    tifffile.imwrite(tmp_path / "mask.tif", levels, photometric="miniswhite")
    assert np.array_equal(read_mask(tmp_path / "mask.tif", HOLE.shape), HOLE)


def test_the_orientation_of_a_mask_counts(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    path = write(tmp_path / "mask.png", picture_of("L"), exif=exif)
    assert np.array_equal(read_mask(path, (8, 6)), np.rot90(HOLE, -1))
    with pytest.raises(UsageError, match="6 x 8"):
        read_mask(path, (6, 8))


def test_another_size_of_the_same_shape_is_fitted(tmp_path: Path) -> None:
    path = write(tmp_path / "mask.png", picture_of("L"))
    assert np.array_equal(read_mask(path, (12, 16)), HOLE.repeat(2, 0).repeat(2, 1))
    assert read_mask(path, (3, 4)).tolist() == [[0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]]


def test_another_shape_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "mask.png", Image.new("L", (1000, 1000)))
    assert read_mask(path, (400, 397)).shape == (400, 397)  # one percent
    with pytest.raises(UsageError, match=r"is 1000 x 1000 and the photo 394 x 400 pixels"):
        read_mask(path, (400, 394))


def test_a_side_may_be_rounded(tmp_path: Path) -> None:
    path = write(tmp_path / "mask.png", Image.new("L", (100, 7)))
    assert read_mask(path, (20, 300)).shape == (20, 300)  # 6.67 pixels
    with pytest.raises(UsageError, match="shape of the photo as displayed"):
        read_mask(path, (20, 350))
    path = write(tmp_path / "small.png", Image.new("L", (10, 10)))
    with pytest.raises(UsageError, match="shape of the photo as displayed"):
        read_mask(path, (1000, 1080))


@pytest.mark.parametrize("mask_is", ["hole", "known"])
def test_few_bits_with_a_transparent_level_mark_nothing_there(write_gray_png, mask_is: str) -> None:
    levels = far_apart([0, 1, 2, 3], between=3)
    path = write_gray_png(levels, 2, 3)
    marked = [0, 0, 1, 0] if mask_is == "hole" else [1, 1, 0, 0]  # 3 is white, but transparent
    assert near(read_mask(path, levels.shape, mask_is)) == marked


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (7, 11), (13, 29), (40, 56), (20, 28), (41, 57)])
def test_fitting_keeps_every_touch_and_no_more(size: tuple[int, int]) -> None:
    mask = (np.random.default_rng(0).random((20, 28)) < 0.05).astype(np.uint8)
    fitted = fit_mask(mask, size)
    # The same by brute force, on a grid that is fine enough for both.
    fine = mask.repeat(size[0], 0).repeat(size[1], 1)
    cells = fine.reshape(size[0], 20, size[1], 28)
    assert np.array_equal(fitted, cells.max(axis=(1, 3)))


def test_a_bad_mask_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="There is no file"):
        read_mask(tmp_path / "none.png", (4, 4))
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(RestoreError, match="is not a picture"):
        read_mask(tmp_path / "text.png", (4, 4))
    with pytest.raises(UsageError, match="'hole' or 'known'"):
        read_mask(tmp_path / "none.png", (4, 4), "white")


def test_boxes_mark_pixels() -> None:
    mask = mask_from_boxes((5, 6), [(1, 2, 2, 1), (4, 0, 100, 2)])
    assert mask.dtype == np.uint8
    assert mask.tolist() == [
        [0, 0, 0, 0, 1, 1],
        [0, 0, 0, 0, 1, 1],
        [0, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]


def test_boxes_may_count_from_the_right_and_the_bottom() -> None:
    mask = mask_from_boxes((3, 4), [(-1, -2, 9, 1), (-6, 0, 3, 1)])
    assert mask.tolist() == [[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]


@pytest.mark.parametrize("box", [(0, 0, 0, 3), (0, 0, 3, -2), (6, 0, 3, 3), (-9, 0, 3, 3)])
def test_a_box_without_pixels_is_refused(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(UsageError, match="has no pixels"):
        mask_from_boxes((5, 6), [box])


def test_what_is_no_box_or_size_is_refused() -> None:
    with pytest.raises(UsageError, match="four whole numbers"):
        mask_from_boxes((5, 6), [(1.5, 2, 3, 3)])
    with pytest.raises(UsageError, match="four whole numbers"):
        mask_from_boxes((5, 6), [(1, 2, 3)])
    with pytest.raises(UsageError, match=r"is \(height, width\)"):
        mask_from_boxes((5, 6, 3), [])


def test_a_colour_marks_pixels() -> None:
    pixels = np.array([[[255, 0, 0], [225, 30, 30], [224, 0, 0], [255, 31, 0]]], np.uint8)
    assert mask_from_color(pixels, "#ff0000", 30).tolist() == [[1, 1, 0, 0]]
    assert mask_from_color(pixels, "red", 0).tolist() == [[1, 0, 0, 0]]
    assert mask_from_color(pixels, "#f00", 255).tolist() == [[1, 1, 1, 1]]
    with pytest.raises(UsageError, match="'reed' is no colour"):
        mask_from_color(pixels, "reed")


def test_transparency_marks_pixels() -> None:
    alpha = np.array([[0, 127, 255, 128, 254, *[255] * 3, *[128] * 4]], np.uint8)
    soft = SOFT_RIM + 2 - 8  # of the last four, those that are near enough
    assert mask_from_alpha(alpha).tolist() == [
        [1, 1, 0, 1, 1, 0, 0, 0, *[1] * soft, *[0] * (4 - soft)]
    ]
    assert not mask_from_alpha(np.full((3, 20), 128, np.uint8)).any()


def test_a_mask_grows_all_round() -> None:
    dot = np.zeros((9, 9), np.uint8)
    dot[4, 4] = 1
    assert np.array_equal(grow_mask(dot, 0), dot)
    assert np.array_equal(grow_mask(dot, 1), cv2.dilate(dot, cv2.getStructuringElement(1, (3, 3))))
    grown = grow_mask(dot, 3)
    assert grown.dtype == np.uint8
    assert grown[4].tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 0]
    assert not grow_mask(np.zeros((5, 5), np.uint8), 4).any()
    with pytest.raises(UsageError, match="0 pixels or more"):
        grow_mask(dot, -1)


def draw_chances() -> np.ndarray:
    """Draw a line, certain at its left, faint from the middle on and with a faint rim."""
    chances = np.zeros((20, 40), np.float32)
    chances[9:12, :] = 0.3
    chances[10, :20], chances[10, 20:] = 0.9, 0.35
    return chances


def test_a_faint_line_is_followed_from_where_it_is_certain() -> None:
    marked = mask_from_chances(draw_chances(), 0.5)
    assert marked.dtype == np.uint8 and grow_mask(marked, 1)[10].all()
    assert not np.delete(marked, 10, 0)[:, :20].any()  # its rim there does not go on anywhere
    assert marked[9:12, 25:].all()


@pytest.mark.parametrize(("chance", "followed"), [(0.79, False), (0.81, True)])
def test_what_is_certain_nowhere_is_not_followed(chance: float, followed: bool) -> None:
    chances = draw_chances()
    chances[10, :20] = chance
    assert mask_from_chances(chances, 0.5)[10, 25:].all() == followed
    assert mask_from_chances(chances, 0.5)[10, :20].all()


def test_a_line_is_not_followed_over_a_gap() -> None:
    chances = draw_chances()
    chances[:, 30] = 0.2
    marked = mask_from_chances(chances, 0.5)
    assert marked[10, 22:30].all() and not marked[:, 30:].any()


@pytest.mark.parametrize("threshold", [0, 0.5, 1])
def test_thresholds_may_be_extreme(threshold: float) -> None:
    chances = draw_chances()
    assert not mask_from_chances(np.zeros_like(chances), threshold or 0.1).any()
    assert mask_from_chances(chances, threshold).all() == (threshold == 0)
    chances[3, 3] = 1
    assert mask_from_chances(chances, threshold)[3, 3]


def test_what_is_transparent_in_a_mask_may_be_the_hole(tmp_path: Path) -> None:
    pixels = np.full((20, 30, 4), 255, np.uint8)
    pixels[5:9, 5:9, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "m.png")
    expected = np.zeros((20, 30), np.uint8)
    expected[5:9, 5:9] = 1
    assert np.array_equal(read_mask(tmp_path / "m.png", (20, 30), "alpha"), expected)
    assert np.array_equal(read_mask(tmp_path / "m.png", (20, 30)), 1 - expected)
    Image.fromarray(pixels[..., :3]).save(tmp_path / "opaque.png")
    with pytest.raises(UsageError, match="no transparency that marks"):
        read_mask(tmp_path / "opaque.png", (20, 30), "alpha")


@pytest.mark.parametrize("size", [(20, 30, 3), (0, 0)])
def test_a_size_is_a_height_and_a_width(tmp_path: Path, size: tuple[int, ...]) -> None:
    Image.new("L", (30, 20)).save(tmp_path / "m.png")
    with pytest.raises(UsageError, match=r"is \(height, width\)"):
        read_mask(tmp_path / "m.png", size)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32])
def test_a_mask_of_0_and_255_is_that_of_0_and_1(tmp_path: Path, kind: type) -> None:
    white = HOLE.astype(kind) * 255
    assert np.array_equal(to_mask(white), HOLE)
    assert np.array_equal(grow_mask(white, 1), grow_mask(HOLE, 1))
    write_mask(tmp_path / "mask.png", white)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "mask.png")), HOLE * 255)


def test_truth_values_are_a_mask(tmp_path: Path) -> None:
    assert np.array_equal(grow_mask(HOLE == 1, 1), grow_mask(HOLE, 1))
    write_mask(tmp_path / "mask.png", HOLE == 1)
    assert encode_mask("mask.png", HOLE) == (tmp_path / "mask.png").read_bytes()
    assert np.array_equal(read_mask(tmp_path / "mask.png", HOLE.shape), HOLE)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (HOLE.tolist(), "not a list"),
        (HOLE[..., None], r"not \(6, 8, 1\)"),
        (HOLE.astype(str), "numbers or truth values"),
        (np.where(HOLE == 1, 1, np.nan), "NaN"),
    ],
)
def test_what_is_no_mask_is_told(values: object, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        to_mask(values)
