"""Checkpoints: written whole or not at all, checked when read, the newest whole one taken."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

import torch
from accelerate.utils import gather_object

from ganzoo.best import best_of
from ganzoo.distributed import together
from ganzoo.errors import UserError
from ganzoo.files import PARTIAL, sync_folder, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from accelerate import Accelerator

    from ganzoo.training import Trainer

MANIFEST = "manifest.json"
SHARED = "state.pt"
REPLACED = ".replaced"
"""How the name of a checkpoint ends while another takes its place."""
_NAME = re.compile(r"step-(\d{6,})")


class DamagedCheckpointError(Exception):
    """A checkpoint whose files are not what its manifest says."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was found whole."""

    path: Path
    step: int
    world_size: int


def save(trainer: Trainer, folder: Path, keep: int) -> Path:
    """Write ``folder/step-NNNNNN`` from all ranks, and keep the newest ``keep`` whole ones.

    The one that is marked as the best is kept beside them. Every rank calls it. Raises OSError, on
    every rank, where one of them cannot write; what was there before is whole then, and what was
    begun is gone.
    """
    accelerator = trainer.accelerator
    main = accelerator.is_main_process
    final = folder / f"step-{trainer.step:06d}"
    partial = _unfinished(final)
    try:
        with together():
            if main:
                settle(folder)
                partial.mkdir(parents=True)
        digests = {}
        with together():
            own = _rank_file(accelerator.process_index)
            digests[own] = _write(trainer.rank_state_dict(), partial / own)
            if main:
                digests[SHARED] = _write(trainer.state_dict(), partial / SHARED)
        everyones = gather_object([digests])
        with together():
            if main:
                write_json(partial / MANIFEST, _manifest(trainer, accelerator, everyones))
                sync_folder(partial)
                _put(partial, final)
                _drop_old(folder, final, keep)
    except OSError:
        if main:
            with suppress(OSError):
                settle(folder)
        raise
    return final


def settle(folder: Path) -> None:
    """Put right what a crash left: unfinished checkpoints go, one half replaced comes back."""
    for path in folder.glob(f".step-*{PARTIAL}"):
        shutil.rmtree(path)
    for path in folder.glob(f".step-*{REPLACED}"):
        original = path.with_name(path.name.removeprefix(".").removesuffix(REPLACED))
        if original.exists():
            _remove(path)
        else:
            path.rename(original)


def _manifest(
    trainer: Trainer, accelerator: Accelerator, digests: list[dict[str, str]]
) -> dict[str, Any]:
    return {
        "schema": 1,
        "step": trainer.step,
        "world_size": accelerator.num_processes,
        "model": type(trainer.assembly.model).__qualname__,
        "networks": trainer.assembly.parameter_counts(),
        "sha256": {name: digest for each in digests for name, digest in each.items()},
    }


def _put(partial: Path, final: Path) -> None:
    """Give a finished checkpoint its name; one that has the name stays until then."""
    replaced = final.with_name(f".{final.name}{REPLACED}")
    if final.exists() or final.is_symlink():
        final.rename(replaced)
    partial.rename(final)
    sync_folder(final.parent)
    if replaced.exists() or replaced.is_symlink():
        _remove(replaced)


def _drop_old(folder: Path, latest: Path, keep: int) -> None:
    """Remove what is older than the newest ``keep`` whole checkpoints up to ``latest``.

    ``latest`` has just been written. Any other is read before it counts as kept: a damaged one must
    not stand for a whole one that goes. The one that is marked as the best stays besides.
    """
    kept, best = 1, best_of(folder)
    for path in _candidates(folder):
        if _step_of(path) >= _step_of(latest):
            continue  # a newer one is damaged, else it would have been continued
        if best is not None and _step_of(path) == best.step:
            continue
        if kept < keep and _is_whole(path):
            kept += 1
        else:
            _remove(path)


def _is_whole(path: Path) -> bool:
    try:
        check(path)
    except DamagedCheckpointError:
        return False
    return True


def _remove(path: Path) -> None:
    """Remove a checkpoint; a crash in between leaves no half of it under its name."""
    if path.is_symlink():
        path.unlink()
        return
    doomed = path if path.name.startswith(".") else path.rename(_unfinished(path))
    shutil.rmtree(doomed)


def restore(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """Put a checkpoint into a trainer of the same model. Every rank calls it.

    Raises UserError where the checkpoint is of another model, or holds more than tensors and plain
    values: it is never unpickled.
    """
    state = read_shared(checkpoint)
    rank_state = None
    if checkpoint.world_size == trainer.accelerator.num_processes:
        rank_state = read_rank(checkpoint, trainer.accelerator.process_index)
    hint = "Continue it with the model and settings that it was made with."
    try:
        if set(state["networks"]) != set(trainer.nets):
            raise UserError(
                f"{checkpoint.path} is a checkpoint of another model: "
                f"it has networks {', '.join(state['networks'])}, "
                f"this one has {', '.join(trainer.nets)}",
                hint=hint,
            )
        if state["step"] != checkpoint.step:
            raise ValueError(f"its state is of step {state['step']}")  # noqa: TRY301
        _check_shapes(trainer, state, rank_state)
        trainer.load_state_dict(state, rank_state)
    except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(
            f"{checkpoint.path} does not fit this model: {str(error).splitlines()[-1].strip()}",
            hint=hint,
        ) from error


def _check_shapes(
    trainer: Trainer, state: dict[str, Any], rank_state: dict[str, Any] | None
) -> None:
    """Raise ValueError where torch would take a tensor of another shape and go wrong later."""
    for optimiser, saved in zip(trainer.optimisers.values(), state["optimisers"], strict=True):
        parameters = [each for group in optimiser.param_groups for each in group["params"]]
        for index, slots in saved["state"].items():
            for name, value in slots.items():
                _check_shape(f"{name} of parameter {index}", value, parameters[index].shape)
    if rank_state is None:
        return
    for name, net in trainer.networks().items():
        for key, buffer in net.named_buffers():
            _check_shape(f"{name}.{key}", rank_state["buffers"][name][key], buffer.shape)
    for name, value in rank_state["sums"].items():
        _check_shape(f"the sum of {name}", value, torch.Size())


def _check_shape(name: str, value: torch.Tensor, expected: torch.Size) -> None:
    # An optimiser counts its steps in a tensor without dimensions.
    if value.shape not in (expected, torch.Size()):
        raise ValueError(f"{name} has shape {tuple(value.shape)}, not {tuple(expected)}")


def newest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint of a run, and a line for each damaged one passed over."""
    damaged: list[str] = []
    for path in _candidates(folder):
        try:
            return check(path), damaged
        except DamagedCheckpointError as error:
            damaged.append(f"{path.name}: {error}")
    return None, damaged


def agreed(folder: Path, accelerator: Accelerator) -> tuple[Checkpoint | None, list[str]]:
    """The :func:`newest` that rank 0 sees, on every rank; all of them call it.

    A file system may show ranks different states, and each from a turn of its own they would train
    different weights as if they were one.

    Raises:
        UserError: a rank cannot read what rank 0 can.
    """
    mine = newest(folder) if accelerator.is_main_process else (None, [])
    found, damaged = gather_object([mine])[0]
    with together():
        if found is not None and not accelerator.is_main_process:
            try:
                check(found.path)
            except DamagedCheckpointError as error:
                what = f"{found.path} is whole to the first process alone: {error}"
                raise UserError(what) from error
    return found, damaged


def all_whole(folder: Path) -> list[Checkpoint]:
    """Every whole checkpoint of a run, the newest first."""
    found = []
    for path in _candidates(folder):
        with suppress(DamagedCheckpointError):
            found.append(check(path))
    return found


def _candidates(folder: Path) -> list[Path]:
    """What has the name of a checkpoint, the newest first."""
    found = [path for path in folder.glob("step-*") if _NAME.fullmatch(path.name)]
    return sorted(found, key=_step_of, reverse=True)


def _step_of(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def check(path: Path) -> Checkpoint:
    """Hold the files of a checkpoint against its manifest.

    Raises:
        DamagedCheckpointError: the files are not what the manifest says; it tells what is wrong.
    """
    found, digests = _read_manifest(path)
    for name, digest in digests.items():
        file = path / name
        if file.is_symlink():
            raise DamagedCheckpointError(f"{name} is a link")
        if not file.is_file():
            raise DamagedCheckpointError(f"{name} is missing")
        if _digest(file) != digest:
            raise DamagedCheckpointError(f"{name} is not what was written")
    return found


def _read_manifest(path: Path) -> tuple[Checkpoint, dict[str, str]]:
    """What the manifest says, and the digest of each file of the checkpoint."""
    if path.is_symlink():
        raise DamagedCheckpointError("it is a link")
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        found = Checkpoint(path, manifest["step"], manifest["world_size"])
        digests: dict[str, str] = manifest["sha256"]
        listed, ranks = set(digests), len(digests) - 1
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise DamagedCheckpointError(
            f"its manifest cannot be read ({type(error).__name__})"
        ) from error
    if _NAME.fullmatch(path.name) and found.step != _step_of(path):
        raise DamagedCheckpointError(f"its manifest is of step {found.step}")
    # The names are the host's own, so that a manifest cannot point out of its folder.
    if found.world_size != ranks or listed != {SHARED, *map(_rank_file, range(ranks))}:
        raise DamagedCheckpointError("its manifest lists other files than a checkpoint has")
    return found, digests


def _rank_file(rank: int) -> str:
    return f"rank-{rank:03d}.pt"


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}{PARTIAL}")


class _Hashing:
    """What ``torch.save`` writes to: a file that is hashed on its way to the disk."""

    def __init__(self, file: IO[bytes]) -> None:
        self.sha256 = hashlib.sha256()
        self.error: OSError | None = None
        self._file = file

    def write(self, content: bytes) -> int:
        self.sha256.update(content)
        try:
            return self._file.write(content)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self._file.flush()


def _write(state: dict[str, Any], path: Path) -> str:
    """Write a file that is on the disk afterwards, and give its SHA-256."""
    with path.open("wb") as file:
        hashing = _Hashing(file)
        try:
            # torch asks for no more of a file than to write and to flush.
            torch.save(state, cast("IO[bytes]", hashing))
        except RuntimeError as error:
            # torch covers up a failed write with one about the position in the file.
            raise hashing.error or error from error
        file.flush()
        os.fsync(file.fileno())
    return hashing.sha256.hexdigest()


def read_shared(checkpoint: Checkpoint) -> dict[str, Any]:
    """What ``Trainer.state_dict`` gave, on the CPU; nothing in it is executed.

    Raises UserError where it is more than tensors and plain values.
    """
    return _read(checkpoint.path / SHARED)


def read_rank(checkpoint: Checkpoint, rank: int) -> dict[str, Any]:
    """What ``Trainer.rank_state_dict`` gave on one rank; as :func:`read_shared`."""
    return _read(checkpoint.path / _rank_file(rank))


def _read(path: Path) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict):
            raise TypeError(f"it holds {type(state).__name__}")  # noqa: TRY301
    except FileNotFoundError as error:
        raise UserError(
            f"{path} is gone",
            hint="A run that is being trained removes its old checkpoints: try again.",
        ) from error
    except Exception as error:
        raise UserError(
            f"{path} is refused: it holds something else than the tensors of a training",
            hint="Remove this checkpoint if you do not know where it comes from; "
            "an older one is taken then.",
        ) from error
    return state


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DamagedCheckpointError(f"{path.name} cannot be read ({error.strerror})") from error
