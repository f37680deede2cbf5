"""Rules of a prior."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from ganzoo.plugins import CONTAINED, one_line
from ganzoo.testing.bench import BATCH, Bench, sample, unequal
from ganzoo.testing.cases import stand_ins
from ganzoo.testing.verdicts import ContractError, NotChecked, listed, require

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.latents import Latents
    from ganzoo.testing.cases import PriorCase


def check_prior_sample(case: PriorCase) -> None:
    """``flat`` is (n, size); every part has n rows, and every code is a part of its type."""
    prior = case.prior()
    latents = sample(prior)
    shape = tuple(latents.flat.shape)
    require(shape == (BATCH, prior.size), f"flat is {shape} for n = {BATCH}, size {prior.size}")
    require(latents.flat.is_floating_point(), f"flat is of {latents.flat.dtype}: make it floats")
    require(bool(latents.flat.isfinite().all()), "flat is not finite")
    short = [name for name, part in latents.parts.items() if len(part) != BATCH]
    require(not short, f"the parts {listed(short)} do not have n = {BATCH} rows")
    missing = [name for name in prior.codes if name not in latents.parts]
    require(not missing, f"the codes {listed(missing)} are not among the parts")
    for name, code in prior.codes.items():
        part, categorical = latents.parts[name], code.trained is None
        require(part.shape == (BATCH,), f"the code {name} is {tuple(part.shape)}, not (n,)")
        wanted = "integers" if categorical else "floats"
        require(
            part.is_floating_point() != categorical,
            f"the code {name} is {part.dtype}, not {wanted}",
        )


def check_prior_draws_from_its_generator(case: PriorCase) -> None:
    """A sample depends on the generator and on nothing else."""
    prior = case.prior()
    torch.manual_seed(1)
    one = sample(prior)
    torch.manual_seed(2)
    same, other = sample(prior), sample(prior, seed=1)
    differing = unequal(_named(one), _named(same))
    require(
        not differing,
        f"two samples of equal generators differ in {listed(differing)}: pass `generator` to all "
        "that sample() draws",
    )
    require(not torch.equal(one.flat, other.flat), "samples of different generators are the same")


def check_prior_replace(case: PriorCase) -> None:
    """Replacing a code moves its part and its columns of ``flat``, and nothing else.

    Where a prior learns, what its ``forward`` makes of the latents moves instead of ``flat``.
    """
    prior = case.prior()
    if not prior.codes:
        raise NotChecked("the prior has no codes")
    latents = sample(prior)
    owners: dict[int, str] = {}
    for name in prior.codes:
        values = sample(prior, seed=1).parts[name]
        given = values if values.is_floating_point() else values.float()
        moved = prior.replace(latents, name, given)
        where = f"replace() of {name}"
        kind = moved.parts[name].dtype
        require(
            kind == values.dtype,
            f"{where} makes its part {kind} of {values.dtype}: convert the values, which may come "
            "as floats",
        )
        require(torch.equal(moved.parts[name], values), f"{where} leaves its part as it was")
        strays = [part for part in unequal(latents.parts, moved.parts) if part != name]
        require(not strays, f"{where} moves {listed(strays)} too")
        if isinstance(prior, nn.Module):
            reached = not torch.equal(_mapped(prior, moved), _mapped(prior, latents))
            require(reached, f"{where} does not reach what forward() gives")
        columns = (moved.flat != latents.flat).any(0).nonzero().flatten().tolist()
        require(columns or isinstance(prior, nn.Module), f"{where} does not reach flat")
        for column in columns:
            owner = owners.setdefault(column, name)
            require(owner == name, f"column {column} of flat belongs to {owner} and {name}")
        again = prior.replace(moved, name, latents.parts[name])
        require(torch.equal(again.flat, latents.flat), f"{where} moves more of flat than the code")


def check_prior_drives_a_model(case: PriorCase) -> None:
    """A model at hand takes a turn on what the prior draws."""
    host = case.host
    if host is None:
        host = next(iter(stand_ins(case.registry)), None)
        if host is None:
            raise NotChecked("no model is installed to try the prior on")
        host = host.with_setting("prior.name", case.offer.qualified)
        try:
            bench = Bench(host.settings)
        except CONTAINED as error:
            why = " ".join(f"{type(error).__name__}: {error}".split())
            raise ContractError(f"{host.label} does not build with it: {why}") from error
    else:
        bench = host.bench()
    trainer = bench.trainer()
    try:
        trainer.turn()
    except CONTAINED as error:
        raise ContractError(f"{host.label} cannot train with it: {one_line(error)}") from error
    odd = [name for name, figure in trainer.collect().items() if not math.isfinite(figure)]
    require(not odd, f"{host.label} with it has no finite {listed(odd)}")


def _mapped(prior: nn.Module, latents: Latents) -> Tensor:
    with torch.no_grad():
        flat: Tensor = prior(latents).flat
    return flat


def _named(latents: Latents) -> dict[str, Tensor]:
    return {"flat": latents.flat, **latents.parts}


CHECKS = (
    check_prior_sample,
    check_prior_draws_from_its_generator,
    check_prior_replace,
    check_prior_drives_a_model,
)
