"""Runs to report on, a machine for the doctor, and sweeps that train nothing."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
from accelerate.commands.config import config_args
from commands import ganzoo
from pretended_sweeps import pretend_trainings
from report_pages import QUICK, rewrite
from small_runs import given

from ganzoo_workbench.doctor import hardware, smoke
from ganzoo_workbench.doctor.findings import ok


@pytest.fixture(scope="session")
def reported_runs(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Runs that a training left: ``infogan`` and ``dcgan``; ``other`` is one of another seed."""
    folder = tmp_path_factory.mktemp("reported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANZOO_CACHE", str(cache))
        patch.chdir(folder)
        for model, steps in (("infogan", "4"), ("dcgan", "2")):
            result = ganzoo("run", model, "--out", model, "--steps", steps, *given(QUICK))
            assert result.exit_code == 0, result.output
        shutil.copytree("infogan", "other")
        settings = Path("other/settings.toml")
        settings.write_text(settings.read_text().replace("seed = 0", "seed = 1"))
        for name, value in (("infogan", 0.5), ("other", 0.7)):
            rewrite(f"{name}/scores.json", partial(_rescore, value=value))
    return folder


def _rescore(document: dict[str, Any], value: float) -> None:
    document["scores"]["r2/slant"]["value"] = value


@pytest.fixture
def runs_here(reported_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with a copy of the runs."""
    shutil.copytree(reported_runs, tmp_path / "here", symlinks=True)
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def sound_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a problem; the turn of training is left out, which takes seconds."""
    plenty = 10**12
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    for name in ("OMP_NUM_THREADS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hardware, "allowed_cores", lambda: 4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=plenty))
    memory = SimpleNamespace(total=plenty, available=plenty)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(hardware, "_CGROUP", tmp_path / "no-limits")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(config_args, "default_config_file", str(tmp_path / "none.yaml"))
    monkeypatch.setattr(smoke, "smoke", lambda registry: [ok("turn", "not done in this test")])


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a sweep starts a program of the tests."""
    return pretend_trainings(tmp_path, monkeypatch)
