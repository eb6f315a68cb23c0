import torch

from restore.training.watch import COLLAPSE_STEPS, LOOK_STEPS, Trouble, Watch


def _feed(watch: Watch, steps: int, **losses: float) -> Trouble | None:
    found = None
    for _ in range(steps):
        watch.add({name: torch.tensor(value) for name, value in losses.items()})
        if watch.due:
            found = watch.look() or found
    return found


def test_good_losses_pass() -> None:
    assert _feed(Watch(), 2 * COLLAPSE_STEPS, discriminator=1.3, reconstruction=0.1) is None


def test_nan_and_infinity_are_found_at_the_next_look() -> None:
    for bad in (float("nan"), float("inf")):
        watch = Watch()
        watch.add({"reconstruction": torch.tensor(bad)})
        found = _feed(watch, LOOK_STEPS, reconstruction=0.1)
        assert found is not None and "NaN" in found.reason


def test_a_discriminator_that_has_won_for_long_is_found() -> None:
    watch = Watch()
    assert _feed(watch, COLLAPSE_STEPS - LOOK_STEPS, discriminator=0.001) is None
    found = _feed(watch, LOOK_STEPS, discriminator=0.001)
    assert found is not None and "near 0" in found.reason
    assert found.rates == ("discriminator_lr",)  # a lower rate of the other would help it further
    # From then on it has as long again.
    assert _feed(watch, COLLAPSE_STEPS - LOOK_STEPS, discriminator=0.001) is None
    assert _feed(watch, LOOK_STEPS, discriminator=0.5) is None


def test_a_loss_that_may_fall_below_zero_is_no_collapse() -> None:
    assert _feed(Watch(bounded=False), 2 * COLLAPSE_STEPS, discriminator=-5.0) is None


def test_a_look_at_nothing_new_forgets_nothing() -> None:
    watch = Watch()
    for _ in range(LOOK_STEPS):
        watch.add({"discriminator": torch.tensor(0.0)})
    assert watch.look() is None and watch.won == LOOK_STEPS
    assert watch.look() is None and watch.won == LOOK_STEPS
