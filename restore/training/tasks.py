"""The tasks that a recipe may be for, by name."""

from restore.tables import look_up
from restore.training.detector_task import DetectorTask
from restore.training.recipe import Recipe
from restore.training.restorer_task import RestorerTask
from restore.training.sampler_task import SamplerTask
from restore.training.task import Findings, Source, Task

TASKS: dict[str, type[Task]] = {
    "inpaint": RestorerTask,
    "mend": RestorerTask,
    "generate": SamplerTask,
    "detect": DetectorTask,
}


def find_task(recipe: Recipe) -> type[Task]:
    """Return the task of a recipe.

    Raises:
        UsageError: no such task.
    """
    return look_up(TASKS, recipe.task, "task")


def check_data(recipe: Recipe, source: Source) -> Findings:
    """Look at all that a source holds as a run of `recipe` would, and report what is wrong.

    Raises:
        RestoreError: no such place, or nothing there to train on.
    """
    return find_task(recipe).check(recipe, source)


def list_related(task: Task) -> list[str]:
    """Return the names of all tasks that train the same networks: one may start from another."""
    return [name for name, kind in TASKS.items() if isinstance(task, kind)]
