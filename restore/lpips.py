"""LPIPS with the squeeze backbone: how different two pictures look, as a metric and as a loss.

Zhang et al., "The Unreasonable Effectiveness of Deep Features", arXiv:1801.03924. The linear
weights come inside the `lpips` package, the SqueezeNet 1.1 backbone from disk. The package's own
class does the same sums (a test compares them), but prints, warns, draws random weights first,
gives NaN gradients at dead pixels and keeps a graph for both pictures.
"""

import os
from collections.abc import Iterable, Iterator
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from restore.errors import RestoreError

BACKBONE_FILE = "squeezenet1_1-b8a52dc0.pth"
BACKBONE_URL = f"https://download.pytorch.org/models/{BACKBONE_FILE}"
GRID = 16  # pixels from one place that the last stages look at to the next
LEAST_SIDE = 32  # pixels of a picture that all stages can look at
STAGE_ENDS = (1, 4, 7, 9, 10, 11, 12)  # layers of SqueezeNet's `features` that LPIPS looks at
SHIFT = (-0.030, -0.088, -0.188)  # ImageNet mean and deviation per channel for input in [-1, 1]
SCALE = (0.458, 0.448, 0.450)
ROWS_PIXELS = 1 << 19  # of a stage that are compared together
EPSILON = 1e-10  # added to lengths, as in the package


def _constant(values: tuple[float, float, float]) -> Tensor:
    """Return three numbers as (1, 3, 1, 1), whatever PyTorch makes by default."""
    return torch.tensor(values, dtype=torch.float32, device="cpu").view(1, 3, 1, 1)


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
        self.register_buffer("shift", _constant(SHIFT))
        self.register_buffer("scale", _constant(SCALE))
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
        return list(self._look(images))

    def _look(self, images: Tensor) -> Iterator[Tensor]:
        hidden = (2 * images - 1 - self.shift) / self.scale
        for index, layer in enumerate(self.layers):
            hidden = layer(hidden)
            if index in STAGE_ENDS:
                yield hidden

    @torch.no_grad()
    def measure(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Return what calling it does, for judging: without gradients, in a quarter of the memory.

        One stage is held at a time, and compared some rows at a time.
        """
        total = restored.new_zeros(len(restored))
        stages = zip(self._look(restored), self._look(clean), self.linear, strict=True)
        for first, second, weight in stages:
            rows = max(1, ROWS_PIXELS // first.shape[3])
            pairs = zip(first.float().split(rows, 2), second.float().split(rows, 2), strict=True)
            for one, other in pairs:
                share = one.shape[2] / first.shape[2]
                total += share * _StageDistance.apply(one, other, weight)
        return total

    def distance(self, first: list[Tensor], second: list[Tensor]) -> Tensor:
        """Return the distance (N,) between two results of `features` (LPIPS, eq. 1)."""
        with torch.autocast(first[0].device.type, enabled=False):
            stages = [
                _StageDistance.apply(one.float(), other.float(), weight)
                for one, other, weight in zip(first, second, self.linear, strict=True)
            ]
        return torch.stack(stages).sum(0)

    def among(self, images: Tensor, batch: int = 64) -> Tensor:
        """Return the distances (N, N) between all of `images` (N, 3, H, W); needs no gradients.

        A squared difference of unit features is what their products say, so that a product of
        matrices does for all pairs what `distance` does for one.
        """
        with torch.no_grad():
            parts = [self.features(part) for part in images.split(batch)]
            total = torch.zeros(len(images), len(images), device=images.device)
            for weight, stages in zip(self.linear, zip(*parts, strict=True), strict=True):
                unit = _to_unit(torch.cat(stages).float())[0]  # (N, h, w, C)
                weighted = (unit * (weight / unit[0, :, :, 0].numel())).flatten(1)
                product = weighted @ unit.flatten(1).T
                own = product.diagonal()
                total += own[:, None] + own[None] - 2 * product
        return total.clamp_(min=0).fill_diagonal_(0)


class _StageDistance(torch.autograd.Function):
    """Weighted squared difference (N,) of features (N, C, h, w) scaled to unit length per pixel.

    By hand because autograd would make three times the passes over tensors that do not fit into the
    cache: this halves the cost of LPIPS as a loss. A pixel without any feature has gradient 0.
    """

    @staticmethod
    def forward(ctx: Any, first: Tensor, second: Tensor, weight: Tensor) -> Tensor:
        first_unit, first_length = _to_unit(first)
        second_unit, second_length = _to_unit(second)
        difference = first_unit - second_unit  # (N, h, w, C)
        first_saved = (first_unit, first_length) if ctx.needs_input_grad[0] else (None, None)
        second_saved = (second_unit, second_length) if ctx.needs_input_grad[1] else (None, None)
        ctx.save_for_backward(difference, weight, *first_saved, *second_saved)
        return torch.matmul(difference.square(), weight).mean((1, 2))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        difference, weight, *saved = ctx.saved_tensors
        per_pixel = gradient.view(-1, 1, 1, 1) * 2 / difference[0, :, :, 0].numel()
        slope = difference * (weight * per_pixel)
        to_first = _through_unit(slope, *saved[:2]) if ctx.needs_input_grad[0] else None
        to_second = _through_unit(-slope, *saved[2:]) if ctx.needs_input_grad[1] else None
        return to_first, to_second, None


def _to_unit(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return features (N, C, h, w) as (N, h, w, C) of unit length, and the lengths (N, h, w, 1)."""
    last = features.permute(0, 2, 3, 1)
    length = torch.linalg.vector_norm(last, dim=-1, keepdim=True) + EPSILON
    return last / length, length


def _through_unit(slope: Tensor, unit: Tensor, length: Tensor) -> Tensor:
    """Return the gradient (N, C, h, w) before `_to_unit`: changes of length alone fall away."""
    along = (slope * unit).sum(-1, keepdim=True)
    gradient = torch.addcmul(slope, unit, along, value=-1)
    gradient *= (1 / length).masked_fill_(length <= 2 * EPSILON, 0)
    return gradient.permute(0, 3, 1, 2)


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
        RestoreError: there is no network, the answer breaks off, or the file that came is not the
            one expected.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / BACKBONE_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = BACKBONE_FILE.removesuffix(".pth").split("-")[1]
        torch.hub.download_url_to_file(BACKBONE_URL, str(path), prefix, progress=False)
    except (OSError, RuntimeError, HTTPException) as error:
        why = " ".join(str(error).split())  # a bad answer is quoted with its end of line
        raise RestoreError(
            f"{BACKBONE_URL} could not be fetched ({why}); put it into {path.parent} by hand."
        ) from error
    return path


def _backbone_folders() -> list[Path]:
    folders = [Path(torch.hub.get_dir())]
    if not os.environ.get("TORCH_HOME"):
        folders.append(Path(__file__).resolve().parents[2] / "shared" / "torch-home" / "hub")
    return [folder / "checkpoints" for folder in folders]


def _read_backbone(path: Path) -> nn.Sequential:
    """Read SqueezeNet's `features` without drawing random weights that are thrown away."""
    from torchvision.models import squeezenet1_1  # takes a second that fixing can do without

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
