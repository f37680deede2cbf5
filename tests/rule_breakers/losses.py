"""Losses that keep the contract, and those that break one rule of it each."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ganzoo import (
    Loss,
    setting,
)


class TellsBrightness(Loss):
    """Keeps the contract on any adversarial model."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        target: float = setting(0.0, "brightness to come near to")

    def terms(self):
        return {"critic": self.critic, "generator": self.generator}

    def critic(self, pass_):
        return pass_.on_real["logits"].mean()

    def generator(self, pass_):
        return (pass_.fake["image"].mean() - self.config.target).square()


class TellsBrightnessUnseen(TellsBrightness):
    capturable = True


class Looks(TellsBrightnessUnseen):
    def generator(self, pass_):
        brightness = super().generator(pass_)
        return brightness if brightness > 0 else -brightness


class ForgetsItsMean(TellsBrightness):
    """Keeps a running mean from turn to turn, and tells nobody."""

    seen = 0.0

    def critic(self, pass_):
        value = super().critic(pass_)
        self.seen = 0.9 * self.seen + 0.1 * value.detach()
        return value * (1 + self.seen)


class DrawsItself(TellsBrightness):
    def critic(self, pass_):
        return super().critic(pass_) * torch.rand(())


class GivesANumber(TellsBrightness):
    def critic(self, pass_):
        return super().critic(pass_).item()


class NoSuchPhase(TellsBrightness):
    def terms(self):
        return {"critik": self.critic}


class NoSuchNetwork(TellsBrightness):
    needs = ("autoencoder",)


class NoMean(TellsBrightness):
    def generator(self, pass_):
        return pass_.on_fake["logits"]


class Detaches(TellsBrightness):
    def generator(self, pass_):
        return super().generator(pass_).detach()


class Writes(TellsBrightness):
    def generator(self, pass_):
        pass_.on_fake["logits"].detach().mul_(2)
        return super().generator(pass_)


class GoesBackwards(TellsBrightness):
    def generator(self, pass_):
        super().generator(pass_).backward(retain_graph=True)
        return super().generator(pass_)


class Remembers(TellsBrightness):
    def critic(self, pass_):
        self.seen = super().critic(pass_).detach()
        return super().critic(pass_)

    def generator(self, pass_):
        return super().generator(pass_) + self.seen


LOSSES = [
    (TellsBrightness, set(), ""),
    (TellsBrightnessUnseen, set(), ""),
    (Looks, {"check_loss_capturable"}, "the term of phase 'generator' fails"),
    (ForgetsItsMean, {"check_loss_goes_on"}, "takes another way"),
    (DrawsItself, {"check_loss_draws"}, "draw from `draw`"),
    (NoSuchPhase, {"check_loss_fits_a_model"}, "critik"),
    (NoSuchNetwork, {"check_loss_fits_a_model"}, "autoencoder"),
    (GivesANumber, {"check_loss_is_a_scalar"}, "'critic' is a float, not a tensor"),
    (NoMean, {"check_loss_is_a_scalar"}, "'generator' has the shape (8,)"),
    (Detaches, {"check_loss_is_a_scalar"}, "'generator' has no gradient"),
    (Writes, {"check_loss_only_reads"}, "on_fake.logits"),
    (GoesBackwards, {"check_loss_only_reads"}, "generator.layers.0.weight"),
    (Remembers, {"check_loss_phases_stand_alone"}, "no attribute 'seen'"),
]
