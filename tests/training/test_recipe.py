"""Recipes: what is refused when one is loaded, and how the mistake is told."""

from pathlib import Path

import pytest
import tomli_w

from restore.errors import UsageError
from restore.training import load_recipe
from restore.training.recipe import SamplerRecipe, to_plain


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
        ("inpaint", ["name=foo.discriminator"], "ends with .discriminator.safetensors"),
        ("dcgan", ["losses.adversarial.kind=wasserstein"], "'gradient_penalty', 'r1' or 'r2'"),
        ("inpaint", ["optimizer.betas=[0.9, 1.0]"], "betas"),
        ("inpaint", ["gray=0.5"], "'gray' is for photos that 'degrade' spoils"),
        ("dcgan", ["mixing=0.5"], "'mixing' is for a generator of kind style"),
        (
            "inpaint",
            ["losses.adversarial.kind=relativistic", "losses.adversarial.known=1"],
            "'known' patches have none",
        ),
        ("scratches", ["augment=on"], "without a discriminator"),
        ("scratches", ["discriminator_steps=2"], "without a discriminator"),
        ("scratches", ["discriminator.kind=patch"], "without a discriminator"),
        ("inpaint", ["discriminator={kind='dcgan'}"], "one of patch, multi-scale, not dcgan"),
        ("mend", ["augment=on"], "without a discriminator"),
        ("vae", ["discriminator_steps=5"], "without a discriminator"),
        ("mend", ["mask=thin"], "'mask' draws holes and 'degrade'"),
        ("mend", ["losses.adversarial={known=1}", "discriminator.kind=patch"], "known' is for"),
        ("dcgan", ["losses.adversarial.known=1"], "'losses.adversarial.known' is for"),
        ("inpaint", ["losses.adversarial.every=2"], "'adversarial' is due in every step"),
        ("style", ["stages=[{size=20,batch=2,share=1},{size=32,batch=2,share=1}]"], "4, 8, 16, 32"),
        ("style", ["stages=[{size=32,batch=2,share=1},{size=16,batch=2,share=1}]"], "rising"),
    ],
)
def test_what_makes_no_sense_is_told_by_its_key(
    name: str, overrides: list[str], sentence: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load_recipe(name, overrides)
    assert sentence.casefold() in str(caught.value).casefold()


def test_a_critic_that_is_spectral_by_default_needs_no_penalty() -> None:
    assert load_recipe("inpaint", ["losses.adversarial.kind=wasserstein"]).discriminator


def test_a_norm_unbounds_a_spectral_critic() -> None:
    spectral = ["losses.adversarial.kind=wasserstein", "discriminator.arguments.spectral=true"]
    with pytest.raises(UsageError, match="no 'norm'"):
        load_recipe("dcgan", [*spectral, "discriminator.arguments.norm=batch"])
    assert load_recipe("dcgan", [*spectral, "discriminator.arguments.norm=none"]).discriminator


@pytest.mark.parametrize(("decay", "quarter"), [("linear", 0.25), ("cosine", 0.5 - 0.5**1.5)])
def test_the_rate_rises_stays_and_falls(decay: str, quarter: float) -> None:
    changes = ["steps=100", "warmup=9", "cooldown=0.4", f"decay={decay}"]
    rate = load_recipe("inpaint", changes).rate_at
    assert [rate(step) for step in (0, 4, 9, 60)] == pytest.approx([0.1, 0.5, 1, 1])
    assert rate(80) == pytest.approx(0.5)
    assert rate(90) == pytest.approx(quarter)
    assert rate(100) == pytest.approx(0)
    assert load_recipe("inpaint", ["steps=900", "cooldown=0"]).rate_at(899) == 1


def test_a_discriminator_has_to_learn(tmp_path: Path) -> None:
    recipe = to_plain(load_recipe("inpaint"))
    del recipe["losses"]["adversarial"]
    path = tmp_path / "mute.toml"
    path.write_text(tomli_w.dumps(recipe))
    with pytest.raises(UsageError, match="a discriminator that learns"):
        load_recipe(path)
    assert load_recipe(path, ["losses.adversarial.weight=0"]).needs_discriminator


def test_networks_that_need_not_grow_take_any_size() -> None:
    assert load_recipe("mlp", ["stages=[{size=20,batch=4,share=1}]"]).stages[0].size == 20


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


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("dcgan", ["losses.r1.weight=1"], "'r1' bounds .*norm=none"),
        ("dcgan", ["losses.feature_matching.weight=1"], "'feature_matching' compares each picture"),
        ("digits", ["losses.auxiliary.weight=0"], "learns them by the loss 'auxiliary' alone"),
    ],
)
def test_losses_that_would_learn_something_else_are_refused(
    name: str, changes: list[str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        load_recipe(name, changes)
    assert load_recipe("vae", ["losses.feature_matching.weight=0"])
    assert load_recipe("dcgan", ["losses.r1.weight=1", "discriminator.arguments.norm=none"])
    join = ["losses.auxiliary.weight=0", "discriminator.arguments.head=join"]
    assert load_recipe("digits", join)
