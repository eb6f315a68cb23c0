"""Windows of many photos, restored side by side, each to the same bits as alone.

On a CPU each core takes a window of its own, which needs no waiting for each other inside a window.
A GPU takes a batch of windows of one shape. Both may round in another way than `Restorer.fix` does
with one window on all threads, so both are tried first, and left alone where any bit differs.
"""

from collections import deque
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from threading import Condition, Thread

import torch
from numpy import generic
from numpy.typing import NDArray
from torch import Tensor

from restore.device import one_thread
from restore.image import AnyPixels
from restore.restorer import Restorer, Window, follow

BATCH = 8  # windows that a GPU takes at once
MOST_LANES = 8  # each holds a photo or two in memory
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
        return Way(lanes=min(threads, MOST_LANES))
    return Way(threads=threads)


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


class Crew:
    """A restorer for many threads at a time: their windows go through lanes.

    Args:
        restorer: restores the windows.
        way: how; None is the quickest one that gives the same bits as `restorer.fix`.
    """

    def __init__(self, restorer: Restorer, way: Way | None = None) -> None:
        self.name, self.way = restorer.name, way or pick_way(restorer)
        self._restorer, self._threads = restorer, torch.get_num_threads()
        self._waiting: deque[tuple[Window, Future[Tensor]]] = deque()
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
            for _, answer in self._waiting:
                answer.set_exception(CancelledError())
            self._waiting.clear()
            self._changed.notify_all()

    def fix(
        self, photo: AnyPixels, mask: NDArray[generic] | None = None, seed: int = 0
    ) -> AnyPixels:
        """Fix a photo as `Restorer.fix` does; for any number of threads."""
        return follow(self._restorer.steps(photo, mask, seed), self._ask)

    def _ask(self, window: Window) -> Tensor:
        answer: Future[Tensor] = Future()
        with self._changed:
            if self._closed:
                raise CancelledError
            self._waiting.append((window, answer))
            self._changed.notify()
        return answer.result()

    def _work(self) -> None:
        torch.set_num_threads(self.way.threads)
        while taken := self._take():
            windows = [window for window, _ in taken]
            for (_, answer), restored in zip(taken, self._restore(windows), strict=True):
                if isinstance(restored, Exception):
                    answer.set_exception(restored)
                else:
                    answer.set_result(restored)

    def _take(self) -> list[tuple[Window, "Future[Tensor]"]]:
        """Return the windows to do next, of one shape; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            like = [item for item in self._waiting if item[0].shape == self._waiting[0][0].shape]
            taken = like[: self.way.batch]
            for item in taken:
                self._waiting.remove(item)
            return taken

    def _restore(self, windows: list[Window]) -> list[Tensor | Exception]:
        """Return each window restored, or the error that this one raises."""
        filling = [windows[0]] * (self.way.batch - len(windows)) if len(windows) > 1 else []
        try:
            return [*self._restorer.restore(windows + filling)[: len(windows)]]
        except Exception as error:
            if len(windows) == 1:
                return [error]
            return [restored for window in windows for restored in self._restore([window])]
