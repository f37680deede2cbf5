"""The command line's work from Python: ``ganzoo.train``; ``ganzoo.load`` gives what it made."""

from __future__ import annotations

import atexit
import json
import os
import signal
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import distributed as dist

from ganzoo.claim import claimed_if_free
from ganzoo.discovery import discover
from ganzoo.draw import global_generators_kept
from ganzoo.errors import UserError
from ganzoo.layers import Assignment, spell
from ganzoo.loaded import Loaded, load
from ganzoo.plan import Request
from ganzoo.registry import Registry
from ganzoo.reporting import Console, Warnings
from ganzoo.scoring import BUDGET, quick_metrics, score_named, score_run
from ganzoo.task import execute, prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo.folder import RunFolder
    from ganzoo.metrics.scorecard import Scores
    from ganzoo.task import Task


def train(
    model: str | None = None,
    *,
    preset: str | None = None,
    data: str | Path | None = None,
    steps: int | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    config: Sequence[str | Path] = (),
    out: str | Path | None = None,
    resume: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
    progress: bool = True,
) -> Loaded:
    """Train a model as ``ganzoo run`` does, score it, and give it back ready for use.

    ::

        model = ganzoo.train("infogan", steps=2000, settings={"optim.critic.lr": 1e-4})
        images = model.sample(16, codes={"digit": 7, "slant": 0.5})

    Args:
        model: name of a model, as ``ganzoo models`` lists it; not needed with ``resume``.
        preset: preset of the model; its default one if left out.
        data: a data set's name, a Hub id, a folder of images, or files.
        steps: turns to train for.
        seed: seed of everything that is drawn.
        settings: any setting by its dotted key.
        config: TOML files to lay over the preset.
        out: folder of the run; a new one below ``runs/`` if left out.
        resume: a run to go on with, from its newest checkpoint; what is given beside it must equal
            its settings, but for ``steps``.
        plugins: further plugins that are one Python file each.
        progress: show a progress bar; without it warnings alone are told.

    Returns:
        The trained model; its ``folder`` is the run. On ranks other than 0 too.

    Raises:
        UserError: something does not fit, and nothing has been written; or the training has
            diverged or got stuck, and the run has all up to there.
        KeyboardInterrupt, SystemExit: SIGINT or another signal stopped the training. Everything is
            saved, and ``resume`` goes on from there; if no turn was left, :func:`evaluate` scores.
    """
    registry = Registry(discover([Path(file) for file in plugins]))
    given = {"train.steps": steps, "train.seed": seed}
    chosen = {
        **(settings or {}),
        **{key: value for key, value in given.items() if value is not None},
    }
    assignments = [Assignment(key, _text(value), "ganzoo.train") for key, value in chosen.items()]
    request = Request(
        model,
        preset,
        [Path(file) for file in config],
        assignments,
        None if data is None else str(data),
    )
    if resume is not None and out is not None:
        raise UserError("resume goes on in the run's own folder: leave out away")
    task = prepare(
        registry,
        request,
        None if out is None else Path(out),
        None if resume is None else str(resume),
    )
    _end_with_the_program()
    try:
        # The training seeds the generators that a caller may draw from as well.
        with global_generators_kept():
            folder = _train_and_score(task, registry, progress=progress)
    finally:
        task.launch.accelerator.free_memory()  # it would keep the networks
    return load(folder.path, registry)


def _train_and_score(task: Task, registry: Registry, *, progress: bool) -> RunFolder:
    folder, outcome = execute(task, lambda _: [Console() if progress else Warnings()])
    if outcome.stopped_by == signal.SIGINT:
        raise KeyboardInterrupt
    if outcome.stopped_by is not None:
        raise SystemExit(128 + outcome.stopped_by)
    try:
        if task.tells:
            with claimed_if_free(folder.path):
                scores = score_run(folder.path, registry, folder.scores, quick_metrics(registry))
            outcome.audience.tell(outcome.step, lambda observer: observer.scored(scores))
    finally:
        task.launch.accelerator.wait_for_everyone()
    return folder


@cache
def _end_with_the_program() -> None:
    """Take the group of processes apart when the program ends: they may train again before."""
    atexit.register(_leave_group)


def _leave_group() -> None:
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def evaluate(
    run: str | Path | None = None,
    *,
    metrics: Sequence[str] = (),
    images: int = BUDGET,
    plugins: Sequence[str | Path] = (),
) -> Scores:
    """Score a trained model as ``ganzoo eval`` does, into ``scores.json`` of its run.

    ::

        scores = ganzoo.evaluate("runs/infogan-mnist-0", metrics=["categories"])
        scores.scores["category_accuracy/digit"].value

    Args:
        run: a run folder, an exported model folder or ``OWNER/NAME`` of the Hub; the newest run
            if left out.
        metrics: names as ``ganzoo metrics`` lists them; all but those on request if left out.
        images: images that a metric may generate, or read of one split.
        plugins: further plugins that are one Python file each.

    Raises:
        UserError: there is no such run or metric, or its model cannot be read.
    """
    registry = Registry(discover([Path(file) for file in plugins]))
    return score_named(registry, None if run is None else str(run), metrics, images)


def _text(value: Any) -> str:
    """A value as it is written behind ``--set KEY=``."""
    value = _plain(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else spell(value)


def _plain(value: Any) -> Any:
    """Numbers and arrays of numpy and torch, and paths, as what TOML knows."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value
