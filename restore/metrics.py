"""How near a restored picture is to the clean one: numbers per picture, for judging, not training.

Each metric takes `(restored, clean)`, both (N, 3, H, W) in [0, 1], and returns (N,).
"""

from collections.abc import Callable
from math import exp

import torch
from torch import Tensor

from restore.lpips import Lpips, load_lpips

SSIM_SIGMA = 1.5  # pixels; window 11 × 11
SSIM_RADIUS = 5


def psnr(restored: Tensor, clean: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio (N,) in decibel; equal pictures have infinite."""
    return -10 * torch.log10((restored - clean).square().mean((1, 2, 3)))


def l1(restored: Tensor, clean: Tensor) -> Tensor:
    """Return the mean absolute difference (N,); 0 is best, 1 is black for white."""
    return (restored - clean).abs().mean((1, 2, 3))


def ssim(restored: Tensor, clean: Tensor) -> Tensor:
    """Return the structural similarity (N,) over Gaussian windows inside the picture; 1 is best.

    Wang et al., "Image Quality Assessment", IEEE TIP 13(4), 2004, with the Gaussian window and
    constants of the paper, per channel, then averaged. Height and width are at least 11.
    """
    mean_r, mean_c = _blur(restored), _blur(clean)
    variance_r = _blur(restored.square()) - mean_r.square()
    variance_c = _blur(clean.square()) - mean_c.square()
    covariance = _blur(restored * clean) - mean_r * mean_c
    luminance = (2 * mean_r * mean_c + 0.01**2) / (mean_r.square() + mean_c.square() + 0.01**2)
    structure = (2 * covariance + 0.03**2) / (variance_r + variance_c + 0.03**2)
    return (luminance * structure).mean((1, 2, 3))


def lpips(restored: Tensor, clean: Tensor) -> Tensor:
    """Return LPIPS-squeeze (N,), 0 is best; NaN (not measured) where its backbone is absent."""
    net = _lpips_on(restored.device)
    if net is None:
        return restored.new_full((len(restored),), float("nan"))
    return net.measure(restored, clean)


def _blur(images: Tensor) -> Tensor:
    """Average (N, C, H, W) under a Gaussian window that lies inside: (N, C, H − 10, W − 10)."""
    weights = [exp(-((x / SSIM_SIGMA) ** 2) / 2) for x in range(-SSIM_RADIUS, SSIM_RADIUS + 1)]
    for axis in (2, 3):
        length = images.shape[axis] - 2 * SSIM_RADIUS
        total = torch.zeros_like(images.narrow(axis, 0, length))
        for start, weight in enumerate(weights):  # five times as fast as a convolution here
            total.add_(images.narrow(axis, start, length), alpha=weight / sum(weights))
        images = total
    return images


def knows_lpips() -> bool:
    """Return whether LPIPS can be measured on this machine."""
    return _lpips_on(torch.device("cpu")) is not None


def _lpips_on(device: torch.device) -> Lpips | None:
    """Return what measures LPIPS on a device; None as long as its backbone is absent."""
    if device not in _LPIPS and (net := load_lpips()) is not None:
        _LPIPS[device] = net.to(device).to(memory_format=torch.channels_last)
    return _LPIPS.get(device)


_LPIPS: dict[torch.device, Lpips] = {}


METRICS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "psnr": psnr,
    "ssim": ssim,
    "l1": l1,
    "lpips": lpips,
}
