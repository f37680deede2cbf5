"""A run that is killed again and again ends as one that nobody killed; a small share of the matrix
in docs/reliability.md."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setitem(sys.modules, "torture", None)
    del sys.modules["torture"]
    import torture

    return torture


def test_a_run_that_is_killed_again_and_again_equals_an_undisturbed_one(
    script: ModuleType, tmp_path: Path
) -> None:
    victim = script.Victim("dcgan", 1, "fp32", 400)
    outcome = script.torture(victim, kills=3, seed=0, folder=tmp_path)
    assert outcome["differing"] == []
    assert len(outcome["kills"]) == 3


def test_three_processes_go_on_with_the_same_rounding(script: ModuleType, tmp_path: Path) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    script.Victim("stateful", 3, "fp32", 16).finish(straight)
    for steps in (8, 16):
        script.Victim("stateful", 3, "fp32", steps).finish(broken)
    one, other = (out / "model/model.safetensors" for out in (straight, broken))
    assert one.read_bytes() == other.read_bytes()


def test_the_comparison_sees_a_bit_of_a_weight_and_a_figure(
    script: ModuleType, tmp_path: Path
) -> None:
    victim = script.Victim("dcgan", 1, "fp32", 12)
    one, other = tmp_path / "one", tmp_path / "other"
    for out in (one, other):
        victim.finish(out)
    assert script.compare(one, other) == []
    weights = other / "model/model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    metrics = other / "metrics.jsonl"
    metrics.write_text(re.sub(r"adversarial\": ", r"\g<0>1", metrics.read_text(), count=1))
    found = script.compare(one, other)
    assert found[0] == "model/model.safetensors: other bytes"
    assert any(line.startswith("metrics.jsonl: 0.loss/critic/adversarial: ") for line in found)
