"""Rules of a phase: who gets gradients, what networks are used for, where randomness is from."""

from __future__ import annotations

import random
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo.plugins import CONTAINED, one_line
from ganzoo.testing.bench import Bench, tensors_of, unequal
from ganzoo.testing.verdicts import ContractError, NotChecked, listed, require

if TYPE_CHECKING:
    from collections.abc import Callable

    from ganzoo.model import Networks, Phase
    from ganzoo.testing.cases import ModelCase


def check_gradients(case: ModelCase) -> None:
    """Every parameter that phases train gets a finite gradient in one of them, no other in any."""
    _check_gradients(case.bench())


def check_gradients_with_shared_fakes(case: ModelCase) -> None:
    """The same under ``train.share_fakes``, where one graph may serve several phases."""
    bench = case.bench(share_fakes=True)
    if not bench.share():
        raise NotChecked("the model shares nothing between phases")
    _check_gradients(bench)


def _check_gradients(bench: Bench) -> None:
    shared = bench.share()
    reached: set[str] = set()
    for phase in bench.phases:
        for net in bench.nets.values():
            net.zero_grad()
        values = bench.values(phase, bench.run(phase, shared=shared))
        total = sum(values.values(), torch.zeros(()))
        require(
            total.requires_grad,
            f"in phase {phase.name!r} no loss depends on {listed(list(phase.trains))}: something "
            "detaches what the losses read",
        )
        try:
            total.backward()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise ContractError(
                f"phase {phase.name!r} cannot go backwards: {one_line(error)} (where share() gave "
                "a graph, the phase that does not train its networks has to detach it)"
            ) from error
        trained: dict[str, nn.Parameter] = {}
        for name in phase.trains:
            trained |= bench.trainable[name]
        gradients = {key: each.grad for key, each in trained.items() if each.grad is not None}
        odd = [key for key, gradient in gradients.items() if not gradient.isfinite().all()]
        require(not odd, f"in phase {phase.name!r} the gradient of {listed(odd)} is not finite")
        _check_strays(bench, phase, trained)
        reached |= gradients.keys()
    for phase in bench.phases:
        _check_reached(bench, phase, reached)


def _check_reached(bench: Bench, phase: Phase, reached: AbstractSet[str]) -> None:
    """Another phase may reach what this one leaves out: a head that only tells real from fake."""
    trained = [key for name in phase.trains for key in bench.trainable[name]]
    without = [key for key in trained if key not in reached]
    require(
        not without,
        f"phase {phase.name!r} trains {', '.join(phase.trains)}, but nothing reaches "
        f"{listed(without)}, in no phase. It would stay as it was drawn: use the whole network, "
        "take it out of `trains`, or make what is left out another network",
    )


def _check_strays(bench: Bench, phase: Phase, trained: Mapping[str, nn.Parameter]) -> None:
    strays = [
        f"{name}.{key}"
        for name, net in bench.nets.items()
        for key, parameter in net.named_parameters()
        if parameter.grad is not None and f"{name}.{key}" not in trained
    ]
    require(
        not strays,
        f"phase {phase.name!r} trains {', '.join(phase.trains)}, but {listed(strays)} gets a "
        "gradient too, which would stay until its own phase: leave requires_grad alone, and do "
        "not call backward()",
    )


class CallOnly:
    """A network as a phase may use it: anything but a call is refused, with its name."""

    __slots__ = ("_name", "_network", "_where")

    def __init__(self, name: str, network: Callable[..., Any], where: str) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_network", network)
        object.__setattr__(self, "_where", where)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call the network."""
        return self._network(*arguments, **options)

    def __getattr__(self, attribute: str) -> NoReturn:
        raise ContractError(
            f"{self._where} touches `{attribute}` of the network {self._name!r}: inside a phase "
            "networks can only be called, since behind DDP they have nothing else. Do it in "
            "networks(), or let forward() return it"
        )

    def __setattr__(self, attribute: str, value: object) -> NoReturn:
        self.__getattr__(attribute)

    def __getitem__(self, key: object) -> NoReturn:
        self.__getattr__(f"[{key!r}]")


def check_networks_are_only_called(case: ModelCase) -> None:
    """Phases and losses call networks and do nothing else with them."""
    bench = case.bench()

    def behind(where: str) -> Networks:
        return {name: CallOnly(name, net, where) for name, net in bench.nets.items()}

    shared = bench.share(behind("share()"))
    for phase in bench.phases:
        pass_ = bench.run(phase, behind(f"phase {phase.name!r}"), shared)
        bench.values(phase, pass_)


def check_network_outputs(case: ModelCase) -> None:
    """Networks return tensors, or tuples, lists and mappings of tensors."""
    bench = case.bench()

    def watch(name: str, net: nn.Module) -> None:
        def look(_net: nn.Module, _inputs: object, outputs: object) -> None:
            culprit = _foreign(outputs)
            require(
                culprit is None,
                f"the network {name!r} returns a {culprit}: in bf16 and behind DDP only tensors, "
                "and tuples, lists and dictionaries of tensors, are seen through",
            )

        net.register_forward_hook(look)

    for name, net in bench.nets.items():
        watch(name, net)
    for phase in bench.phases:
        bench.values(phase, bench.run(phase))


def _foreign(outputs: Any) -> str | None:
    """The type of the first thing in ``outputs`` that is no tensor, or None."""
    if isinstance(outputs, Tensor):
        return None
    if isinstance(outputs, Mapping):
        outputs = list(outputs.values())
    if not isinstance(outputs, list | tuple):
        return type(outputs).__name__
    return next((culprit for each in outputs if (culprit := _foreign(each))), None)


def check_draws(case: ModelCase) -> None:
    """The same turn gives the same pass and losses, however torch's own generator stands."""
    results = []
    for seed in (1, 2):
        bench = case.bench()
        _seed_all(seed)
        for net in bench.nets.values():
            net.forward = _steady(net.forward)
        found: dict[str, Tensor] = {}
        for phase in bench.phases:
            pass_ = bench.run(phase)
            found |= {f"{phase.name}: {key}": each for key, each in tensors_of(pass_).items()}
            values = bench.values(phase, pass_)
            found |= {f"{phase.name}: loss {key}": each for key, each in values.items()}
        results.append(found)
    differing = unequal(*results)
    require(
        not differing,
        f"the same turn twice gives two results ({listed(differing)}): draw from `draw` "
        "(latents(), normal(n, …), uniform(n, …), integers(high, n, …)) instead of torch.rand "
        "and its like, or several processes see other numbers than one",
    )


def _seed_all(seed: int) -> None:
    torch.manual_seed(seed)
    random.seed(seed)
    # The generator that a plugin may use unknowingly.
    np.random.seed(seed)


def _steady(forward: Callable[..., Any]) -> Callable[..., Any]:
    """A network's forward with what it draws for itself (dropout, noise) always the same."""

    def call(*arguments: Any, **options: Any) -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return forward(*arguments, **options)

    return call


def check_steps(case: ModelCase) -> None:
    """Each turn draws other latents."""
    bench = case.bench()
    for phase in _drawing(bench):
        require(
            "flat" in unequal(_latents(bench, phase), _latents(bench, phase, step=1)),
            f"phase {phase.name!r} draws the same latents in turn 0 and 1: take draw.latents()",
        )


def check_ranks(case: ModelCase) -> None:
    """Two ranks draw the two halves of the latents that one rank would."""
    bench = case.bench()
    for phase in _drawing(bench):
        halves = [_latents(bench, phase, rank=rank, world=2) for rank in (0, 1)]
        require(
            "flat" in unequal(*halves),
            f"phase {phase.name!r} draws the same latents on both of two ranks, so that a second "
            "GPU adds nothing: take draw.latents(), which cuts one global draw",
        )
        joined = {key: torch.cat([half[key] for half in halves]) for key in halves[0]}
        differing = unequal(_latents(bench, phase), joined)
        require(
            not differing,
            f"phase {phase.name!r}: {listed(differing)} of the latents of two ranks are not the "
            "halves of what one rank draws: take draw.latents()",
        )


def _drawing(bench: Bench) -> list[Phase]:
    """The phases that draw latents."""
    drawing = [phase for phase in bench.phases if bench.run(phase).latents is not None]
    if not drawing:
        raise NotChecked("no phase draws latents")
    return drawing


def _latents(
    bench: Bench, phase: Phase, step: int = 0, rank: int = 0, world: int = 1
) -> dict[str, Tensor]:
    """The latents of one phase of one turn: ``flat``, and the parts by name."""
    latents = bench.run(phase, draw=bench.draw(step, rank, world)).latents
    assert latents is not None, "the phase draws some"
    return {"flat": latents.flat, **latents.parts}


def check_capturable(case: ModelCase) -> None:
    """A model that says that it is capturable takes a turn without asking the device for a number.

    Its losses are not asked: each has a rule of its own.
    """
    bench = case.bench()
    if not bench.assembly.model.capturable:
        raise NotChecked("the model does not say that it is capturable")
    bench.lose_numbers()
    where = "share()"
    try:
        shared = bench.share()
        for phase in bench.phases:
            where = f"phase {phase.name!r}"
            bench.run(phase, shared=shared)
    except CONTAINED as error:
        raise ContractError(
            f"the model says or inherits `capturable`, but {where} fails on a device that has "
            f"shapes and no numbers: {one_line(error)} (leave out .item(), float(), masks as "
            "indices and the like, make tensors on draw.device, or set it to False)"
        ) from error


CHECKS = (
    check_gradients,
    check_gradients_with_shared_fakes,
    check_networks_are_only_called,
    check_network_outputs,
    check_draws,
    check_steps,
    check_ranks,
    check_capturable,
)
