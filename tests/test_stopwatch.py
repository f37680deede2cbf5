"""Seconds of turns: the device's work counts, whatever kind of device it is."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from ganzoo import stopwatch
from ganzoo.stopwatch import Stopwatch

LAUNCHED, WORK = 1.0, 5.0
"""Seconds until the host has launched a turn, and those that the device then still works."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still unless somebody works; ``waited_for`` lists devices."""
    clock = SimpleNamespace(now=0.0, waited_for=[])

    def wait(device: torch.device) -> None:
        clock.waited_for.append(device)
        clock.now += WORK

    monkeypatch.setattr(stopwatch, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    monkeypatch.setattr(torch.accelerator, "synchronize", wait)
    return clock


@pytest.mark.parametrize("name", ["cuda:1", "mps", "xpu:0"])
def test_the_work_of_any_accelerator_is_waited_for(name: str, clock: SimpleNamespace) -> None:
    device = torch.device(name)
    watch = Stopwatch(device)
    watch.go_on()
    clock.now += LAUNCHED
    assert watch.lap() == LAUNCHED + WORK
    assert clock.waited_for == [device]


def test_a_cpu_is_not_waited_for(clock: SimpleNamespace) -> None:
    watch = Stopwatch(torch.device("cpu"))
    watch.go_on()
    clock.now += LAUNCHED
    assert watch.lap() == LAUNCHED
    assert not clock.waited_for


def test_what_lies_between_turns_does_not_count(clock: SimpleNamespace) -> None:
    watch = Stopwatch(torch.device("cpu"))
    for _ in range(2):
        watch.go_on()
        clock.now += LAUNCHED
        watch.pause()
        clock.now += 100
    watch.pause()
    assert watch.lap() == 2 * LAUNCHED
    assert watch.lap() == 0
