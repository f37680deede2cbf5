"""Models that agree with one another come out first."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor

from ganzoo import Context, DataInfo, Latents, UserError
from ganzoo_infogan.priors import StructuredPrior
from ganzoo_infogan_cr.centrality import GroupSampler, centrality, mean_of_others

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = DataInfo("test", (1, 1, 2))


@dataclass
class Turned:
    """A model whose image of two pixels is its two codes, turned by an angle in degrees."""

    angle: float
    names: tuple[str, str] = ("a", "b")

    def __post_init__(self) -> None:
        codes = dict.fromkeys(self.names, "uniform(-1, 1)")
        self.prior = StructuredPrior(StructuredPrior.Config(size=3, codes=codes), Context(DATA))
        self.data = DATA
        self.model = SimpleNamespace(image_range=(-1.5, 1.5))
        self.settings = SimpleNamespace(model=SimpleNamespace(name="turned"))
        turn = math.radians(self.angle)
        self.matrix = torch.tensor(
            [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
        )

    def draw(self, n: int, seed: int) -> Latents:
        generator = torch.Generator().manual_seed(seed)
        return self.prior.sample(n, generator=generator, device=torch.device("cpu"))

    def generate(self, latents: Latents, seed: int = 0) -> Tensor:
        return (latents.flat[:, 3:] @ self.matrix.T).view(-1, 1, 1, 2)

    def normalise(self, images: Tensor) -> Tensor:
        return images.float() / 255 * 3 - 1.5

    def encode(self, images: Tensor) -> dict[str, Tensor]:
        return dict(zip(self.names, (images.flatten(1) @ self.matrix).unbind(1), strict=True))


def test_models_that_differ_in_order_and_sign_of_codes_are_at_the_centre() -> None:
    alike = [Turned(0), Turned(90), Turned(180, names=("x", "y"))]
    scores = centrality([*alike, Turned(45)], groups=100, size=50)
    assert scores[:3].min() > 0.8
    # Fixing one code of the mixed model fixes none of another's, so votes are by chance.
    assert scores[3] < 0.7


def test_groups_share_the_code_that_they_are_asked_for() -> None:
    sampler = GroupSampler(Turned(0), Turned(0), free=1000)
    codes = sampler(1, 20, 30, np.random.default_rng(0))
    assert codes.shape == (20, 30, 2)
    within, between = codes.std(axis=1), codes.mean(axis=1).std(axis=0)
    assert within[:, 1].max() < 1e-9
    assert within[:, 0].min() > 0.3
    assert between[1] > 0.3
    assert sampler(None, 1, 500, np.random.default_rng(0)).std(axis=1).min() > 0.3


def test_a_model_that_reads_some_of_its_codes_is_refused_by_their_names() -> None:
    class Half(Turned):
        def encode(self, images: Tensor) -> dict[str, Tensor]:
            return {"a": super().encode(images)["a"]}

    with pytest.raises(UserError, match="turned does not read b from images"):
        centrality([Half(0), Half(10), Half(20)], groups=10, size=10)


def test_fewer_groups_than_codes_are_refused() -> None:
    with pytest.raises(UserError, match="1 groups are fewer than the 2 codes"):
        centrality([Turned(0), Turned(1), Turned(2)], groups=1, size=10)


def test_a_model_is_not_scored_on_itself() -> None:
    assert mean_of_others(np.array([[9.0, 1, 2], [1, 9, 3], [2, 3, 9]])).tolist() == [1.5, 2, 2.5]


def test_two_models_have_no_middle() -> None:
    with pytest.raises(UserError, match="no middle"):
        centrality([Turned(0), Turned(0)])


def test_the_command_ranks_runs(ganzoo: Callable[..., str]) -> None:
    for seed in range(3):
        ganzoo("run", "infogan", "--steps", "1", "--seed", f"{seed}", "--out", f"seed-{seed}")
    ranked = ganzoo("centrality", "seed-0", "seed-1", "seed-2", "--groups", "4", "--json")
    rows = json.loads(ranked)["runs"]
    assert {row["run"] for row in rows} == {"seed-0", "seed-1", "seed-2"}
    assert rows[0]["centrality"] >= rows[-1]["centrality"] >= 0
