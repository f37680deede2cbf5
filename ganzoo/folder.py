"""A run is a folder: its name, its files, and whether it may be begun or continued."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.errors import UserError
from ganzoo.version import __version__

if TYPE_CHECKING:
    from ganzoo.launch import Launch

RUNS = Path("runs")
SETTINGS = "settings.toml"
ENVIRONMENT = "environment.json"
METRICS = "metrics.jsonl"
SCORES = "scores.json"
_VERSIONS = ("torch", "torchvision", "accelerate", "datasets", "numpy")


@dataclass(frozen=True)
class RunFolder:
    """Where everything of one run lies."""

    path: Path

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

    def picture(self, name: str, step: int | None = None) -> Path:
        """``samples`` or ``traversal``: of one step, or the latest at the top of the run."""
        if step is None:
            return self.path / f"{name}.png"
        return (
            self.path
            / {"samples": "images", "traversal": "traversals"}[name]
            / f"step-{step:06d}.png"
        )

    def is_run(self) -> bool:
        """Whether this folder holds a run."""
        return self.settings.is_file()


def new_name(model: str, preset: str, seed: int, parent: Path = RUNS) -> Path:
    """A folder that does not exist yet: ``runs/<model>-<preset>-<seed>[-n]``."""
    stem = f"{model}-{preset}-{seed}".replace(":", "-").replace("/", "-")
    path, number = parent / stem, 2
    while path.exists():
        path, number = parent / f"{stem}-{number}", number + 1
    return path


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
        raise UserError(f"{given} does not exist", hint="See the runs there are with: ganzoo runs")
    return folder


def environment(launch: Launch) -> dict[str, Any]:
    """What a run ran on; no names, paths or variables of the person who ran it."""
    return {
        "schema": 1,
        "world_size": launch.accelerator.num_processes,
        "device": launch.accelerator.device.type,
        "device_name": launch.describe_device(),
        "precision": launch.precision,
        "precision_from": launch.why,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"ganzoo": __version__} | {name: _version(name) for name in _VERSIONS},
    }


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
