"""A run as its folder tells it, whatever state its files are in and whoever wrote them."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ganzoo.comparison import read_scores
from ganzoo.counting import counted
from ganzoo.errors import UserError
from ganzoo.export import CONFIG
from ganzoo.folder import RunFolder
from ganzoo.layers import is_deep
from ganzoo_workbench.report.folder import FileTooOddError, read_file
from ganzoo_workbench.report.untrusted import count, number, table, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_SMALL = 4_000_000
_LONG = 100_000_000
_UNREADABLE = (ValueError, TypeError, RecursionError)


@dataclass(frozen=True)
class RecordedRun:
    """What could be read of one run; what its files do not tell is empty."""

    folder: RunFolder
    settings: Mapping[str, Any]
    environment: Mapping[str, Any]
    exported: Mapping[str, Any]
    """``config.json`` of the exported model."""
    reports: Sequence[Mapping[str, Any]]
    """The objects of ``metrics.jsonl`` in the order of their turns; each has a ``step``."""
    events: Sequence[Mapping[str, Any]]
    """The objects of ``events.jsonl`` in the order in which they were written."""
    scored: Mapping[str, Any]
    """``scores.json``, its scores checked."""
    remarks: tuple[str, ...]
    """What was skipped, a sentence each."""

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.path.resolve().name

    @property
    def model(self) -> str:
        """The model as the settings name it."""
        return text(table(self.settings.get("model")).get("name"))

    @property
    def preset(self) -> str:
        """The preset that the settings began with."""
        return text(self.settings.get("preset"))

    @property
    def train(self) -> Mapping[str, Any]:
        """The settings of the training."""
        return table(self.settings.get("train"))

    @property
    def steps(self) -> int | None:
        """Turns that were asked for."""
        return count(self.train.get("steps"))

    @property
    def step(self) -> int:
        """The last turn that some file tells of."""
        reported = count(self.reports[-1]["step"]) if self.reports else None
        return max(reported or 0, count(self.exported.get("step")) or 0)

    @property
    def codes(self) -> Mapping[str, Any]:
        """How the settings describe the codes of the prior, by name."""
        return table(table(self.settings.get("prior")).get("codes"))


def read_run(path: Path) -> RecordedRun:
    """Read the run in a folder.

    Raises UserError if there is no such folder, or it is no run.
    """
    folder = RunFolder(path)
    folder.require()
    reader = _Reader(path)
    settings = reader.document(tomllib.loads, folder.settings.name)
    if is_deep(settings):
        reader.skip(folder.settings.name, "it is nested too deeply")
        settings = {}
    return RecordedRun(
        folder=folder,
        settings=settings,
        environment=reader.document(json.loads, folder.environment.name),
        exported=reader.document(json.loads, folder.model.name, CONFIG),
        reports=sorted(reader.lines(folder.metrics.name), key=lambda line: int(line["step"])),
        events=reader.lines(folder.events.name),
        scored=_scored(reader, folder),
        remarks=tuple(reader.remarks),
    )


def _scored(reader: _Reader, folder: RunFolder) -> Mapping[str, Any]:
    document = reader.document(json.loads, folder.scores.name)
    if not document:
        return {}
    try:
        return {**document, "scores": read_scores(folder.scores, folder.path)}
    except UserError:
        reader.skip(folder.scores.name, "it does not hold what scores of this ganzoo are")
        return {}


@dataclass
class _Reader:
    """Reads files of one folder, and remembers what it had to skip."""

    folder: Path
    remarks: list[str] = field(default_factory=list)

    def skip(self, name: str, why: str) -> None:
        self.remarks.append(f"{name} is left out: {why}.")

    def document(self, parse: Callable[[str], Any], *names: str) -> Mapping[str, Any]:
        """The table in a file; an empty one if there is no file, or it had to be skipped."""
        content = self._content(*names, limit=_SMALL)
        if content is None:
            return {}
        try:
            found = parse(content.decode())
        except _UNREADABLE:
            found = None
        if not isinstance(found, dict):
            self.skip("/".join(names), "it cannot be read")
        return table(found)

    def lines(self, name: str) -> list[dict[str, Any]]:
        """The objects of a file that has one a line, as far as they have a ``step``."""
        found, broken = [], 0
        content = self._content(name, limit=_LONG) or b""
        for line in content.splitlines():
            try:
                each = json.loads(line)
            except _UNREADABLE:
                each = None
            if isinstance(each, dict) and count(each.get("step")) is not None:
                found.append(each)
            else:
                broken += 1
        if broken:
            self.remarks.append(f"{name} has {counted(broken, 'line')} that cannot be read.")
        return found

    def _content(self, *names: str, limit: int) -> bytes | None:
        try:
            return read_file(self.folder, *names, limit=limit)
        except FileTooOddError as error:
            self.skip("/".join(names), str(error))
            return None


def figures(report: Mapping[str, Any]) -> dict[str, float | None]:
    """What a report or an event counts, by name; None for a number that is none."""
    about = ("step", "seconds", "event", "message")
    return {
        text(key): number(value)
        for key, value in report.items()
        if key not in about and (value is None or number(value) is not None)
    }
