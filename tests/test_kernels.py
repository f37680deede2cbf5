"""Kernels that give the same bits each time are asked for while something trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from commands import ganzoo
from small_runs import SMALL, given

from ganzoo.training import Trainer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("elsewhere")
DETERMINISTIC = [*given(SMALL), *given(["train.checkpoint_every=1"])]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What was asked for in each turn."""
    seen: list[bool] = []
    parts = Trainer.parts

    def note(trainer: Trainer) -> Iterator[str]:
        seen.append(torch.backends.cudnn.deterministic)
        yield from parts(trainer)

    monkeypatch.setattr(Trainer, "parts", note)
    return seen


@pytest.mark.parametrize("before", [False, True])
def test_in_every_turn_of_a_run_its_replay_and_a_bench(
    asked: list[bool], before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", before)
    for words in (
        ["run", "dcgan", "--steps", "2", "--out", "x", *DETERMINISTIC],
        ["verify", "x"],
        ["bench", "dcgan", "--steps", "1", *given(SMALL)],
    ):
        asked.clear()
        result = ganzoo(*words)
        assert result.exit_code == 0, result.output
        assert asked
        assert all(asked)
        assert torch.backends.cudnn.deterministic is before
