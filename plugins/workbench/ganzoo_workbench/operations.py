"""Counts floating-point operations while they run."""

from __future__ import annotations

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class OperationCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts those of matrix products and convolutions in ``total``, backward passes included.

    torch's own ``FlopCounterMode`` also tells modules apart, and for that puts hooks on their
    inputs, which a gradient penalty (``torch.autograd.grad`` with respect to images) cannot bear.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run an operation and add what it took."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if formula := flop_registry.get(func.overloadpacket):
            self.add(str(func.overloadpacket), formula(*args, **kwargs, out_val=result))
        return result

    def add(self, operation: str, count: int) -> None:
        """Add what one call of an operation such as ``aten.mm`` took."""
        self.total += count
