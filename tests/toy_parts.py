"""Parts with settings of every shape, their presets, and what is wrong with settings for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Gt

from ganzoo import Loss, LossSpec, Model, ModelSpec, Prior, PriorSpec, setting
from ganzoo.errors import SettingsError
from ganzoo.settings import Assignment, resolve


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A table inside a table."""

    start: int = setting(0, "first turn")
    shape: Literal["flat", "linear"] = setting("flat", "how it goes on")


class Toy(Model):
    """A model with one setting of every shape."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings."""

        width: Annotated[int, Gt(0)] = setting(8, "maps")
        slope: float | None = setting(0.2, "slope, if any")
        widths: tuple[int, ...] = setting((1, 2), "several")
        schedule: Schedule = setting(factory=Schedule, help="when")


class Other(Model):
    """A model with other settings."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings."""

        depth: int = setting(2, "layers")


class Codes(Prior):
    """A prior with free keys."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings."""

        size: int = setting(4, "noise")
        codes: dict[str, str] = setting(factory=lambda: {"digit": "categorical(10)"}, help="codes")

        def __post_init__(self) -> None:
            if "bad" in self.codes.values():
                raise ValueError("codes: 'bad' is not a code")


class Plain(Prior):
    """A prior without codes."""


class Fit(Loss):
    """A loss with a setting."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings."""

        power: float = setting(2.0, "exponent")


class Greedy(Loss):
    """A loss that takes a name of the host's."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings."""

        weight: float = setting(1.0, "mine")


HERE = __name__
PRESETS = {
    "toy_presets": {
        "base.toml": """
            summary = "the base"
            [model]
            width = 16
            [prior]
            name = "codes"
            size = 5
            [prior.codes]
            slant = "uniform"
            [loss.fit]
            weight = 1.0
            [train]
            steps = 100
            [optim.critic]
            lr = 1e-3
        """,
        "wide.toml": 'summary = "wide"\nextends = "base"\n[model]\nwidth = 64\n',
    },
    "other_presets": {"grown.toml": 'extends = "toy/wide"\n[model]\ndepth = 3\n'},
}
"""Files of presets, by package."""
OFFERS = {
    "models": [
        ModelSpec("toy", f"{HERE}:Toy", "", presets="toy_presets", default_preset="base"),
        ModelSpec("other", f"{HERE}:Other", "", presets="other_presets", default_preset="grown"),
        ModelSpec("bare", f"{HERE}:Other", ""),
        ModelSpec("gone", "no_such_module:X", ""),
    ],
    "losses": [LossSpec("fit", f"{HERE}:Fit", ""), LossSpec("extra", f"{HERE}:Fit", "")],
    "priors": [PriorSpec("codes", f"{HERE}:Codes", ""), PriorSpec("plain", f"{HERE}:Plain", "")],
}
"""What a plugin of these parts offers."""


def sets(*texts: str) -> list[Assignment]:
    """Settings ``KEY=VALUE``, as from the command."""
    return [Assignment.parse(text) for text in texts]


def problems(registry, *texts: str, model: str | None = "toy", **options: Any) -> list[str]:
    """What is wrong with these settings, each in single spaces."""
    with pytest.raises(SettingsError) as caught:
        resolve(registry, model, assignments=sets(*texts), **options)
    return [" ".join(problem.split()) for problem in caught.value.problems]
