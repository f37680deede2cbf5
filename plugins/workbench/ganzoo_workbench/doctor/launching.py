"""Probes of accelerate: its file of defaults, and what the environment asks of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerate.commands.config import config_args

from ganzoo.errors import UserError
from ganzoo.launch import device_type, refuse
from ganzoo.plugins import CONTAINED, one_line
from ganzoo_workbench.doctor.findings import at_home, ok, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo_workbench.doctor.findings import Finding

TWO_ON_A_CPU = (
    "ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes 2 -m ganzoo run NAME"
)
_REFUSED = ("FSDP", "DEEPSPEED", "MEGATRON_LM")


def launching() -> Iterator[Finding]:
    """What a launch does that says nothing itself."""
    path = Path(config_args.default_config_file)
    if not path.is_file():
        yield ok("config", f"none at {at_home(path)}: a launch does what its options say")
    else:
        yield from _config(path)
    try:
        refuse(os.environ)
    except UserError as error:
        yield problem("environment", error.what, error.hint or "")
    if device_type() == "cpu":
        text = "`accelerate launch --cpu --num_processes 2` would start one process"
        yield ok("processes", text, f"Two on a CPU: {TWO_ON_A_CPU}")


def _config(path: Path) -> Iterator[Finding]:
    where = at_home(path)
    try:
        config: Any = config_args.load_config_from_file(None)
    except CONTAINED as error:
        advice = "No launch works with it: write it anew with `accelerate config`, or remove it."
        yield problem("config", f"{where}: {one_line(error)}", advice)
        return
    kind = str(getattr(config.distributed_type, "value", config.distributed_type))
    processes = int(getattr(config, "num_processes", 1) or 1)
    said = f"{where}: {processes} x {kind}, mixed precision {config.mixed_precision}"
    yield ok("config", said + (", on the CPU" if config.use_cpu else ""))
    if kind in _REFUSED:
        advice = "Launch without it: write the file anew with `accelerate config`, or remove it."
        yield problem("config", f"it asks for {kind}, which is not supported", advice)
    elif processes > 1 and kind in ("NO", "MULTI_CPU") and shutil.which("mpirun") is None:
        yield problem(
            "config",
            f"it says {processes} processes, but accelerate starts one for {kind}",
            f"Two on a CPU: {TWO_ON_A_CPU}",
        )
