"""Whether a folder may be begun or continued, and with which settings."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ganzoo import checkpoint
from ganzoo.claim import is_unused
from ganzoo.discovery import invocation
from ganzoo.environment import differences, trained_in
from ganzoo.errors import SettingsError, UserError
from ganzoo.export import CONFIG
from ganzoo.exported import read_config
from ganzoo.files import remove_abandoned
from ganzoo.folder import RunFolder
from ganzoo.places import shareable
from ganzoo.requirements import lacking
from ganzoo.settings import Settings, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.checkpoint import Checkpoint
    from ganzoo.plan import Request
    from ganzoo.plugins import Plugins
    from ganzoo.registry import Registry

_MAY_DIFFER = re.compile(
    r"train\.(steps|trackers|images_every|checkpoint_every|keep_checkpoints|keep_best"
    r"|stuck_after|on_divergence|rollbacks)|data\.(.+\.)?workers|preset"
)
"""What a continued run may change: when it ends, what is kept, who is told. No turn depends on it.

The preset has been compared by then.
"""


def continue_request(run: RunFolder, asked: Request, registry: Registry) -> Request:
    """The request that continues ``run``; options beside ``--resume`` must equal what was saved.

    Raises UserError with every difference.
    """
    run.require()
    try:
        saved = resolve(registry, None, files=[run.settings])
    except UserError as error:
        raise lacking_plugins(run, registry) or error from error
    if asked.data is not None:
        raise UserError(
            "--data cannot stand beside --resume: a run keeps its data",
            hint=f"Leave it out: {continuing(run, registry.plugins)}",
        )
    named: list[str] = []
    if asked.model is not None and asked.model not in (saved.model.name, saved.model.qualified):
        named.append(f"model: the run's is {saved.model.name}, not {asked.model}")
    if asked.preset is not None and asked.preset != saved.preset:
        named.append(f"preset: the run's is {saved.preset}, not {asked.preset}")
    wanted = resolve(
        registry, None, files=[run.settings, *asked.files], assignments=asked.assignments
    )
    if wanted.preset != saved.preset:
        named.append(f"preset: the run's is {saved.preset}, not {wanted.preset}")
    refuse_differences(run, saved, wanted, registry, named)
    return replace(asked, model=None, preset=None, files=[run.settings, *asked.files])


def lacking_plugins(run: RunFolder, registry: Registry) -> UserError | None:
    """An error that names the plugins of the run that are not here, if its model names some."""
    try:
        needed = read_config(run.model / CONFIG).packages
    except UserError:
        return None
    return lacking(needed, registry.plugins, run.path)


def refuse_differences(
    run: RunFolder,
    saved: Settings,
    wanted: Settings,
    registry: Registry,
    further: list[str] | None = None,
) -> None:
    """Raise an error that lists every setting of ``wanted`` that the run was not begun with."""
    before, now = (_flat(shareable(each, registry).table()) for each in (saved, wanted))
    problems = list(further or [])
    problems.extend(
        f"{key}: the run's is {_say(before.get(key))}, not {_say(now.get(key))}"
        for key in sorted(before.keys() | now.keys())
        if not _MAY_DIFFER.fullmatch(key) and before.get(key) != now.get(key)
    )
    if problems:
        newest, damaged = checkpoint.newest(run.checkpoints)
        kept = newest is not None or damaged
        raise SettingsError(
            f"{run.path} was begun with other settings:",
            problems,
            hint=f"Continue it as it is with: {continuing(run, registry.plugins)}"
            if kept
            else "It has no checkpoint yet: to begin anew remove it, or name another folder.",
        )


def check_out(path: Path, settings: Settings, registry: Registry) -> None:
    """Raise UserError unless ``--out path`` may be begun or continued with these settings."""
    run = RunFolder(path)
    if not path.exists():
        return
    if not path.is_dir():
        raise UserError(
            f"--out {path} is a file", hint="Name a folder that is empty or not there yet."
        )
    if is_unused(path):
        return
    if not run.is_run():
        raise UserError(
            f"--out {path} holds something else: it is not empty and no run",
            hint="Name a folder that is empty or not there yet.",
        )
    saved = resolve(registry, None, files=[run.settings])
    refuse_differences(run, saved, settings, registry)
    refuse_hopeless(run, settings.train.steps, registry.plugins)


def refuse_hopeless(run: RunFolder, steps: int, plugins: Plugins) -> None:
    """Raise an error if the run has nothing left to do, or nothing whole to go on from.

    One that was stopped before its first checkpoint may begin anew.
    """
    newest, damaged = checkpoint.newest(run.checkpoints)
    if newest is None and damaged:
        # To begin anew would write over what somebody may yet mend.
        raise UserError(
            f"{run.path} has no whole checkpoint to go on from: {'; '.join(damaged)}",
            hint=f"Bring one back, or move {run.checkpoints} away to train from the beginning.",
        )
    if newest is not None and newest.step >= steps:
        further = f"Train it further with: {continuing(run, plugins)} --steps {2 * newest.step}"
        raise UserError(
            f"{run.path} is finished: it has trained {newest.step} "
            + (f"of {steps} turns" if newest.step == steps else f"turns, more than {steps}"),
            hint=further
            if run.scores.exists()
            else f"Score it with: {invocation(plugins)} eval {run.typed}\n{further}",
        )


def clear_up(run: RunFolder) -> None:
    """Take away what a crash left unfinished in a run, and make the folder. Raises OSError."""
    run.path.mkdir(parents=True, exist_ok=True)
    remove_abandoned(run.path)
    checkpoint.settle(run.checkpoints)


def remarks(
    run: RunFolder, found: Checkpoint | None, damaged: list[str], here: dict[str, Any]
) -> list[str]:
    """What someone should know who continues a run from the checkpoint that was found, if any.

    That is each damaged checkpoint that was passed over, and all in which ``here`` differs from
    what the run was trained in last, so that it may not go on to the bit.
    """
    lines = [f"passed over a damaged checkpoint, {line}" for line in damaged]
    if found is None:
        return lines
    then = trained_in(run.environment, max(found.step - 1, 0), found.step)
    changed = [line for each in then for line in differences(each, here)]
    if changed:
        lines.append(f"from here on bits may differ: {'; '.join(changed)}")
    return lines


def refuse_links(path: Path) -> None:
    """Raise an error if training in this folder, which may be anybody's, would write elsewhere."""
    for each in sorted(path.iterdir()):
        if each.is_symlink():
            raise UserError(
                f"{path} holds a link, {each.name}: a training would write where it leads",
                hint="Put what it leads to in its place. The folder itself may be a link.",
            )


def continuing(run: RunFolder, plugins: Plugins) -> str:
    """The command that continues ``run`` with the plugins that are here."""
    return f"{invocation(plugins)} run --resume {run.typed}"


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = list(value) if isinstance(value, tuple) else value
    return flat


def _say(value: Any) -> str:
    return "unset" if value is None else str(value)
