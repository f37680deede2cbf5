"""From settings to objects: prior, model, losses, networks, phases, and the terms between them."""

from __future__ import annotations

import re
from collections import ChainMap
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ganzoo.draw import mix
from ganzoo.errors import SettingsError, UserError, did_you_mean
from ganzoo.loss import Loss, Term, check_needs, fit
from ganzoo.model import Context, DataInfo, Model, Phase
from ganzoo.plugins import one_line
from ganzoo.schema import OptimSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.latents import Prior
    from ganzoo.settings import Settings

# torch has no type of its own for a tensor that cannot be had.
_TOO_LARGE = re.compile("allocate|overflow")


@dataclass(frozen=True)
class Assembly:
    """Everything that a training or a loaded model consists of, before any device is involved."""

    data: DataInfo
    prior: Prior | None
    model: Model
    losses: dict[str, Loss]
    networks: dict[str, nn.Module]
    phases: tuple[Phase, ...]
    terms: dict[str, list[Term]]
    """The terms of each phase."""
    optim: dict[str, OptimSettings]
    """The optimiser of each phase; phases with equal ``trains`` have equal ones."""

    def parameter_counts(self) -> dict[str, int]:
        """Parameters of each network."""
        return {
            name: sum(parameter.numel() for parameter in network.parameters())
            for name, network in self.networks.items()
        }


def assemble(settings: Settings, data: DataInfo) -> Assembly:
    """Build all parts; weights follow from ``train.seed``. Raises UserError on a misfit."""
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would seed those of GPUs as well, which nobody puts back.
        torch.default_generator.manual_seed(mix(settings.train.seed, "weights"))
        try:
            return _assemble(settings, data)
        except RuntimeError as error:
            if not _TOO_LARGE.search(str(error)):
                raise
            raise UserError(
                "networks of these sizes do not fit into memory",
                hint="Take smaller widths and codes ([model], [prior]), or a smaller data.size.",
            ) from error


def _assemble(settings: Settings, data: DataInfo) -> Assembly:
    context = Context(data, share_fakes=settings.train.share_fakes)
    prior: Prior | None = None
    if settings.prior is not None:
        prior = settings.prior.factory(settings.prior.config, context)
    context = replace(context, prior=prior)
    model, phases, networks = _build_model(settings, context)
    if isinstance(prior, nn.Module):
        networks["prior"] = prior
    # Before a loss is built, since it may rely on what it needs.
    check_needs({name: part.factory for name, part in settings.losses.items()}, networks)

    context = replace(context, model=model, phases=phases)
    losses: dict[str, Loss] = {
        name: part.factory(name, part.config, context) for name, part in settings.losses.items()
    }
    _refuse_twins(phases, tuple(networks), losses)
    for loss in losses.values():
        networks |= {loss.own(name): network for name, network in loss.networks().items()}
        phases += tuple(loss.phases())
    if isinstance(prior, nn.Module):
        _check_learned(prior, phases)
    weights = {name: part.weight for name, part in settings.losses.items()}
    terms = fit(losses, weights, phases, tuple(networks))
    if not any(terms.values()):
        raise UserError(
            "no loss has a weight in any phase, so nothing would be trained",
            hint="Give one a weight, as in: --set loss.NAME.weight=1 (see: ganzoo losses)",
        )
    optim = _optimisers(settings.told_of_optimisers(), phases)
    return Assembly(data, prior, model, losses, networks, phases, terms, optim)


def _build_model(
    settings: Settings, context: Context
) -> tuple[Model, tuple[Phase, ...], dict[str, nn.Module]]:
    try:
        model: Model = settings.model.factory(settings.model.config, context)
        return model, tuple(model.phases()), model.networks()
    except (AttributeError, TypeError) as error:
        if context.prior is not None or "'NoneType'" not in str(error):
            raise
        raise UserError(
            f"{settings.model.name} cannot be built without a prior: {one_line(error)}",
            hint="Set one with --set prior.name=NAME (see: ganzoo priors).",
        ) from error


def _refuse_twins(
    phases: tuple[Phase, ...], networks: tuple[str, ...], losses: Mapping[str, Loss]
) -> None:
    """Raise an error if what losses bring goes by a name that somebody else's goes by."""
    owners = {phase.name: "the model" for phase in phases}
    problems = []
    for name, loss in losses.items():
        for phase in loss.phases():
            if phase.name in owners:
                problems.append(
                    f"loss.{name}: brings a phase {phase.name!r}, and so does "
                    f"{owners[phase.name]}; each would train what the other's terms say"
                )
            owners[phase.name] = f"loss.{name}"
        if name in networks and loss.networks():
            problems.append(
                f"loss.{name}: brings networks, and a network is called {name!r}: weights of both "
                "would be saved under the same names"
            )
    if problems:
        raise SettingsError("losses and model do not fit:", problems)


def _check_learned(prior: nn.Module, phases: tuple[Phase, ...]) -> None:
    """Raise an error if the prior has parameters that no phase trains."""
    learns = any(parameter.requires_grad for parameter in prior.parameters())
    if learns and not any("prior" in phase.trains for phase in phases):
        raise UserError(
            "this prior learns, and no phase of this model trains it",
            hint="Take another one (prior.name), or let the model train it: 'prior' among what a "
            'phase trains, and nets["prior"](latents) wherever it generates.',
        )


def _optimisers(
    told: Mapping[str, Mapping[str, Any]], phases: tuple[Phase, ...]
) -> dict[str, OptimSettings]:
    """The optimiser of each phase; ``told`` is what settings say of it, by phase and field."""
    names = [phase.name for phase in phases]
    problems = [
        f"optim.{name}: there is no such phase{did_you_mean(name, names)} ({', '.join(names)})"
        for name in told
        if name not in names
    ]
    optim: dict[str, OptimSettings] = {}
    for phase in phases:
        twin = _first_of_its_optimiser(phase, phases)
        optim[phase.name] = shared = _effective(twin, phases, told)
        if replace(shared, **told.get(phase.name, {})) != shared:
            problems.append(
                f"optim.{phase.name}: shares the optimiser of {twin.name}, "
                "so it cannot differ from it"
            )
    if problems:
        raise SettingsError("optimisers and phases do not fit:", problems)
    return optim


def _first_of_its_optimiser(phase: Phase, phases: tuple[Phase, ...]) -> Phase:
    """Phases that train the same networks share one optimiser; the settings of the first hold."""
    return next(other for other in phases if other.trains == phase.trains)


def _effective(
    phase: Phase, phases: tuple[Phase, ...], told: Mapping[str, Mapping[str, Any]]
) -> OptimSettings:
    """What is told of a phase; the rest from the one whose rates it takes, or the defaults."""
    layers = [told.get(phase.name, {})]
    followed = [phase.name]
    while phase.rates_of is not None:
        source = next((other for other in phases if other.name == phase.rates_of), None)
        if source is None or source.name in followed:
            what = "is no other phase" if source is None else "takes them from it in turn"
            raise UserError(f"phase {phase.name} has rates_of {phase.rates_of!r}, which {what}")
        phase = _first_of_its_optimiser(source, phases)
        followed += [source.name, phase.name]
        layers.append(told.get(phase.name, {}))
    return OptimSettings(**ChainMap(*map(dict, layers)))
