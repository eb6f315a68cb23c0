import tomllib

import pytest

from restore.training import load_recipe, plan
from restore.training.estimate import estimate

TINY = (
    "generator.arguments={channels=[8, 16], dilations=[1], attention=[]}",
    "discriminator.arguments={channels=[8, 8, 8, 8]}",
    "stages=[{size=32, batch=2, share=1}, {size=64, batch=1, share=3}]",
    "steps=400",
)


def test_the_estimate_adds_up() -> None:
    found = estimate(load_recipe("inpaint", TINY), "cpu")
    assert [(stage.size, stage.steps) for stage in found.stages] == [(32, 100), (64, 300)]
    assert found.stages[1].gigaflop == pytest.approx(4 * found.stages[0].gigaflop, rel=0.05)
    assert all(stage.seconds > 0 for stage in found.stages) and found.memory > 0.05


def test_the_plan_is_a_recipe_and_a_forecast() -> None:
    lines = plan(load_recipe("inpaint", TINY), "cpu")
    empty = lines.index("", lines.index("[losses.diversity]"))
    recipe = tomllib.loads("\n".join(lines[:empty]))
    assert recipe["steps"] == 400 and recipe["losses"]["diversity"]["every"] == 8
    assert "hours in all" in lines[-1]
