"""Sweeps whose workers are a program of the tests, which trains nothing."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner
from small_runs import SMALL, given

from ganzoo import task
from ganzoo.cli import cli
from ganzoo.discovery import discover
from ganzoo.layers import Assignment
from ganzoo.plan import Request
from ganzoo.registry import Registry
from ganzoo.settings import to_toml
from ganzoo_workbench.sweep import machine, workers

if TYPE_CHECKING:
    import signal

    import pytest
    from click.testing import Result

WORKER = Path(__file__).with_name("programs") / "sweep_worker.py"
DCGAN = ["dcgan", "--steps", "5", *given(SMALL)]


IDEA = """
from ganzoo import hookimpl

@hookimpl
def ganzoo_losses():
    return []
"""


def pretend_trainings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the program of the tests stand for accelerate's launcher; two cores are there."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(workers, "MODULE", [sys.executable, str(WORKER)])
    monkeypatch.setattr(machine, "allowed_cores", lambda: 2)
    assignments = [Assignment.parse(text) for text in (*SMALL, "train.steps=5")]
    plan = task.make_checked_plan(
        Request("dcgan", assignments=assignments), Registry(discover(environ={}))
    )
    (folder / "settings.toml").write_text(to_toml(plan.settings))
    behave()
    return folder


def behave(**of_seed: str) -> None:
    """Say what the program does for each seed, such as ``s1="crash"``; else it finishes."""
    told = {seed.removeprefix("s"): what for seed, what in of_seed.items()}
    Path("behaviour.json").write_text(json.dumps(told))


def sweep(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["sweep", *arguments], prog_name="ganzoo")


def calls() -> list[dict[str, Any]]:
    """What was started since the last look."""
    path = Path("calls.jsonl")
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return [json.loads(line) for line in lines]


def started() -> list[str]:
    """The folders of the runs that were started since the last look, in order of their names."""
    return sorted(Path(call["own"][call["own"].index("--out") + 1]).name for call in calls())


def send_once_there(path: Path, number: signal.Signals) -> None:
    def wait_and_send() -> None:
        while not path.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), number)

    threading.Thread(target=wait_and_send).start()


def names_in(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())
