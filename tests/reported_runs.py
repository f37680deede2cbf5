"""`ganzoo` on small networks and few images, with a report every second turn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner
from safetensors.torch import load_file
from small_runs import SMALL, given

from ganzoo.cli import cli

if TYPE_CHECKING:
    import torch
    from click.testing import Result

REPORTED = [*SMALL, "train.report_every=2"]


def ganzoo(*arguments: str, settings: list[str] = REPORTED) -> Result:
    """A command as a user gives it; an exception that would be a traceback is one of the result."""
    return CliRunner().invoke(cli, [*arguments, *given(settings)])


def run(name: str, *arguments: str, settings: list[str] = REPORTED) -> Result:
    """``ganzoo run name`` that ends well."""
    result = ganzoo("run", name, *arguments, settings=settings)
    assert result.exit_code == 0, result.output
    return result


def records(folder: str) -> list[dict[str, Any]]:
    """The reports of a run."""
    return [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]


def weights(folder: str) -> dict[str, torch.Tensor]:
    """What a run has exported."""
    return load_file(Path(folder) / "model" / "model.safetensors")
