"""Checkpoints: written whole or not at all, checked when read, the newest whole one taken."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ganzoo.errors import UserError
from ganzoo.files import write_json

if TYPE_CHECKING:
    from accelerate import Accelerator

    from ganzoo.training import Trainer

MANIFEST = "manifest.json"
SHARED = "state.pt"


class DamagedCheckpointError(Exception):
    """A checkpoint whose files are not what its manifest says."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was found whole."""

    path: Path
    step: int
    world_size: int
    model: str


def save(trainer: Trainer, folder: Path, keep: int) -> Path:
    """Write ``folder/step-NNNNNN`` from all ranks, and keep the newest ``keep``.

    Every rank calls it.
    """
    accelerator = trainer.accelerator
    final = folder / f"step-{trainer.step:06d}"
    partial = folder / f".{final.name}.partial"
    if accelerator.is_main_process:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    accelerator.wait_for_everyone()
    _write(trainer.rank_state_dict(), partial / _rank_file(accelerator.process_index))
    if accelerator.is_main_process:
        _write(trainer.state_dict(), partial / SHARED)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        _seal(partial, trainer, accelerator)
        if final.exists():
            shutil.rmtree(final)
        partial.replace(final)
        _sync(folder)
        for old in sorted(folder.glob("step-*"))[:-keep]:
            shutil.rmtree(old)
    accelerator.wait_for_everyone()
    return final


def _seal(partial: Path, trainer: Trainer, accelerator: Accelerator) -> None:
    files = {path.name: _digest(path) for path in sorted(partial.iterdir())}
    manifest = {
        "schema": 1,
        "step": trainer.step,
        "world_size": accelerator.num_processes,
        "model": type(trainer.assembly.model).__qualname__,
        "networks": trainer.assembly.parameter_counts(),
        "sha256": files,
    }
    write_json(partial / MANIFEST, manifest)
    _sync(partial)


def restore(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """Put a checkpoint into a trainer of the same model. Every rank calls it."""
    state = _read(checkpoint.path / SHARED)
    if set(state["networks"]) != set(trainer.nets):
        raise UserError(
            f"{checkpoint.path} is a checkpoint of another model: "
            f"it has networks {', '.join(state['networks'])}, "
            f"this one has {', '.join(trainer.nets)}",
            hint="Continue it with the model and settings that it was made with.",
        )
    rank_state = None
    if checkpoint.world_size == trainer.accelerator.num_processes:
        rank_state = _read(checkpoint.path / _rank_file(trainer.accelerator.process_index))
    try:
        trainer.load_state_dict(state, rank_state)
    except (RuntimeError, ValueError, KeyError) as error:
        raise UserError(
            f"{checkpoint.path} does not fit this model: {str(error).splitlines()[-1].strip()}",
            hint="Continue it with the model and settings that it was made with.",
        ) from error


def newest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint of a run, and a line for each damaged one passed over."""
    damaged: list[str] = []
    for path in sorted(folder.glob("step-*"), reverse=True):
        try:
            return check(path), damaged
        except DamagedCheckpointError as error:
            damaged.append(f"{path.name}: {error}")
    return None, damaged


def check(path: Path) -> Checkpoint:
    """Hold the files of a checkpoint against its manifest.

    Raises:
        DamagedCheckpointError: the files are not what the manifest says; it tells what is wrong.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text())
        step, world_size, model = manifest["step"], manifest["world_size"], manifest["model"]
        digests: dict[str, str] = manifest["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedCheckpointError(
            f"its manifest cannot be read ({type(error).__name__})"
        ) from error
    for name, digest in digests.items():
        file = path / Path(name).name  # a manifest must not point out of its folder
        if not file.is_file():
            raise DamagedCheckpointError(f"{name} is missing")
        if _digest(file) != digest:
            raise DamagedCheckpointError(f"{name} is not what was written")
    return Checkpoint(path, step, world_size, model)


def _rank_file(rank: int) -> str:
    return f"rank-{rank:03d}.pt"


def _write(state: dict[str, Any], path: Path) -> None:
    with path.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
