"""The tasks that a recipe may be for, by name."""

from pathlib import Path

from restore.assets import checkpoint_path
from restore.checkpoint import check_task
from restore.errors import UsageError
from restore.tables import look_up
from restore.training.detector_task import DetectorTask
from restore.training.recipe import Recipe
from restore.training.restorer_task import RestorerTask
from restore.training.sampler_task import SamplerTask
from restore.training.task import Findings, Source, Task
from restore.training.team import Team

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


def check_fit(task: Task, team: Team, start: str | Path | None) -> None:
    """Refuse what does not fit, before all photos are looked at.

    Names in the recipe have been refused when the task was made.

    Raises:
        UsageError: the weights to start from are of another task, the processes can't share a
            batch, or the generator takes no squares of such a size.
    """
    multiple = getattr(task.step.networks["generator"], "multiple_of", 1)
    for stage in task.recipe.stages:
        if team.share(stage.batch) < stage.least_batch:
            raise UsageError(
                f"A batch of {stage.batch} is too small for {team.size} processes, each of which "
                f"needs {stage.least_batch}."
            )
        if stage.size % multiple:
            raise UsageError(
                f"This generator takes squares whose side is a multiple of {multiple}, not of "
                f"{stage.size} pixels."
            )
    if start is not None:
        check_task(checkpoint_path(start), *list_related(task))
