"""`ganzoo doctor` looks at everything, is stopped by nothing, and can be read."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click
import pytest
from commands import ganzoo
from doctor_findings import findings, problems

from ganzoo_workbench.doctor.findings import Finding, contained, ok, problem
from ganzoo_workbench.doctor.rendering import lines

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("sound_machine")


def test_a_sound_machine_has_no_problem() -> None:
    found = findings()
    assert [finding for finding in found if finding["mark"] == "problem"] == []
    assert list(dict.fromkeys(finding["section"] for finding in found)) == [
        "Software",
        "Machine",
        "Folders",
        "Launching",
        "Plugins",
        "Optional packages",
        "One turn of training",
    ]
    assert {"python", "torch", "torchvision", "precision", "cores", "memory", "cache", "disk"} <= {
        finding["about"] for finding in found
    }
    result = ganzoo("doctor")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith("No problems, ")


def test_help_says_what_the_exit_code_means() -> None:
    text = " ".join(ganzoo("doctor", "--help").stdout.split())
    assert "Exit code 0 if there is no problem, else 1." in text


def test_a_probe_that_fails_becomes_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("ouch")

    for module in ("hardware.cores", "storage.places", "software.python"):
        monkeypatch.setattr(f"ganzoo_workbench.doctor.{module}", fail)
    found = findings()
    broken = [finding["about"] for finding in found if "ZeroDivisionError: ouch" in finding["text"]]
    assert broken == ["python", "cores", "folders"]
    assert found[-1]["section"] == "One turn of training"


def test_what_a_probe_found_before_it_failed_is_kept() -> None:
    def probe() -> Iterator[Finding]:
        yield ok("first", "fine")
        sys.exit(3)

    assert [finding.text for finding in contained("thing", probe)] == [
        "fine",
        "cannot be looked at: SystemExit: 3",
    ]


def test_a_module_of_the_doctor_that_cannot_be_imported_becomes_a_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ganzoo_workbench.doctor.hardware", None)
    assert [finding["about"] for finding in problems()] == ["device", "cores", "memory"]


def test_no_line_is_wider_than_asked_for() -> None:
    found = [
        problem("torchvision", "a long text of many words " * 9, "and as long an advice " * 9),
        ok("cores", "a text " * 30),
        problem("short", "two\nlines", ""),
    ]
    for width in (80, 50):
        told = list(lines(found, width))
        assert max(len(click.unstyle(line)) for line in told) <= width
        assert click.unstyle(told[-1]) == "  problem  short        two lines"


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in ganzoo("doctor").stdout
    assert "\x1b[32mok" in ganzoo("doctor", color=True).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in ganzoo("doctor", color=True).stdout


def test_the_command_itself_imports_no_torch() -> None:
    program = (
        "import sys, ganzoo_workbench.doctor.command\n"
        "heavy = {'torch', 'numpy', 'accelerate', 'datasets', 'psutil'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=os.environ, check=False
    )
    assert finished.returncode == 0, finished.stderr
