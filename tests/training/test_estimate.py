import tomllib

import pytest

from restore.training import load_recipe, plan
from restore.training.estimate import estimate, late_steps

TINY = (
    "generator.arguments={channels=[8, 16], dilations=[1], attention=[]}",
    "discriminator.arguments={channels=[8, 8, 8, 8]}",
    "stages=[{size=32, batch=2, share=1}, {size=64, batch=1, share=3}]",
    "steps=400",
)
GROWING = (
    "discriminator.arguments={width=4, widest=8, growing=true}",
    "stages=[{size=8,batch=2,share=3}, {size=16,batch=2,share=1}, {size=32,batch=2,share=8}]",
    "steps=12",
)


def test_the_estimate_adds_up() -> None:
    found = estimate(load_recipe("inpaint", TINY), "cpu")
    assert [(stage.size, stage.steps) for stage in found.stages] == [(32, 100), (64, 300)]
    assert found.stages[1].gigaflop == pytest.approx(4 * found.stages[0].gigaflop, rel=0.05)
    assert all(stage.seconds > 0 for stage in found.stages) and found.memory > 0.05


@pytest.mark.parametrize(("kind", "growing"), [("dcgan", ", growing=true"), ("style", "")])
def test_each_stage_of_growing_pictures_is_tried_at_its_own_size(kind: str, growing: str) -> None:
    generator = "generator.arguments={latent=8, width=4, widest=8" + growing + "}"
    found = estimate(load_recipe(kind, (*GROWING, generator)), "cpu").stages
    assert [(stage.size, stage.steps) for stage in found] == [(8, 3), (16, 1), (32, 8)]
    whole = "stages=[{size=32, batch=2, share=1}]"
    (alone,) = estimate(load_recipe(kind, (*GROWING, generator, whole)), "cpu").stages
    work = [stage.gigaflop for stage in found]
    assert work[0] < work[1] < work[2] == alone.gigaflop


def test_the_steps_tried_are_late_in_their_stage_and_alike() -> None:
    recipe = load_recipe("style")
    assert recipe.losses["r1"].every == 16
    stages = [(0, 5000), (5000, 10001), (10001, 20000)]
    found = [late_steps(recipe, *stage) for stage in stages]
    assert found == [[4993, 4994, 4995], [9985, 9986, 9987], [19985, 19986, 19987]]
    assert late_steps(recipe, 20, 30) == [20, 21, 22], "too short to be late"
    assert late_steps(recipe, 20, 22) == [20, 21, 21]


def test_the_plan_is_a_recipe_and_a_forecast() -> None:
    lines = list(plan(load_recipe("inpaint", TINY), "cpu"))
    empty = lines.index("", lines.index("[losses.diversity]"))
    recipe = tomllib.loads("\n".join(lines[:empty]))
    assert recipe["steps"] == 400 and recipe["losses"]["diversity"]["every"] == 8
    assert "hours in all" in lines[-1]
