"""A run is a folder: its name, its files, and whether it may be begun or continued."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from ganzoo.errors import UserError
from ganzoo.files import numbered, plain_name

if TYPE_CHECKING:
    from collections.abc import Iterator


RUNS = Path("runs")
SETTINGS = "settings.toml"
ENVIRONMENT = "environment.json"
SEE_RUNS = "See the runs there are with: ganzoo runs"
METRICS = "metrics.jsonl"
EVENTS = "events.jsonl"
SCORES = "scores.json"


@dataclass(frozen=True)
class RunFolder:
    """Where everything of one run lies."""

    path: Path

    @property
    def typed(self) -> str:
        """The path as it is typed into a shell."""
        return quote(str(self.path))

    @property
    def settings(self) -> Path:
        """The resolved settings, a valid ``--config``."""
        return self.path / SETTINGS

    @property
    def environment(self) -> Path:
        """What the run ran on."""
        return self.path / ENVIRONMENT

    @property
    def metrics(self) -> Path:
        """One JSON object a report."""
        return self.path / METRICS

    @property
    def events(self) -> Path:
        """What happened besides, one JSON object an event, in the order in which it happened."""
        return self.path / EVENTS

    @property
    def scores(self) -> Path:
        """The scores of the trained model."""
        return self.path / SCORES

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """The exported model."""
        return self.path / "model"

    @property
    def best_model(self) -> Path:
        """The exported model of the best checkpoint, where ``train.keep_best`` asks for it."""
        return self.path / "best"

    def picture(self, name: str, step: int | None = None) -> Path:
        """``samples`` or ``traversal``: of one step, or the latest at the top of the run."""
        if step is None:
            return self.path / f"{name}.png"
        return (
            self.path
            / {"samples": "images", "traversal": "traversals"}[name]
            / f"step-{step:06d}.png"
        )

    def require(self) -> None:
        """Raise UserError if there is no such folder, or it is no run."""
        if not self.path.exists():
            raise UserError(f"{self.path} does not exist", hint=SEE_RUNS)
        if not self.is_run():
            raise UserError(f"{self.path} is no run: it has no {self.settings.name}", hint=SEE_RUNS)

    def is_run(self) -> bool:
        """Whether this folder holds a run."""
        return self.settings.is_file()


def new_names(model: str, preset: str, seed: int, parent: Path = RUNS) -> Iterator[Path]:
    """Names for a new run that nothing has yet: ``runs/<model>-<preset>-<seed>[-n]``."""
    paths = (parent / name for name in numbered(plain_name(f"{model}-{preset}-{seed}")))
    yield from (path for path in paths if not path.exists())


def all_runs(parent: Path = RUNS) -> list[RunFolder]:
    """The runs in a folder, the newest first."""
    found = [RunFolder(path) for path in parent.glob("*") if RunFolder(path).is_run()]
    return sorted(found, key=lambda run: run.settings.stat().st_mtime, reverse=True)


def find_run(given: str | None) -> RunFolder:
    """The run that was named, or the newest one."""
    if given is None:
        runs = all_runs()
        if not runs:
            raise UserError(
                f"there is no run in {RUNS}/ yet", hint="Start one with: ganzoo run infogan"
            )
        return runs[0]
    folder = RunFolder(Path(given))
    if not folder.path.exists():
        raise UserError(f"{given} does not exist", hint=SEE_RUNS)
    return folder
