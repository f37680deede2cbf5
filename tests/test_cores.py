"""Cores that a process may compute on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ganzoo import cores

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a control group, not there yet."""
    monkeypatch.setattr(cores, "_QUOTA", tmp_path / "cpu.max")
    return tmp_path / "cpu.max"


@pytest.mark.parametrize(
    ("granted", "counted"),
    [("max 100000", 8), ("200000 100000", 2), ("150000 100000", 2), ("10000 100000", 1), ("?", 8)],
)
def test_a_containers_quota_counts(
    quota: Path, monkeypatch: pytest.MonkeyPatch, granted: str, counted: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    quota.write_text(granted)
    assert cores.allowed_cores() == counted


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_cores_that_a_process_is_kept_from_do_not_count(quota: Path) -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert cores.allowed_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_a_system_without_affinity_offers_all_its_cores(
    quota: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert cores.allowed_cores() == 6
