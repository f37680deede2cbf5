"""Whether two states of a training are the same to the bit, and by how much they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from ganzoo.bits import same_bits


def differences(one: Any, other: Any) -> list[str]:
    """A line for each value that differs between two nested states, by its dotted name.

    Tensors are compared by their bytes, so that a NaN equals itself and -0 is not 0.
    """
    before, after = dict(_leaves(one)), dict(_leaves(other))
    lines = [f"{name}: only in one of both" for name in before.keys() ^ after.keys()]
    lines += [
        f"{name}: {difference}"
        for name in before.keys() & after.keys()
        if (difference := _difference(before[name], after[name]))
    ]
    return sorted(lines)


def _leaves(state: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(state, Mapping):
        children = list(state.items())
    elif isinstance(state, list | tuple):
        children = list(enumerate(state))
    else:
        yield name, state
        return
    for key, value in children:
        yield from _leaves(value, f"{name}.{key}" if name else str(key))


def _difference(one: Any, other: Any) -> str | None:
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        same = type(one) is type(other) and (one == other or repr(one) == repr(other))
        return None if same else f"{one!r}, then {other!r}"
    one, other = one.detach().cpu(), other.detach().cpu()
    if one.dtype != other.dtype or one.shape != other.shape:
        return f"{one.dtype} {tuple(one.shape)}, then {other.dtype} {tuple(other.shape)}"
    if same_bits(one, other):
        return None
    apart = (one.double() - other.double()).abs()
    return f"by {apart.max():.3g} at most, in {int((apart != 0).sum())} of {one.numel()} elements"
