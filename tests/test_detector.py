from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage import data

import restore.detector
from restore.checkpoint import Header, NetworkSettings, build_network, save_checkpoint
from restore.detector import Detector
from restore.errors import RestoreError, UsageError
from restore.image import Photo
from restore.nets import DETECTORS

SMALL = NetworkSettings(kind="light-unet", arguments={"channels": (4, 8, 8), "dilations": (1, 2)})


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoints") / "small.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(DETECTORS, SMALL)
        for weight in network.parameters():
            torch.nn.init.normal_(weight, std=0.3)
    save_checkpoint(path, network, Header(name="small", task="detect", network=SMALL, size=64))
    return path


@pytest.fixture
def detector(checkpoint: Path) -> Detector:
    return Detector.load(checkpoint, device="cpu")


class Bright(restore.nets.DetectorNetwork):
    """Takes a bright line of at most 2 pixels for damage."""

    multiple_of = 8
    reach = 8

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        gray = photo.mean(1, keepdim=True)
        around = -torch.nn.functional.max_pool2d(-gray, 3, 1, 1)
        opened = torch.nn.functional.max_pool2d(around, 3, 1, 1)
        return 60 * (gray - opened) - 12


@pytest.mark.parametrize("threshold", [50, -0.1, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(
    detector: Detector, photo: np.ndarray, threshold: float
) -> None:
    with pytest.raises(UsageError, match="0 to 1, not"):
        detector.find(photo, threshold=threshold)


def test_where_memory_is_short_it_is_told(
    detector: Detector, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(detector.network, "forward", fail)
    with pytest.raises(RestoreError, match="not enough memory"):
        detector.find(photo)
    monkeypatch.undo()


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (90, 70, 3), np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (5, 211), (90, 70), (64, 64)])
def test_any_size_gets_a_mask_of_its_size(detector: Detector, size: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    mask = detector.find(photo)
    assert mask.shape == size and mask.dtype == np.uint8
    assert set(np.unique(mask)) <= {0, 1}


def test_a_lower_threshold_finds_more_and_growing_widens(detector: Detector, photo) -> None:
    rated = detector.rate(photo)
    assert 0 <= rated.min() < rated.max() <= 1
    low, high = (float(np.quantile(rated, share)) for share in (0.9, 0.99))
    more, less = (detector.find(photo, threshold=threshold) for threshold in (low, high))
    assert (more >= less).all() and more.sum() > less.sum()
    grown = detector.find(photo, threshold=high, grow=2)
    assert (grown == (cv2.distanceTransform(1 - less, cv2.DIST_L2, 5) <= 2)).mean() > 0.99


def test_nothing_is_found_in_what_is_invisible(detector: Detector, photo) -> None:
    clear = np.zeros(photo.shape[:2], np.uint8)
    clear[40:] = 255
    found = detector.find_photo(Photo(photo, alpha=clear), threshold=0.0)
    assert found[40:].all() and not found[:40].any()
    with pytest.raises(UsageError, match=r"Detector\.find takes arrays"):
        detector.find_photo(photo)


def test_tiles_are_as_the_whole(detector: Detector, monkeypatch) -> None:
    # bf16, where there is any, rounds by the shape of a tile too.
    monkeypatch.setattr("restore.device.has_fast_bf16", lambda _: False)
    photo = np.random.default_rng(0).integers(0, 256, (400, 300, 3), np.uint8)
    whole = detector.rate(photo)
    monkeypatch.setattr(restore.detector, "LARGEST_TILE", 96)
    windows = [window for _, window in detector._tiles(400, 300)]
    assert len(windows) > 9 and all(window.width < 300 for window in windows)
    np.testing.assert_allclose(detector.rate(photo), whole, atol=1e-5)


def test_a_scratch_that_is_wide_in_a_large_scan_is_found_in_a_smaller_one() -> None:
    header = Header(name="bright", task="detect", network=SMALL, size=256, zoom=3)
    detector = Detector("bright", header, Bright(), torch.device("cpu"))
    scan = np.full((1600, 1600, 3), 60, np.uint8)
    scan[:, 800:808] = 220
    found = detector.find(scan)
    assert found[:, 802:806].mean() > 0.95
    assert found[:, :780].sum() == found[:, 830:].sum() == 0
    part = scan[:700, 600:1300]
    assert not detector.find(part).any()  # as wide, but no larger than in training
    young = header.model_copy(update={"zoom": 1.0})
    assert Detector("young", young, Bright(), torch.device("cpu")).find(part).any()


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 4), (0, 5, 3)])
def test_what_is_no_photo_is_refused(detector: Detector, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="height, width, 3"):
        detector.find(np.zeros(shape, np.uint8))


def test_a_restorer_is_no_detector(tiny_checkpoint: Path) -> None:
    with pytest.raises(UsageError, match="finds damage"):
        Detector.load(tiny_checkpoint)


def test_the_shipped_detector_knows_parts_of_large_photos() -> None:
    assert Detector.load("scratches", device="cpu").largest_side == 640


def test_the_shipped_detector_finds_a_scratch_and_leaves_a_face_alone() -> None:
    detector = Detector.load("scratches", device="cpu")
    photo = np.ascontiguousarray(data.astronaut()[:256, 100:356])
    scratched, there = photo.copy(), np.zeros((256, 256), np.uint8)
    for canvas, color in ((scratched, (250, 245, 235)), (there, 1)):
        cv2.line(canvas, (10, 30), (240, 110), color, 2, cv2.LINE_AA)
        cv2.line(canvas, (200, 5), (120, 250), color, 2, cv2.LINE_AA)
    found = detector.find(scratched)
    assert found[there == 1].mean() > 0.7
    assert detector.find(photo).mean() < 0.03


@pytest.mark.parametrize("size", [(30, 40), (40, 30), (63, 200)])
def test_a_small_photo_is_looked_at_as_large_as_those_learned_from(
    detector: Detector, size: tuple[int, int]
) -> None:
    height, width = size
    photo = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    factor = 64 / min(size)
    larger = cv2.resize(photo, (round(factor * width), round(factor * height)), interpolation=2)
    expected = cv2.resize(detector.rate(larger), (width, height), interpolation=cv2.INTER_AREA)
    assert np.allclose(detector.rate(photo), expected, atol=1e-6)


def test_a_long_strip_is_enlarged_as_far_as_memory_allows(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore.detector, "LARGEST", 4000)
    strip = np.zeros((2, 500, 3), np.uint8)
    assert detector._enlarge(strip).shape == (4, 1000, 3)
    assert detector._enlarge(np.zeros((10, 500, 3), np.uint8)).shape == (10, 500, 3)


@pytest.mark.parametrize("side", [32, 64, 128])
def test_small_clean_photos_are_left_alone(side: int) -> None:
    detector = Detector.load("scratches", device="cpu")
    for photo in (data.chelsea(), data.astronaut()):
        size = (round(side * photo.shape[1] / photo.shape[0]), side)
        assert detector.find(cv2.resize(photo, size, interpolation=cv2.INTER_AREA)).mean() < 0.02
