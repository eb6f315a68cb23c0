"""Windows of many photos, restored side by side, each to the same bits as alone.

On a CPU each core takes a window of its own, which needs no waiting for each other inside a window.
A GPU takes a batch of windows of one shape. Both may round in another way than `Restorer.fix` does
with one window on all threads, so both are tried first, and left alone where any bit differs.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from threading import Condition, Thread
from typing import cast

import torch
from numpy import generic
from numpy.typing import NDArray
from torch import Tensor

from restore.device import free_memory, one_thread
from restore.fixing import Fixer
from restore.folders.repairer import Repairer
from restore.image import AnyPixels
from restore.restorer import Restorer
from restore.windows import Window, follow

BATCH = 8  # windows that a GPU takes at once
MOST_LANES = 8  # each holds a photo or two in memory
# Bytes for each lane that mends: all may then have the largest tiles at once, as a photo alone has.
LANE_MEMORY = 4 * 2**30
PROBES = ((256, 256), (288, 352))  # sizes in pixels


@dataclass(frozen=True)
class Way:
    """How windows are restored.

    Attributes:
        lanes: batches at the same time.
        batch: windows in one; fewer are filled up by copies, so that there are only two shapes.
        threads: that PyTorch uses in each lane.
    """

    lanes: int = 1
    batch: int = 1
    threads: int = 1


def pick_way(restorer: Restorer) -> Way:
    """Return the quickest way that was found to give the same bits as one window on all threads."""
    threads = torch.get_num_threads()
    windows = [_make_probe(restorer, size) for size in PROBES]
    if restorer.device.type != "cpu":
        same = all(_is_same_in_batch(restorer, window) for window in windows)
        return Way(batch=BATCH if same else 1, threads=threads)
    # No batches here: on one thread four windows of 256² took 0.25 s apart and 0.28 s together.
    if threads > 1 and all(_is_same_on_one_thread(restorer, window) for window in windows):
        lanes = min(threads, MOST_LANES)
        if restorer.mends:
            lanes = min(lanes, free_memory(restorer.device) // LANE_MEMORY)
        return Way(lanes) if lanes > 1 else Way(threads=threads)
    return Way(threads=threads)


def _pick_common(restorers: tuple[Restorer, ...]) -> Way:
    """Return the way that suits all, in the fewest lanes; else one window at a time."""
    ways = [pick_way(restorer) for restorer in restorers]
    if len({(way.batch, way.threads) for way in ways}) == 1:
        return min(ways, key=lambda way: way.lanes)
    return Way(threads=torch.get_num_threads())


def _make_probe(restorer: Restorer, size: tuple[int, int]) -> Window:
    rng = torch.Generator().manual_seed(0)
    unknown = torch.zeros(1, 1, *size)
    unknown[..., size[0] // 3 : size[0] // 2, size[1] // 4 : size[1] // 2] = 1
    shape = restorer.generator.noise_shape(1, *size)
    noise = torch.randn(shape, generator=rng)
    return Window(torch.rand(1, 3, *size, generator=rng), unknown, unknown, noise)


def _is_same_on_one_thread(restorer: Restorer, window: Window) -> bool:
    (usual,) = restorer.restore([window])
    with one_thread():
        return torch.equal(usual, restorer.restore([window])[0])


def _is_same_in_batch(restorer: Restorer, window: Window) -> bool:
    (usual,) = restorer.restore([window])
    return all(torch.equal(usual, other) for other in restorer.restore([window] * BATCH))


@dataclass(frozen=True)
class Member:
    """One restorer of a crew, for any number of threads."""

    restorer: Restorer
    ask: Callable[[Restorer, Window], Tensor]

    @property
    def name(self) -> str:
        """The restorer's name."""
        return self.restorer.name

    @property
    def mends(self) -> bool:
        """Whether it mends photos."""
        return self.restorer.mends

    def fix(
        self, photo: AnyPixels, mask: NDArray[generic] | None = None, seed: int = 0
    ) -> AnyPixels:
        """Fix a photo as `Restorer.fix` does."""
        steps = self.restorer.steps(photo, mask, seed)
        return follow(steps, lambda window: self.ask(self.restorer, window))


@dataclass(frozen=True, eq=False)
class Waiting:
    """A window in the queue of a crew."""

    restorer: Restorer
    window: Window
    answer: Future[Tensor]

    def goes_with(self, other: "Waiting") -> bool:
        """Tell whether the two may be restored in one batch."""
        return self.restorer is other.restorer and self.window.shape == other.window.shape


class Crew:
    """Restorers for many threads at a time: their windows go through the same lanes.

    Args:
        *restorers: restore the windows; each becomes one of `members`.
        way: how; None is the quickest one that gives the same bits as `Restorer.fix` of each.
    """

    def __init__(self, *restorers: Restorer, way: Way | None = None) -> None:
        self.way = way or _pick_common(restorers)
        self.members = tuple(Member(restorer, self._ask) for restorer in restorers)
        self._threads = torch.get_num_threads()
        self._waiting: deque[Waiting] = deque()
        self._changed, self._closed = Condition(), False
        self._lanes = [Thread(target=self._work, daemon=True) for _ in range(self.way.lanes)]
        for lane in self._lanes:
            lane.start()

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        for lane in self._lanes:
            lane.join()
        torch.set_num_threads(self._threads)  # what threads to come take over from the last one

    def close(self) -> None:
        """Restore no more windows; who still waits for one gets a CancelledError."""
        with self._changed:
            self._closed = True
            for item in self._waiting:
                item.answer.set_exception(CancelledError())
            self._waiting.clear()
            self._changed.notify_all()

    def _ask(self, restorer: Restorer, window: Window) -> Tensor:
        answer: Future[Tensor] = Future()
        with self._changed:
            if self._closed:
                raise CancelledError
            self._waiting.append(Waiting(restorer, window, answer))
            self._changed.notify()
        return answer.result()

    def _work(self) -> None:
        torch.set_num_threads(self.way.threads)
        while taken := self._take():
            windows = [item.window for item in taken]
            results = self._restore(taken[0].restorer, windows)
            for item, restored in zip(taken, results, strict=True):
                if isinstance(restored, Exception):
                    item.answer.set_exception(restored)
                else:
                    item.answer.set_result(restored)

    def _take(self) -> list[Waiting]:
        """Return what to do next, windows of one restorer and shape; nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            like = [item for item in self._waiting if item.goes_with(self._waiting[0])]
            taken = like[: self.way.batch]
            for item in taken:
                self._waiting.remove(item)
            return taken

    def _restore(self, restorer: Restorer, windows: list[Window]) -> list[Tensor | Exception]:
        """Return each window restored, or the error that this one raises."""
        filling = [windows[0]] * (self.way.batch - len(windows)) if len(windows) > 1 else []
        try:
            return [*restorer.restore(windows + filling)[: len(windows)]]
        except Exception as error:
            if len(windows) == 1:
                return [error]
        # Only now is the error gone, and with it what it held of the batch.
        return [restored for window in windows for restored in self._restore(restorer, [window])]


def gather(fixer: Restorer | Repairer) -> tuple[Crew, Fixer]:
    """Return a crew of the restorers in `fixer`, and a fixer for many threads that goes by them."""
    if not isinstance(fixer, Repairer):
        crew = Crew(fixer)
        return crew, crew.members[0]
    parts = [part for part in (fixer.filler, fixer.mender) if part is not None]
    crew = Crew(*cast(list[Restorer], parts))  # what `load_fixer` puts there
    filler, *menders = crew.members
    return crew, replace(fixer, filler=filler, mender=menders[0] if menders else None)
