"""Numbers that are none any more: which ones, and what the run does about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ganzoo import checkpoint
from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from accelerate import Accelerator
    from torch import Tensor

    from ganzoo.training import Trainer


def broken(tensors: Mapping[str, Tensor], accelerator: Accelerator) -> list[str]:
    """The names of those that hold a NaN or an infinity on any rank.

    All ranks give the same names, and get the same answer. Each tensor is reduced to two numbers
    where it is; all are fetched at once, which waits for the device.
    """
    numbers = {name: _real(tensor.detach()) for name, tensor in tensors.items()}
    filled = {name: tensor for name, tensor in numbers.items() if tensor.numel()}
    if not filled:
        return []
    # The smallest and the largest: no finite numbers as soon as one element is none.
    ends = [torch.stack(torch.aminmax(tensor)).float() for tensor in filled.values()]
    flags = (~torch.stack(ends).isfinite().all(dim=1)).float()
    flags = accelerator.reduce(flags, reduction="sum")
    return [name for name, flag in zip(filled, flags.tolist(), strict=True) if flag]


def _real(tensor: Tensor) -> Tensor:
    """Its elements as real numbers."""
    if tensor.is_sparse:
        tensor = tensor.coalesce().values()
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def describe(names: Sequence[str], step: int) -> str:
    """``q.head.weight is no number any more at turn 50``, with the count of others."""
    others = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return f"{names[0]}{others} is no number any more at turn {step}"


def roll_back(trainer: Trainer, folder: Path) -> None:
    """Go back to the newest whole checkpoint and on from there with lower learning rates.

    The same rates would lead to the same end, to the bit. The checkpoint is written anew with the
    lower rates, so that a run that is resumed from it knows of them. Every rank calls it.

    Raises:
        UserError: there is no whole checkpoint.
    """
    rollbacks = trainer.rollbacks + 1
    found, _ = checkpoint.agreed(folder, trainer.accelerator)
    if found is None:
        raise UserError(f"{folder} holds no whole checkpoint to go back to")
    checkpoint.restore(trainer, found)
    trainer.rollbacks = rollbacks
    trainer.accelerator.wait_for_everyone()
    checkpoint.save(trainer, folder, trainer.train.keep_checkpoints)
