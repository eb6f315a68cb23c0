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
    """Collects pairs of pictures in a temporary folder, then measures them together.

    Raises:
        RestoreError: torch-fidelity is not installed.
    """

    def __init__(self) -> None:
        if find_spec("torch_fidelity") is None:
            raise RestoreError(
                "FID and KID need the package torch-fidelity; pip install 'restore-gan[fidelity]'."
            )
        self.count = 0
        self.sizes: set[tuple[int, ...]] = set()

    def __enter__(self) -> "FidelityPool":
        self.folder = TemporaryDirectory()
        self.restored = Path(self.folder.name) / "restored"
        self.clean = Path(self.folder.name) / "clean"
        self.restored.mkdir()
        self.clean.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        self.folder.cleanup()

    def add(self, restored: NDArray[np.uint8], clean: NDArray[np.uint8]) -> None:
        """Take in a pair of pictures (H, W, 3) uint8 RGB."""
        write_bytes(self.restored / f"{self.count}.png", encode_png(restored))
        write_bytes(self.clean / f"{self.count}.png", encode_png(clean))
        self.count += 1
        self.sizes |= {restored.shape, clean.shape}

    def measure(self) -> dict[str, float]:
        """Return {"fid": ..., "kid": ...} between all restored and all clean pictures.

        Raises:
            RestoreError: the Inception weights can't be had, or there are too few pictures.
        """
        import torch_fidelity

        if self.count < LEAST:
            raise RestoreError(f"FID and KID need {LEAST} pictures or more.")
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                found = torch_fidelity.calculate_metrics(
                    input1=str(self.restored),
                    input2=str(self.clean),
                    fid=True,
                    kid=True,
                    batch_size=BATCH if len(self.sizes) == 1 else 1,
                    kid_subset_size=min(LARGEST_SUBSET, self.count),
                    cuda=False,
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
