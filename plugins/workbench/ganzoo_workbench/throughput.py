"""How fast a training takes its turns, and where the time of a turn goes."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accelerate.utils import broadcast_object_list

from ganzoo.conditions import training_conditions
from ganzoo.draw import generator_for
from ganzoo.run import decode_once
from ganzoo.stopwatch import synchronise
from ganzoo.training import Trainer
from ganzoo_workbench.laps import Laps
from ganzoo_workbench.machine import MatrixProduct, Memory, fastest, forget_peak, peak_memory
from ganzoo_workbench.operations import OperationCounter
from ganzoo_workbench.quartiles import Quartiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ganzoo.assembly import Assembly
    from ganzoo.launch import Chosen
    from ganzoo.loss import Term
    from ganzoo.task import Task

WARM_UP = 5
"""Turns at least that are taken before any is timed."""
WINDOWS = 8
"""As many as there are, unless there are fewer periods."""
_SECONDS = 20.0
"""What the timed turns take together where nobody says how many there shall be."""


@dataclass(frozen=True)
class Window:
    """Some turns in a row, the mean over them, and the machine after them."""

    seconds: float
    """A turn."""
    parts: Mapping[str, float]
    """Seconds a turn of each part of it."""
    rates: Mapping[str, float]
    """FLOP/s of matrix products by precision."""


@dataclass(frozen=True)
class Throughput:
    """What was measured; all quartiles are over the windows."""

    turns: int
    """Timed turns, all windows together."""
    windows: int
    period: int
    """Turns after which the same phases and losses are due again; a window holds whole periods."""
    batch_size: int
    """Images a turn, over all processes."""
    images_per_second: Quartiles
    """Over all processes."""
    turn: Quartiles
    """Seconds a turn."""
    parts: Mapping[str, Quartiles]
    """Seconds a turn of each part of it."""
    latents: Quartiles | None
    """Seconds of one draw of latents, which is part of a phase or of ``share``; None without."""
    flop: Mapping[str, float]
    """Floating-point operations a turn of each part, on this process: products and convolutions."""
    flop_rate: Quartiles
    """FLOP/s of this process."""
    matrix_rate: Mapping[str, Quartiles]
    """FLOP/s of large matrix products by precision: between the windows, or after a stream's."""
    held_against: str
    """Of these precisions the fastest one that the training may compute in."""
    utilisation: Quartiles
    """``flop_rate`` as a share of the matrix products that it is held against."""
    memory: Memory


def make_trainer(task: Task) -> Trainer:
    """The training that ``task`` asks for, at its beginning; every rank calls it."""
    images, further = decode_once(task.plan, task.launch)
    settings, accelerator = task.plan.settings.train, task.launch.accelerator
    return Trainer(task.plan.assembly, images, settings, accelerator, further)


def measure(trainer: Trainer, precision: Chosen, turns: int | None = None) -> Throughput:
    """Take turns with every loss at its whole weight, and time them; every rank calls it.

    ``precision`` is that of the training. ``turns`` are timed, or as many as take some 20 seconds,
    but whole periods.
    """
    settings, accelerator, assembly = trainer.train, trainer.accelerator, trainer.assembly
    trainer.step, period = _ramped(assembly), _period(assembly)
    forget_peak(accelerator.device)
    peak = fastest(precision, accelerator.device)
    with training_conditions(accelerator.device):
        if trainer.streams:
            trainer.turn()  # begins to decode, in processes that would count for ever else
        flop = _count(trainer, period)
        names = dict.fromkeys(("fp32", peak))
        products = {name: MatrixProduct(accelerator.device, name) for name in names}
        each = _warm_up(trainer)
        memory = peak_memory(accelerator.device)
        wanted = turns or max(int(_SECONDS / each), WINDOWS)
        sizes = broadcast_object_list([_sizes(wanted, period)])[0]
        windows = _time(trainer, sizes, products)
    rates = [sum(flop.values()) / window.seconds for window in windows]
    own = [window.rates[peak] for window in windows]
    return Throughput(
        turns=sum(sizes),
        windows=len(windows),
        period=period,
        batch_size=settings.batch_size,
        images_per_second=Quartiles.of(
            [settings.batch_size / window.seconds for window in windows]
        ),
        turn=Quartiles.of([window.seconds for window in windows]),
        parts={
            name: Quartiles.of([window.parts[name] for window in windows])
            for name in windows[0].parts
        },
        latents=_time_latents(trainer, settings.batch_size),
        flop=flop,
        flop_rate=Quartiles.of(rates),
        matrix_rate={
            name: Quartiles.of([window.rates[name] for window in windows]) for name in products
        },
        held_against=peak,
        utilisation=Quartiles.of([rate / peak for rate, peak in zip(rates, own, strict=True)]),
        memory=memory,
    )


def _ramped(assembly: Assembly) -> int:
    """The first turn in which every loss has its whole weight."""
    return max((term.ramp[1] for term in _terms(assembly) if term.ramp), default=0)


def _period(assembly: Assembly) -> int:
    """Turns after which the same phases and losses are due again."""
    return math.lcm(
        *(phase.every for phase in assembly.phases), *(term.every for term in _terms(assembly))
    )


def _terms(assembly: Assembly) -> list[Term]:
    return [term for terms in assembly.terms.values() for term in terms]


def _sizes(turns: int, period: int) -> list[int]:
    """Turns of each window: whole periods, as even as they can be, and none empty."""
    periods = -(-turns // period)
    windows = min(periods, WINDOWS)
    each, rest = divmod(periods, windows)
    return [period * (each + (place < rest)) for place in range(windows)]


def _count(trainer: Trainer, turns: int) -> dict[str, float]:
    """Floating-point operations a turn of each part, the mean over ``turns``."""
    totals: dict[str, float] = {}
    with OperationCounter() as counter:
        for _ in range(turns):
            for part in trainer.parts():
                totals[part] = totals.get(part, 0) + counter.total
                counter.total = 0
    return {part: total / turns for part, total in totals.items()}


def _warm_up(trainer: Trainer) -> float:
    """Take the first turns, and give the seconds that each took."""
    begun = time.perf_counter()
    for _ in range(WARM_UP):
        trainer.turn()
    synchronise(trainer.accelerator.device)
    return (time.perf_counter() - begun) / WARM_UP


def _time(
    trainer: Trainer, sizes: Sequence[int], products: Mapping[str, MatrixProduct]
) -> list[Window]:
    """Windows of so many turns, with the machine's rates after each.

    Of a stream they are measured once, after all: what is decoded during a pause would come to the
    next window for nothing.
    """
    if not trainer.streams:
        return [_window(trainer, size, products) for size in sizes]
    *windows, last = [
        _window(trainer, size, products if place == len(sizes) - 1 else {})
        for place, size in enumerate(sizes)
    ]
    return [*(replace(window, rates=last.rates) for window in windows), last]


def _window(trainer: Trainer, turns: int, products: Mapping[str, MatrixProduct]) -> Window:
    device = trainer.accelerator.device
    laps = Laps(device)
    # Else the first turn would wait for whoever is still busy with its own matrix products.
    trainer.accelerator.wait_for_everyone()
    synchronise(device)
    begun = time.perf_counter()
    for _ in range(turns):
        laps.begin()
        for part in trainer.parts():
            laps.mark(part)
    synchronise(device)
    seconds = (time.perf_counter() - begun) / turns
    parts = {name: total / turns for name, total in laps.seconds().items()}
    return Window(seconds, parts, {name: product.rate() for name, product in products.items()})


def _time_latents(trainer: Trainer, count: int) -> Quartiles | None:
    prior, device = trainer.assembly.prior, trainer.accelerator.device
    if prior is None:
        return None
    generator = generator_for(device, "bench")
    times = []
    for _ in range(WARM_UP + WINDOWS):
        synchronise(device)
        begun = time.perf_counter()
        prior.sample(count, generator=generator, device=device)
        synchronise(device)
        times.append(time.perf_counter() - begun)
    return Quartiles.of(times[WARM_UP:])
