import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore.assets import masks_folder, preset_names
from restore.errors import RestoreError, UsageError
from restore.masks import Boxes, FreeForm, Part, Preset, Strokes, hole_share, load_preset


@pytest.mark.parametrize("name", preset_names())
def test_a_shipped_preset_keeps_to_its_area(name: str) -> None:
    preset = load_preset(name)
    rng = np.random.default_rng(0)
    for _ in range(60):
        share = hole_share(preset.draw(128, 160, rng))
        assert preset.area[0] <= share <= preset.area[1]


@pytest.mark.parametrize("name", preset_names())
def test_a_shipped_preset_has_its_picture(name: str) -> None:
    readme = (masks_folder() / "README.md").read_text(encoding="utf-8")
    assert f"| `{name}` |" in readme
    assert f"![{name}](samples/{name}.png)" in readme
    with Image.open(masks_folder() / "samples" / f"{name}.png") as picture:
        assert picture.mode == "1"


@pytest.mark.parametrize("name", preset_names())
def test_the_generator_decides_the_mask(name: str) -> None:
    preset = load_preset(name)
    masks = [preset.draw(64, 64, np.random.default_rng(seed)) for seed in (5, 5, 6)]
    assert np.array_equal(masks[0], masks[1])
    assert not np.array_equal(masks[0], masks[2])


def test_training_masks_are_mostly_5_to_60_percent() -> None:
    rng, preset = np.random.default_rng(0), load_preset("mixed")
    shares = np.array([hole_share(preset.draw(128, 128, rng)) for _ in range(400)])
    assert shares.min() >= 0.02
    assert shares.max() <= 0.75
    assert ((shares > 0.05) & (shares < 0.6)).mean() > 0.8
    assert shares.std() > 0.12  # small ones and large ones


def test_of_a_free_form_only_what_is_named_differs(tmp_path: Path) -> None:
    path = tmp_path / "few.toml"
    path.write_text('[[parts]]\nkind = "free-form"\nstrokes = {count = [1, 3]}')
    (part,) = load_preset(path).parts
    assert isinstance(part.kind, FreeForm)
    usual = FreeForm()
    assert part.kind.strokes == usual.strokes.model_copy(update={"count": (1, 3)})
    assert part.kind.boxes == usual.boxes and usual.strokes.pieces == (4, 18)


def test_weights_decide_how_often_a_kind_is_drawn() -> None:
    small, large = Boxes(count=(1, 1), side=(0.1, 0.1)), Boxes(count=(1, 1), side=(0.9, 0.9))
    preset = Preset(name="p", parts=(Part(weight=3, kind=small), Part(weight=1, kind=large)))
    rng = np.random.default_rng(0)
    large_ones = sum(hole_share(preset.draw(50, 50, rng)) > 0.1 for _ in range(400))
    assert 70 < large_ones < 130


def test_an_area_out_of_reach_gives_the_closest_mask() -> None:
    part = Part(weight=1, kind=Boxes(count=(1, 1), side=(0.2, 0.4)))
    free = Preset(name="p", parts=(part,))
    bound = Preset(name="p", parts=(part,), area=(0.9, 1.0))
    rng = np.random.default_rng(0)
    usual = np.mean([hole_share(free.draw(64, 64, rng)) for _ in range(100)])
    closest = np.mean([hole_share(bound.draw(64, 64, rng)) for _ in range(100)])
    assert closest > 1.2 * usual


def test_a_preset_travels_to_loader_processes() -> None:
    preset = load_preset("mixed")
    assert pickle.loads(pickle.dumps(preset)) == preset


def test_a_preset_is_one_toml_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('area = [0.1, 0.3]\n[[parts]]\nkind = "strokes"\ncount = [2, 3]\n')
    assert load_preset(path) == Preset(
        name="mine", area=(0.1, 0.3), parts=(Part(weight=1, kind=Strokes(count=(2, 3))),)
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "needs one or more tables [[parts]]"),
        ("parts = 3", "needs one or more tables [[parts]]"),
        ("parts = []", "'parts' must have at least 1 item"),
        ("[[parts]]\nweight = 1", "no mask kind ''"),
        ('[[parts]]\nkind = "stroks"', "Did you mean 'strokes'?"),
        ('[[parts]]\nkind = "boxes"\nsides = [1, 2]', "part 1: There is no key 'sides'"),
        ('[[parts]]\nkind = "boxes"\nweight = 0', "'parts.0.weight' must be greater than 0"),
        ('aera = [0, 1]\n[[parts]]\nkind = "boxes"', "Did you mean 'area'?"),
        ('area = [0.5, 0.1]\n[[parts]]\nkind = "boxes"', "smallest <= largest"),
        ('[[parts]]\nkind = "strokes"\nlength = [1, 1e9]', "largest <= 10"),
        ('area = [0.5, 50]\n[[parts]]\nkind = "boxes"', "largest <= 1"),
    ],
)
def test_a_mistake_in_a_preset_is_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(content)
    with pytest.raises(UsageError) as caught:
        load_preset(path)
    assert sentence in str(caught.value)


def test_an_unknown_preset_suggests_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'free-form'"):
        load_preset("freeform")
    with pytest.raises(RestoreError, match="There is no mask preset file"):
        load_preset(tmp_path / "none.toml")
