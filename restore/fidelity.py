"""FID and KID: how far two collections of pictures are apart, by Inception features.

Heusel et al., eq. 6, arXiv:1706.08500; Bińkowski et al., section 4, arXiv:1801.01401. By the
torch-fidelity package, an extra, whose Inception weights are not part of this program.
"""

import contextlib
import io
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from restore.errors import RestoreError
from restore.image import encode_png, write_bytes

NAMES = {
    "fid": "frechet_inception_distance",
    "kid": "kernel_inception_distance_mean",
}
LEAST = 2  # pictures
BATCH = 64  # pictures of one size that Inception looks at together
LARGEST_SUBSET = 1000  # pictures in a subset of KID, as in the paper's code


class FidelityPool:
    """Collects pictures of two kinds in a temporary folder, then measures them together.

    Args:
        device: that Inception runs on: the processor, or a GPU of NVIDIA.

    Raises:
        RestoreError: torch-fidelity is not installed.
    """

    def __init__(self, device: torch.device | None = None) -> None:
        if find_spec("torch_fidelity") is None:
            raise RestoreError(
                'FID and KID need the package torch-fidelity; pip install "restore-gan[fidelity]".'
            )
        self.gpu = device if device is not None and device.type == "cuda" else None
        self.counts = {"restored": 0, "clean": 0}
        self.sizes: set[tuple[int, ...]] = set()

    def __enter__(self) -> "FidelityPool":
        self.folder = TemporaryDirectory()
        for kind in self.counts:
            (Path(self.folder.name) / kind).mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        self.folder.cleanup()

    def add_restored(self, pixels: NDArray[np.uint8]) -> None:
        """Take in a picture (H, W, 3) uint8 RGB that was restored or drawn."""
        self._add("restored", pixels)

    def add_clean(self, pixels: NDArray[np.uint8]) -> None:
        """Take in a picture (H, W, 3) uint8 RGB to compare with."""
        self._add("clean", pixels)

    def _add(self, kind: str, pixels: NDArray[np.uint8]) -> None:
        path = Path(self.folder.name) / kind / f"{self.counts[kind]}.png"
        write_bytes(path, encode_png(pixels))
        self.counts[kind] += 1
        self.sizes.add(pixels.shape)

    def measure(self) -> dict[str, float]:
        """Return {"fid": ..., "kid": ...} between all restored and all clean pictures.

        Raises:
            RestoreError: the Inception weights can't be had, or there are too few pictures.
        """
        import torch_fidelity

        least = min(self.counts.values())
        if least < LEAST:
            raise RestoreError(f"FID and KID need {LEAST} pictures or more.")
        try:
            chosen = contextlib.nullcontext() if self.gpu is None else torch.cuda.device(self.gpu)
            with chosen, contextlib.redirect_stderr(io.StringIO()):
                found = torch_fidelity.calculate_metrics(
                    input1=str(Path(self.folder.name) / "restored"),
                    input2=str(Path(self.folder.name) / "clean"),
                    fid=True,
                    kid=True,
                    batch_size=BATCH if len(self.sizes) == 1 else 1,
                    kid_subset_size=min(LARGEST_SUBSET, least),
                    cuda=self.gpu is not None,
                    verbose=False,
                    cache=False,
                )
        except Exception as error:  # the package tells a lack of weights in many types
            raise RestoreError(
                f"FID and KID could not be measured ({type(error).__name__}: {error}); where its "
                f"Inception weights are missing, torch-fidelity fetches them, over a network."
            ) from error
        return {name: float(found[key]) for name, key in NAMES.items()}

    def measure_or_warn(self, warn: Callable[[str], None]) -> dict[str, float]:
        """Return what `measure` does, or nothing and a warning: other scores are worth keeping."""
        try:
            return self.measure()
        except RestoreError as error:
            warn(str(error))
            return {}
