"""Kernels that give the same bits each time are asked for while something trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from small_runs import train_small

from ganzoo.loop import Loop

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("before", [False, True])
def test_a_training_asks_for_them_from_its_first_turn_to_its_end_also_if_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    seen: list[bool] = []

    def fail(loop: Loop, received: Any) -> None:
        seen.append(torch.backends.cudnn.deterministic)
        raise OverflowError

    monkeypatch.setattr(Loop, "run", fail)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", before)
    with pytest.raises(OverflowError):
        train_small(tmp_path / "x")
    assert seen == [True]
    assert torch.backends.cudnn.deterministic is before
