"""What processes do as one: arithmetic over the global batch, with gradients, and failing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import gather_object
from torch import Tensor, nn
from torch import distributed as dist

from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch.autograd.graph import Node


def world_size() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


@contextmanager
def together() -> Iterator[None]:
    """Raise an OSError or UserError of one rank on every rank, which else would wait for that one.

    Every rank enters it, and none leaves before all have come to the end.
    """
    failed: OSError | UserError | None = None
    try:
        yield
    except (OSError, UserError) as error:
        failed = error
    # By their parts: a pickled error would lose the hint, or the name of the file.
    everyones = gather_object([None if failed is None else _parts(failed)])
    first = next((each for each in everyones if each is not None), None)
    if failed is not None:
        raise failed
    if first is not None:
        kind, what, further = first
        raise UserError(what, hint=further) if kind is UserError else OSError(*what, further)


def _parts(error: OSError | UserError) -> tuple[type[Exception], Any, str | None]:
    if isinstance(error, UserError):
        return UserError, error.what, error.hint
    return OSError, (error.errno, error.strerror or str(error)), error.filename


def unreached(loss: Tensor, parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """Those of the parameters that ``loss`` does not depend on, in their order."""
    waiting, reached = [loss.grad_fn], set()
    seen: set[Node] = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        # Kept, as torch would give out another object for the same node else.
        seen.add(node)
        reached.add(id(getattr(node, "variable", None)))  # what a leaf of the graph belongs to
        waiting += [earlier for earlier, _ in node.next_functions]
    return [parameter for parameter in parameters if id(parameter) not in reached]


class _Sum(torch.autograd.Function):
    """Sum over processes, forwards and backwards."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:  # noqa: ARG004
        total = tensor.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


def mean(tensor: Tensor) -> Tensor:
    """The mean of a tensor over all processes, differentiable.

    For terms that are not linear in the batch (an even use of categories, say): computed from each
    process's own share they would differ from what one process computes.
    """
    size = world_size()
    if size == 1:
        return tensor
    total: Tensor = _Sum.apply(tensor)
    return total / size


class _SynchronisedBatchNorm(
    nn.modules.batchnorm._BatchNorm  # noqa: SLF001  torch has no public name for any rank of input
):
    """BatchNorm over all processes' batch, on any device; torch's own knows only accelerators."""

    def _check_input_dim(self, input: Tensor) -> None:
        """Any input with batch and channels will do."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise by the global batch in training, by the running statistics otherwise."""
        if not self.training or world_size() == 1:
            return super().forward(input)
        dimensions = [0, *range(2, input.dim())]
        shape = [1, -1] + [1] * (input.dim() - 2)
        values = input.float()
        average = mean(values.mean(dimensions))
        variance = mean((values - average.view(shape)).square().mean(dimensions))
        self._track(
            average.detach(), variance.detach(), values.numel() // values.shape[1] * world_size()
        )
        scaled = (values - average.view(shape)) * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            scaled = scaled * self.weight.view(shape) + self.bias.view(shape)
        return scaled.to(input.dtype)

    @torch.no_grad()
    def _track(self, average: Tensor, variance: Tensor, count: int) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None, "it comes with the statistics"
        self.num_batches_tracked.add_(1)
        # Without a momentum the statistics are the mean over all batches, as torch has it.
        share = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
        self.running_mean.lerp_(average, share)
        self.running_var.lerp_(variance * (count / (count - 1)), share)


def synchronise_batchnorm(network: nn.Module, device: torch.device) -> nn.Module:
    """The network with each BatchNorm normalising over all processes; parameters and names stay."""
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return converted
    if isinstance(network, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
        replacement = _SynchronisedBatchNorm(
            network.num_features,
            network.eps,
            network.momentum,
            network.affine,
            network.track_running_stats,
        )
        for name, parameter in network.named_parameters(recurse=False):
            setattr(replacement, name, parameter)
        for name, buffer in network.named_buffers(recurse=False):
            setattr(replacement, name, buffer)
        return replacement.train(network.training)
    for name, child in network.named_children():
        setattr(network, name, synchronise_batchnorm(child, device))
    return network
