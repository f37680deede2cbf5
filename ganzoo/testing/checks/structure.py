"""Rules of a model's parts: that they fit together, before anything is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from ganzoo.errors import UserError
from ganzoo.testing.bench import Bench
from ganzoo.testing.verdicts import ContractError, NotChecked, listed, require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.testing.cases import ModelCase


def check_preset(case: ModelCase) -> None:
    """The preset resolves, and prior, model and losses can be built and fit together."""
    try:
        Bench(case.settings)
    except UserError as error:
        raise ContractError(str(error)) from error


def check_phases(case: ModelCase) -> None:
    """Phases have names of their own and train something."""
    phases = case.bench().assembly.phases
    names = [phase.name for phase in phases]
    twice = sorted({name for name in names if names.count(name) > 1})
    require(not twice, f"several phases are called {listed(twice)}: losses find phases by name")
    idle = [phase.name for phase in phases if not phase.trains]
    require(not idle, f"phase {listed(idle)} trains no network: name some in `trains`")
    strings = [phase.name for phase in phases if isinstance(phase.trains, str)]
    require(not strings, f'`trains` of phase {listed(strings)} is a text, not a tuple: ("q",)')


def check_every_network_is_trained(case: ModelCase) -> None:
    """Each network is trained by a phase that has a loss, or has no trainable parameter."""
    bench = case.bench()
    if not bench.phases:
        raise NotChecked("no phase has a loss")
    trained = {name for phase in bench.phases for name in phase.trains}
    left = [name for name, own in bench.trainable.items() if own and name not in trained]
    require(
        not left,
        f"no phase with a loss trains the network {listed(left)}: name it in `trains`, give the "
        "phase a loss, or freeze it with requires_grad_(False)",
    )
    known = {id(parameter) for net in bench.nets.values() for parameter in net.parameters()}
    hidden = [
        name
        for name, parameter in _held(bench)
        if parameter.requires_grad and id(parameter) not in known
    ]
    require(
        not hidden,
        f"{listed(hidden)} can be trained, but belongs to no network, so that no optimiser knows "
        "it: give it out by networks()",
    )


def _held(bench: Bench) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters that model and losses keep as attributes."""
    losses = {f"loss {name}": loss for name, loss in bench.assembly.losses.items()}
    for owner, part in {"the model": bench.assembly.model, **losses}.items():
        for key, value in vars(part).items():
            if isinstance(value, nn.Parameter):
                yield f"{owner}'s {key}", value
            elif isinstance(value, nn.Module):
                yield from (
                    (f"{owner}'s {key}.{name}", each) for name, each in value.named_parameters()
                )


def check_no_parameter_is_shared(case: ModelCase) -> None:
    """No parameter belongs to two networks."""
    owners: dict[int, str] = {}
    shared = []
    for name, net in case.bench().nets.items():
        for key, parameter in net.named_parameters():
            owner = owners.setdefault(id(parameter), f"{name}.{key}")
            if not owner.startswith(f"{name}."):
                shared.append(f"{owner} = {name}.{key}")
    require(
        not shared,
        f"networks share parameters: {listed(shared)}. Two optimisers would move them, and DDP "
        "would reduce them twice: make the shared part a network of its own, and call both",
    )


CHECKS = (
    check_preset,
    check_phases,
    check_every_network_is_trained,
    check_no_parameter_is_shared,
)
