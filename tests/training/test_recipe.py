"""Recipes: what is refused when one is loaded, and how the mistake is told."""

import pytest

from restore.errors import UsageError
from restore.training import load_recipe
from restore.training.recipe import SamplerRecipe


@pytest.mark.parametrize(
    ("name", "overrides", "sentence"),
    [
        ("inpaint", ["losses.adversarial.wieght=1"], "did you mean 'weight'"),
        ("inpaint", ["losses.r1.weight=-1"], "losses.r1: 'weight' must be"),
        ("inpaint", ["losses.perceptual=0"], "'losses.perceptual' is a table"),
        ("inpaint", ["losses.perceptuall.weight=1"], "there is no loss 'perceptuall'"),
        ("mend", ["losses.reconstruction.weight=0"], "says what to learn"),
        ("inpaint", ["name=../escaped"], "'name'"),
        ("inpaint", ["name="], "'name'"),
        ("inpaint", ["optimizer.betas=[0.9, 1.0]"], "betas"),
        ("inpaint", ["gray=0.5"], "'gray' is for photos that 'degrade' spoils"),
        ("dcgan", ["mixing=0.5"], "'mixing' is for a generator of kind style"),
    ],
)
def test_what_makes_no_sense_is_told_by_its_key(
    name: str, overrides: list[str], sentence: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load_recipe(name, overrides)
    assert sentence.casefold() in str(caught.value).casefold()


def test_the_order_of_losses_changes_nothing() -> None:
    changes = ["losses.r1.weight=1", "losses.total_variation.weight=1"]
    assert list(load_recipe("inpaint", changes).losses) == list(
        load_recipe("inpaint", changes[::-1]).losses
    )


def test_only_a_new_size_fades_in() -> None:
    stages = "stages=[{size=16,batch=2,share=1},{size=16,batch=4,share=1}]"
    recipe = load_recipe("dcgan", ["steps=6", stages])
    assert isinstance(recipe, SamplerRecipe)
    assert [recipe.growth_at(step) for step in range(6)] == [(16, 1.0)] * 6
