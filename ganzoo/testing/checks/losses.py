"""Rules of a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from ganzoo.loss import Measured
from ganzoo.plugins import CONTAINED, one_line
from ganzoo.testing.bench import tensors_of, unequal
from ganzoo.testing.checks.phases import check_draws
from ganzoo.testing.checks.turns import check_resume
from ganzoo.testing.verdicts import ContractError, NotChecked, listed, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ganzoo.loss import TermFunction
    from ganzoo.model import Phase
    from ganzoo.testing.bench import Bench
    from ganzoo.testing.cases import LossCase, ModelCase


def check_loss_fits_a_model(case: LossCase) -> None:
    """Some model at hand has the networks that the loss needs and a phase that it names."""
    require(
        not case.refusals,
        "no model at hand takes the loss. Its terms() must name phases and its `needs` networks "
        f"that some model has. {'; '.join(case.refusals)}",
    )


def check_loss_is_a_scalar(case: LossCase) -> None:
    """Each term is a finite scalar with a graph; what it reports are scalars without one."""
    bench = case.host.bench()
    for phase, function in _terms(case, bench):
        term = function(bench.run(phase))
        value, report = term if isinstance(term, Measured) else (term, {})
        where = f"the term of phase {phase.name!r}"
        require(isinstance(value, Tensor), f"{where} is a {type(value).__name__}, not a tensor")
        require(value.dim() == 0, f"{where} has the shape {tuple(value.shape)}: take its mean")
        require(bool(value.isfinite()), f"{where} is {value.item()} on an untrained model")
        require(value.requires_grad, f"{where} has no gradient: something detaches what it reads")
        for name, figure in report.items():
            require(
                isinstance(figure, Tensor) and figure.dim() == 0 and not figure.requires_grad,
                f"{where} reports {name}, which is not a scalar tensor without a graph: detach it",
            )


def check_loss_only_reads(case: LossCase) -> None:
    """A term changes neither the pass nor any gradient."""
    bench = case.host.bench()
    for phase, function in _terms(case, bench):
        pass_ = bench.run(phase)
        before = {name: tensor.detach().clone() for name, tensor in tensors_of(pass_).items()}
        function(pass_)
        after = {name: tensor.detach() for name, tensor in tensors_of(pass_).items()}
        changed = unequal(before, after)
        where = f"the term of phase {phase.name!r}"
        require(not changed, f"{where} changes {listed(changed)} of the pass, which others read")
        moved = [
            f"{name}.{key}"
            for name, net in bench.nets.items()
            for key, parameter in net.named_parameters()
            if parameter.grad is not None
        ]
        require(not moved, f"{where} gives {listed(moved)} a gradient: it must not call backward()")


def check_loss_phases_stand_alone(case: LossCase) -> None:
    """With weight 0 in all phases but one nothing is left of the others, and that one still works.

    So a term may not rely on what another one kept.
    """
    _require_scalar(case)
    bench = case.host.bench()
    for phase in [phase for phase, _ in _terms(case, bench)]:
        weight = f"loss.{case.offer.name}.weight", f"{{ {phase.name} = 1.0 }}"
        alone = case.host.with_setting(*weight).bench()
        left = list(_terms(case, alone))
        require(
            [other.name for other, _ in left] == [phase.name],
            f"with weight 0 in every phase but {phase.name!r} there are other terms than its own",
        )
        try:
            value = alone.values(left[0][0], alone.run(left[0][0]))[case.offer.name]
        except CONTAINED as error:
            raise ContractError(
                f"where only the phase {phase.name!r} has a weight, its term fails: "
                f"{one_line(error)} (it must not need what the term of another phase kept)"
            ) from error
        require(bool(value.isfinite().all()), f"alone, the term of {phase.name!r} is not finite")


def check_loss_goes_on(case: LossCase) -> None:
    """On a model that no preset of the plugin puts it on, training goes on from a checkpoint."""
    _blamed(case, check_resume)


def check_loss_draws(case: LossCase) -> None:
    """There, too, the same turn gives the same losses, and ranks share the draws."""
    _blamed(case, check_draws)


def _blamed(case: LossCase, rule: Callable[[ModelCase], None]) -> None:
    """Apply a rule to the model with the loss; what the model breaks alone is not the loss's."""
    if not case.is_visiting:
        raise NotChecked("a preset of the plugin has the loss, and is held to that itself")
    _require_scalar(case)
    try:
        rule(case.host)
    except NotChecked:
        raise
    except CONTAINED as error:
        try:
            rule(case.host.with_setting(f"loss.{case.offer.name}.weight", "0"))
        except CONTAINED:
            raise NotChecked(f"{case.host.label} breaks the rule without it, too") from error
        what = str(error) if isinstance(error, ContractError) else one_line(error)
        raise ContractError(f"{case.host.label} with the loss: {what}") from error


def _require_scalar(case: LossCase) -> None:
    try:
        check_loss_is_a_scalar(case)
    except CONTAINED as error:
        raise NotChecked(f"see check_loss_is_a_scalar[{case.label}]") from error


def check_loss_capturable(case: LossCase) -> None:
    """A loss that says that it is capturable asks the device for no number."""
    bench = case.host.bench()
    if not bench.assembly.losses[case.offer.name].capturable:
        raise NotChecked("the loss does not say that it is capturable")
    bench.lose_numbers()
    for phase, function in _terms(case, bench):
        try:
            pass_ = bench.run(phase)
        except CONTAINED as error:
            raise NotChecked(
                f"{case.host.label}, on which it is tried, asks for numbers itself"
            ) from error
        try:
            function(pass_)
        except CONTAINED as error:
            raise ContractError(
                "the loss says or inherits `capturable`, but the term of phase "
                f"{phase.name!r} fails on a device that has shapes and no numbers: "
                f"{one_line(error)} (leave out .item(), float(), masks as indices and the "
                "like, make tensors on the device of the pass, or set it to False)"
            ) from error


def _terms(case: LossCase, bench: Bench) -> Iterator[tuple[Phase, TermFunction]]:
    for phase in bench.phases:
        for term in bench.assembly.terms[phase.name]:
            if term.loss == case.offer.name:
                yield phase, term.function


CHECKS = (
    check_loss_fits_a_model,
    check_loss_is_a_scalar,
    check_loss_only_reads,
    check_loss_phases_stand_alone,
    check_loss_goes_on,
    check_loss_draws,
    check_loss_capturable,
)
