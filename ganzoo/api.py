"""The command line's work from Python: ``ganzoo.train``; ``ganzoo.load`` gives what it made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.discovery import discover
from ganzoo.layers import Assignment, spell
from ganzoo.loaded import Loaded, load
from ganzoo.plan import Request
from ganzoo.registry import Registry
from ganzoo.reporting import Console
from ganzoo.scoring import quick_metrics, score_run
from ganzoo.task import execute, prepare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def train(
    model: str,
    *,
    preset: str | None = None,
    data: str | Path | None = None,
    steps: int | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    config: Sequence[str | Path] = (),
    out: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
    progress: bool = True,
) -> Loaded:
    """Train a model as ``ganzoo run`` does, score it, and give it back ready for use.

    ::

        model = ganzoo.train("infogan", steps=2000, settings={"optim.critic.lr": 1e-4})
        images = model.sample(16, codes={"digit": 7, "slant": 0.5})

    Args:
        model: name of a model, as ``ganzoo models`` lists it.
        preset: preset of the model; its default one if left out.
        data: a data set's name, a Hub id, a folder of images, or files.
        steps: turns to train for.
        seed: seed of everything that is drawn.
        settings: any setting by its dotted key.
        config: TOML files to lay over the preset.
        out: folder of the run; a new one below ``runs/`` if left out.
        plugins: further plugins that are one Python file each.
        progress: show a progress bar.

    Returns:
        The trained model; its ``folder`` is the run. On ranks other than 0 too.

    Raises:
        UserError: something does not fit; nothing has been written then.
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
    task = prepare(registry, request, None if out is None else Path(out))
    folder, outcome = execute(task, lambda *_: [Console()] if progress else [])
    if task.tells:
        scores = score_run(folder.path, registry, folder.scores, quick_metrics(registry))
        for observer in outcome.observers:
            observer.scored(scores)
    task.launch.accelerator.wait_for_everyone()
    return load(folder.path, registry)


def _text(value: Any) -> str:
    """A value as it is written behind ``--set KEY=``."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else spell(value)
