"""Rules of the codes of a prior."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from ganzoo.draw import generator_for
from ganzoo.testing.bench import BATCH, CPU, sample
from ganzoo.testing.verdicts import ContractError, NotChecked, require

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.latents import Code
    from ganzoo.testing.cases import PriorCase

_MANY = 1000
"""Draws that tell where a code lies."""
_STEPS = 5
"""Values of a continuous code that are walked through."""


def check_prior_codes(case: PriorCase) -> None:
    """What a code draws, shows, encodes, reads and takes from a user belongs together."""
    prior = case.prior()
    if not prior.codes:
        raise NotChecked("the prior has no codes")
    for name, code in prior.codes.items():
        _check_values(name, code)
        _check_reader(name, code)
        _check_words(name, code)
    latents = sample(prior)
    for name, code in prior.codes.items():
        for value in code.walk(_STEPS):
            moved = prior.replace(latents, name, torch.full((BATCH,), value))
            kept = moved.parts[name].float()
            require(
                bool((kept == kept.new_tensor(value)).all()),
                f"replace() of {name} by {value:g}, which walk() gives, makes it {kept[0]:g}",
            )


def _check_values(name: str, code: Code) -> None:
    drawn = code.sample(BATCH, generator=generator_for(CPU, 0), device=CPU)
    for what, values in (("sample()", drawn), ("walk()", _walked(code))):
        encoded = code.encode(values)
        wanted = (len(values), code.width)
        require(
            tuple(encoded.shape) == wanted and bool(encoded.isfinite().all()),
            f"{name}: encode() of what {what} gives is {tuple(encoded.shape)}, not (n, width) "
            f"{wanted}, or not finite",
        )
    if code.trained is None:
        known = set(_walked(code).tolist())
        strange = sorted(set(drawn.tolist()) - known)
        require(not strange, f"{name}: sample() draws {strange}, which walk() does not show")
        most = math.log(len(known))
        require(
            0 <= code.entropy <= most + 1e-6,
            f"{name}: entropy is {code.entropy:g} nats; {len(known)} categories have at most "
            f"{most:.4f}",
        )
        return
    low, high = code.trained
    require(low < high, f"{name}: trained is {code.trained}, not (low, high) with low < high")
    # Of a code without bounds it is the range that most draws are from.
    many = code.sample(_MANY, generator=generator_for(CPU, 0), device=CPU)
    inside = ((low <= many) & (many <= high)).float().mean().item()
    require(
        inside >= 0.5,
        f"{name}: {inside:.0%} of what sample() draws is in trained, {code.trained}",
    )


def _check_reader(name: str, code: Code) -> None:
    outputs = torch.randn(BATCH, code.outputs, generator=generator_for(CPU, 1))
    drawn = code.sample(BATCH, generator=generator_for(CPU, 0), device=CPU)
    nll = code.nll(outputs, drawn)
    shape = tuple(nll.shape)
    require(shape == (BATCH,), f"{name}: nll() is {shape}, not (n,): a row for each image")
    first = code.nll(outputs[:1], drawn[:1])
    require(
        torch.allclose(first, nll[:1], atol=1e-5),
        f"{name}: nll() of one image changes with the others of the batch",
    )
    guess = code.read(outputs)
    require(tuple(guess.shape) == (BATCH,), f"{name}: read() is {tuple(guess.shape)}, not (n,)")
    likeliest = code.nll(outputs, guess)
    # Of a continuous code the expectation may be read, too; of categories there is none.
    for value in _walked(code) if code.trained is None else ():
        require(
            bool((likeliest <= code.nll(outputs, value.expand(BATCH)) + 1e-5).all()),
            f"{name}: read() gives what nll() takes for less likely than {value.item():g}",
        )


def _check_words(name: str, code: Code) -> None:
    values = code.walk(_STEPS)
    for value in values:
        text = f"{value:g}"
        try:
            taken = code.parse(text)
        except ValueError as error:
            if code.trained is None:
                continue  # categories may go by names
            what = f"{name}: parse({text!r}) refuses what walk() gives: {error}"
            raise ContractError(what) from error
        require(
            math.isclose(taken, float(text), rel_tol=1e-6, abs_tol=1e-6),
            f"{name}: parse({text!r}) gives {taken}",
        )
    for text in ("no value of it", *([f"{max(values) + 1:g}"] if code.trained is None else [])):
        try:
            taken = code.parse(text)
        except ValueError:
            continue
        raise ContractError(
            f"{name}: parse({text!r}) gives {taken}: raise a ValueError that says what is allowed"
        )


def _walked(code: Code) -> Tensor:
    """The values of ``walk``, of the type that ``sample`` draws."""
    drawn = code.sample(1, generator=generator_for(CPU, 0), device=CPU)
    return torch.tensor(code.walk(_STEPS)).to(drawn.dtype)


CHECKS = (check_prior_codes,)
