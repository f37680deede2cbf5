"""Damaged model folders and checkpoints are refused in words or can be used; no pickle is run."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def fuzz(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark of ten thousand mutations."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    for name in ("fuzz", "mutations"):
        monkeypatch.setitem(sys.modules, name, None)
        del sys.modules[name]
    import fuzz

    return fuzz


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_two_hundred_mutations_crash_nothing_and_run_nothing(fuzz: ModuleType, here: Path) -> None:
    fuzzer = fuzz.Fuzzer(here, seed=1)
    count = fuzzer.fuzz(200)
    assert count.crashes == []
    assert count.total("refused") > 20
    assert count.total("damaged") > 20
    assert count.total("used") > 0
    assert count.traps > 5
    assert not fuzzer.canary.exists()


def test_the_trap_would_make_a_file_if_it_were_unpickled(fuzz: ModuleType, here: Path) -> None:
    import pickle

    canary = here / "canary"
    pickled = fuzz.mutations.trap(canary)(b"", random.Random(0))
    pickle.loads(pickled).close()
    assert canary.exists()


@pytest.mark.slow
def test_a_crash_and_a_pickle_that_was_run_are_counted(
    fuzz: ModuleType, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fuzzer = fuzz.Fuzzer(here, seed=2)

    def crash(*_: object) -> None:
        raise KeyError("settings")

    monkeypatch.setattr(fuzz, "load", crash)
    read = fuzz.torch.load
    monkeypatch.setattr(
        fuzz.torch,
        "load",
        lambda *args, **options: read(*args, **options | {"weights_only": False}),
    )
    count = fuzzer.fuzz(60)
    assert count.total("crashed") == len(count.crashes)
    assert any("KeyError: 'settings'" in crash for crash in count.crashes)
    assert any("it ran the code of a pickle" in crash for crash in count.crashes)
