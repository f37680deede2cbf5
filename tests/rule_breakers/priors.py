"""Priors that keep the contract, and those that break one rule of it each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ganzoo import (
    Context,
    Latents,
    Prior,
    setting,
)
from ganzoo_infogan.codes import Categorical, Uniform
from ganzoo_infogan.priors import StructuredPrior


class Coded(StructuredPrior):
    """Keeps the contract, with codes by default."""

    @dataclass(frozen=True, kw_only=True)
    class Config(StructuredPrior.Config):
        codes: dict[str, str] = setting(
            help="codes",
            factory=lambda: {"kind": "categorical(3)", "tone": "uniform(-1, 1)"},
        )


class FewRows(Coded):
    def sample(self, n, *, generator, device):
        flat, parts = super().sample(n, generator=generator, device=device)
        return Latents(flat, parts | {"extra": flat[:2]})


class Misspells(Coded):
    def __init__(self, config, context):
        super().__init__(config, context)
        self.size = config.sise


class GivesParts(Coded):
    def sample(self, n, *, generator, device):
        return super().sample(n, generator=generator, device=device).parts


class NoDataclass(Coded):
    class Config:
        size: int = 3


class IgnoresGenerator(Coded):
    def sample(self, n, *, generator, device):
        return super().sample(n, generator=None, device=device)


class ReplacesNoise(Coded):
    def replace(self, latents, name, values):
        moved = super().replace(latents, name, values)
        return Latents(moved.flat, moved.parts | {"noise": moved.parts["noise"] + 1})


class ReplacesNothing(Coded):
    def replace(self, latents, name, values):
        moved = super().replace(latents, name, values)
        return Latents(latents.flat, moved.parts)


class KeepsFloats(Coded):
    def replace(self, latents, name, values):
        moved = super().replace(latents, name, values)
        return Latents(moved.flat, moved.parts | {name: values})


class Learns(nn.Module, Prior):
    """Keeps the contract: which place is a code, and where it is, is learned."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        size: int = setting(4, "numbers")

    def __init__(self, config: Any, context: Context) -> None:
        nn.Module.__init__(self)
        Prior.__init__(self, config, context)
        self.size, self.codes = config.size, {"place": Categorical(3)}
        self.places = nn.Parameter(torch.eye(3, config.size))

    def sample(self, n, *, generator, device):
        noise = torch.randn(n, self.size, generator=generator, device=device)
        place = self.codes["place"].sample(n, generator=generator, device=device)
        return Latents(noise, {"noise": noise, "place": place})

    def replace(self, latents, name, values):
        parts = latents.parts | {name: values.to(latents.parts[name])}
        return Latents(latents.flat, parts)

    def forward(self, latents):
        flat = latents.flat + self.places[latents.parts["place"]]
        return Latents(flat, latents.parts)


class LearnsWithoutTheCode(Learns):
    def forward(self, latents):
        return Latents(latents.flat + self.places[0], latents.parts)


class Doubles(Coded):
    def sample(self, n, *, generator, device):
        flat, parts = super().sample(n, generator=generator, device=device)
        return Latents(flat.double(), parts)


class Kinds(Coded):
    """With one code, of the class that a subclass names."""

    kind: type[Categorical]

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self.codes = {"kind": self.kind(3)}
        self.size = config.size + self.codes["kind"].width


class TooMuch(Categorical):
    def __init__(self, k: int) -> None:
        super().__init__(k)
        self.entropy = 99.0


class ReadsTheWorst(Categorical):
    def read(self, outputs):
        return outputs.argmin(1)


class WalksBeyond(Categorical):
    def walk(self, count, span=None):
        return [0.0, 1.0, 2.0, 7.0]

    def encode(self, values):
        return torch.eye(3)[values.long() % 3]


class MeanLikelihood(Categorical):
    def nll(self, outputs, values):
        return super().nll(outputs, values).mean()


class TakesAnything(Categorical):
    def parse(self, text):
        return float(text) if text.isdecimal() else 0.0


class ByNames(Categorical):
    """Keeps the contract: a person says a colour."""

    names = ("red", "green", "blue")

    def parse(self, text):
        if text not in self.names:
            raise ValueError(f"should be one of {self.names}, not {text!r}")
        return float(self.names.index(text))


class FromOne(Categorical):
    """Keeps the contract: categories are counted from 1."""

    def sample(self, n, *, generator, device):
        return super().sample(n, generator=generator, device=device) + 1

    def encode(self, values):
        return super().encode(values - 1)

    def nll(self, outputs, values):
        return super().nll(outputs, values - 1)

    def read(self, outputs):
        return super().read(outputs) + 1

    def walk(self, count, span=None):
        return [value + 1 for value in super().walk(count, span)]

    def parse(self, text):
        return super().parse(str(int(text) - 1)) + 1


class DrawsUnseen(FromOne):
    def walk(self, count, span=None):
        return [1.0, 2.0]


class TooWide(Categorical):
    def encode(self, values):
        return super().encode(values).repeat(1, 2)


class UpsideDown(Uniform):
    def __init__(self, low: float) -> None:
        super().__init__(-low, low)
        self.trained = (low, -low)


class DrawsElsewhere(Uniform):
    def __init__(self, low: float) -> None:
        super().__init__(low, 2 * low)
        self.trained = (-low, 0.0)


def with_kind(kind: type[Categorical]) -> type[Kinds]:
    prior = type(f"With{kind.__name__}", (Kinds,), {"kind": kind, "__module__": __name__})
    globals()[prior.__name__] = prior
    return prior


PRIORS = [
    (Coded, set(), ""),
    (Misspells, {"check_prior_drives_a_model"}, "does not build with it: AttributeError"),
    (NoDataclass, {"check_config", "check_prior_drives_a_model"}, "frozen, keyword-only"),
    (FewRows, {"check_prior_sample"}, "parts extra do not have n = 8 rows"),
    (IgnoresGenerator, {"check_prior_draws_from_its_generator"}, "kind"),
    (ReplacesNoise, {"check_prior_replace"}, "replace() of kind moves noise"),
    (ReplacesNothing, {"check_prior_replace"}, "replace() of kind does not reach flat"),
    (KeepsFloats, {"check_prior_replace"}, "replace() of kind makes its part torch.float32"),
    (Learns, set(), ""),
    (LearnsWithoutTheCode, {"check_prior_replace"}, "does not reach what forward() gives"),
    (Doubles, {"check_prior_drives_a_model"}, "dcgan/mnist cannot train with it"),
    (with_kind(Categorical), set(), ""),
    (with_kind(TooMuch), {"check_prior_codes"}, "entropy is 99 nats; 3 categories have at most"),
    (with_kind(ReadsTheWorst), {"check_prior_codes"}, "less likely than"),
    (with_kind(MeanLikelihood), {"check_prior_codes"}, "nll() is (), not (n,)"),
    (with_kind(TakesAnything), {"check_prior_codes"}, "parse('no value of it') gives 0"),
    (with_kind(ByNames), set(), ""),
    (with_kind(FromOne), set(), ""),
    (with_kind(DrawsUnseen), {"check_prior_codes"}, "sample() draws [3], which walk()"),
    (with_kind(WalksBeyond), {"check_prior_codes"}, "7 is out of bounds"),
    (
        with_kind(TooWide),
        {"check_prior_sample", "check_prior_codes", "check_prior_drives_a_model"},
        "",
    ),
    (with_kind(UpsideDown), {"check_prior_codes"}, "not (low, high) with low < high"),
    (with_kind(DrawsElsewhere), {"check_prior_codes"}, "0% of what sample() draws is in trained"),
]
