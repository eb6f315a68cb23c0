"""The processes that train one run together, each on its share of every batch.

Started by `accelerate launch -m restore train …`, one process for each GPU or machine. Gradients
are averaged over the processes, so a run learns the same as in one process with the whole batch,
but for what looks at several pictures at once, which are those of a process then: batch norm, the
`deviation` of a discriminator, the repulsion of a sampler, the Dice of a detector, and which
pictures each of several `discriminator_steps` gets. Each process follows the mean styles of its own
pictures, of which the first one's are kept. Only the first process writes.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from restore.device import pick_device
from restore.errors import UsageError


class Team:
    """This process and the others of the run; most runs have one process."""

    def __init__(self, device: str = "auto") -> None:
        """Join the processes that accelerate has launched, or be alone.

        Raises:
            UsageError: accelerate is not installed, or does not see the other processes, or there
                is no such device.
        """
        self.accelerator: Any = None
        self.rank, self.size = 0, 1
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            self.device = pick_device(device)
            return
        try:
            from accelerate import Accelerator
        except ImportError:
            raise UsageError(
                'Several processes need accelerate; pip install "restore-gan[cluster]".'
            ) from None
        on_cpu = pick_device(device).type == "cpu"
        self.accelerator = Accelerator(cpu=on_cpu, mixed_precision="no")
        if self.accelerator.num_processes != int(os.environ["WORLD_SIZE"]):
            raise UsageError(
                f"{os.environ['WORLD_SIZE']} processes were started, and accelerate finds "
                f"{self.accelerator.num_processes}; start them with accelerate launch."
            )
        self.rank, self.size = self.accelerator.process_index, self.accelerator.num_processes
        self.device = self.accelerator.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes for all."""
        return self.rank == 0

    def share(self, batch: int) -> int:
        """Return how many photos of a batch are this process's.

        Raises:
            UsageError: the batch can't be shared evenly.
        """
        if batch % self.size:
            raise UsageError(
                f"A batch of {batch} photos can't be shared by {self.size} processes; set the "
                f"batch of each stage to a multiple of {self.size}."
            )
        return batch // self.size

    def average(self, tensors: Sequence[Tensor | None]) -> None:
        """Replace each tensor by its mean over all processes."""
        present = [tensor for tensor in tensors if tensor is not None]
        if self.size == 1 or not present:
            return
        flat = torch.cat([tensor.float().flatten() for tensor in present])
        flat = self.accelerator.reduce(flat, reduction="mean")
        start = 0
        for tensor in present:
            tensor.copy_(flat[start : start + tensor.numel()].view_as(tensor))
            start += tensor.numel()

    def any(self, *wishes: bool) -> list[bool]:
        """Return for each wish whether any process has it, the same answer in all."""
        if self.size == 1:
            return list(wishes)
        counts = torch.tensor(wishes, dtype=torch.float32, device=self.device)
        return [count > 0 for count in self.accelerator.reduce(counts).tolist()]

    def agree(self, *facts: int) -> bool:
        """Tell whether all processes have the same facts, the same answer in all."""
        if self.size == 1:
            return True
        from accelerate.utils import gather_object

        return len({tuple(known) for known in gather_object([facts])}) == 1

    def leave(self) -> None:
        """Wait for the others, then part."""
        if self.size > 1:
            self.accelerator.wait_for_everyone()
            self.accelerator.end_training()


def mix_seed(numbers: int | Sequence[int]) -> int:
    """Return 32 bits made of all numbers; PyTorch takes no more of a seed on a CPU."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


class Noise:
    """Random numbers of one step: drawn for the whole batch, of which each process takes its part.

    So they are the same however many processes share the batch.
    """

    def __init__(self, seed: int | Sequence[int], team: Team) -> None:
        self.generator = torch.Generator().manual_seed(mix_seed(seed))
        self.team = team

    def normal(self, *shape: int) -> Tensor:
        """Return N(0, 1) of `shape`, whose first length counts this process's photos."""
        return self._part(torch.randn(self._whole(shape), generator=self.generator), shape[0])

    def uniform(self, *shape: int) -> Tensor:
        """Return U(0, 1) of `shape`, whose first length counts this process's photos."""
        return self._part(torch.rand(self._whole(shape), generator=self.generator), shape[0])

    def one_of(self, count: int) -> int:
        """Return a number below `count`, the same in all processes."""
        return int(torch.randint(count, (), generator=self.generator))

    def _whole(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0] * self.team.size, *shape[1:])

    def _part(self, drawn: Tensor, count: int) -> Tensor:
        start = self.team.rank * count
        return drawn[start : start + count].to(self.team.device)
