"""What counts as a collapse: samples without variety, and categories that nothing is read as."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from ganzoo.collapse import Collapse


class Looking:
    """Stands in for a training whose model reads every image as category 0 of ten."""

    def __init__(self) -> None:
        self.assembly = SimpleNamespace(
            prior=SimpleNamespace(codes={"kind": SimpleNamespace(categories=10)}), model=self
        )

    def real_images(self, count: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(0)
        return {"image": torch.randn(count, 1, 2, 2, generator=generator)}

    def encode(self, nets: Any, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"kind": torch.zeros(len(batch["image"]), dtype=torch.long)}


@pytest.mark.parametrize(("share", "collapsed"), [(0.16, False), (0.14, True)])
def test_samples_are_alike_below_15_hundredths_of_the_real_spread(
    share: float, collapsed: bool
) -> None:
    training: Any = Looking()
    samples = share * training.real_images(100)["image"]
    seen = Collapse(training).look({}, samples)
    assert seen.figures["diversity"] == pytest.approx(share)
    assert ("diversity" in seen.symptoms) is collapsed


def test_real_images_are_read_by_the_thousand() -> None:
    training: Any = Looking()
    seen = Collapse(training).look({}, training.real_images(100)["image"])
    said = seen.symptoms["categories/kind"]
    assert said.startswith("dead categories of kind: 1, 2, 3, 4, 5, 6, 7, 8, 9; each is read from")
    assert said.endswith("fewer than 1.0% of 1,000 real images")


@pytest.mark.parametrize(("share", "dead"), [(0.011, False), (0.009, True)])
def test_a_category_is_dead_below_a_tenth_of_its_even_share(share: float, dead: bool) -> None:
    class Sharing(Looking):
        def encode(self, nets: Any, batch: dict[str, Tensor]) -> dict[str, Tensor]:
            count = len(batch["image"])
            kinds = torch.arange(count) % 9 + 1
            kinds[: round(share * count)] = 0
            return {"kind": kinds}

    training: Any = Sharing()
    seen = Collapse(training).look({}, training.real_images(100)["image"])
    assert ("categories/kind" in seen.symptoms) is dead
