import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from restore.errors import RestoreError
from restore.fidelity import FidelityPool

PICTURE = np.zeros((8, 8, 3), np.uint8)


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A stand-in for torch-fidelity, which is an extra."""
    module = ModuleType("torch_fidelity")
    monkeypatch.setitem(sys.modules, "torch_fidelity", module)
    monkeypatch.setattr("restore.fidelity.find_spec", lambda name: object())
    return module


def test_all_pictures_are_measured_together(package: ModuleType) -> None:
    def calculate_metrics(
        input1: str, input2: str, kid_subset_size: int, batch_size: int, **_: object
    ) -> dict:
        counts = [len(list(Path(folder).glob("*.png"))) for folder in (input1, input2)]
        assert counts == [2, 3] and kid_subset_size == 2 and batch_size == 64
        return {"frechet_inception_distance": 7.5, "kernel_inception_distance_mean": 0.25}

    package.calculate_metrics = calculate_metrics  # type: ignore[attr-defined]
    with FidelityPool() as pool:
        for _ in range(2):
            pool.add_restored(PICTURE)
        for _ in range(3):
            pool.add_clean(PICTURE)
        assert pool.measure() == {"fid": 7.5, "kid": 0.25}
        folder = Path(pool.folder.name)
    assert not folder.exists()


def test_weights_that_can_not_be_had_are_told(package: ModuleType) -> None:
    def calculate_metrics(**_: object) -> dict:
        raise OSError("no route to host")

    package.calculate_metrics = calculate_metrics  # type: ignore[attr-defined]
    with FidelityPool() as pool:
        with pytest.raises(RestoreError, match="2 pictures or more"):
            pool.measure()
        for _ in range(2):
            pool.add_restored(PICTURE)
            pool.add_clean(PICTURE)
        with pytest.raises(RestoreError, match="no route to host"):
            pool.measure()
        told: list[str] = []
        assert pool.measure_or_warn(told.append) == {} and "no route to host" in told[0]


def test_pictures_of_unequal_size_are_looked_at_one_by_one(package: ModuleType) -> None:
    def calculate_metrics(batch_size: int, **_: object) -> dict:
        return {"frechet_inception_distance": batch_size, "kernel_inception_distance_mean": 0}

    package.calculate_metrics = calculate_metrics  # type: ignore[attr-defined]
    with FidelityPool() as pool:
        for picture in (PICTURE, PICTURE[:6]):
            pool.add_restored(picture)
            pool.add_clean(picture)
        assert pool.measure()["fid"] == 1


def test_without_the_package_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore.fidelity.find_spec", lambda name: None)
    with pytest.raises(RestoreError, match="torch-fidelity"):
        FidelityPool()
