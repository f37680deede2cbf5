"""What the launcher and the machine decide: processes, device, precision; and what is refused."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import torch

from ganzoo.counting import counted
from ganzoo.errors import UserError
from ganzoo.variables import DIGITS, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelerate import Accelerator

    from ganzoo.schema import Precision

Chosen = Literal["fp32", "bf16", "fp16"]
_PRECISION = "ACCELERATE_MIXED_PRECISION"
_LAUNCHER_WORDS: dict[str, Chosen] = {"bf16": "bf16", "fp16": "fp16"}
_ACCELERATE_WORDS: dict[str, str] = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


@dataclass(frozen=True)
class Launch:
    """An accelerator, and how its precision came about."""

    accelerator: Accelerator
    precision: Chosen
    why: str

    def describe_device(self) -> str:
        """The device and the processes in words."""
        device = self.accelerator.device
        words = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()
        if device.type == "cpu":
            words += f", {counted(torch.get_num_threads(), 'thread')}"
        processes = self.accelerator.num_processes
        return words if processes == 1 else f"{processes} processes, {words} each"


def launch(precision: Precision, batch_size: int, second_order: Sequence[str] = ()) -> Launch:
    """Start accelerate. Raises UserError for what this kind of training cannot do.

    ``second_order`` names the losses that differentiate a gradient.
    """
    refuse(os.environ)
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs

    chosen, why = settle_precision(precision, second_order)
    # torch renames the option below, but accelerate knows only the old name, which still works.
    warnings.filterwarnings("ignore", message="`broadcast_buffers` is deprecated")
    # An earlier training of this process may have had another precision, which accelerate keeps.
    AcceleratorState._reset_state()  # noqa: SLF001 - there is no public way
    accelerator = Accelerator(
        mixed_precision=_ACCELERATE_WORDS[chosen],
        # Broadcasting buffers writes into what an earlier forward of the same turn still needs (two
        # forwards, one backward); every rank keeps its own running statistics instead, and the
        # export averages them.
        kwargs_handlers=[
            DistributedDataParallelKwargs(broadcast_buffers=False),
            InitProcessGroupKwargs(timeout=process_timeout()),
        ],
    )
    processes = accelerator.num_processes
    if batch_size % processes:
        fitting = -(-batch_size // processes) * processes
        raise UserError(
            f"train.batch_size {batch_size} cannot be shared evenly by {processes} processes",
            hint=f"Take a multiple of {processes}, such as {fitting}.",
        )
    return Launch(accelerator, chosen, why)


def process_timeout() -> timedelta:
    """How long a process waits for another before it takes it for lost.

    It covers all that one rank does alone while the others wait: decoding, pictures, writing.
    Raises UserError if ``GANZOO_PROCESS_TIMEOUT`` is no number of seconds.
    """
    name = "GANZOO_PROCESS_TIMEOUT"
    what = f"a number of seconds with at most {DIGITS} digits"
    return timedelta(seconds=whole_number(name, os.environ.get(name, "1800"), what, least=1))


def refuse(environment: Mapping[str, str]) -> None:
    """Raise UserError for launchers' modes that adversarial training does not fit."""
    if _is_on(environment.get("ACCELERATE_USE_FSDP")):
        raise UserError(
            "FSDP is not supported: the networks of a zoo fit one device",
            hint="Launch without --use_fsdp; several GPUs are used through DDP.",
        )
    if _is_on(environment.get("ACCELERATE_USE_DEEPSPEED")):
        raise UserError(
            "DeepSpeed is not supported: it trains one network, a phase may train several",
            hint="Launch without --use_deepspeed; several GPUs are used through DDP.",
        )
    if environment.get("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "1") not in ("", "1"):
        raise UserError(
            "gradient accumulation is not supported: BatchNorm would still see the small batches",
            hint="Launch with --gradient_accumulation_steps 1 and set train.batch_size.",
        )
    if environment.get(_PRECISION, "").lower() == "fp8":
        raise UserError(
            "fp8 is not supported: it is for the matrix products of large transformers",
            hint="Launch with --mixed_precision bf16 or fp16, or leave it out.",
        )
    if environment.get("ACCELERATE_DYNAMO_BACKEND", "no").lower() not in ("", "no"):
        raise UserError(
            "torch.compile is not supported: it wraps networks, whose weights then go by other "
            "names in checkpoints and exported models",
            hint="Launch with --dynamo_backend no, or unset ACCELERATE_DYNAMO_BACKEND.",
        )


def settle_precision(precision: Precision, second_order: Sequence[str]) -> tuple[Chosen, str]:
    """The precision of a training on this machine, and the reason for it.

    ``second_order`` names the losses that differentiate a gradient. Raises UserError where fp16
    does not train.
    """
    device = device_type()
    chosen, why = choose_precision(precision, launchers_precision(), device)
    if chosen == "fp16" and device == "cpu":
        raise UserError(
            "fp16 does not train on a CPU", hint="Take --set train.precision=bf16 or fp32."
        )
    if chosen == "fp16" and second_order:
        raise UserError(
            f"loss.{second_order[0]} differentiates a gradient, "
            "which fp16's loss scaling would spoil",
            hint="Take --set train.precision=bf16 or fp32.",
        )
    return chosen, why


def choose_precision(
    setting: Precision, launcher: Chosen | None, device_type: str
) -> tuple[Chosen, str]:
    """The precision, and the reason for it.

    An explicit setting comes first, then the launcher's choice, then what the device computes in.
    """
    if setting != "auto":
        return setting, "train.precision"
    if launcher is not None:
        return launcher, "the launcher's choice"
    if computes_in_bf16(device_type):
        return "bf16", "this device computes in it; for fp32 add --set train.precision=fp32"
    return "fp32", "this device has no fast bf16; for it add --set train.precision=bf16"


def launchers_precision() -> Chosen | None:
    """What the launcher, or who set its variable, asks for; None if the choice is left open.

    A launcher exports ``no`` when nobody asked for a precision, so that word decides nothing.
    """
    return _LAUNCHER_WORDS.get(os.environ.get(_PRECISION, ""))


def computes_in_bf16(device_type: str) -> bool:
    """Whether bf16 is native: CUDA from Ampere on, CPUs with AVX512-BF16 or AMX."""
    if device_type == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)
    if device_type != "cpu":
        return False
    # Not public in torch, hence the default: an unknown CPU trains in fp32.
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, check, bool)()) for check in checks)


def device_type() -> str:
    """The kind of device that is computed on: the accelerator, unless the launcher says CPU."""
    if asks_for_cpu():
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def asks_for_cpu() -> bool:
    """Whether the launcher, or who set its variable, says CPU: accelerate then takes no other."""
    return _is_on(os.environ.get("ACCELERATE_USE_CPU"))


def _is_on(value: str | None) -> bool:
    return (value or "").lower() in ("1", "true", "yes")
