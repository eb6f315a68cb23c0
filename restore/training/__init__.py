"""Training: recipes in, run folders with checkpoints out."""

from restore.training.estimate import plan
from restore.training.loop import train
from restore.training.recipe import Recipe, load_recipe
from restore.training.tasks import check_data

__all__ = ["Recipe", "check_data", "load_recipe", "plan", "train"]
