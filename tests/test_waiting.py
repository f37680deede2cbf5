"""A turn never asks the device for a number: on a GPU that would make the host wait for it.

Two ways to know without a GPU. Operations and methods that are known to wait are listed and looked
for; and a turn is taken on PyTorch's device ``meta``, which knows shapes alone, so that whatever
asks it for a number fails.
"""

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
        "_linalg_check_errors",
        "_local_scalar_dense",
        "bincount",
        "_unique2",
        "equal",
        "histc",
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
        torch.histc,
        lambda numbers: torch.bincount(numbers.long()),
        lambda numbers: torch.linalg.inv(torch.eye(2)),
    ],
)
def test_every_way_to_wait_is_seen(wait: Callable[[Tensor], object]) -> None:
    with waits() as seen:
        wait(torch.arange(4.0))
    assert seen


class _Nowhere(LocalAccelerator):
    """Puts networks on a device that has no numbers."""

    device = torch.device("meta")

    def prepare(self, thing: Any) -> Any:
        return super().prepare(thing.to(self.device))


def make_trainer(
    model: str, preset: str, further: list[str], accelerator: LocalAccelerator
) -> Trainer:
    assignments = [Assignment.parse(text) for text in (*SMALL, *further)]
    plan = make_plan(Request(model, preset, assignments=assignments), Registry(discover()))
    images = decode(plan.source, plan.settings.data)
    acts_as: Any = accelerator
    return Trainer(plan.assembly, images, plan.settings.train, acts_as)


each_precision = pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
each_training = pytest.mark.parametrize(
    ("model", "preset", "further"),
    [
        ("dcgan", "mnist", []),
        ("infogan", "mnist", []),
        ("infogan", "mnist", ["train.share_fakes=true", "train.ema_decay=0.9"]),
        ("infogan", "mnist", ["model.routing=joint", "prior.std=learned"]),
        ("infogan", "mnist-augment", ["loss.augmentation_consistency.perturb_from=0"]),
    ],
)


@pytest.mark.parametrize(
    "ask",
    [
        lambda numbers: numbers.sum().item(),
        lambda numbers: bool(numbers.sum() > 0),
        lambda numbers: numbers.cpu(),
        lambda numbers: numbers.to("cpu"),
        lambda numbers: torch.empty(4).copy_(numbers),
        lambda numbers: numbers[numbers > 1],
        lambda numbers: numbers.nonzero(),
    ],
)
def test_a_device_without_numbers_gives_none(ask: Callable[[Tensor], object]) -> None:
    with pytest.raises((NotImplementedError, RuntimeError)):
        ask(torch.arange(4.0, device="meta"))


@each_precision
@each_training
@pytest.mark.parametrize("room", [0, 2**30], ids=["images stay", "images move"])
def test_a_turn_needs_no_numbers(
    model: str,
    preset: str,
    further: list[str],
    bf16: bool,
    room: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ganzoo.data.images._free", lambda _: room)
    # That device has no random numbers, and the buffers are looked at once, before the first turn.
    monkeypatch.setattr("ganzoo.draw.generator_for", lambda *_: None)
    monkeypatch.setattr(Trainer, "_reseed", lambda *_: None)
    monkeypatch.setattr(Trainer, "_buffers", lambda _: {})
    trainer = make_trainer(model, preset, further, _Nowhere(bf16=bf16))
    trainer.turn()
    trainer.turn()
    with pytest.raises((NotImplementedError, RuntimeError)):
        trainer.collect()


@each_precision
@each_training
def test_a_turn_waits_for_nothing(model: str, preset: str, further: list[str], bf16: bool) -> None:
    trainer = make_trainer(model, preset, further, LocalAccelerator(bf16=bf16))
    trainer.turn()
    with waits() as seen:
        trainer.turn()
    assert seen == []
    with waits() as seen:
        trainer.collect()
    assert seen == ["tolist"]
