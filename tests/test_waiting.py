"""A turn never asks the device for a number: on a GPU that would make the host wait for it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import torch
from small_runs import SMALL
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from ganzoo.data import decode
from ganzoo.discovery import discover
from ganzoo.plan import Request, make_plan
from ganzoo.registry import Registry
from ganzoo.settings import Assignment
from ganzoo.testing.bench import LocalAccelerator
from ganzoo.training import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READ_BY_HOST = {
    f"aten::{name}"
    for name in (
        "_local_scalar_dense",
        "_unique2",
        "equal",
        "is_nonzero",
        "masked_select",
        "nonzero",
        "repeat_interleave",
        "unique_consecutive",
        "unique_dim",
    )
}
"""Operations whose result, or its shape, the host has to know."""
BY_MASK = {"aten::index", "aten::index_put", "aten::index_put_"}
"""Operations that are such if a mask is among the indices."""
FETCHING = {Tensor.cpu, Tensor.numpy, Tensor.tolist, Tensor.__array__}
"""Methods that give the host what the device holds, without an operation on a CPU."""


class _Operations(TorchDispatchMode):
    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self.seen = seen

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = func.name().partition(".")[0]
        masks = name in BY_MASK and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if name in READ_BY_HOST or masks:
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


class _Methods(TorchFunctionMode):
    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self.seen = seen

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in FETCHING:
            self.seen.append(func.__name__)
        return func(*args, **(kwargs or {}))


@contextmanager
def waits() -> Iterator[list[str]]:
    """What the host waits for in the block, by name."""
    seen: list[str] = []
    with _Operations(seen), _Methods(seen):
        yield seen


@pytest.mark.parametrize(
    "wait",
    [
        lambda numbers: numbers.sum().item(),
        lambda numbers: float(numbers.sum()),
        lambda numbers: bool(numbers.sum() > 0),
        lambda numbers: numbers.tolist(),
        lambda numbers: numbers.cpu(),
        lambda numbers: numbers.numpy(),
        lambda numbers: numbers.nonzero(),
        lambda numbers: numbers[numbers > 1],
        lambda numbers: numbers.unique(),
        lambda numbers: torch.equal(numbers, numbers),
    ],
)
def test_every_way_to_wait_is_seen(wait: Callable[[Tensor], object]) -> None:
    with waits() as seen:
        wait(torch.arange(4.0))
    assert seen


@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize(
    ("model", "preset", "further"),
    [
        ("dcgan", "mnist", []),
        ("infogan", "mnist", []),
        ("infogan", "mnist", ["train.share_fakes=true", "train.ema_decay=0.9"]),
        ("infogan", "mnist", ["model.routing=joint", "prior.std=learned"]),
        ("infogan", "mnist-augment", ["loss.augmentation_consistency.perturb_from=0"]),
    ],
)
def test_a_turn_waits_for_nothing(model: str, preset: str, further: list[str], bf16: bool) -> None:
    assignments = [Assignment.parse(text) for text in (*SMALL, *further)]
    plan = make_plan(Request(model, preset, assignments=assignments), Registry(discover()))
    images = decode(plan.source, plan.settings.data)
    accelerator: Any = LocalAccelerator(bf16=bf16)
    trainer = Trainer(plan.assembly, images, plan.settings.train, accelerator)
    trainer.turn()
    with waits() as seen:
        trainer.turn()
    assert seen == []
    with waits() as seen:
        trainer.collect()
    assert seen == ["tolist"]
