"""The turn: who is trained, with what, and how often."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from builders import (
    loss_part,
    make_trainer,
    part,
    run_turns,
    same,
    settings_of,
    weights_of,
)
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo import Adversarial, Context, Latents, Loss, Pass, Phase, Prior
from ganzoo.errors import SettingsError, UserError
from ganzoo.loss import Measured
from ganzoo.schema import OptimSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Uniform(Prior):
    size = 3

    def sample(self, n: int, *, generator: torch.Generator | None, device: torch.device) -> Latents:
        noise = torch.rand(n, 3, generator=generator, device=device)
        return Latents(noise, {"noise": noise})


class Critic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1)
        )

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"logits": self.layers(image).squeeze(1)}


class Tiny(Adversarial):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        repeats: int = 1
        fresh: bool = True
        every: int = 1

    def networks(self) -> dict[str, nn.Module]:
        generator = nn.Sequential(
            nn.Linear(3, 4), nn.Dropout(0.2), nn.Tanh(), nn.Unflatten(1, (1, 2, 2))
        )
        return {"generator": generator, "discriminator": Critic()}

    def phases(self) -> list[Phase]:
        critic, generator = super().phases()
        config = self.config
        critic = replace(critic, repeats=config.repeats, fresh=config.fresh)
        return [critic, replace(generator, every=config.every)]


class Players(Loss):
    def terms(self) -> Mapping[str, Any]:
        return {"critic": self.critic, "generator": self.generator}

    def critic(self, pass_: Pass) -> Tensor:
        return (softplus(-pass_.on_real["logits"]) + softplus(pass_.on_fake["logits"])).mean()

    def generator(self, pass_: Pass) -> Measured:
        logits = pass_.on_fake["logits"]
        return Measured(softplus(-logits).mean(), {"mean_logit": logits.detach().mean()})


class Watch(Loss):
    """Remembers what each phase was given; adds nothing."""

    seen: list[Pass]

    def __init__(self, name: str, config: Any, context: Context) -> None:
        super().__init__(name, config, context)
        self.seen = []

    def terms(self) -> Mapping[str, Any]:
        def look(pass_: Pass) -> Tensor:
            self.seen.append(pass_)
            return 0 * pass_.on_fake["logits"].sum()

        return {"critic": look, "generator": look}


def images(count: int = 50) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, 1, 2, 2), generator=generator).to(torch.uint8)


def trainer_of(
    losses: dict[str, Any] | None = None, model: dict[str, Any] | None = None, **train: Any
) -> Any:
    losses = losses or {"players": loss_part(Players)}
    train = {"batch_size": 16} | train
    return make_trainer(
        settings_of(part(Tiny, **(model or {})), losses, prior=part(Uniform), **train), images()
    )


def test_a_phase_moves_only_the_networks_it_trains() -> None:
    trainer = trainer_of({"players": loss_part(Players, weight={"critic": 1.0})})
    before = weights_of(trainer)
    run_turns(trainer, 1)
    after = weights_of(trainer)
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    assert any(key.startswith("discriminator") for key in moved)
    assert not any(key.startswith("generator") for key in moved)


def test_a_phase_without_an_active_term_is_not_run() -> None:
    watch = {"players": loss_part(Players, weight={"critic": 1.0}), "watch": loss_part(Watch)}
    watch["watch"] = loss_part(Watch, weight={"critic": 1.0})
    trainer = trainer_of(watch)
    run_turns(trainer, 3)
    assert len(trainer.assembly.losses["watch"].seen) == 3


def test_the_report_holds_every_loss_by_phase_and_further_figures() -> None:
    figures = run_turns(trainer_of(), 2)
    assert set(figures) == {"loss/critic/players", "loss/generator/players", "mean_logit"}


def test_a_ramp_raises_the_weight_from_nothing() -> None:
    trainer = trainer_of({"players": loss_part(Players), "watch": loss_part(Watch, ramp=(2, 4))})
    watch = trainer.assembly.losses["watch"]
    term = next(term for term in trainer.assembly.terms["critic"] if term.loss == "watch")
    assert [term.weight_at(step) for step in range(6)] == [0, 0, 0, 0.5, 1, 1]
    run_turns(trainer, 3)
    assert watch.seen == []
    run_turns(trainer, 1)
    assert len(watch.seen) == 2


def test_a_rate_that_has_decayed_to_nothing_moves_nothing() -> None:
    trainer = trainer_of(optim={"critic": OptimSettings(decay=(0, 2), decay_to=0.0)})
    run_turns(trainer, 2)
    before = weights_of(trainer)
    run_turns(trainer, 1)
    after = weights_of(trainer)
    key = "discriminator.layers.1.weight"
    assert torch.equal(before[key], after[key])
    assert not torch.equal(before["generator.0.weight"], after["generator.0.weight"])


def test_a_lazy_loss_is_as_strong_on_average_as_an_eager_one() -> None:
    trainer = trainer_of(
        {"players": loss_part(Players), "watch": loss_part(Watch, weight=0.5, every=4)}
    )
    term = next(term for term in trainer.assembly.terms["critic"] if term.loss == "watch")
    weights = [term.weight_at(step) for step in range(8)]
    assert weights == [2, 0, 0, 0, 2, 0, 0, 0]
    assert sum(weights) / 8 == 0.5


@pytest.mark.parametrize("every", [1, 2, 3, 4])
def test_a_lazy_loss_in_a_lazy_phase_is_as_strong_as_an_eager_one(every: int) -> None:
    trainer = trainer_of(
        {"players": loss_part(Players, weight={"critic": 1, "generator": 0.5}, every=every)},
        model={"every": 2},
    )
    [term] = trainer.assembly.terms["generator"]
    weights = [term.weight_at(step) for step in range(0, 24, 2)]  # the turns of the phase
    assert sum(weights) / len(weights) == 0.5


@pytest.mark.parametrize("fresh", [True, False])
def test_repeats_take_fresh_batches_and_draws_or_keep_them(fresh: bool) -> None:
    losses = {"players": loss_part(Players), "watch": loss_part(Watch, weight={"critic": 1.0})}
    trainer = trainer_of(losses, {"repeats": 3, "fresh": fresh})
    run_turns(trainer, 1)
    seen = trainer.assembly.losses["watch"].seen
    assert len(seen) == 3
    batches = {pass_.batch["image"].numpy().tobytes() for pass_ in seen}
    latents = {pass_.latents.flat.numpy().tobytes() for pass_ in seen}
    assert len(batches) == len(latents) == (3 if fresh else 1)


def test_no_image_is_skipped_however_the_batches_fall() -> None:
    losses = {"players": loss_part(Players), "watch": loss_part(Watch, weight={"critic": 1.0})}
    trainer = trainer_of(losses, {"repeats": 2}, batch_size=10)
    run_turns(trainer, 5)  # 5 turns x 2 batches x 10 images = twice the 50 images
    seen = torch.cat([pass_.batch["image"] for pass_ in trainer.assembly.losses["watch"].seen])
    _, counts = seen.view(100, -1).unique(dim=0, return_counts=True)
    assert (counts % 2 == 0).all()


def test_a_batch_may_be_larger_than_the_data() -> None:
    trainer = trainer_of(batch_size=128)
    assert run_turns(trainer, 1)["loss/critic/players"] > 0


def test_a_phase_can_be_due_every_other_turn() -> None:
    trainer = trainer_of(model={"every": 2})
    run_turns(trainer, 1)
    before = weights_of(trainer)
    run_turns(trainer, 1)
    after = weights_of(trainer)
    assert all(
        torch.equal(before[key], after[key]) for key in before if key.startswith("generator")
    )


def test_phases_draw_fakes_of_their_own_unless_they_share() -> None:
    def latents(share: bool) -> list[Tensor]:
        losses = {"players": loss_part(Players), "watch": loss_part(Watch)}
        trainer = trainer_of(losses, share_fakes=share)
        run_turns(trainer, 1)
        return [pass_.latents.flat for pass_ in trainer.assembly.losses["watch"].seen]

    critic, generator = latents(share=False)
    assert not torch.equal(critic, generator)
    critic, generator = latents(share=True)
    assert torch.equal(critic, generator)


def test_sharing_fakes_still_trains_the_generator() -> None:
    trainer = trainer_of(share_fakes=True)
    before = weights_of(trainer)
    run_turns(trainer, 1)
    assert not torch.equal(before["generator.0.weight"], weights_of(trainer)["generator.0.weight"])


def test_the_same_seed_gives_the_same_weights_and_another_gives_others() -> None:
    runs = []
    for seed in (1, 1, 2):
        trainer = trainer_of(seed=seed)
        run_turns(trainer, 3)
        runs.append(weights_of(trainer))
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_state_taken_back_goes_on_to_the_bit() -> None:
    straight = trainer_of(ema_decay=0.9)
    run_turns(straight, 6)

    first = trainer_of(ema_decay=0.9)
    run_turns(first, 3)
    state, rank_state = first.state_dict(), first.rank_state_dict()
    second = trainer_of(ema_decay=0.9)
    second.load_state_dict(state, rank_state)
    run_turns(second, 3)
    assert second.step == 6
    assert same(weights_of(straight), weights_of(second))
    for key, value in straight.averages["generator"].state_dict().items():
        assert torch.equal(value, second.averages["generator"].state_dict()[key])


def test_the_parts_of_a_turn_are_a_turn() -> None:
    whole, by_parts = (trainer_of(model={"repeats": 2}, ema_decay=0.9) for _ in range(2))
    run_turns(whole, 2)
    for _ in range(2):
        parts = list(by_parts.parts())
        assert parts == ["batch", "share", "critic", "batch", "critic", "generator", "average"]
    assert by_parts.step == 2
    assert same(weights_of(whole), weights_of(by_parts))


def test_a_scaled_loss_moves_the_weights_as_an_unscaled_one_does() -> None:
    plain, scaled = trainer_of(), trainer_of()
    run_turns(plain, 3)
    scaled.accelerator.scaler = scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    try:
        run_turns(scaled, 3)
    finally:
        scaled.accelerator.scaler = None
    assert scaler.get_scale() == 2.0**10
    # A power of two takes no digit away.
    assert same(weights_of(plain), weights_of(scaled))


def test_an_overflow_is_skipped_and_lowers_the_scale() -> None:
    trainer = trainer_of({"players": loss_part(Players, weight={"critic": 1.0})})
    before = weights_of(trainer)["discriminator.layers.1.weight"]
    trainer.accelerator.scaler = scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    try:
        trainer.optimisers[("discriminator",)].param_groups[0]["params"][0].register_hook(
            lambda gradient: gradient * torch.inf
        )
        run_turns(trainer, 1)
    finally:
        trainer.accelerator.scaler = None
    assert scaler.get_scale() == 2.0**126
    assert torch.equal(weights_of(trainer)["discriminator.layers.1.weight"], before)


def test_the_average_follows_the_generator() -> None:
    trainer = trainer_of(ema_decay=0.5)
    start = trainer.averages["generator"][0].weight.clone()
    run_turns(trainer, 1)
    live = trainer.networks()["generator"][0].weight
    assert torch.allclose(trainer.averages["generator"][0].weight, (start + live) / 2)


def test_the_average_forgets_at_the_rate_that_is_set() -> None:
    trainer = trainer_of(ema_decay=0.9)
    kept = trainer.averages["generator"][0].weight.clone()
    for _ in range(3):
        run_turns(trainer, 1)
        kept = 0.9 * kept + 0.1 * trainer.networks()["generator"][0].weight
        assert torch.allclose(trainer.averages["generator"][0].weight, kept, atol=1e-7)


def test_settings_of_an_optimiser_reach_it() -> None:
    settings = OptimSettings(betas=(0.1, 0.7), eps=1e-3, weight_decay=0.2)
    [group] = trainer_of(optim={"critic": settings}).optimisers[("discriminator",)].param_groups
    assert (group["betas"], group["eps"], group["weight_decay"]) == ((0.1, 0.7), 1e-3, 0.2)


def test_the_scale_of_fp16_goes_on_where_it_was() -> None:
    first, second = trainer_of(), trainer_of()
    try:
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=2)
        first.accelerator.scaler = scaler
        run_turns(first, 3)
        state, own, wanted = first.state_dict(), first.rank_state_dict(), scaler.state_dict()
        second.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
        second.load_state_dict(state, own)
        assert second.accelerator.scaler.state_dict() == wanted
        assert wanted["scale"] > 2.0**10
    finally:
        first.accelerator.scaler = second.accelerator.scaler = None


def test_a_loss_that_needs_a_network_names_it_and_those_there_are() -> None:
    class Needy(Players):
        needs = ("q",)

    with pytest.raises(
        SettingsError, match="needs a network 'q'; this model has generator, discriminator"
    ):
        trainer_of({"needy": loss_part(Needy)})


def test_optimisers_of_unknown_phases_are_refused_with_the_near_miss() -> None:
    settings = settings_of(
        part(Tiny),
        {"players": loss_part(Players)},
        prior=part(Uniform),
        optim={"critics": OptimSettings()},
    )
    with pytest.raises(SettingsError, match="did you mean 'critic'"):
        make_trainer(settings, images())


def test_a_loss_for_no_phase_of_the_model_is_refused() -> None:
    class Elsewhere(Loss):
        def terms(self) -> Mapping[str, Any]:
            return {"elbo": lambda pass_: torch.zeros(())}

    with pytest.raises(
        SettingsError, match="belongs to the phase elbo; this model has critic, generator"
    ):
        trainer_of({"elsewhere": loss_part(Elsewhere)})


@pytest.mark.parametrize(
    ("value", "what"), [(1.0, "a float"), (torch.zeros(3), r"of shape \(3,\)")]
)
def test_a_term_that_is_no_scalar_names_its_loss(value: object, what: str) -> None:
    class Odd(Loss):
        def terms(self) -> Mapping[str, Any]:
            return {"critic": lambda pass_: value}

    trainer = trainer_of({"odd": loss_part(Odd)})
    expected = f"loss.odd: its term of the phase critic is {what}, not a scalar tensor"
    with pytest.raises(UserError, match=expected):
        trainer.turn()


class Learnable(nn.Module, Uniform):
    """A prior with a parameter: it stretches the noise."""

    def __init__(self, config: Any, context: Context) -> None:
        nn.Module.__init__(self)
        Uniform.__init__(self, config, context)
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, latents: Latents) -> Latents:
        return Latents(latents.flat * self.scale, latents.parts)


def test_a_learnable_prior_is_a_network_that_the_generator_phase_trains() -> None:
    settings = settings_of(
        part(Tiny), {"players": loss_part(Players)}, prior=part(Learnable), batch_size=16
    )
    trainer = make_trainer(settings, images())
    assert set(trainer.nets) == {"generator", "discriminator", "prior"}
    run_turns(trainer, 2)
    assert not torch.equal(trainer.networks()["prior"].scale, torch.ones(3))


class ForgetsThePrior(Tiny):
    """Phases of its own, none of which trains the prior."""

    def phases(self) -> Sequence[Phase]:
        critic, generator = super().phases()
        return critic, replace(generator, trains=("generator",))


def test_a_learnable_prior_that_no_phase_trains_is_refused() -> None:
    settings = settings_of(
        part(ForgetsThePrior), {"players": loss_part(Players)}, prior=part(Learnable)
    )
    with pytest.raises(UserError, match="learns, and no phase of this model trains it"):
        make_trainer(settings, images())
