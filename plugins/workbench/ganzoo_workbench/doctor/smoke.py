"""One turn of a tiny model, in a process and a folder of its own: whether it all works together."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ganzoo_workbench.doctor.findings import note, ok, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.registry import Kind, Registry
    from ganzoo_workbench.doctor.findings import Finding

MODEL, DATA = "dcgan", "mnist"
SETTINGS = {
    "train.steps": "1",
    "train.batch_size": "4",
    "data.limit": "16",
    "model.generator_channels": "[8, 4]",
    "model.discriminator_channels": "[4, 8]",
}
_LOOK = f"See where it stops with: ganzoo run {MODEL} --steps 1"
_LONGEST = 300.0
"""Seconds after which a turn counts as hanging."""


def smoke(registry: Registry) -> Iterator[Finding]:
    """Train for one turn, and time it with all that comes before and after."""
    wanted: dict[Kind, str] = {"model": MODEL, "dataset": DATA}
    for kind, name in wanted.items():
        offers = len(registry.matching(kind, name))
        if offers != 1:
            yield note("turn", f"not tried: {offers or 'no'} plugins offer the {kind} {name}")
            return
    with TemporaryDirectory(prefix="ganzoo-doctor-") as folder:
        yield _turn(Path(folder))


def _turn(folder: Path) -> Finding:
    own = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    environment = {name: text for name, text in os.environ.items() if name not in own}
    command = [sys.executable, "-P", "-m", __name__, str(folder / "run")]
    begun = time.monotonic()
    try:
        ended = subprocess.run(
            command,
            env=environment | {"GANZOO_CACHE": str(folder / "cache")},
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return problem("turn", f"one turn of {MODEL} was not done after {_LONGEST:.0f} s", _LOOK)
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"]
        return problem("turn", f"one turn of {MODEL} fails: {lines[-1]}", _LOOK)
    device = ended.stdout.strip()
    seconds = time.monotonic() - begun
    return ok("turn", f"{MODEL} trained, saved and drew on {device}; {seconds:.1f} s in all")


def main(out: Path) -> None:
    """Do the turn in this process, and print what it was computed on."""
    from ganzoo.discovery import discover
    from ganzoo.layers import Assignment
    from ganzoo.plan import Request
    from ganzoo.registry import Registry
    from ganzoo.task import execute, prepare

    settings = [Assignment(key, text, "the doctor") for key, text in SETTINGS.items()]
    request = Request(MODEL, None, [], settings, DATA)
    task = prepare(Registry(discover()), request, out)
    execute(task)
    print(task.launch.describe_device())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
