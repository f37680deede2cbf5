"""Whether a generator has lost its variety, or a reader its categories: looked at with pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from ganzoo.training import Trainer

LEAST_DIVERSITY = 0.15
"""Share of the real images' mean pairwise distance below which samples are all alike."""

LEAST_USE = 0.1
"""Share of its even share below which a category is dead."""

LEAST_CATEGORIES = 0.5
"""Share of a code's categories below which its use counts as merged."""

_COMPARED = 100
_READ = 1000
_CHUNK = 250


@dataclass(frozen=True)
class Look:
    """What was seen at one picture."""

    figures: dict[str, float]
    """``diversity``, and ``categories/<code>``: how many categories the code's use amounts to."""
    symptoms: dict[str, str]
    """What is wrong, by the figure that shows it."""


class Collapse:
    """Compares samples with real images, and counts the categories that real images are read as."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer

    def look(self, nets: Mapping[str, nn.Module], samples: Tensor) -> Look:
        """Look at ``samples`` (n, C, H, W) and at what the networks, in eval mode, read."""
        seen = Look({}, {})
        self._compare(samples[:_COMPARED], seen)
        self._count(nets, seen)
        return seen

    @cached_property
    def _real_spread(self) -> float:
        return spread(self.trainer.real_images(_COMPARED)["image"])

    def _compare(self, samples: Tensor, seen: Look) -> None:
        if len(samples) < 2 or not self._real_spread > 0:
            return
        diversity = spread(samples) / self._real_spread
        seen.figures["diversity"] = round(diversity, 4)
        if diversity < LEAST_DIVERSITY:
            seen.symptoms["diversity"] = (
                "samples are nearly all alike: their mean pairwise distance is "
                f"{diversity:.1%} of that of real images"
            )

    def _count(self, nets: Mapping[str, nn.Module], seen: Look) -> None:
        model, prior = self.trainer.assembly.model, self.trainer.assembly.prior
        if prior is None:
            return
        categories = {
            name: code.categories for name, code in prior.codes.items() if code.categories
        }
        if not categories:
            return
        batch = self.trainer.real_images(_READ)
        count = len(batch["image"])
        used = {name: torch.zeros(k) for name, k in categories.items()}
        for start in range(0, count, _CHUNK):
            part = {name: values[start : start + _CHUNK] for name, values in batch.items()}
            codes = model.encode(nets, part) or {}
            for name in used.keys() & codes.keys():
                used[name] += torch.bincount(codes[name].cpu(), minlength=categories[name])
        for name, counts in used.items():
            if counts.sum():
                self._judge_use(name, counts / counts.sum(), count, seen)

    @staticmethod
    def _judge_use(name: str, shares: Tensor, count: int, seen: Look) -> None:
        k = len(shares)
        key, effective = f"categories/{name}", effective_number(shares)
        seen.figures[key] = round(effective, 2)
        dead = [category for category, share in enumerate(shares) if share < LEAST_USE / k]
        if dead:
            listed = ", ".join(str(category) for category in dead)
            seen.symptoms[key] = (
                f"dead categories of {name}: {listed}; each is read from fewer than "
                f"{LEAST_USE / k:.1%} of {count:,} real images"
            )
        elif effective < LEAST_CATEGORIES * k:
            seen.symptoms[key] = (
                f"categories of {name} have merged: their use on {count:,} real images "
                f"amounts to {effective:.1f} of {k}"
            )


def spread(images: Tensor) -> float:
    """The mean Euclidean distance of two different images of a batch (n >= 2, ...)."""
    # On the CPU: Apple's GPUs have no pdist.
    return float(torch.pdist(images.flatten(1).float().cpu()).mean())


def effective_number(shares: Tensor) -> float:
    """The exponential of the entropy of shares (k,) that sum to 1.

    It is k where all are even, and 1 where one has everything.
    """
    return float(torch.special.entr(shares.double()).sum().exp())
