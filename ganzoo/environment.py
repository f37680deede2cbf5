"""What a run was trained in, turn by turn, and how that differs from where it goes on."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch

from ganzoo.discovery import FILE
from ganzoo.files import write_json
from ganzoo.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ganzoo.data import Data, Streamed
    from ganzoo.launch import Launch
    from ganzoo.plugins import Plugins
    from ganzoo.settings import Settings

_VERSIONS = ("torch", "torchvision", "accelerate", "datasets", "numpy")

_DECISIVE = {
    "world_size": "processes",
    "device_name": "device",
    "cuda": "CUDA and cuDNN",
    "instructions": "instructions of the CPU",
    "precision": "precision",
    "system": "system",
}
"""What bits depend on besides versions, and what it is called."""


def present(
    launch: Launch,
    settings: Settings,
    plugins: Plugins,
    data: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What this process runs on; no names, paths or variables of the person who runs it.

    ``data`` has the digest of the images of each source by its table of the settings. Each plugin
    of one file counts as ``file:NAME.py``, with its digest for a version.
    """
    others = sorted({*settings.packages()} - {"torch-ganzoo", FILE})
    files = [record for record in plugins.loaded if record.distribution == FILE]
    return {
        "world_size": launch.accelerator.num_processes,
        "device": launch.accelerator.device.type,
        "device_name": launch.describe_device(),
        **({"cuda": _cuda()} if launch.accelerator.device.type == "cuda" else {}),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "precision": launch.precision,
        "precision_from": launch.why,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"ganzoo": __version__}
        | {name: _version(name) for name in (*_VERSIONS, *others)}
        | {f"{record.qualified}.py": record.digest for record in files},
        **({"data": dict(data)} if data is not None else {}),
    }


def digests(images: Data | Streamed, further: Mapping[str, Data | Streamed]) -> dict[str, str]:
    """The digest of the images of each source, by its table of the settings."""
    sources = {"data": images, **{f"data.{name}": each for name, each in further.items()}}
    return {name: each.digest for name, each in sources.items()}


def record(path: Path, now: dict[str, Any], step: int) -> None:
    """Write ``environment.json`` for a process that trains from turn ``step`` on.

    The file says what the latest process runs on; ``history`` has that of every stretch of turns
    since the first, each with ``from_step``. Raises OSError.
    """
    history = [each for each in _history(path) if each["from_step"] < step]
    if not history or differences(history[-1], now):
        history.append({"from_step": step, **now})
    write_json(path, {"schema": 1, **now, "history": history})


def trained_in(path: Path, first: int, last: int) -> list[dict[str, Any]]:
    """What the turns after ``first`` up to ``last`` were made in, as ``environment.json`` has it.

    Empty if the file cannot be read.
    """
    history = _history(path)
    ends = [each["from_step"] for each in history[1:]] + [last]
    return [
        each
        for each, end in zip(history, ends, strict=False)
        if each["from_step"] < last and end > first
    ]


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What may give other bits: ``torch was 2.13.0, here it is 2.14.0``, one line each."""
    before, after = then["versions"], now["versions"]
    pairs = [(name, then[key], now.get(key)) for key, name in _DECISIVE.items() if key in then]
    # A file that was given then or is given now alone tells as much as one that was changed.
    names = [*after, *(name for name in before if name not in after)]
    pairs += [
        (name, before.get(name), after.get(name))
        for name in names
        if name.startswith(f"{FILE}:") or (name in before and name in after)
    ]
    lines = [
        f"{name} was {_say(old)}, here it is {_say(new)}" for name, old, new in pairs if old != new
    ]
    old, new = then.get("data", {}), now.get("data", {})
    return lines + [
        f"the images of {source} are others than they were"
        for source, digest in new.items()
        if digest and old.get(source) and old[source] != digest
    ]


def _history(path: Path) -> list[dict[str, Any]]:
    """The stretches of turns, the first one first; a file without a history is one stretch."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        history = content.get("history", [content | {"from_step": 0}])
        ordered = all(one["from_step"] < other["from_step"] for one, other in pairwise(history))
        typed = all(
            isinstance(each["versions"], dict)
            and isinstance(each["from_step"], int)
            and isinstance(each.get("data", {}), dict)
            for each in history
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return []
    return history if ordered and typed else []


def _say(value: Any) -> str:
    return "not there" if value is None else str(value)


def _cuda() -> str:
    """What torch was built for: several builds of one version differ in it alone."""
    return f"{torch.version.cuda}, {torch.backends.cudnn.version()}"  # type: ignore[no-untyped-call]


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
