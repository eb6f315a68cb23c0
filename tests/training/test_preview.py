from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from restore.checkpoint import build_network
from restore.lpips import Lpips
from restore.masks import load_preset
from restore.nets import RESTORERS
from restore.training import load_recipe
from restore.training.preview import Preview
from restore.training.recipe import RestorerRecipe


class _Elsewhere(Lpips):
    """Pretends to lie on a GPU, where the pictures it is shown have to be, too."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.shift = torch.zeros(3, device="meta")

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:
        assert restored.device.type == clean.device.type == "meta"
        return torch.full((len(restored),), 0.5)


def test_pictures_are_scored_where_lpips_is(tmp_path: Path) -> None:
    small = "generator.arguments={channels=[8, 16], dilations=[1], attention=[]}"
    recipe = load_recipe("inpaint", (small, "precision=fp32"))
    assert isinstance(recipe, RestorerRecipe)
    cv2.imwrite(str(tmp_path / "a.png"), np.full((64, 64, 3), 99, np.uint8))
    photos = [tmp_path / "a.png"]
    preview = Preview(photos, load_preset("boxes"), recipe, _Elsewhere())
    look = preview.look(build_network(RESTORERS, recipe.generator), torch.device("cpu"), 32)
    assert (
        look.scores["held_out_lpips"] == look.scores["held_out_diversity"] > 0
        and look.sheet is not None
    )
