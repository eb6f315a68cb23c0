"""What a run computes most, compiled by PyTorch, and checked against what it was made from."""

from collections.abc import Callable

import torch
from torch import Tensor

from restore.errors import RestoreError

LIMIT = 0.05  # of the result's length; bf16 in another order of sums stays below 0.01


class Compiled:
    """A function of tensors, compiled by `torch.compile` when it is first called.

    That takes minutes, once for each size of photos; its gradients are compiled with it. The first
    result at each size is compared with that of the function itself: kernels that PyTorch 2.14
    wrote for bf16 on AVX-512 have been seen to return what was in memory before.

    Args:
        function: of tensors, of which the first one's shape names the size; it must not draw
            random numbers nor change anything.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self.function = function
        self.fast = torch.compile(function, dynamic=False)
        self.checked: set[torch.Size] = set()

    def __call__(self, *tensors: Tensor) -> Tensor:
        """Return what the function returns, but for the order of its sums.

        Raises:
            RestoreError: it can't be compiled here, or computes something else then.
        """
        if tensors[0].shape in self.checked:
            return self.fast(*tensors)
        with torch.no_grad():
            expected = self.function(*tensors).float()
        try:
            result = self.fast(*tensors)
        except Exception as error:  # of PyTorch's compiler, or of the one that it calls
            why = str(error).strip().partition("\n")[0].rstrip(".")
            raise RestoreError(
                f"Compiling failed ({why}); on a CPU it needs a C++ compiler such as g++, and "
                f"--set compile=false does without."
            ) from error
        off = torch.linalg.vector_norm(result.detach().float() - expected)
        if not off <= LIMIT * torch.linalg.vector_norm(expected):  # false for NaN, too
            raise RestoreError(
                "What PyTorch has compiled here computes something else than before; go on with "
                "--set compile=false."
            )
        self.checked.add(tensors[0].shape)
        return result
