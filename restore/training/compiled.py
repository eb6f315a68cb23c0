"""What a run computes most, compiled by PyTorch, and checked against what it was made from."""

from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor

from restore.errors import RestoreError

LIMIT = 0.02  # of the result's length
CHECKED = (0, 10, 100, 1000)  # calls; at the first, layers that begin at 0 may still hide others


class Compiled:
    """A function of tensors, compiled by `torch.compile` when it is first called.

    That takes minutes, once for each size of photos; its gradients are compiled with it. Some
    results at each size are compared with those of the function itself: kernels that PyTorch 2.14
    wrote for bf16 on AVX-512 have been seen to return what was in memory before. Gradients are not.

    Args:
        function: of tensors, of which the first one's shape names the size; it must not draw
            random numbers nor change anything.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self.function = function
        self.fast: Callable[..., Tensor] | None = None
        self.calls: Counter[torch.Size] = Counter()

    def __call__(self, *tensors: Tensor) -> Tensor:
        """Return what the function returns, but for the order of its sums.

        Raises:
            RestoreError: it can't be compiled here, or computes something else then.
        """
        before = self.calls[tensors[0].shape]
        self.calls[tensors[0].shape] += 1
        if self.fast is not None and before not in CHECKED:
            return self.fast(*tensors)
        with torch.no_grad():
            expected = self.function(*tensors).float()
        try:
            if self.fast is None:
                self.fast = torch.compile(self.function, dynamic=False)
            result = self.fast(*tensors)
        except Exception as error:  # of PyTorch's compiler, or of the one that it calls
            why = str(error).strip().partition("\n")[0].rstrip(".")
            raise RestoreError(
                f"Compiling failed ({why}); on a CPU it needs a C++ compiler such as g++, and "
                f"--set compile=false works without it."
            ) from error
        off = torch.linalg.vector_norm(result.detach().float() - expected)
        if not off <= LIMIT * torch.linalg.vector_norm(expected):  # false for NaN, too
            raise RestoreError(
                "What PyTorch compiled here gives other results than before; go on with "
                "--set compile=false."
            )
        return result
