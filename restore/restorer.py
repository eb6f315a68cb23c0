"""The restorer: a photo and a mask in, the whole photo out."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf
from numbers import Real
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restore.adapting import adapt_generator
from restore.assets import checkpoint_path, is_natural, natural_path
from restore.checkpoint import Header, check_task, find_difference, load_network
from restore.device import (
    autocast,
    free_memory,
    memory_errors,
    pick_device,
    sentence_on_memory,
    to_device,
)
from restore.errors import UsageError
from restore.filling import fill_holes, shrink_soft
from restore.fixing import check_photo, find_unknown, fix_with
from restore.image import (
    AnyPixels,
    Mask,
    Photo,
    Pixels,
    check_pixels,
    cover_hidden,
    to_tensor,
)
from restore.masks import to_mask
from restore.mending import Mender, check_scale
from restore.nets import RESTORERS, RestorerGenerator
from restore.seeded import read_seed
from restore.windows import Steps, Window, follow

# What is flipped to mend a photo more than once: nothing, left and right, up and down, both.
MIRRORED = ((), (3,), (2,), (2, 3))


@dataclass(frozen=True, eq=False)
class Restorer:
    """A generator that is ready to use: `Restorer.load("inpaint").fix(photo, mask)`."""

    name: str
    settings: Header = field(repr=False)
    generator: RestorerGenerator = field(repr=False)
    device: torch.device
    ways: int = 1  # of `MIRRORED` that a window is restored in
    upscale: int = 1  # how many times wider and higher a photo that is mended becomes
    keep_fading: bool = False  # whether a photo that is mended stays as faded as it looks
    strength: float = 1.0  # share of what mending changes that a photo gets

    @property
    def mends(self) -> bool:
        """Whether it mends photos, which may have 16 bits, and does not only fill holes."""
        return self.settings.task == "mend"

    @classmethod
    def load(
        cls,
        name: str | Path = "inpaint",
        device: str | torch.device = "auto",
        natural: float = 0.0,
        tta: bool = False,
        upscale: int = 1,
        keep_fading: bool = False,
        strength: float = 1.0,
    ) -> "Restorer":
        """Load a shipped checkpoint by name, a .safetensors file, or a run's folder.

        Args:
            name: of the checkpoint.
            device: "auto", "cpu", "cuda", "mps", or one GPU of several, as "cuda:1".
            natural: 0 takes the checkpoint's own weights, which are faithful to the photo; 1 takes
                those of NAME-natural.safetensors beside it, which make up detail that looks real;
                between the two they are mixed (Wang et al., section 3.4, arXiv:1809.00219). A
                natural checkpoint that is named itself takes 0 alone.
            tta: mend photos in all four ways that they can be mirrored and take the mean, which is
                closer to the truth (test-time augmentation; "self-ensemble" in Lim et al., section
                3.4, arXiv:1707.02921). It takes twice as long as without, when what mends
                faithfully does so in two ways, and four times as long as what is natural, which is
                done in one, since a mean of details is soft.
            upscale: how many times wider and higher photos become that are mended: 1, 2 or 4.
            keep_fading: leave photos that look faded as they are; else those that are mended as a
                whole get back their colour and depth.
            strength: 0 to 1: by how much photos are mended; 0.5 is halfway to the mended photo,
                which leaves half of the grain. What is enlarged is mended as it is, and then once
                more in full.

        Raises:
            UsageError: an unknown name or device, a checkpoint that restores no photos, another
                scale or strength, or `tta`, `upscale`, `keep_fading` or `strength` for one that
                fills holes: the mean of several fills is a blur, and it mends nothing else.
            RestoreError: the file is missing or is no whole checkpoint of this program.
        """
        path = checkpoint_path(name)
        place = pick_device(device)
        check_task(path, "inpaint", "mend")
        check_scale(upscale)
        if not isinstance(strength, Real) or not 0 <= strength <= 1:
            raise UsageError(f"'strength' goes from 0 to 1, not {strength!r}.")
        settings, generator = load_network(path, RESTORERS)
        wishes = {"tta": tta, "upscale": upscale > 1, "keep_fading": keep_fading}
        _check_wishes(settings, wishes | {"strength": strength < 1})
        if natural:
            generator = _mix(path, settings, generator, natural)
        faithful = settings.task == "mend" and not natural and not is_natural(path)
        return cls(
            settings.name,
            settings,
            to_device(generator, place),
            place,
            ways=len(MIRRORED) if tta else 2 if faithful else 1,
            upscale=upscale,
            keep_fading=keep_fading,
            strength=float(strength),
        )

    def fix(
        self, photo: AnyPixels, mask: NDArray[np.generic] | None = None, seed: int = 0
    ) -> AnyPixels:
        """Return the photo with its holes filled, or without a mask mended as a whole.

        Where the mask is 0 the photo stays as it is.

        Args:
            photo: (H, W, 3) RGB, uint8; what mends photos also takes uint16.
            mask: (H, W); everything but 0 is the hole: this pixel may change. What mends photos
                goes by what is there, and without a mask mends all of it; with one a photo stays as
                faded as it is, since its parts shall go together.
            seed: another seed, another fill; the same seed, the same fill.

        Returns:
            (H, W, 3) RGB, a new array of the type of `photo`, `upscale` times as high and wide;
            with three equal channels where those of a mended photo were.

        Raises:
            UsageError: photo or mask has another shape or type, nothing is known, the seed is
                negative or too large, the restorer fills holes and there is no mask, or it makes
                photos larger and there is one.
            RestoreError: there is not enough memory.
        """
        with sentence_on_memory():
            return follow(self.steps(photo, mask, seed), lambda window: self.restore([window])[0])

    def fix_photo(
        self, photo: Photo, mask: NDArray[np.generic] | None = None, seed: int = 0
    ) -> Photo:
        """Fix a photo as it was read, with its transparency, 16 bits and size, see `fix`.

        What is invisible is not looked at and stays.

        Args:
            photo: as `read_image` gives it, or one whose pixels were changed or cut since
                (`dataclasses.replace`), with its transparency.
            mask: as in `fix`, but what fills holes takes at most 95 % of what is visible.
            seed: as in `fix`.

        Returns:
            What `write_image(path, fixed.pixels, like=fixed)` writes; `photo` itself where there
            is nothing to do.

        Raises:
            UsageError: as `fix`, or it is no `Photo`, or nearly everything is hole.
            RestoreError: as `fix`.
        """
        return fix_with(self, photo, mask, seed)

    def adapt(
        self, photo: Pixels, mask: NDArray[np.generic], seconds: float, seed: int = 0
    ) -> "Restorer":
        """Return a restorer that has practised on what is known of this photo, for this photo.

        Of a soft photo it practises on the smaller one in which its hole is filled. Itself where
        there is no hole, or it is filled with copies of the texture around it, or it or the photo
        is too small to practise on.

        Args:
            photo: (H, W, 3) uint8 RGB.
            mask: (H, W); everything but 0 is the hole.
            seconds: to practise for. They go by the clock, so that it is not the same twice.
            seed: of what it practises on.

        Raises:
            UsageError: as `fix`, or the restorer fills no holes, or the seconds are none.
            RestoreError: the network that LPIPS measures with is not on disk, or there is not
                enough memory.
        """
        if not isinstance(seconds, Real) or not 0 < seconds < inf:
            raise UsageError(f"Can't practise for {seconds} seconds; try 30 or 60.")
        if self.mends:
            raise UsageError(f"{self.settings.name} fills no holes, so it can't practise on any.")
        steps = self.steps(photo, mask, seed)
        hole = _read_hole(photo, mask)
        with sentence_on_memory():
            if next(steps, None) is None:
                return self  # nothing is asked of the generator
            # Whatever gradients are for the program that calls this, it learns by them.
            with torch.inference_mode(False), torch.enable_grad():
                small, left = shrink_soft(photo, hole)
                marked = torch.from_numpy(left).float()[None, None].to(self.device)
                pixels = to_tensor(small).to(self.device)
                adapted = adapt_generator(self.generator, pixels, marked, seconds, read_seed(seed))
        return self if adapted is self.generator else replace(self, generator=adapted)

    def adapt_photo(
        self, photo: Photo, mask: NDArray[np.generic], seconds: float, seed: int = 0
    ) -> "Restorer":
        """Return a restorer that has practised on what is known and visible of this photo.

        Args:
            photo: as `read_image` gives it.
            mask: as in `adapt`, as are seconds and seed.

        Raises:
            UsageError: as `adapt`.
            RestoreError: as `adapt`.
        """
        check_photo(photo, "Restorer.adapt")
        unknown = find_unknown(to_mask(mask, photo.size), photo.alpha)
        return self.adapt(cover_hidden(photo.pixels, photo.alpha), unknown, seconds, seed)

    def steps(
        self, photo: AnyPixels, mask: NDArray[np.generic] | None = None, seed: int = 0
    ) -> Steps:
        """Fix a photo as `fix` does, but let the caller have its windows restored (`follow`).

        So the windows of several photos can be restored side by side.
        """
        seed = read_seed(seed)
        if self.mends:
            check_pixels(photo, deep=True)
            if mask is None:
                return self._mend(photo, seed, self.keep_fading)
            if self.upscale > 1:
                raise UsageError("Only whole photos are made larger; leave out the mask.")
            return self._mend_inside(photo, to_mask(mask, photo.shape[:2]), seed)
        if mask is None:
            raise UsageError(
                f"{self.settings.name} fills holes and needs a mask; 'mend' needs none."
            )
        return fill_holes(photo, _read_hole(photo, mask), self.generator, seed)

    def restore(self, windows: Sequence[Window]) -> list[Tensor]:
        """Return windows of one shape restored, (1, 3, H, W) float32 in about [0, 1] each."""
        parts = zip(*((w.pixels, w.unknown, w.bare, w.noise) for w in windows), strict=True)
        with memory_errors(), torch.inference_mode(), autocast(self.device):
            pixels, unknown, bare, noise = (torch.cat(part).to(self.device) for part in parts)
            base = self.generator.make_base(pixels, bare)
            return list(self._improve(base, unknown, noise).float().cpu().split(1))

    def _improve(self, base: Tensor, unknown: Tensor, noise: Tensor) -> Tensor:
        """Return what the generator makes of the base, the mean of its answers to mirrored ones."""
        if self.ways == 1:
            return self.generator.improve(base, unknown, noise)
        answers = (
            self.generator.improve(*(part.flip(axes) for part in (base, unknown, noise))).flip(axes)
            for axes in MIRRORED[: self.ways]
        )
        return torch.stack([*answers]).mean(dim=0)

    def _mend(self, photo: AnyPixels, seed: int, keep_fading: bool) -> Steps:
        memory = free_memory(self.device)
        mender = Mender(self.generator, memory, self.upscale, keep_fading, self.strength)
        return mender.steps(photo, seed)

    def _mend_inside(self, photo: AnyPixels, mask: Mask, seed: int) -> Steps:
        """Mend a photo where the mask (H, W) {0, 1} is 1."""
        if not mask.any():
            return photo.copy()
        mended = yield from self._mend(photo, seed, keep_fading=True)
        return np.where(mask[..., None] == 1, mended, photo)


def _check_wishes(settings: Header, wishes: dict[str, bool]) -> None:
    """Refuse what only mending has, by name and whether it is asked for, of what fills holes."""
    asked = [name for name, wish in wishes.items() if wish]
    if asked and settings.task != "mend":
        raise UsageError(f"{settings.name} fills holes, and {asked[0]} is for what mends photos.")


def _mix(
    path: Path, settings: Header, faithful: RestorerGenerator, natural: float
) -> RestorerGenerator:
    """Return a generator whose weights lie between those of two checkpoints."""
    if not isinstance(natural, Real) or not 0 <= natural <= 1:
        raise UsageError(f"'natural' goes from 0 (faithful) to 1, not {natural!r}.")
    if is_natural(path):
        raise UsageError(f"{settings.name} is natural already; leave out 'natural'.")
    other = natural_path(path)
    if not other.is_file():
        raise UsageError(
            f"{settings.name} has no natural weights ({other.name} is not there), so natural can "
            f"only be 0."
        )
    header, generator = load_network(other, RESTORERS)
    if what := find_difference(RESTORERS, header.network, settings.network):
        raise UsageError(f"{other} can't be mixed with {path}: {what}.")
    with torch.no_grad():
        for weight, end in zip(faithful.parameters(), generator.parameters(), strict=True):
            weight.lerp_(end, natural)
    return faithful


def _read_hole(photo: Pixels, mask: NDArray[np.generic]) -> Mask:
    """Return a mask as (H, W) {0, 1}, 1 is the hole; refuse what can't be filled."""
    check_pixels(photo)
    hole = to_mask(mask, photo.shape[:2])
    if hole.all():
        raise UsageError("The mask marks the whole photo, so there is nothing to go by.")
    return hole
