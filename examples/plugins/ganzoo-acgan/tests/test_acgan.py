"""The model draws what it is asked for, for the reason that its loss gives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from ganzoo import Context, DataInfo, Draw, Latents, Pass, UserError
from ganzoo.cli import cli
from ganzoo_acgan.losses import AuxiliaryClassifier
from ganzoo_acgan.model import ACGAN
from ganzoo_infogan.priors import StructuredPrior

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CPU = torch.device("cpu")
CHANCE = 0.25
"""Share of four classes that a model which hears nothing gets right."""
# Without BatchNorm, which takes longer to learn on so few images.
FAST = {
    "model.discriminator_norm": "none",
    "optim.critic.lr": 2e-3,
    "optim.generator.lr": 4e-3,
    "train.batch_size": 32,
}


def acgan(code: str = "categorical(3)", classes: int | None = 3, **config: Any) -> ACGAN:
    names = None if classes is None else tuple("abcdefgh"[:classes])
    data = DataInfo("test", (1, 8, 8), names)
    prior = StructuredPrior(StructuredPrior.Config(size=2, codes={"label": code}), Context(data))
    widths = {"generator_channels": (4,), "discriminator_channels": (4,)}
    return ACGAN(ACGAN.Config(**widths, **config), Context(data, prior=prior))


# The labels of fakes


def test_fakes_are_asked_for_the_classes_of_the_real_batch() -> None:
    model = acgan()
    draw = Draw(0, 0, 0, 1, 6, CPU, model.prior)
    given = torch.tensor([2, 2, 2, 0, -1, -1])
    latents = model.draw_latents({"label": given}, draw)
    assert latents.parts["label"][:4].tolist() == [2, 2, 2, 0]
    assert (latents.parts["label"] >= 0).all()
    # The generator is told the same.
    assert torch.equal(latents.flat[:, 2:].argmax(1), latents.parts["label"])


def test_or_for_those_of_the_prior() -> None:
    model = acgan(labels="prior")
    given = {"label": torch.zeros(300, dtype=torch.long)}
    asked = model.draw_latents(given, Draw(0, 0, 0, 1, 300, CPU, model.prior)).parts["label"]
    assert set(asked.tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("code", "classes", "said"),
    [
        ("categorical(3)", None, "has none"),
        ("categorical(3)", 4, "the 4 classes"),
        ("uniform(-1, 1)", 3, "the 3 classes"),
    ],
)
def test_a_prior_that_does_not_fit_the_data_is_refused(
    code: str, classes: int | None, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        acgan(code, classes)


# The loss


def pass_of(real: Tensor | None, fake: Tensor, labels: Tensor, asked: Tensor) -> Pass:
    on_real = None if real is None else {"classes": real}
    latents = Latents(fake, {"label": asked})
    draw = Draw(0, 0, 0, 1, len(labels), CPU)
    return Pass({}, draw, {"label": labels}, latents, {}, on_real, {"classes": fake})


def test_the_loss_is_the_cross_entropy_of_real_and_of_fake() -> None:
    loss = AuxiliaryClassifier("x", None, Context(DataInfo("test", (1, 4, 4))))
    even, sure = torch.zeros(2, 4), 100 * torch.eye(4)[:2]
    right = torch.tensor([0, 1])
    for real, fake, expected in ((even, sure, 1.386), (sure, even, 1.386), (even, even, 2.773)):
        value = loss.terms()["critic"](pass_of(real, fake, right, right))
        assert value.item() == pytest.approx(expected, abs=1e-3)
    assert loss.terms()["generator"](pass_of(None, sure, right, 1 - right)).item() > 50


def test_images_without_a_label_do_not_count() -> None:
    loss = AuxiliaryClassifier("x", None, Context(DataInfo("test", (1, 4, 4))))
    sure, right = 100 * torch.eye(4)[:2], torch.tensor([0, 1])
    none, one = torch.tensor([-1, -1]), torch.tensor([-1, 0])
    # The second image is labelled wrongly, and is the only one that counts.
    assert loss.classify(pass_of(sure, sure, none, right)).item() == 0
    assert loss.classify(pass_of(sure, sure, one, right)).item() == pytest.approx(100)


# Whole runs


def scores(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "scores.json").read_text())
    return found


def test_the_loss_makes_it_draw_what_it_is_asked_for(
    ganzoo: Callable[..., str], tmp_path: Path
) -> None:
    found = {}
    for weight in (1, 0):
        name = f"weight-{weight}"
        settings = FAST | {"loss.auxiliary_classifier.weight": weight}
        ganzoo("run", "acgan", "--steps", "80", "--out", name, **settings)
        ganzoo("eval", name, "--metric", "label_agreement", "--images", "200")
        found[weight] = scores(tmp_path / name)["scores"]
    # The frozen classifier has never seen a generated image.
    for score in ("label_agreement/label", "classifier_agreement/label"):
        assert found[1][score]["value"] > 0.9
        assert found[0][score]["value"] < 2 * CHANCE


def test_codes_sample_and_traverse_by_class(ganzoo: Callable[..., str], tmp_path: Path) -> None:
    ganzoo("run", "acgan", "--steps", "2", "--out", "a")
    ganzoo("sample", "a", "-n", "4", "--code", "label=3", "-o", "three.png")
    ganzoo("sample", "a", "-n", "4", "--label", "3", "-o", "same.png")
    assert (tmp_path / "same.png").read_bytes() == (tmp_path / "three.png").read_bytes()
    ganzoo("traverse", "a", "--code", "label")
    assert (tmp_path / "three.png").is_file()
    assert (tmp_path / "a/traverse-label.png").is_file()
    refused = CliRunner().invoke(cli, ["sample", "a", "--code", "label=4"])
    assert "category from 0 to 3" in refused.output


def test_a_model_that_is_not_asked_for_a_class_is_told_so(
    ganzoo: Callable[..., str], tmp_path: Path
) -> None:
    ganzoo("run", "infogan", "--steps", "1", "--out", "a", **{"prior.codes.label": "none"})
    ganzoo("eval", "a", "--metric", "label_agreement")
    assert "not asked for a class" in scores(tmp_path / "a")["absent"]["label_agreement"]


def test_a_run_that_was_stopped_goes_on_to_the_bit(
    ganzoo: Callable[..., str], weights: Callable[[str], dict[str, Tensor]]
) -> None:
    lazy = {"loss.auxiliary_classifier.every": 4}
    ganzoo("run", "acgan", "--steps", "9", "--out", "whole", **lazy)
    ganzoo("run", "acgan", "--steps", "3", "--out", "halved", **lazy)
    ganzoo("run", "--resume", "halved", "--steps", "9")
    whole, halved = weights("whole"), weights("halved")
    assert whole.keys() == halved.keys()
    assert any("classes" in name for name in whole)
    assert all(torch.equal(whole[name], halved[name]) for name in whole)
