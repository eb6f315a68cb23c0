"""Windows of many photos at a time: each comes back as it does alone."""

from collections.abc import Generator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from restore.folders.crew import BATCH, LANE_MEMORY, Crew, Way, _pick_common, gather, pick_way
from restore.folders.repairer import Repairer
from restore.restorer import Restorer
from restore.windows import Window

SHAPES = ((32, 32), (32, 64), (32, 32), (64, 32))
WAYS = [Way(), Way(lanes=3), Way(batch=4), Way(lanes=2, batch=3)]


class Doubler:
    """Asks for four windows of three shapes per photo, and restores them exactly."""

    name, mends = "doubler", False
    device = torch.device("cpu")
    generator = SimpleNamespace(noise_shape=lambda count, height, width: (count, 1, height, width))

    def __init__(self) -> None:
        self.batches: list[int] = []

    def steps(
        self, photo: np.ndarray, mask: np.ndarray, seed: int = 0
    ) -> Generator[Window, torch.Tensor, np.ndarray]:
        result = photo.copy()
        for n, (height, width) in enumerate(SHAPES):
            pixels = torch.full((1, 3, height, width), float(photo[0, 0, 0] + n))
            result[n, 0] = int((yield Window(pixels, pixels, pixels, pixels)).mean())
        return result

    def restore(self, windows: Sequence[Window]) -> list[torch.Tensor]:
        assert len({window.shape for window in windows}) == 1
        self.batches.append(len(windows))
        if any((window.pixels == 13).any() for window in windows):
            raise ZeroDivisionError
        return [2 * window.pixels for window in windows]


class ByThreads(Doubler):
    """Is off by `error` for each thread."""

    def __init__(self, error: float) -> None:
        super().__init__()
        self.error = error

    def restore(self, windows: Sequence[Window]) -> list[torch.Tensor]:
        return [window.pixels + self.error * torch.get_num_threads() for window in windows]


def fix_all(crew: Crew, count: int = 24) -> list[list[int] | str]:
    def fix(n: int) -> list[int] | str:
        try:
            photo = np.full((8, 8, 3), n, np.uint8)
            return crew.members[0].fix(photo, photo[..., 0])[:4, 0, 0].tolist()
        except ZeroDivisionError:
            return "failed"

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(fix, range(count)))


@pytest.mark.parametrize("way", WAYS)
def test_each_window_gets_its_own_answer(way: Way) -> None:
    doubler = Doubler()
    with Crew(doubler, way=way) as crew:
        fixed = fix_all(crew)
    whole = [[2 * (n + k) for k in range(4)] for n in range(24)]
    assert fixed == [w if 26 not in w else "failed" for w in whole]
    assert set(doubler.batches) <= {1, way.batch}


def test_windows_of_one_shape_go_together() -> None:
    doubler = Doubler()
    with Crew(doubler, way=Way(batch=2)) as crew:
        fix_all(crew, 10)
    assert 2 in doubler.batches


def test_restorers_share_lanes_and_never_a_batch() -> None:
    class Negator(Doubler):
        def restore(self, windows: Sequence[Window]) -> list[torch.Tensor]:
            return [255 - doubled for doubled in super().restore(windows)]

    photo = np.full((8, 8, 3), 50, np.uint8)
    with Crew(Doubler(), Negator(), way=Way(batch=4)) as crew, ThreadPoolExecutor(8) as pool:
        fixed = list(
            pool.map(lambda n: crew.members[n % 2].fix(photo)[:4, 0, 0].tolist(), range(24))
        )
    assert fixed == 12 * [[100, 102, 104, 106], [155, 153, 151, 149]]


def test_restorers_that_differ_in_their_way_go_one_window_at_a_time() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with Crew(Doubler(), ByThreads(1e-7)) as mixed, Crew(Doubler(), Doubler()) as alike:
            assert (mixed.way, alike.way) == (Way(threads=2), Way(lanes=2))
    finally:
        torch.set_num_threads(threads)


def test_what_needs_more_memory_decides_how_many_windows_go_at_once(monkeypatch) -> None:
    class Mender(Doubler):
        mends = True

    monkeypatch.setattr("torch.get_num_threads", lambda: 8)
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)
    monkeypatch.setattr("restore.folders.crew.free_memory", lambda _: 3 * LANE_MEMORY)
    assert pick_way(Doubler()).lanes > 3
    assert _pick_common((Doubler(), Mender())) == Way(lanes=3)


@pytest.mark.parametrize("mender", [None, Doubler()])
def test_what_repairs_photos_has_its_restorers_in_one_crew(mender: Doubler | None) -> None:
    class Finder:
        def find(self, photo: np.ndarray, *, grow: int = 0, **_: object) -> np.ndarray:
            return (photo[..., 0] == 4).view(np.uint8)

    crew, fixer = gather(Repairer(Finder(), Doubler(), mender))
    photo = np.full((8, 8, 3), 3, np.uint8)
    photo[0, 0] = 4
    with crew:
        assert fixer.name == ("doubler" if mender is None else "doubler+doubler")
        found = fixer.fix(photo)[0, 0, 0]
    assert found == (8 if mender is None else 16)


def test_a_closed_crew_restores_nothing_more() -> None:
    with Crew(Doubler(), way=Way()) as crew:
        crew.close()
        with pytest.raises(CancelledError):
            fix_all(crew, 1)


@pytest.mark.parametrize(("error", "batch"), [(0.0, BATCH), (1e-7, 1)])
def test_a_gpu_takes_batches_only_where_they_change_no_bit(error: float, batch: int) -> None:
    class OnGpu(Doubler):
        device = torch.device("cuda")

        def restore(self, windows: Sequence[Window]) -> list[torch.Tensor]:
            return [window.pixels + error * (len(windows) - 1) for window in windows]

    assert pick_way(OnGpu()).batch == batch


@pytest.mark.parametrize(("error", "lanes"), [(0.0, 2), (1e-7, 1)])
def test_each_core_takes_a_window_only_where_that_changes_no_bit(error: float, lanes: int) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        way = pick_way(ByThreads(error))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert way == (Way(lanes=2) if lanes == 2 else Way(threads=2))


@pytest.mark.parametrize(("memory", "way"), [(9, Way(lanes=2)), (7, Way(threads=4))])
def test_menders_side_by_side_have_the_memory_that_one_has(
    monkeypatch: pytest.MonkeyPatch, memory: int, way: Way
) -> None:
    class Mender(Doubler):
        mends = True

    monkeypatch.setattr("restore.folders.crew.free_memory", lambda _: memory * 2**30)
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        assert pick_way(Mender()) == way
        assert pick_way(Doubler()) == Way(lanes=4)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_real_restorer_gives_the_same_bytes_as_alone(threads: int, tiny_checkpoint) -> None:
    restorer = Restorer.load(tiny_checkpoint, device="cpu")
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (rng.integers(20, 400), 300, 3), np.uint8) for _ in range(6)]
    masks = [np.zeros(photo.shape[:2], np.uint8) for photo in photos]
    for mask in masks:
        mask[5:15, 20:90] = 1
    usual = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        alone = [restorer.fix(*pair, seed=3) for pair in zip(photos, masks, strict=True)]
        with Crew(restorer) as crew, ThreadPoolExecutor(4) as pool:
            (member,) = crew.members
            pairs = zip(photos, masks, strict=True)
            fixed = list(pool.map(lambda pair: member.fix(*pair, seed=3), pairs))
    finally:
        torch.set_num_threads(usual)
    assert all(np.array_equal(one, other) for one, other in zip(alone, fixed, strict=True))
