"""What every test runs under, and what several of them need."""

import struct
import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from restore.image import Photo

# A busy machine is not a failure, so examples have no time limit; equal code gives equal examples.
settings.register_profile("restore", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("restore")

Pixels = NDArray[np.uint8]


@pytest.fixture(autouse=True)
def seeded() -> None:
    """What a test draws from the generator that all share does not depend on the tests before."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test asks of this machine goes through no proxy."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")


@pytest.fixture(autouse=True)
def as_many_threads() -> Iterator[None]:
    """What a test does to PyTorch's threads does not slow the tests after it."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    yield
    if torch and torch.get_num_threads() != before:
        torch.set_num_threads(before)
        raise AssertionError("the test has left PyTorch with another number of threads")


class FakeRestorer:
    """Fills a hole, or all, with the seed as gray, at once, and remembers what it was asked for."""

    name = "fake"
    mends = False

    def __init__(self) -> None:
        self.loaded: list[tuple[str, str]] = []
        self.seeds: list[int] = []

    def fix(self, photo: Pixels, mask: Pixels | None = None, seed: int = 0) -> Pixels:
        self.seeds.append(seed)
        if mask is None:
            mask = np.ones(photo.shape[:2], np.uint8)
        return np.where(mask[..., None] == 1, np.uint8(seed), photo)

    def fix_photo(self, photo: "Photo", mask: Pixels | None = None, seed: int = 0) -> "Photo":
        from restore.fixing import fix_photo

        return fix_photo(self, photo, mask, seed)

    def steps(self, photo: Pixels, mask: Pixels, seed: int = 0) -> Generator[None, None, Pixels]:
        return self.fix(photo, mask, seed)
        yield  # no windows


@pytest.fixture
def fake_restorer(monkeypatch: pytest.MonkeyPatch) -> FakeRestorer:
    """A restorer that needs no network stands in for every checkpoint, known or not."""
    fake = FakeRestorer()

    def load(name: str, device: str = "auto", **_: object) -> FakeRestorer:
        fake.loaded.append((name, device))
        return fake

    from restore.folders.crew import Way

    monkeypatch.setattr("restore.folders.crew.pick_way", lambda restorer: Way())
    monkeypatch.setattr("restore.folders.run.checkpoint_path", Path)
    monkeypatch.setattr("restore.folders.worker.checkpoint_path", Path)
    monkeypatch.setattr("restore.restorer.Restorer.load", load)
    return fake


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real checkpoint of a very small generator with random weights."""
    import torch

    from restore.checkpoint import Header, NetworkSettings, build_network, save_checkpoint
    from restore.nets import RESTORERS

    arguments = {
        "channels": (16, 16),
        "dilations": (1,),
        "attention": (),
        "blocks": (0, 0),
        "noise_channels": 1,
    }
    settings = NetworkSettings(kind="gated", arguments=arguments)
    path = tmp_path_factory.mktemp("checkpoints") / "tiny.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = build_network(RESTORERS, settings)
        for weights in generator.parameters():  # the last layer starts at zero and would do nothing
            torch.nn.init.normal_(weights, std=0.1)
    header = Header(
        name="tiny", task="inpaint", network=settings, size=64, licence="CC0", scores={"psnr": 9.5}
    )
    save_checkpoint(path, generator, header)
    return path


@pytest.fixture(scope="session")
def save_mender() -> Callable[..., Path]:
    """Return a function that saves a small restorer of whole photos with random weights."""
    import torch

    from restore.checkpoint import Header, NetworkSettings, build_network, save_checkpoint
    from restore.nets import RESTORERS

    arguments = {"channels": [8, 8, 8], "blocks": [1, 1, 1], "base": "damaged"}
    settings = NetworkSettings(kind="unet", arguments=arguments)

    def save(path: Path, seed: int, std: float = 0.06) -> Path:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = build_network(RESTORERS, settings)
            for weight in network.parameters():
                torch.nn.init.normal_(weight, std=std)
        header = Header(name="whole", task="mend", network=settings, size=64)
        save_checkpoint(path, network, header)
        return path

    return save


@pytest.fixture(scope="module")
def mender(save_mender: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a small restorer of whole photos with random weights that change them visibly."""
    from restore.restorer import Restorer

    path = save_mender(tmp_path_factory.mktemp("model") / "whole.safetensors", 0)
    return Restorer.load(path, device="cpu")


@pytest.fixture
def write_picture(tmp_path: Path) -> Callable[..., Path]:
    """Write a picture (H, W) or (H, W, 3 or 4) into the test's folder; noise by default."""

    def write(name: str, pixels: Pixels | None = None, **options: object) -> Path:
        if pixels is None:
            pixels = np.random.default_rng(5).integers(0, 256, (40, 60, 3), np.uint8)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, **options)
        return path

    return write


@pytest.fixture
def two_photos(write_picture: Callable[..., Path], tmp_path: Path) -> Path:
    """A folder with two equal photos, one of them deeper."""
    write_picture("photos/a.png")
    write_picture("photos/sub/b.png")
    return tmp_path / "photos"


@pytest.fixture
def make_album(
    write_picture: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Write photos/NAME and masks/NAME.png, and go to the folder that holds both."""

    def make(*names: str, masks: bool = True) -> None:
        hole = np.zeros((40, 60), np.uint8)
        hole[10:20, 20:40] = 255
        for name in names:
            write_picture(f"photos/{name}")
            if masks:
                write_picture(str(Path("masks", name).with_suffix(".png")), hole)
        monkeypatch.chdir(tmp_path)

    return make


@pytest.fixture
def mask_file(write_picture: Callable[..., Path]) -> Path:
    """A mask for a photo of 40 × 60: white marks rows 10 to 20 and columns 20 to 40."""
    mask = np.zeros((40, 60), np.uint8)
    mask[10:20, 20:40] = 255
    return write_picture("mask.png", mask)


@pytest.fixture
def make_sampler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Make checkpoints of a very small sampler: its classes, channels and name are yours to say."""
    import torch
    from torch import Tensor, nn

    from restore.checkpoint import Header, NetworkSettings, build_network, save_checkpoint
    from restore.nets import SAMPLERS, Autoencoder, SamplerGenerator

    class Tiny(SamplerGenerator):
        """Draws pixels by a linear map: the label lights up the column of its number."""

        latent = 5

        def __init__(
            self, classes: int = 0, channels: int = 3, grain: int = 0, size: int = 8
        ) -> None:
            super().__init__()
            self.classes, self.channels, self.grain, self.size = classes, channels, grain, size
            self.layer = nn.Linear(self.latent + grain, channels * size**2)

        def noise_shape(self, count: int) -> tuple[int, int]:
            return count, self.latent + self.grain

        def forward(
            self, noise: Tensor, label: Tensor | None = None, truncation: float = 1.0
        ) -> Tensor:
            image = torch.sigmoid(self.layer(noise * truncation))
            image = image.view(-1, self.channels, self.size, self.size) * 0.9
            assert (label is not None) == (self.classes > 0)
            if label is not None:
                column = nn.functional.one_hot(label, self.size).view(-1, 1, 1, self.size)
                image = torch.maximum(image, column.float())
            return image

    class TinyAutoencoder(Tiny, Autoencoder):
        """Takes the first pixels of a picture as its noise."""

        def find_noise(self, image: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
            mean = image.flatten(1)[:, : self.latent + self.grain]
            return mean, torch.zeros_like(mean)

    monkeypatch.setitem(SAMPLERS, "tiny", Tiny)
    monkeypatch.setitem(SAMPLERS, "tiny-vae", TinyAutoencoder)

    def make(
        name: str = "tiny", labels: tuple[str, ...] = (), kind: str = "tiny", **arguments: object
    ) -> Path:
        settings = NetworkSettings(kind=kind, arguments={"classes": len(labels), **arguments})
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = build_network(SAMPLERS, settings)
        path = tmp_path / "models" / f"{name}.safetensors"
        path.parent.mkdir(exist_ok=True)
        header = Header(name=name, task="generate", network=settings, size=8, labels=labels)
        save_checkpoint(path, network, header)
        return path

    return make


@pytest.fixture
def write_gray_png(tmp_path: Path) -> Callable[[np.ndarray, int, int], Path]:
    """Write levels (H, W) as a gray PNG of 1, 2 or 4 bits, one level of which is transparent."""

    def write(levels: np.ndarray, bits: int, transparent: int) -> Path:
        single = np.unpackbits(levels.astype(np.uint8)[..., None], axis=-1)[..., -bits:]
        rows = np.packbits(single.reshape(len(levels), -1), axis=1)
        height, width = levels.shape
        chunks = {
            b"IHDR": struct.pack(">LLBBBBB", width, height, bits, 0, 0, 0, 0),
            b"tRNS": struct.pack(">H", transparent),
            b"IDAT": zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)),
            b"IEND": b"",
        }
        data = b"\x89PNG\r\n\x1a\n"
        for kind, body in chunks.items():
            data += struct.pack(">L", len(body)) + kind + body
            data += struct.pack(">L", zlib.crc32(kind + body))
        path = tmp_path / f"{bits}.png"
        path.write_bytes(data)
        return path

    return write
