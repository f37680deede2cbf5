"""Settings that are complete and checked, and how they are written down."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ganzoo.annotations import item_type, type_name
from ganzoo.conversion import fields_of
from ganzoo.errors import SettingsError, in_one_line
from ganzoo.layers import NONE, Path, Problem, dotted

if TYPE_CHECKING:
    from ganzoo.schema import DataSettings, OptimSettings, TrainSettings, WeightSettings

DEFAULT = "default"
"""The origin of a value that nobody set."""

_LONGEST_KEY = 300
_LONGEST_MESSAGE = 300


@dataclass(frozen=True)
class Part:
    """A model, prior or loss that the settings name, with its own settings."""

    name: str
    """The name as the settings spell it."""
    qualified: str
    """The name behind that of the distribution, ``package:name``."""
    package: str
    """The distribution that offers it."""
    factory: type[Any]
    config: Any
    """An instance of ``factory.Config``."""


@dataclass(frozen=True)
class LossPart(Part):
    """A loss with its weight."""

    weight: WeightSettings

    @property
    def is_muted(self) -> bool:
        """True if the weight is 0 in every phase: the loss is not computed."""
        weight = self.weight.weight
        return not any(weight.values()) if isinstance(weight, dict) else not weight


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that decides a run.

    ``losses`` holds the losses that are computed; those whose weight is 0 are in ``muted``.
    ``optim`` holds the phases that some layer mentions. ``origins`` says for each dotted key that
    is not a default which layer it came from.
    """

    model: Part
    preset: str
    prior: Part | None
    losses: dict[str, LossPart]
    muted: dict[str, LossPart]
    data: DataSettings
    train: TrainSettings
    optim: dict[str, OptimSettings]
    further: dict[str, DataSettings] = field(default_factory=dict)
    """Sources of images beside ``data``, by name: the tables ``[data.NAME]``."""
    origins: dict[str, str] = field(default_factory=dict, compare=False)

    def table(self) -> dict[str, Any]:
        """The settings as plain values that TOML can hold, and that resolve to the same settings.

        ``complete = true`` says that they are to be laid over no preset.
        """
        table: dict[str, Any] = {"complete": True, "preset": self.preset}
        for path, config, names in self.tables():
            node = table
            for part in path[:-1]:
                node = node.setdefault(part, {})
            node[path[-1]] = {**node.get(path[-1], {}), **names, **_plain(config)}
        return table

    def told_of_optimisers(self) -> dict[str, dict[str, Any]]:
        """What some layer says of the optimiser of each phase; defaults are left out."""
        return {
            phase: {
                name: value
                for name, value in vars(optim).items()
                if dotted(("optim", phase, name)) in self.origins
            }
            for phase, optim in self.optim.items()
        }

    def packages(self) -> list[str]:
        """The distributions of model, prior and losses, the muted ones too."""
        prior = [self.prior] if self.prior else []
        parts = [self.model, *prior, *self.losses.values(), *self.muted.values()]
        return sorted({part.package for part in parts})

    def tables(self) -> Iterator[tuple[Path, Any, dict[str, str]]]:
        """The path of each table, a dataclass that fills it, and the names beside its fields."""
        yield ("model",), self.model.config, {"name": self.model.name}
        if self.prior is not None:
            yield ("prior",), self.prior.config, {"name": self.prior.name}
        for name, loss in {**self.losses, **self.muted}.items():
            yield ("loss", name), loss.weight, {}
            yield ("loss", name), loss.config, {}
        yield ("data",), self.data, {}
        for name, source in self.further.items():
            yield ("data", name), source, {}
        yield ("train",), self.train, {}
        for phase, optim in self.optim.items():
            yield ("optim", phase), optim, {}

    def origin_of(self, path: Path) -> str:
        """Where a value came from: a layer's name, or ``default``."""
        for length in range(len(path), 0, -1):
            if dotted(path[:length]) in self.origins:
                return self.origins[dotted(path[:length])]
        return DEFAULT


@dataclass(frozen=True)
class Row:
    """One setting as ``ganzoo show`` prints it."""

    section: str
    """The table that the setting stands in: ``train``, ``loss.adversarial``."""
    key: str
    """The whole dotted key."""
    value: Any
    type: str
    help: str
    origin: str


def rows(settings: Settings) -> list[Row]:
    """Every setting with value, type, meaning and origin, table by table."""
    found: list[Row] = []
    for path, config, names in settings.tables():
        leaves = [
            _Leaf((key,), name, str, f"the {path[0]}, by the name that its plugin gives it")
            for key, name in names.items()
        ]
        found += [_row(settings, path, leaf) for leaf in (*leaves, *_leaves(config))]
    return found


def to_toml(settings: Settings) -> str:
    """The settings as a file that ``--config`` takes."""
    import tomli_w

    return tomli_w.dumps(settings.table())


def settings_error(
    problems: Sequence[Problem], model: str, preset: str, hints: Sequence[str]
) -> SettingsError:
    """All problems in one error, in columns; each of the hints once."""
    columns = [
        [
            in_one_line(problem.key, _LONGEST_KEY),
            in_one_line(problem.message, _LONGEST_MESSAGE),
            in_one_line(problem.near, _LONGEST_MESSAGE),
        ]
        for problem in problems
    ]
    widths = [max(map(len, column)) for column in zip(*columns, strict=True)]
    lines = []
    for problem, cells in zip(problems, columns, strict=True):
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True) if width]
        named = in_one_line(problem.origin, _LONGEST_KEY)
        origin = [f"from {named}"] if named else []
        lines.append("   ".join(padded + origin).rstrip())
    count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
    under = f" (preset {preset})" if preset else ""
    hint = "\n".join(dict.fromkeys(hints))
    return SettingsError(f"{count} in the settings of {model}{under}:", lines, hint=hint)


def _plain(value: Any) -> Any:
    """The value in TOML's types; a None is left out if it is the default, and spelt otherwise."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        table = {}
        for name, setting in fields_of(type(value)).items():
            item = getattr(value, name)
            if item is not None:
                table[name] = _plain(item)
            elif setting.default is None or setting.default() is not None:
                table[name] = NONE
        return table
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


@dataclass(frozen=True)
class _Leaf:
    path: Path
    value: Any
    annotation: Any
    help: str


def _leaves(config: Any, path: Path = ()) -> Iterator[_Leaf]:
    """The settings in a dataclass, one for each key where the keys are free."""
    for name, setting in fields_of(type(config)).items():
        value, here = getattr(config, name), (*path, name)
        if setting.nested is not None and value is not None:
            yield from _leaves(value, here)
        elif isinstance(value, Mapping) and value:
            kind = item_type(setting.annotation)
            for key, item in value.items():
                yield _Leaf((*here, key), item, kind, setting.help)
        else:
            yield _Leaf(here, value, setting.annotation, setting.help)


def _row(settings: Settings, section: Path, leaf: _Leaf) -> Row:
    path = (*section, *leaf.path)
    return Row(
        section=dotted(section),
        key=dotted(path),
        value=_plain(leaf.value),
        type=type_name(leaf.annotation),
        help=leaf.help,
        origin=settings.origin_of(path),
    )
