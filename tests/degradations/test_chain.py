import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from restore.assets import chain_names
from restore.degradations import DEGRADATIONS, Chain, Stage, Step, load_chain
from restore.degradations.blur import Downscale, GaussianBlur, LensBlur, MotionBlur
from restore.degradations.chain import SEEN
from restore.degradations.color import LowContrast
from restore.degradations.contract import Degradation, to_levels
from restore.degradations.damage import Dust, Scratches
from restore.degradations.noise import FilmGrain, GaussianNoise, IsoNoise, PoissonNoise
from restore.errors import RestoreError, UsageError

DARK = LowContrast(contrast=(0, 0), brightness=(0, 0))  # all becomes middle gray
SCRATCHES = Scratches(opacity=(1, 1), width=(0.05, 0.05))
PAGE = (Path(__file__).parents[2] / "docs" / "degradations.md").read_text(encoding="utf-8")


def chain(*steps: Step, order: str = "listed") -> Chain:
    return Chain(name="test", stages=(Stage(order=order, steps=steps),))


def test_the_presets_are_those_of_the_plan() -> None:
    expected = {"old-photo", "phone", "web", "noisy", "blurry", "upscale", "scratched", "mixed"}
    assert set(chain_names()) == expected


@pytest.mark.parametrize("name", chain_names())
def test_a_shipped_chain_keeps_the_contract(name: str, photo: np.ndarray) -> None:
    loaded = load_chain(name)
    spoiled = [loaded(photo, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert all(pixels.shape == photo.shape and pixels.dtype == np.uint8 for pixels in spoiled)
    assert np.array_equal(spoiled[0], spoiled[1])
    assert not np.array_equal(spoiled[0], spoiled[2])
    assert pickle.loads(pickle.dumps(loaded)) == loaded
    assert loaded(np.zeros((1, 3, 3), np.uint8), np.random.default_rng(0)).shape == (1, 3, 3)


@pytest.mark.parametrize("name", [*DEGRADATIONS, *chain_names()])
def test_every_kind_and_preset_is_described(name: str) -> None:
    assert f"\n| `{name}` |" in PAGE


def test_listed_steps_follow_each_other(photo: np.ndarray) -> None:
    steps = Step(degradation=DARK), Step(degradation=SCRATCHES)
    rng = np.random.default_rng(0)
    assert chain(*steps)(photo, rng).std() > 5
    assert chain(*reversed(steps))(photo, rng).std() == 0


def test_a_random_order_has_both(photo: np.ndarray) -> None:
    both = chain(Step(degradation=DARK), Step(degradation=SCRATCHES), order="random")
    flat = [both(photo, np.random.default_rng(seed)).std() == 0 for seed in range(40)]
    assert 8 < sum(flat) < 32


def test_a_stage_may_apply_one_step_or_none(photo: np.ndarray) -> None:
    steps = Step(chance=0.3, degradation=DARK), Step(chance=0.5, degradation=SCRATCHES)
    one = chain(*steps, order="one")
    rng = np.random.default_rng(0)
    spoiled = [one(photo, rng) for _ in range(200)]
    flat = sum(pixels.std() == 0 for pixels in spoiled)
    same = sum(np.array_equal(pixels, photo) for pixels in spoiled)
    assert 40 < flat < 80 and 25 < same < 55
    with pytest.raises(ValueError, match=r"add up to 1\.6"):
        chain(Step(chance=0.8, degradation=DARK), Step(chance=0.8, degradation=DARK), order="one")


def test_noise_that_comes_last_is_neither_rounded_nor_clipped(photo: np.ndarray) -> None:
    noise = Step(degradation=GaussianNoise(sigma=(200, 200)))
    for steps in ((noise,), (Step(degradation=DARK), noise)):
        values = chain(*steps).spoil(photo, np.random.default_rng(1))
        assert values.dtype == np.float32 and values.min() < 0 and values.max() > 255
        rounded = chain(*steps)(photo, np.random.default_rng(1))
        assert np.array_equal(to_levels(values), rounded)
    before = chain(noise, Step(degradation=SCRATCHES)).spoil(photo, np.random.default_rng(1))
    assert np.array_equal(before, to_levels(before))


def test_chance_is_how_often_a_step_happens(photo: np.ndarray) -> None:
    rare = chain(Step(chance=0.25, degradation=DARK))
    rng = np.random.default_rng(0)
    spoiled = [rare(photo, rng) for _ in range(200)]
    assert 30 < sum(pixels.std() == 0 for pixels in spoiled) < 70
    assert not any(np.shares_memory(pixels, photo) for pixels in spoiled)


def test_what_can_not_be_seen_is_no_damage() -> None:
    scratched = chain(Step(degradation=Scratches(opacity=(0.3, 0.3), dark=0, count=(5, 5))))
    shares = []
    for gray in (60, 238):
        before = np.full((96, 128, 3), gray, np.uint8)
        after, mask = scratched.damage(before, np.random.default_rng(3))
        changed = np.abs(after.astype(int) - before).max(axis=2)
        assert (changed[mask == 1] >= SEEN).all()
        shares.append(mask.mean())
    assert shares[1] < shares[0] / 2


def test_the_mask_is_of_what_damage_looks_like_in_the_end() -> None:
    gray = np.full((96, 128, 3), 60, np.uint8)
    paper = Step(degradation=Scratches(opacity=(1, 1), width=(0.02, 0.02), dark=0, count=(3, 3)))

    def share(*after: Degradation) -> float:
        steps = [paper, *(Step(degradation=degradation) for degradation in after)]
        return float(chain(*steps).damage(gray, np.random.default_rng(3))[1].mean())

    plain, flat = share(), LowContrast(contrast=(0.02, 0.02), brightness=(0, 0))
    assert 0 < plain < share(GaussianBlur(sigma=(1, 1), ratio=(1, 1)))
    assert share(flat) == 0
    noises = (
        GaussianNoise(sigma=(30, 30)),
        PoissonNoise(photons=(20, 20)),
        IsoNoise(shot=(0.01, 0.01)),
        FilmGrain(strength=(14, 14)),
    )
    for noise in noises:
        assert share(noise) < 2 * plain, noise  # though each pixel has changed


@pytest.mark.parametrize(
    "after",
    [
        GaussianBlur(sigma=(3, 3)),
        MotionBlur(length=(15, 15)),
        LensBlur(radius=(5, 5)),
        Downscale(factor=(4, 4)),
    ],
)
def test_what_a_blur_carries_away_is_in_the_mask(after: Degradation) -> None:
    gray = np.full((150, 150, 3), 60, np.uint8)
    steps = chain(Step(degradation=Scratches(opacity=(1, 1), dark=0)), Step(degradation=after))
    for seed in range(5):
        damaged, mask = steps.damage(gray, np.random.default_rng(seed))
        assert not ((cv2.absdiff(damaged, gray).max(axis=2) >= SEEN) & (mask == 0)).any()


def test_what_two_blurs_carry_away_together_is_in_the_mask() -> None:
    gray = np.full((150, 150, 3), 60, np.uint8)
    kinds = (
        Scratches(opacity=(1, 1), dark=0, width=(0.05, 0.05)),
        LensBlur(radius=(6, 6)),
        MotionBlur(length=(15, 15)),
    )
    steps = chain(*(Step(degradation=kind) for kind in kinds))
    for seed in range(5):
        damaged, mask = steps.damage(gray, np.random.default_rng(seed))
        assert not ((cv2.absdiff(damaged, gray).max(axis=2) >= SEEN) & (mask == 0)).any()


@pytest.mark.parametrize("name", ["old-photo", "scratched", "web"])
def test_calling_a_chain_gives_the_pixels_of_its_damage(photo: np.ndarray, name: str) -> None:
    shipped = load_chain(name)
    for seed in range(6):
        called = shipped(photo, np.random.default_rng(seed))
        assert np.array_equal(called, shipped.damage(photo, np.random.default_rng(seed))[0])


def test_the_mask_joins_those_of_all_steps(photo: np.ndarray) -> None:
    steps = Step(degradation=SCRATCHES), Step(degradation=Dust())
    _, joined = chain(*steps).damage(photo, np.random.default_rng(0))
    _, scratches = chain(steps[0]).damage(photo, np.random.default_rng(0))
    assert scratches.any()
    assert joined.sum() > scratches.sum()
    assert (joined >= scratches).all()


def test_a_chain_is_one_toml_file(tmp_path: Path) -> None:
    toml = PAGE.split("```toml\n")[1].split("```")[0]
    (tmp_path / "mine.toml").write_text(toml)
    mine = load_chain(tmp_path / "mine.toml")
    assert mine.name == "mine"
    assert [stage.order for stage in mine.stages] == ["random", "listed"]
    assert mine.stages[1].steps[0] == Step(degradation=DEGRADATIONS["jpeg"](quality=(30, 70)))


def test_the_python_of_the_page_runs(photo: np.ndarray) -> None:
    names = {"pixels": photo}
    exec(PAGE.split("```python\n")[1].split("```")[0], names)
    assert names["mask"].shape == photo.shape[:2]
    assert names["scratched"].shape == photo.shape


STEP = "[[stages]]\n[[stages.steps]]\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "a chain needs one or more tables 'stages'"),
        ("stages = 3", "a chain needs one or more tables 'stages'"),
        ("stages = []", "'stages' must have at least 1 item"),
        ("[[stages]]", "stage 1 needs one or more tables 'steps'"),
        (STEP + 'kind = "jpg"', "Did you mean 'jpeg'?"),
        (STEP + "chance = 1", "no degradation ''"),
        (STEP + 'kind = "jpeg"\nqualty = [1, 2]', "stage 1, step 1: There is no key 'qualty'"),
        (STEP + 'kind = "scratches"\nwidth = [600, 600]', "largest <= 10"),
        (STEP + 'kind = "dust"\nradius = [0, 1e20]', "largest <= 10"),
        (STEP + 'kind = "cracks"\nlength = [1, 11]', "largest <= 10"),
        (STEP + 'kind = "cracks"\ncount = [1, 100001]', "largest <= 100000"),
        (STEP + 'kind = "text"\nheight = [1, 2]', "largest <= 1"),
        (STEP + 'kind = "watermark"\nheight = [1, 2]', "largest <= 1"),
        (STEP + 'kind = "poisson-noise"\nphotons = [1, 1e20]', "largest <= 1e+09"),
        (STEP + 'kind = "jpeg"\nquality = [0, 2]', "1 <= smallest <= largest <= 100"),
        (STEP + 'kind = "jpeg"\nchance = 2', "less than or equal to 1"),
        ('[[stages]]\norder = "rndom"\n[[stages.steps]]\nkind = "jpeg"', "'random'"),
    ],
)
def test_a_mistake_in_a_chain_is_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "bad.toml").write_text(content)
    with pytest.raises(UsageError) as caught:
        load_chain(tmp_path / "bad.toml")
    assert sentence in str(caught.value)


def test_an_unknown_chain_suggests_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no degradation preset 'oldphoto'.*'old-photo'\?"):
        load_chain("oldphoto")
    with pytest.raises(RestoreError, match="There is no degradation preset file"):
        load_chain(tmp_path / "none.toml")


@pytest.mark.parametrize("pixels", [np.zeros((8, 8, 3), np.uint16), np.zeros((8, 8), np.uint8)])
def test_what_is_no_photo_of_8_bits_is_refused(pixels: np.ndarray) -> None:
    chain, rng = load_chain("old-photo"), np.random.default_rng(0)
    for spoil in (chain, chain.spoil, chain.damage):
        with pytest.raises(UsageError, match=r"must be \(height, width, 3\) uint8"):
            spoil(pixels, rng)
