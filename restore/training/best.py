"""The best checkpoint of a run so far, by what its previews score on held-out photos."""

from math import isfinite
from pathlib import Path

from torch import nn

from restore.assets import BEST
from restore.checkpoint import Header, read_header, save_checkpoint
from restore.errors import RestoreError


class Best:
    """Keeps RUN/best/NAME.safetensors, which stays when training goes on and gets worse.

    Args:
        run: the folder of the run.
        name: of its checkpoint.
        goals: names of scores; of those that there are the first counts, and lower is better where
            it has a "-" before it.
    """

    def __init__(self, run: Path, name: str, goals: tuple[str, ...]) -> None:
        self.path = run / BEST / f"{name}.safetensors"
        self.goals = goals
        self.known: Header | None = None

    def go_on(self) -> None:
        """Go on from what an earlier start of the run has kept."""
        try:
            self.known = read_header(self.path)
        except RestoreError:
            self.known = None

    def offer(self, network: nn.Module, header: Header, scores: dict[str, float]) -> bool:
        """Keep the network where it scores better than what is kept, and tell whether it did.

        Scores of pictures of another size do not count against each other: the later one is kept.

        Raises:
            RestoreError: it can't be written.
        """
        goal = next((goal for goal in self.goals if goal.lstrip("-") in scores), None)
        if goal is None or not isfinite(scores[goal.lstrip("-")]):
            return False
        if self._knows_better_measure(goal, header.size):
            return False
        name, sign = goal.lstrip("-"), -1 if goal.startswith("-") else 1
        if self.known is not None and self.known.size == header.size:
            before = self.known.scores.get(name)
            if before is not None and sign * scores[name] <= sign * before:
                return False
        header = header.model_copy(update={"scores": {name: scores[name]}})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        save_checkpoint(self.path, network, header)
        self.known = header
        return True

    def _knows_better_measure(self, goal: str, size: int) -> bool:
        """Tell whether what is kept was chosen by a goal that goes before this one.

        So it was where LPIPS is absent on the machine on which a run goes on.
        """
        if self.known is None or self.known.size != size:
            return False
        earlier = self.goals[: self.goals.index(goal)]
        return any(name.lstrip("-") in self.known.scores for name in earlier)
