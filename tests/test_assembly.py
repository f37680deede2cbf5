"""Parts that do not fit together are refused before anything is trained."""

from __future__ import annotations

import pytest
from builders import loss_part, make_trainer, part, settings_of
from fitted_line import IMAGES, Counting, Line
from torch import nn

from ganzoo import Loss, Pass, Phase
from ganzoo.errors import SettingsError, UserError


class Judging(Loss):
    """Brings a network, and a phase that trains it."""

    def networks(self):
        return {"judge": nn.Linear(4, 1)}

    def phases(self):
        return (Phase("judging", (self.own("judge"),), self.look),)

    def look(self, nets, batch, draw, shared):
        said = nets[self.own("judge")](batch["image"].flatten(1))
        return Pass(nets, draw, batch, extra={"said": said})

    def terms(self):
        return {"judging": lambda pass_: pass_.extra["said"].mean()}


class Silent(Counting):
    """Brings a network alone."""

    def networks(self):
        return {"judge": nn.Linear(4, 1)}


def test_two_phases_of_one_name_are_refused() -> None:
    settings = settings_of(part(Line), {"a": loss_part(Judging), "b": loss_part(Judging)})
    with pytest.raises(SettingsError) as told:
        make_trainer(settings, IMAGES)
    [problem] = told.value.problems
    assert problem.startswith("loss.b: brings a phase 'judging', and so does loss.a")


def test_a_loss_that_is_called_as_a_network_may_not_bring_any() -> None:
    settings = settings_of(part(Line), {"line": loss_part(Silent)})
    with pytest.raises(SettingsError, match="line: brings networks, and a network is called"):
        make_trainer(settings, IMAGES)


def test_a_model_that_cannot_do_without_a_prior_says_so() -> None:
    class Drawing(Line):
        def networks(self) -> dict[str, nn.Module]:
            assert self.context.prior is None
            return {"line": nn.Linear(self.context.prior.size, 1)}

    settings = settings_of(part(Drawing), {"counting": loss_part(Counting)})
    with pytest.raises(UserError, match="cannot be built without a prior: AttributeError"):
        make_trainer(settings, IMAGES)


def test_a_slip_of_a_model_is_not_taken_for_the_want_of_a_prior() -> None:
    class Slip(Line):
        def networks(self) -> dict[str, nn.Module]:
            return {"line": self.no_such_thing}

    settings = settings_of(part(Slip), {"counting": loss_part(Counting)})
    with pytest.raises(AttributeError, match="no_such_thing"):
        make_trainer(settings, IMAGES)
