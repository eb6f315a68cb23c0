import torch
from torch import Tensor

from restore.checkpoint import build_network
from restore.data import Batch
from restore.lpips import Lpips
from restore.nets import RESTORERS
from restore.training import load_recipe
from restore.training.preview import Preview
from restore.training.recipe import RestorerRecipe


class _Elsewhere(Lpips):
    """Pretends to lie on a GPU, where the pictures it is shown have to be, too."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.shift = torch.zeros(3, device="meta")
        self.counts: list[int] = []

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:
        assert restored.device.type == clean.device.type == "meta"
        self.counts.append(len(restored))
        return torch.full((len(restored),), 0.5)


def test_pictures_are_scored_where_lpips_is_and_few_at_once() -> None:
    small = "generator.arguments={channels=[8, 16], dilations=[1], attention=[]}"
    recipe = load_recipe("inpaint", (small, "precision=fp32"))
    assert isinstance(recipe, RestorerRecipe)
    mask = torch.zeros(3, 1, 32, 32)
    mask[..., 8:16, 8:16] = 1
    batch = Batch(torch.full((3, 3, 32, 32), 0.4), mask)
    generator, lpips = build_network(RESTORERS, recipe.generator), _Elsewhere()
    generator.register_forward_pre_hook(lambda _, given: lpips.counts.append(len(given[0])))
    look = Preview(recipe, lpips).look(generator, batch, torch.device("cpu"), 2)
    assert lpips.counts == [2, 1] * 4  # two fills, and two measures
    assert (
        look.scores["held_out_lpips"] == look.scores["held_out_diversity"] > 0
        and look.sheet is not None
    )
