"""Push-pull: a smooth first fill of a hole, without learning, in a few milliseconds."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

LEVELS = 9  # halvings; 9 reach from 512 pixels down to one


def push_pull(damaged: Tensor, mask: Tensor) -> Tensor:
    """Fill the hole with colours averaged from its surroundings, nearer ones first.

    Push: known colours and their share are averaged down a pyramid. Pull: from the top, every cell
    takes its own average where it is known and the cell above, enlarged bilinearly, where it isn't.
    Gortler et al., "The Lumigraph", 1996, section 3.4.

    Args:
        damaged: (N, 3, H, W) in [0, 1]; what lies in the hole is ignored.
        mask: (N, 1, H, W), 1 is the hole: this pixel may change.

    Returns:
        (N, 3, H, W): `damaged` where the mask is 0, the fill where it is 1; 0.5 with nothing known.
    """
    share = 1 - mask
    colour = damaged * share
    pyramid = []
    for _ in range(LEVELS):
        pyramid.append((colour, share))
        colour = F.avg_pool2d(colour, 2, ceil_mode=True)
        share = F.avg_pool2d(share, 2, ceil_mode=True)
    colour, share = colour.mean((2, 3), keepdim=True), share.mean((2, 3), keepdim=True)
    fill = torch.where(share > 0, colour / share.clamp_min(1e-8), 0.5)
    for colour, share in reversed(pyramid):
        above = _enlarge(fill, colour.shape[-2:])
        own = colour / share.clamp_min(1e-8)
        # A cell with any share of known pixels trusts them more than its own size would say.
        trust = share.sqrt()
        fill = above + trust * (own - above)
    return fill


def _enlarge(fill: Tensor, size: Sequence[int]) -> Tensor:
    """Return a fill (N, C, H, W) enlarged bilinearly to (height, width).

    Each channel goes by itself: of three together PyTorch rounds otherwise on one thread than on
    several, and a photo would not come out the same beside others.
    """
    planes = fill.flatten(0, 1).unsqueeze(1)
    large = F.interpolate(planes, size=size, mode="bilinear", align_corners=False)
    return large.squeeze(1).unflatten(0, fill.shape[:2])
