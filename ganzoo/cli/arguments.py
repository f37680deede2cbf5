"""Arguments that several commands take, and what a shell may complete them to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ganzoo.registry import Kind


def _matching(names: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    return [
        CompletionItem(name, help=summary) for name, summary in names if name.startswith(incomplete)
    ]


def _offers(ctx: click.Context, kind: Kind) -> list[tuple[str, str]]:
    from ganzoo.cli import registry_of

    return [(offer.name, offer.spec.summary) for offer in registry_of(ctx).all(kind)]


def complete_models(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Models on offer."""
    return _matching(_offers(ctx, "model"), incomplete)


def complete_datasets(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Data sets on offer, and what lies here."""
    return [*_matching(_offers(ctx, "dataset"), incomplete), CompletionItem(incomplete, "file")]


def complete_presets(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Presets of the model that stands before, or of all."""
    from ganzoo.cli import registry_of

    registry = registry_of(ctx)
    named = ctx.params.get("name")
    try:
        models = [registry.find("model", named)] if named else registry.all("model")
    except UserError:
        return []
    presets = {
        preset.name: preset.summary
        for model in models
        for preset in registry.presets(model).values()
    }
    return _matching(presets.items(), incomplete)


def complete_runs(_ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Runs in runs/, the newest first, and folders."""
    from ganzoo.folder import RUNS, all_runs

    runs = ((str(run.path), "") for run in all_runs(RUNS))
    return [*_matching(runs, incomplete), CompletionItem(incomplete, "dir")]


model_argument = click.argument("name", required=False, shell_complete=complete_models)
run_argument = click.argument("run", required=False, shell_complete=complete_runs)
preset_option = click.option(
    "--preset",
    metavar="P",
    shell_complete=complete_presets,
    help="Preset of the model; see `ganzoo models`.",
)
data_option = click.option(
    "--data",
    metavar="D",
    shell_complete=complete_datasets,
    help="A data set's name, a Hub id, a folder of images, or files.",
)
config_option = click.option(
    "--config",
    "files",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="TOML file to lay over the preset.",
)
set_option = click.option(
    "--set",
    "settings",
    metavar="K=V",
    multiple=True,
    help="One setting, as in train.batch_size=64.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
