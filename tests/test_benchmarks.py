"""The benchmarks keep to their protocol, on a data folder of two photos and twelve masks."""

import json
import sys
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut, rocket

from restore.checkpoint import Header, NetworkSettings, build_network, save_checkpoint
from restore.lpips import load_lpips
from restore.nets import RESTORERS
from restore.reader import load_reader

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


def load(name: str) -> ModuleType:
    spec = spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Telea:
    """A restorer that is Telea, so its ratio is known."""

    mends = False

    @classmethod
    def load(cls, name: str, device: str) -> "Telea":
        return cls()

    def fix(self, photo: np.ndarray, mask: np.ndarray, *, seed: int = 0) -> np.ndarray:
        return np.asarray(cv2.inpaint(photo, mask, 3, cv2.INPAINT_TELEA))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("kodak24", "cbsd68", "masks"):
        (tmp_path / name).mkdir()
    photos = [astronaut(), np.pad(rocket()[:, :512], ((43, 42), (0, 0), (0, 0)), "edge")]
    for name, pixels in zip("ab", photos, strict=True):
        Image.fromarray(np.pad(pixels, ((8, 8), (0, 64), (0, 0)))).save(
            tmp_path / "kodak24" / f"{name}.png"
        )
        Image.fromarray(pixels[:321, :481]).save(tmp_path / "cbsd68" / f"{name}.png")
    for band in range(6):
        for number in (0, 40):
            mask = np.zeros((512, 512), np.uint8)
            mask[100 : 140 + 60 * band, 100 : 140 + number] = 255
            Image.fromarray(mask).save(tmp_path / "masks" / f"{2000 * band + number:05d}.png")
    return tmp_path


def test_quality_follows_its_protocol(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quality = load("quality")
    monkeypatch.setattr(quality, "Restorer", Telea)
    out = data / "scores.json"
    command = f"quality --data {data} --cache {data / 'cache'} --json {out} --bands 15,25"
    command += f" --sets kodak512,kodak256,cbsd68 --sheet {data / 'sheet.png'} --sheet-every 2"
    monkeypatch.setattr(sys, "argv", command.split())
    quality.main()
    report = json.loads(out.read_text())
    holes = {(s["group"], s["name"]): s["hole"] for s in report["scores"]}
    assert holes["kodak512 15", "a"] == 100 * 40 / 512**2
    assert holes["kodak512 15", "b"] == 100 * 80 / 512**2
    assert holes["kodak256 25", "b"] == 80 * 40 / 256**2
    assert holes["cbsd68 25", "b"] == 160 * 80 / (321 * 481)
    assert [row["band"] for row in report["kodak512"]["rows"]] == ["15", "25"]
    assert (data / "sheet.png").stat().st_size > 10_000
    assert "kodak256" in capsys.readouterr().out
    if load_lpips() is None:
        pytest.skip("the LPIPS backbone is not on disk, so there are no ratios to check")
    row = report["kodak512"]["rows"][1]
    assert row["ours"] == row["telea"] and row["ratio"] >= 1 and row["differ"] == 0


def test_quality_takes_known_baseline_scores_from_its_cache(data: Path) -> None:
    quality = load("quality")
    case = quality.Case("a", "kodak512 06", astronaut()[:64, :64], np.eye(64, dtype=np.uint8))
    first = quality.Cache(data / "cache")
    score = first.score(case, "ns")
    first.save()
    again = quality.Cache(data / "cache")
    assert again.score(case, "ns") == score  # with the seconds of the first time
    other = quality.Case("a", "kodak512 06", astronaut()[:64, 1:65], case.mask)
    assert again.score(other, "ns").values != score.values


def test_speed_measures_telea_beside_the_reference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    speed = load("speed")
    monkeypatch.setattr(sys, "argv", ["speed", "--runs", "1", "--only", "telea 512²"])
    speed.main()
    row = json.loads(capsys.readouterr().out)
    assert row["seconds"] > 0 and row["ratio"] == pytest.approx(row["seconds"] / row["reference"])
    assert 50 < row["peak_mib"] < 100_000


class Bright:
    """A detector that takes what is bright for damage."""

    @classmethod
    def load(cls, name: str) -> "Bright":
        return cls()

    def rate(self, photo: np.ndarray) -> np.ndarray:
        return photo.min(axis=2).astype(np.float32) / 255

    def find(self, photo: np.ndarray, *, threshold: float, grow: int) -> np.ndarray:
        return (self.rate(photo) >= threshold).view(np.uint8)


def test_the_detector_is_scored_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    detector = load("detector")
    monkeypatch.setattr(detector, "Detector", Bright)
    (tmp_path / "bright.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(detector, "checkpoint_path", lambda name: tmp_path / f"{name}.safetensors")
    monkeypatch.setattr(detector, "Restorer", Telea)
    monkeypatch.setattr(Telea, "load", classmethod(lambda cls, name: cls()))
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.full((90, 120, 3), 60, np.uint8)).save(tmp_path / "photos" / "a.png")
    words = ["detector.py", "bright", "--sheet", str(tmp_path / "sheet.png")]
    scores = tmp_path / "scores.json"
    photos = str(tmp_path / "photos")
    monkeypatch.setattr(sys, "argv", [*words, "--photos", photos, "--json", str(scores)])
    detector.main()
    assert "1 photos" in capsys.readouterr().out
    report = json.loads(scores.read_text())
    assert set(report["scores"]) == {"F1 photos", "F1 photos ±1 px"}
    assert report["sha256"] == sha256(b"weights").hexdigest()
    assert (
        load("ship").read_scores(scores).keys() == json.loads(scores.read_text())["scores"].keys()
    )
    for unlike in (["--limit", "1"], ["--preset", "old-photo"], ["--seed", "3"]):
        arguments = [*words, "--photos", photos, "--json", str(scores), *unlike]
        monkeypatch.setattr(sys, "argv", arguments)
        detector.main()
        with pytest.raises(SystemExit, match=unlike[0]):
            load("ship").read_scores(scores)
    (tmp_path / "sheet.png").unlink()
    monkeypatch.setattr(sys, "argv", [*words, "--old", photos])
    detector.main()
    assert Image.open(tmp_path / "sheet.png").size[0] > 3 * 560


def test_runtimes_are_compared_with_torch_in_float32(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))  # it takes the reference from speed.py
    runtimes = load("runtimes")
    monkeypatch.setattr(runtimes, "export_onnx", lambda name, out: SimpleNamespace(out=out))
    monkeypatch.setattr(runtimes, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["runtimes", "--model", str(tiny_checkpoint), "--runs", "1"])
    runtimes.main()
    reference, _, exact, usual = capsys.readouterr().out.splitlines()
    assert reference.startswith("reference") and exact.endswith("inf")
    assert float(usual.split()[-1]) > 40


def test_a_sampler_is_shipped_with_what_evaluate_prints(tmp_path: Path) -> None:
    values = {"frechet": 0.35374, "precision": 0.8, "recall": 0.7, "right": 0.982, "modes": 10}
    (tmp_path / "scores.json").write_text(json.dumps({"features": "mnist", "values": values}))
    assert load("ship").read_scores(tmp_path / "scores.json") == {
        **{"frechet mnist": 0.3537, "precision mnist": 0.8, "recall mnist": 0.7},
        "right": 0.982,
    }


def test_the_classifier_learns_what_idx_files_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bright and dark squares, so little to learn that a few steps do."""
    labels = np.arange(256) % 2
    pictures = (labels[:, None, None] * 200 + np.zeros((1, 8, 8))).astype(np.uint8)
    for part in ("train", "t10k"):
        head = np.array([0x803, *pictures.shape], ">u4").tobytes()
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(head + pictures.tobytes())
        head = np.array([0x801, len(labels)], ">u4").tobytes()
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(head + bytes(labels.tolist()))
    words = ["classifier.py", str(tmp_path), "--name", "light", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [*words, "--size", "8", "--epochs", "8"])
    load("classifier").main()
    told = capsys.readouterr().out
    assert "100.00% of 256 read right" in told and "light.classifier.safetensors" in told
    reader = load_reader(tmp_path / "light.classifier.safetensors", device="cpu")
    assert reader.labels == ("0", "1")


@pytest.fixture
def idle_mender(tmp_path: Path) -> Path:
    """An untrained mender, which returns the photo as it is, and natural weights that do too."""
    arguments = {"base": "damaged", "channels": [8, 8], "blocks": [1, 1]}
    settings = NetworkSettings(kind="unet", arguments=arguments)
    network = build_network(RESTORERS, settings)
    for name in ("idle", "idle-natural"):
        header = Header(name=name, task="mend", network=settings, size=64)
        save_checkpoint(tmp_path / f"{name}.safetensors", network, header)
    return tmp_path / "idle.safetensors"


def test_mend_scores_damaged_photos_as_the_papers_do(
    tmp_path: Path, idle_mender: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    gray = np.repeat(astronaut()[100:164, 100:166, :1], 3, axis=2)
    for folder in ("cbsd68", "classic5", "set14", "kodak24"):
        (tmp_path / folder).mkdir()
        pixels = gray if folder == "classic5" else astronaut()[100:164, 100:166]
        Image.fromarray(pixels).save(tmp_path / folder / "a.png")
    words = ["mend.py", "--model", str(idle_mender), "--device", "cpu", "--data", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [*words, "--json", str(tmp_path / "scores.json")])
    mend = load("mend")
    mend.main()
    report = json.loads((tmp_path / "scores.json").read_text())
    tasks = report["tasks"]
    assert tasks["noise25 float"]["damaged"] == pytest.approx(20.17, abs=0.1)
    assert tasks["noise50 float"]["damaged"] == pytest.approx(14.15, abs=0.2)
    assert tasks["noise50 file"]["damaged"] > tasks["noise50 float"]["damaged"], "it is clipped"
    for line, found in tasks.items():
        wanted = found["damaged"] if "noise50 float" not in line else found["psnr"]
        assert found["psnr"] == pytest.approx(wanted, abs=0.9), line
    assert report["scores"]["PSNR clean"] == 99
    assert "below what was wanted: noise25 float" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*words, "--plot", str(tmp_path / "plot.svg")])
    mend.main()
    assert (tmp_path / "plot.svg").read_text().count("<circle") == 10


def test_a_folder_is_timed_beside_a_loop_and_gives_the_same_bytes(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["folder.py", "--count", "2", "--each", "1", "--model", str(tiny_checkpoint)]
    monkeypatch.setattr(sys, "argv", command)
    load("folder").main()
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head == "| way | photos | seconds | photos/s | the folder is |"
    assert [row.split("|")[1:3] for row in rows] == [
        [" a folder ", " 2 "],
        [" a loop ", " 2 "],
        [" a process for each ", " 1 "],
    ]


def test_rivals_of_the_generator_are_trained_for_equal_minutes_and_scored(
    data: Path,
    tiny_checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    search = load("search")
    monkeypatch.setattr(search, "RESTORERS", dict(RESTORERS))
    trained = {}
    monkeypatch.setattr(search, "time_step", lambda step, batch: (0.4, 0.1))
    monkeypatch.setattr(
        search, "train", lambda recipe, *_: trained.setdefault("recipe", recipe) and tiny_checkpoint
    )
    words = [str(data / "kodak24"), "--minutes", "2", "--runs", str(tmp_path), "--data", str(data)]
    monkeypatch.setattr(sys, "argv", ["search.py", *words, "--only", "no attention"])
    search.main()
    assert (trained["recipe"].steps, trained["recipe"].generator.arguments) == (
        240,
        {"attention": ()},
    )
    head, row = capsys.readouterr().out.splitlines()[-2:]
    assert head.count("|") == row.count("|") and row.startswith("| no attention | ")


@pytest.mark.parametrize("name", ["LargeKernels", "Fourier", "CoarseThenFine"])
def test_a_rival_that_knows_nothing_yet_returns_its_base(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    rival = getattr(load("search"), name)()
    photo, mask = torch.rand(1, 3, 64, 64), torch.zeros(1, 1, 64, 64)
    mask[..., 20:40, 10:50] = 1
    noise = torch.randn(rival.noise_shape(1, 64, 64))
    restored = rival(photo, mask, noise)
    assert torch.allclose(restored, rival.make_base(photo, mask) * mask + photo * (1 - mask))
    restored.sum().backward()
    assert rival.head.weight.grad.abs().sum() > 0
