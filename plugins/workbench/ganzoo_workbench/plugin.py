"""What this plugin offers; imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo_workbench.benching import bench_command
from ganzoo_workbench.doctor.command import doctor_command
from ganzoo_workbench.explore.command import explore_command
from ganzoo_workbench.pushing import push_command
from ganzoo_workbench.report.command import report_command
from ganzoo_workbench.sweep.command import sweep_command
from ganzoo_workbench.verifying import verify_command

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click

    from ganzoo.reporting import Observer
    from ganzoo.run import Run

ganzoo_api = 1


@hookimpl
def ganzoo_commands() -> Iterable[click.Command]:
    """The commands."""
    yield bench_command
    yield doctor_command
    yield explore_command
    yield report_command
    yield push_command
    yield sweep_command
    yield verify_command


@hookimpl
def ganzoo_observers(run: Run) -> Iterable[Observer]:
    """The report of the run, and the trackers that it asks for."""
    from ganzoo_workbench.report.observing import ReportWriter

    yield ReportWriter(run)
    if run.settings.train.trackers:
        from ganzoo_workbench.trackers import observers

        yield from observers(run)
