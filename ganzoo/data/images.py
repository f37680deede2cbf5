"""Images that batches are taken from: decoded ones in an array, or rendered ones made on demand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ganzoo.data.source import ImageSource

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Images:
    """Decoded images of one size."""

    images: Tensor
    """uint8 (N, C, H, W): a memory-mapped file, or a copy on the accelerator."""
    labels: Tensor | None
    """int64 (N,), -1 where a label is missing; None for data without labels."""
    classes: tuple[str, ...] | None
    fingerprint: str
    """Says which images these are meant to be: where they are from, and how they were made."""
    digest: str = ""
    """Says what they are, wherever they are from; empty where that is not known."""
    notes: tuple[str, ...] = ()
    """What was converted or left out, a sentence each."""
    device: torch.device = _CPU
    """Where batches are put."""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    def gather(self, indices: Tensor) -> dict[str, Tensor]:
        """The batch ``indices``, int64 (n,): ``image`` as uint8 and, with labels, ``label``."""
        batch = {"image": _pick(self.images, indices, self.device)}
        if self.labels is not None:
            batch["label"] = _pick(self.labels, indices, self.device)
        return batch

    def to(self, device: torch.device) -> Images:
        """Put batches on ``device``, and all images if they fill no more than half of it."""
        labels = None if self.labels is None else self.labels.to(device)
        fits = self.images.nbytes <= _free(device) // 2
        images = self.images.to(device) if fits else self.images
        return replace(self, images=images, labels=labels, device=device)


@dataclass(frozen=True)
class Rendered:
    """Images that a plugin makes as they are asked for; in use like :class:`Images`."""

    source: ImageSource
    count: int
    fingerprint: str
    notes: tuple[str, ...] = ()
    device: torch.device = _CPU

    def __len__(self) -> int:
        return self.count

    @property
    def digest(self) -> str:
        """Empty: nobody has seen all images."""
        return ""

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the classes of ``label``, if there are any."""
        return self.source.classes

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.source.image_shape

    def gather(self, indices: Tensor) -> dict[str, Tensor]:
        """The batch ``indices``, int64 (n,): ``image`` as uint8, and what else the plugin gives."""
        batch = self.source.gather(indices)
        return {name: send(value, self.device) for name, value in batch.items()}

    def to(self, device: torch.device) -> Rendered:
        """Put batches on ``device``."""
        return replace(self, device=device)


def _pick(values: Tensor, indices: Tensor, device: torch.device) -> Tensor:
    if values.device == indices.device:
        return send(values[indices], device)
    return send(values[send(indices, values.device)], device)


def send(value: Tensor, device: torch.device) -> Tensor:
    """Copy to ``device`` without making the host wait for it."""
    if value.device.type == "cpu" and device.type == "cuda":
        value = value.pin_memory()
    return value.to(device, non_blocking=device.type == "cuda")


def _free(device: torch.device) -> int:
    """Free memory of an accelerator in bytes; none for the CPU, to which nothing need be copied."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory()) - int(torch.mps.driver_allocated_memory())
    return 0
