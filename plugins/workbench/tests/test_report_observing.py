"""The report of a running training is kept up to date, costs little and ends nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from small_runs import SMALL, given

from ganzoo.cli import cli
from ganzoo.events import Event
from ganzoo_workbench.report import observing
from ganzoo_workbench.report.observing import SHARE, ReportWriter

if TYPE_CHECKING:
    from pathlib import Path


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def writer(tmp_path: Path, clock: Clock) -> ReportWriter:
    assembly = SimpleNamespace(prior=None, parameter_counts=dict)
    folder = SimpleNamespace(path=tmp_path)
    run: Any = SimpleNamespace(folder=folder, assembly=assembly, registry=None)
    return ReportWriter(run, clock)


def test_reports_take_a_hundredth_of_the_time(
    writer: ReportWriter, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def make(*arguments: Any, **options: Any) -> None:
        written.append(clock.now)
        clock.now += 2.0

    monkeypatch.setattr(observing, "make", make)
    while clock.now < 1000:
        clock.now += 0.5
        writer.reported({"step": 1})
        writer.happened(Event(1, "pictured"))
    assert written[0] < 1, "there is one at once"
    assert 3 <= len(written) <= 1000 * SHARE / 2.0 + 1
    during = len(written)
    writer.happened(Event(1, "warning"))
    assert len(written) == during
    writer.finished(1)
    writer.scored(None)  # type: ignore[arg-type]
    assert len(written) == during + 2, "the end is always told"


def test_a_report_that_fails_is_told_once(
    writer: ReportWriter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(*arguments: Any, **options: Any) -> None:
        raise MemoryError("so large")

    monkeypatch.setattr(observing, "make", make)
    writer.reported({"step": 1})
    writer.finished(1)
    note = "  note      report.html cannot be written: MemoryError: so large\n"
    assert capsys.readouterr().err == note


def test_a_report_that_fails_ends_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(*arguments: Any, **options: Any) -> None:
        raise OSError("no")

    monkeypatch.setattr(observing, "make", make)
    monkeypatch.chdir(tmp_path)
    settings = given([*SMALL, "train.report_every=1"])
    result = CliRunner().invoke(cli, ["run", "dcgan", "--out", "x", "--steps", "2", *settings])
    assert result.exit_code == 0, result.output
    assert result.stderr.count("report.html cannot be written: OSError: no") == 1
    assert (tmp_path / "x/checkpoints/step-000002").is_dir()
    assert not (tmp_path / "x/report.html").exists()
