"""Weights are cast once for real and fake images, with the gradients of both."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ganzoo.casts import cast_once

if TYPE_CHECKING:
    from collections.abc import Callable


class Casts(TorchDispatchMode):
    """Counts conversions of each shape to bf16."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: Counter[tuple[int, ...]] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Tensor:
        found: Tensor = func(*args, **(kwargs or {}))
        if func is torch.ops.aten._to_copy.default and found.dtype == torch.bfloat16:
            self.shapes[tuple(found.shape)] += 1
        return found


def judged(layer: nn.Linear, first: Tensor, second: Tensor, *, once: bool) -> Counter[Any]:
    """Two calls of a layer in bf16, each in a region of its own, and their gradients."""
    forward = torch.autocast("cpu", torch.bfloat16)(layer.forward)
    layer.zero_grad()
    with Casts() as casts, cast_once() if once else nullcontext():
        out = forward(first), forward(second)
    (out[0].float().square().mean() - out[1].float().square().mean()).backward()
    return casts.shapes


def test_two_calls_share_the_cast_of_a_weight_and_add_up_their_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(12, 7)
    first, second = torch.randn(2, 16, 12, generator=generator)
    apart = judged(layer, first, second, once=False)
    assert layer.weight.grad is not None
    expected = layer.weight.grad.clone()
    shared = judged(layer, first, second, once=True)
    assert (apart[7, 12], shared[7, 12]) == (2, 1)
    assert layer.weight.grad.dtype == torch.float32
    assert torch.allclose(layer.weight.grad, expected, atol=1e-2 * expected.abs().max())
    assert not torch.equal(expected, torch.zeros_like(expected))


def fail_after(forward: Callable[[Tensor], Tensor], images: Tensor) -> None:
    with cast_once():
        forward(images)
        raise ZeroDivisionError


def test_nothing_is_kept_for_what_comes_after() -> None:
    layer, images = nn.Linear(3, 2), torch.ones(4, 3)
    forward = torch.autocast("cpu", torch.bfloat16)(layer.forward)
    with cast_once():
        before = forward(images)
    with torch.no_grad():
        layer.weight += 1
    after = forward(images)
    assert not torch.equal(after, before)
    with pytest.raises(ZeroDivisionError):
        fail_after(forward, images)
    with torch.no_grad():
        layer.weight += 1
    assert not torch.equal(forward(images), after)
