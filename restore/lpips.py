"""LPIPS with the squeeze backbone: how different two pictures look, as a metric and as a loss.

Zhang et al., "The Unreasonable Effectiveness of Deep Features", arXiv:1801.03924. The linear weights
come inside the `lpips` package, the SqueezeNet 1.1 backbone from disk. The package's own class does
the same sums (a test compares them), but prints, warns, draws random weights first, gives NaN
gradients at dead pixels and keeps a graph for both pictures.
"""

import os
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torchvision.models import squeezenet1_1

from restore.errors import RestoreError

BACKBONE_FILE = "squeezenet1_1-b8a52dc0.pth"
BACKBONE_URL = f"https://download.pytorch.org/models/{BACKBONE_FILE}"
STAGE_ENDS = (1, 4, 7, 9, 10, 11, 12)  # layers of SqueezeNet's `features` that LPIPS looks at
SHIFT = (-0.030, -0.088, -0.188)  # ImageNet mean and deviation per channel for input in [-1, 1]
SCALE = (0.458, 0.448, 0.450)


class Lpips(nn.Module):
    """LPIPS-squeeze between pictures: 0 for equal ones, about 0.5 for unrelated ones.

    Frozen. fp32 is exact to the published metric; under bf16 autocast only the convolutions are
    rounded, good enough for a training loss. `memory_format=torch.channels_last` makes it faster.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, layers: nn.Sequential, linear: list[Tensor]) -> None:
        """Take SqueezeNet 1.1's `features` and one (C,) weight for each of the seven stages."""
        super().__init__()
        self.layers = layers
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1))
        self.linear = nn.ParameterList(linear)
        self.eval().requires_grad_(False)

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Return the distance (N,) of two batches (N, 3, H, W) in [0, 1], H and W at least 32.

        Gradients flow to `restored` only; use `features` and `distance` where both need them.
        """
        with torch.no_grad():
            target = self.features(clean)
        return self.distance(self.features(restored), target)

    def features(self, images: Tensor) -> list[Tensor]:
        """Return what the seven stages see in `images` (N, 3, H, W) in [0, 1]."""
        hidden = (2 * images - 1 - self.shift) / self.scale
        stages = []
        for index, layer in enumerate(self.layers):
            hidden = layer(hidden)
            if index in STAGE_ENDS:
                stages.append(hidden)
        return stages

    def distance(self, first: list[Tensor], second: list[Tensor]) -> Tensor:
        """Return the distance (N,) between two results of `features` (LPIPS, eq. 1)."""
        return torch.stack(
            [
                _stage_distance(one.float(), other.float(), weight)
                for one, other, weight in zip(first, second, self.linear, strict=True)
            ]
        ).sum(0)


def _stage_distance(first: Tensor, second: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted squared difference (N,) of features scaled to unit length per pixel."""
    difference = _to_unit(first) - _to_unit(second)  # (N, C, h, w)
    return torch.einsum("nchw,c->n", difference.square(), weight) / difference[0, 0].numel()


def _to_unit(features: Tensor) -> Tensor:
    # vector_norm, not sqrt of a sum: its gradient at a pixel without any feature is 0, not NaN.
    length: Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return features / (length + 1e-10)


def load_lpips(folders: Iterable[Path] | None = None) -> Lpips | None:
    """Load LPIPS-squeeze in fp32 on the CPU, or return None where its backbone is not on disk.

    `folders`: where to look for the backbone; as a rule PyTorch's cache (`TORCH_HOME`) and, where
    that is not set, `../shared/torch-home` beside a checkout. Nothing is ever fetched.

    Raises:
        RestoreError: the file is there but holds something else.
    """
    for folder in _backbone_folders() if folders is None else folders:
        if (folder / BACKBONE_FILE).is_file():
            return Lpips(_read_backbone(folder / BACKBONE_FILE), _read_linear())
    return None


def fetch_lpips() -> Path:
    """Download the backbone (5 MB) into PyTorch's cache and return its path.

    Raises:
        RestoreError: there is no network, or the file that came is not the one expected.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / BACKBONE_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = BACKBONE_FILE.removesuffix(".pth").split("-")[1]
        torch.hub.download_url_to_file(BACKBONE_URL, str(path), prefix, progress=False)
    except (URLError, OSError, RuntimeError) as error:
        raise RestoreError(
            f"{BACKBONE_URL} could not be fetched ({error}); put it into {path.parent} by hand."
        ) from error
    return path


def _backbone_folders() -> list[Path]:
    folders = [Path(torch.hub.get_dir())]
    if not os.environ.get("TORCH_HOME"):
        folders.append(Path(__file__).parents[2] / "shared" / "torch-home" / "hub")
    return [folder / "checkpoints" for folder in folders]


def _read_backbone(path: Path) -> nn.Sequential:
    """Read SqueezeNet's `features` without drawing random weights that are thrown away."""
    with torch.device("meta"):
        backbone = squeezenet1_1(weights=None)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        backbone.load_state_dict(state, assign=True)
    except (UnpicklingError, RuntimeError, OSError, EOFError, TypeError) as error:
        raise RestoreError(
            f"{path} is not SqueezeNet 1.1 from torchvision; delete it and fetch it again."
        ) from error
    layers = backbone.features
    assert isinstance(layers, nn.Sequential)
    return layers.float()


def _read_linear() -> list[Tensor]:
    """Read the seven (C,) weights that the `lpips` package ships, without importing the package.

    Importing it would load SciPy and scikit-image, half a second for nothing.
    """
    spec = find_spec("lpips")
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin).parent / "weights" / "v0.1" / "squeeze.pth"
    state = torch.load(path, map_location="cpu", weights_only=True)
    return [state[f"lin{stage}.model.1.weight"].flatten() for stage in range(len(STAGE_ENDS))]
