"""Training: recipes in, run folders with checkpoints out."""

from restore.training.estimate import plan
from restore.training.loop import train
from restore.training.photos import check_source
from restore.training.recipe import Recipe, load_recipe

__all__ = ["Recipe", "check_source", "load_recipe", "plan", "train"]
