"""Losses: a scalar term for each phase that they name, with a weight that the host gives."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import lcm
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor, nn

from ganzoo.errors import SettingsError, UserError, did_you_mean
from ganzoo.model import Context, Pass, Phase
from ganzoo.schema import Window, share_of

if TYPE_CHECKING:
    from ganzoo.schema import WeightSettings


class Measured(NamedTuple):
    """A term's value with further figures for the report, each a scalar tensor without a graph."""

    value: Tensor
    report: Mapping[str, Tensor]


TermFunction = Callable[[Pass], Tensor | Measured]
"""A scalar of the pass to be minimised."""


class Loss:
    """One idea of what is good, as a term for each phase that it names; a regulariser is one too.

    A loss may bring networks and phases of its own. Its networks join the model's as
    ``<loss>.<network>``, and that is how ``Phase.trains`` and ``Pass.nets`` name them; :meth:`own`
    gives the full name.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """No settings."""

    needs: tuple[str, ...] = ()
    """Networks of the model that the terms call themselves."""
    second_order: bool = False
    """True if a term differentiates a gradient; fp16 is refused then."""
    capturable: bool = False
    """True if the terms never synchronise with the host and keep no Python state."""

    def __init__(self, name: str, config: Any, context: Context) -> None:
        """Build from what stays as attributes.

        ``name`` is the settings' key, ``config`` one of the class's own ``Config``, a frozen
        dataclass of its settings; ``context`` holds data, prior, model and its phases.
        """
        self.name = name
        self.config = config
        self.context = context

    def terms(self) -> Mapping[str, TermFunction]:
        """Scalar functions of the pass, by the name of the phase that they belong to."""
        raise NotImplementedError

    def networks(self) -> dict[str, nn.Module]:
        """New networks that this loss brings, by their short name."""
        return {}

    def phases(self) -> Sequence[Phase]:
        """Phases that this loss brings, run after the model's."""
        return ()

    def own(self, network: str) -> str:
        """The full name of a network that this loss brings."""
        return f"{self.name}.{network}"

    def state_dict(self) -> dict[str, Any]:
        """State beyond the networks (a running mean, say), as this rank has it; checkpointed.

        Tensors, numbers, texts, lists and dictionaries only.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave."""


@dataclass(frozen=True)
class Term:
    """One loss in one phase, with the weight that the settings give it there."""

    loss: str
    phase: str
    function: TermFunction
    weight: float
    ramp: Window | None = None
    every: int = 1
    phase_every: int = 1
    """Of the phase, which is itself due in every n-th turn only."""

    def measure(self, pass_: Pass) -> Measured:
        """The value, without the weight, and the further figures.

        Raises:
            UserError: the value is no scalar tensor.
        """
        found = self.function(pass_)
        measured = found if isinstance(found, Measured) else Measured(found, {})
        value: Any = measured.value
        if not isinstance(value, Tensor) or value.dim():
            is_tensor = isinstance(value, Tensor)
            what = f"of shape {tuple(value.shape)}" if is_tensor else f"a {type(value).__name__}"
            raise UserError(
                f"loss.{self.loss}: its term of the phase {self.phase} is {what}, not a scalar "
                "tensor, of shape ()",
                hint="See what else it breaks with: ganzoo check",
            )
        return measured

    def weight_at(self, step: int) -> float:
        """The weight in turn ``step``; 0 means that the term is not computed.

        A lazy term (``every`` > 1) is as many times as strong when it is due as its phase is due
        until then, so that its weight means the same at any interval (Karras et al. 2020,
        appendix B).
        """
        if step % self.every:
            return 0.0
        weight = self.weight * (lcm(self.every, self.phase_every) // self.phase_every)
        if self.ramp is None:
            return weight
        return weight * share_of(self.ramp, step)


def check_needs(losses: Mapping[str, type[Loss]], networks: Collection[str]) -> None:
    """Raise an error that names every network that a loss needs and the model lacks."""
    there = ", ".join(networks)
    problems = [
        f"loss.{name}: needs a network {network!r}; this model has {there}"
        f"{did_you_mean(network, networks)}"
        for name, loss in losses.items()
        for network in loss.needs
        if network not in networks
    ]
    if problems:
        raise SettingsError("losses and model do not fit:", problems)


def fit(
    losses: Mapping[str, Loss],
    weights: Mapping[str, WeightSettings],
    phases: Sequence[Phase],
    networks: Collection[str],
) -> dict[str, list[Term]]:
    """The terms of each phase, or every misfit of losses, phases and networks in one error."""
    terms = {name: loss.terms() for name, loss in losses.items()}
    problems = [*_misfits(terms, weights, phases), *_missing(phases, networks)]
    if problems:
        raise SettingsError("losses and model do not fit:", problems)
    fitted: dict[str, list[Term]] = {phase.name: [] for phase in phases}
    intervals = {phase.name: phase.every for phase in phases}
    for name, functions in terms.items():
        settings = weights[name]
        for phase, function in functions.items():
            weight = settings.weight_in(phase)
            if weight and phase in fitted:
                ramp, every = settings.ramp, settings.every
                term = Term(name, phase, function, weight, ramp, every, intervals[phase])
                fitted[phase].append(term)
    return fitted


def _misfits(
    terms: Mapping[str, Mapping[str, TermFunction]],
    weights: Mapping[str, WeightSettings],
    phases: Sequence[Phase],
) -> Iterator[str]:
    names = [phase.name for phase in phases]
    for name, functions in terms.items():
        if not set(functions) & set(names):
            misses = "".join(did_you_mean(phase, names) for phase in functions)
            yield (
                f"loss.{name}: belongs to the phase {' or '.join(functions)}; "
                f"this model has {', '.join(names)}{misses}"
            )
        weight = weights[name].weight
        for phase in weight if isinstance(weight, dict) else ():
            if phase not in functions:
                miss = did_you_mean(phase, functions)
                yield f"loss.{name}.weight.{phase}: the loss has no term in such a phase{miss}"


def _missing(phases: Sequence[Phase], networks: Collection[str]) -> Iterator[str]:
    for phase in phases:
        for network in phase.trains:
            if network not in networks:
                yield (
                    f"phase {phase.name}: trains a network {network!r} that does not exist; "
                    f"there are {', '.join(networks)}"
                )
