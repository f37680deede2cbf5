"""From presets, files and a command line to checked settings: merge, find strangers, convert."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ganzoo.conversion import Converter, fields_of, paths_of
from ganzoo.discovery import invocation
from ganzoo.documents import Document, as_document, read_document
from ganzoo.errors import UserError
from ganzoo.layers import NONE, Assignment, Layers, Path, Problem, dotted, leaves, spell
from ganzoo.resolved import LossPart, Part, Row, Settings, rows, settings_error, to_toml
from ganzoo.schema import DataSettings, OptimSettings, TrainSettings, WeightSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path as FilePath

    from ganzoo.errors import SettingsError
    from ganzoo.hookspecs import ModelSpec
    from ganzoo.registry import Kind, Offer, Registry

__all__ = [
    "Assignment",
    "LossPart",
    "Part",
    "Row",
    "Settings",
    "from_table",
    "resolve",
    "rows",
    "showing",
    "to_toml",
]

COMMAND = "the command"
"""The origin of the model's name where it was given by itself."""

_OF_ONE_DATA_SET = {"config", "revision", "image_column", "label_column"}
"""Settings of ``[data]`` that mean nothing to a data set of another name."""
_TABLES = ("model", "prior", "loss", "data", "train", "optim")


def resolve(
    registry: Registry,
    model: str | None = None,
    *,
    preset: str | None = None,
    files: Sequence[FilePath] = (),
    assignments: Sequence[Assignment] = (),
) -> Settings:
    """The settings of one run: defaults, then the preset, then each file, then each assignment.

    Without ``model`` a file or an assignment names it; without ``preset`` a file does, or the
    model's default is taken. Raises :class:`SettingsError` with every problem that there is.
    """
    resolution = _Resolution(registry, model, preset, assignments)
    documents = []
    for file in files:
        document, problems = read_document(file)
        documents += [document] if document is not None else []
        resolution.problems += problems
    return resolution.run(documents)


def from_table(registry: Registry, table: Mapping[str, Any], *, origin: str) -> Settings:
    """The settings whose :meth:`Settings.table` is ``table``; ``origin`` names it in errors."""
    resolution = _Resolution(registry, None, None, ())
    document, resolution.problems = as_document(table, origin)
    return resolution.run([document])


def showing(registry: Registry, model: str, preset: str) -> str:
    """The command that shows every setting of a model, under a preset that is not its default."""
    command = f"{invocation(registry.plugins)} show {model}"
    with suppress(UserError):  # of presets that cannot be read, which has to be told elsewhere
        for offer in registry.matching("model", model):
            if preset != offer.spec.default_preset and preset in registry.preset_names(offer):
                return f"{command} --preset {preset}"
    return command


@dataclass
class _Found:
    """A part that the settings name, before its own settings are converted."""

    name: str
    offer: Offer[Any]
    factory: Any


class _Resolution:
    def __init__(
        self,
        registry: Registry,
        model: str | None,
        preset: str | None,
        assignments: Sequence[Assignment],
    ) -> None:
        self.registry = registry
        self.model = model
        self.preset = preset
        self.assignments = assignments
        self.layers = Layers()
        self.problems: list[Problem] = []
        self.hints: list[str] = []

    def run(self, documents: Sequence[Document]) -> Settings:
        start = self._starting_model(documents)
        unknown = self._lay_preset(start, documents)
        for document in documents:
            self.layers.add(document.table, document.label)
            if document.complete:
                self.layers.replaced.add(())
        for assignment in self.assignments:
            if assignment.key == "preset":
                self._problem(("preset",), "is chosen with --preset", assignment.origin)
            elif (problem := self.layers.assign(assignment)) is not None:
                self.problems.append(problem)
        settings = self._build()
        if unknown is not None and len(self.problems) == 1:
            raise unknown
        if settings is None:
            raise self._error(start, self.preset or "")
        return settings

    def _starting_model(self, documents: Sequence[Document]) -> str:
        """The model whose presets count: that of the command, else of a file, else of --set."""
        for document in documents:
            if self.model and document.model and not self._same_model(document.model, self.model):
                what = f"is {document.model!r} here, but the command names {self.model!r}"
                self._problem(("model", "name"), what, document.label)
        named = [document.model for document in documents if document.model]
        assigned = [each.text for each in self.assignments if each.key == "model.name"]
        for start in (self.model, *named[-1:], *assigned[-1:]):
            if start:
                return start
        if self.problems:
            raise self._error("NAME", "")
        names = ", ".join(sorted({offer.name for offer in self.registry.all("model")}))
        raise UserError("no model is named", hint=f"There are: {names}." if names else None)

    def _error(self, model: str, preset: str) -> SettingsError:
        see = f"See every setting with: {showing(self.registry, model, preset)}"
        return settings_error(self.problems, model, preset, [*self.hints, see])

    def _same_model(self, name: str, other: str) -> bool:
        return self.registry.matching("model", name) == self.registry.matching("model", other)

    def _lay_preset(self, start: str, documents: Sequence[Document]) -> UserError | None:
        """Lay the preset and all that it extends; the error is that of an unknown model."""
        chosen, origin = self.preset, "--preset"
        for document in documents:
            if self.preset is None and document.preset is not None:
                chosen, origin = document.preset, document.label
            if document.complete and self.preset is not None:
                what = f"cannot go under {document.label}, which is complete"
                self._problem(("preset",), what, origin)
            if document.complete and document is not documents[0]:
                self._problem(("complete",), "only the first file can be complete", document.label)
        try:
            offer = self.registry.find("model", start)
        except UserError as error:
            self._blame(("model", "name"), error, COMMAND if self.model else "")
            return error
        self.preset = chosen if chosen is not None else offer.spec.default_preset
        if not any(document.complete for document in documents):
            try:
                self._lay_lineage(start, offer, self.preset)
            except UserError as error:
                self._blame(("preset",), error, origin if chosen is not None else "")
                # What else is wrong is said by the default preset's light.
                if self.preset != offer.spec.default_preset:
                    with suppress(UserError):
                        self._lay_lineage(start, offer, offer.spec.default_preset)
        if self.model is not None:
            self.layers.add({"model": {"name": self.model}}, COMMAND)
        return None

    def _lay_lineage(self, start: str, offer: Offer[ModelSpec], preset: str) -> None:
        for owner, each in self.registry.lineage(offer, preset):
            own = owner == offer
            origin = f"preset {each.name}" if own else f"preset {owner.name}/{each.name}"
            self.layers.add({"model": {"name": start if own else owner.name}}, origin)
            self.layers.add(each.table, origin)

    def _build(self) -> Settings | None:
        """Find the parts, convert all tables; None if anything at all is wrong."""
        table = self.layers.table
        if table.get("prior") == NONE:
            del table["prior"]
        model, prior = self._part("model"), self._part("prior")
        losses = {name: self._find("loss", name, ("loss", name)) for name in self._keys("loss")}
        converter = Converter(self.layers, self._known(model, prior, losses))
        converter.reject((), {key: item for key, item in table.items() if key not in _TABLES})
        built_model = self._convert(converter, "model", model)
        built_prior = self._convert(converter, "prior", prior)
        built_losses = [self._convert_loss(converter, found) for found in losses.values() if found]
        own, sources = self._data_tables()
        data = converter.convert(DataSettings, own, ("data",))
        for name in [name for name, source in sources.items() if not source.get("name")]:
            what = "has no value and needs one: a further source of images has a name"
            converter.add(("data", name, "name"), what)
        further = {
            name: converter.convert(DataSettings, source, ("data", name))
            for name, source in sources.items()
        }
        train = converter.convert(TrainSettings, table.get("train", {}), ("train",))
        optim = {
            phase: converter.convert(OptimSettings, table["optim"][phase], ("optim", phase))
            for phase in self._keys("optim")
        }
        self.problems += converter.problems
        if self.problems:
            return None
        assert built_model is not None
        parts = {loss.name: loss for loss in built_losses if loss is not None}
        return Settings(
            model=built_model,
            preset=self.preset or "",
            prior=built_prior,
            losses={name: loss for name, loss in parts.items() if not loss.is_muted},
            muted={name: loss for name, loss in parts.items() if loss.is_muted},
            data=data,
            train=train,
            optim=optim,
            further=further,
            origins={dotted(leaf): self.layers.origin(leaf) for leaf in leaves(table)},
        )

    def _data_tables(self) -> tuple[Any, dict[str, Any]]:
        """The table of the data itself, and the further sources that stand in it as tables."""
        table = self.layers.table.get("data", {})
        if not isinstance(table, dict):
            return table, {}
        self._forget("data", _OF_ONE_DATA_SET)
        known = fields_of(DataSettings)
        sources = {
            name: source
            for name, source in table.items()
            if isinstance(source, dict) and name not in known
        }
        return {key: item for key, item in table.items() if key not in sources}, sources

    def _keys(self, section: str) -> list[str]:
        """The free keys of a table of tables."""
        table = self.layers.table.get(section, {})
        if isinstance(table, dict):
            return list(table)
        self._problem((section,), f"should be a table, not {spell(table)}")
        return []

    def _part(self, kind: Literal["model", "prior"]) -> _Found | None:
        table = self.layers.table.get(kind)
        if table is None:
            return None
        path = (kind, "name")
        if not isinstance(table, dict):
            self._problem((kind,), f"should be a table, not {spell(table)}")
        elif not isinstance(table.get("name"), str):
            names = ", ".join(sorted({offer.name for offer in self.registry.all(kind)}))
            origin = self.layers.origin((kind,))
            self._problem(path, f"should be the name of a {kind}: {names}", origin)
        elif not any(problem.key == dotted(path) for problem in self.problems):
            return self._find(kind, table["name"], path)
        return None

    def _find(self, kind: Kind, name: str, path: Path) -> _Found | None:
        try:
            offer = self.registry.find(kind, name)
            factory = self.registry.load(offer)
            taken = set(fields_of(factory.Config)) & _taken(kind)
        except UserError as error:
            self._blame(path, error)
            return None
        if taken:
            self._problem(path, f"{name} has a setting {taken.pop()!r}, which is the host's own")
            return None
        return _Found(name, offer, factory)

    def _known(
        self, model: _Found | None, prior: _Found | None, losses: Mapping[str, _Found | None]
    ) -> list[Path]:
        """Every dotted key that there is, in parts."""
        known: list[Path] = [("model", "name"), ("prior", "name")]
        known += paths_of(model.factory.Config, ("model",)) if model else []
        known += paths_of(prior.factory.Config, ("prior",)) if prior else []
        for name, found in losses.items():
            known += paths_of(WeightSettings, ("loss", name))
            known += paths_of(found.factory.Config, ("loss", name)) if found else []
        known += paths_of(DataSettings, ("data",)) + paths_of(TrainSettings, ("train",))
        for name in self._data_tables()[1]:
            known += paths_of(DataSettings, ("data", name))
        for phase in self._keys("optim"):
            known += paths_of(OptimSettings, ("optim", phase))
        return known

    def _convert(self, converter: Converter, kind: str, found: _Found | None) -> Part | None:
        if found is None:
            return None
        table = self.layers.table[kind]
        self._forget(kind, set(table) - set(fields_of(found.factory.Config)) - {"name"})
        own = {key: item for key, item in table.items() if key != "name"}
        config = converter.convert(found.factory.Config, own, (kind,))
        if config is None:
            return None
        return Part(found.name, found.offer.qualified, found.offer.package, found.factory, config)

    def _forget(self, kind: str, keys: set[str]) -> None:
        """Drop what a layer below meant for another prior, model or data set by that name."""
        changed = self.layers.renamed.get(kind, 0)
        table = self.layers.table.get(kind, {})
        for key in keys & set(table):
            source = self.layers.source((kind, key))
            if source is not None and source.index < changed:
                del table[key]

    def _convert_loss(self, converter: Converter, found: _Found) -> LossPart | None:
        path = ("loss", found.name)
        table = self.layers.table["loss"][found.name]
        if not isinstance(table, dict):
            converter.add(path, f"should be a table, not {spell(table)}")
            return None
        hosts = {key: item for key, item in table.items() if key in _taken("loss")}
        own = {key: item for key, item in table.items() if key not in hosts}
        weight = converter.convert(WeightSettings, hosts, path)
        config = converter.convert(found.factory.Config, own, path)
        if weight is None or config is None:
            return None
        offer = found.offer
        return LossPart(found.name, offer.qualified, offer.package, found.factory, config, weight)

    def _blame(self, path: Path, error: UserError, origin: str = "") -> None:
        message, _, near = error.what.partition("; did")
        self._problem(path, message, origin, f"did{near}".replace("'", "") if near else "")
        if error.hint is not None:
            self.hints.append(error.hint)

    def _problem(self, path: Path, message: str, origin: str = "", near: str = "") -> None:
        problem = Problem(dotted(path), message, near, origin or self.layers.origin(path))
        if problem not in self.problems:
            self.problems.append(problem)


def _taken(kind: Kind) -> set[str]:
    """The keys of a part's table that the host reads itself."""
    return set(fields_of(WeightSettings)) if kind == "loss" else {"name"}
