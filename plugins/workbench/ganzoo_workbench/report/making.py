"""From folders of runs to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.errors import UserError
from ganzoo.files import whole_file
from ganzoo_workbench.report.anatomy import Anatomy, rebuilt
from ganzoo_workbench.report.comparing import MOST_RUNS, compared
from ganzoo_workbench.report.contents import contents_of
from ganzoo_workbench.report.page import comparison_page, run_page
from ganzoo_workbench.report.pictures import Album
from ganzoo_workbench.report.recorded import read_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ganzoo.registry import Registry

REPORT = "report.html"
"""The name of a report in the folder of its run."""


def make(
    folder: Path,
    registry: Registry,
    output: Path,
    *,
    anatomy: Anatomy | None = None,
    album: Album | None = None,
) -> Sequence[str]:
    """Write the report of one run; return what had to be skipped, a sentence each.

    ``anatomy`` and ``album`` save the work of finding out what a training knows, and of encoding
    pictures again. Raises UserError if the folder is no run; OSError.
    """
    run = read_run(folder)
    frames, remarks = (album or Album(folder)).frames()
    known = rebuilt(run, registry) if anatomy is None else anatomy
    contents = contents_of(run, registry, known, frames, remarks)
    _write(output, run_page(contents))
    return contents.remarks


def make_comparison(folders: Sequence[Path], registry: Registry, output: Path) -> Sequence[str]:
    """Write the report of several runs; return what had to be skipped, a sentence each.

    Raises UserError if one folder is no run, or there are too many of them; OSError.
    """
    if len(folders) > MOST_RUNS:
        raise UserError(
            f"{len(folders)} runs are too many for one report: the curves of {MOST_RUNS} can be "
            "told apart",
            hint="Put the scores of any number side by side with: ganzoo compare",
        )
    runs = [read_run(folder) for folder in folders]
    latest = []
    for folder in folders:
        frames, remarks = Album(folder).frames(1)
        latest.append((frames[-1] if frames else None, remarks))
    anatomies = [rebuilt(run, registry) for run in runs]
    content = compared(runs, registry, anatomies, latest)
    _write(output, comparison_page(content))
    return [f"{run.mark}: {remark}" for run in content.runs for remark in run.remarks]


def _write(path: Path, page: str) -> None:
    with whole_file(path) as file:
        file.write(page.encode())
