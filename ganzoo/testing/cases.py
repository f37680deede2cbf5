"""What the checks are run on: each thing that a plugin offers, made ready on tiny data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from ganzoo.assembly import assemble
from ganzoo.data import Rendered
from ganzoo.loaded import Loaded, Split
from ganzoo.model import Context
from ganzoo.plugins import CONTAINED, one_line
from ganzoo.registry import INTERFACES
from ganzoo.settings import Assignment, Settings, resolve
from ganzoo.testing.bench import BATCH, CPU, Bench, data_for
from ganzoo.testing.tiny import COUNT, TinySource, data_info
from ganzoo.testing.verdicts import NotChecked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ganzoo.hookspecs import DatasetSpec, ModelSpec
    from ganzoo.latents import Prior
    from ganzoo.plugins import Plugin
    from ganzoo.registry import Kind, Offer, Registry
    from ganzoo.schema import DataSettings

LARGE = 5_000_000
"""Parameters beyond which a check is slow."""

_SMALL = {
    "model.generator_dense": "[16]",
    "model.generator_channels": "[16, 8]",
    "model.discriminator_channels": "[8, 16]",
    "model.discriminator_dense": "[16]",
}
STAND_INS: Mapping[str, Mapping[str, str]] = {
    "dcgan": _SMALL,
    "infogan": {**_SMALL, "model.reader_width": "8"},
}
"""Models that a loss, prior or metric is tried on where its own plugin has none for it."""


@dataclass(frozen=True)
class PluginCase:
    """The plugin itself."""

    registry: Registry
    plugin: Plugin

    @property
    def label(self) -> str:
        """The name of the plugin."""
        return self.plugin.name

    def offers(self, *kinds: Kind) -> Iterator[Offer[Any]]:
        """What the plugin offers of these kinds."""
        for kind in kinds:
            for offer in self.registry.all(kind):
                if (offer.package, offer.plugin) == (self.plugin.distribution, self.plugin.name):
                    yield offer


@dataclass(frozen=True)
class OfferCase:
    """One spec that the plugin yields."""

    registry: Registry
    offer: Offer[Any]

    @property
    def label(self) -> str:
        """Kind and name, as in ``loss.adversarial``."""
        return f"{self.offer.kind}.{self.offer.name}"

    @property
    def has_config(self) -> bool:
        """True if it has settings of its own."""
        return self.offer.kind in INTERFACES


@dataclass(frozen=True)
class ModelCase:
    """A model with one preset, and settings laid over it."""

    registry: Registry
    offer: Offer[ModelSpec]
    preset: str
    files: tuple[Path, ...] = ()
    """TOML files over the preset."""
    changes: tuple[tuple[str, str], ...] = ()
    """Settings over the files, by their dotted keys."""

    @property
    def label(self) -> str:
        """``model/preset``."""
        return f"{self.offer.name}/{self.preset}"

    @cached_property
    def settings(self) -> Settings:
        """The preset, for batches of 8 in fp32."""
        assignments = [Assignment(key, text, "the check") for key, text in self.changes]
        settings = resolve(
            self.registry,
            self.offer.qualified,
            preset=self.preset,
            files=self.files,
            assignments=assignments,
        )
        train = replace(settings.train, batch_size=BATCH, seed=0, precision="fp32")
        return replace(settings, train=train)

    @cached_property
    def parameters(self) -> int:
        """Parameters of all networks, counted without memory for them; 0 if nothing can be built.

        A model whose constructor reads its own weights cannot be built so.
        """
        try:
            with torch.device("meta"):
                assembly = assemble(self.settings, data_for(self.settings))
        except CONTAINED:
            return 0
        return sum(assembly.parameter_counts().values())

    @property
    def is_slow(self) -> bool:
        """True if one turn takes long."""
        return self.parameters > LARGE

    def bench(self, *, share_fakes: bool | None = None) -> Bench:
        """Fresh networks; :class:`NotChecked` where the preset does not build."""
        try:
            settings = self.settings
            if share_fakes is not None:
                train = replace(settings.train, share_fakes=share_fakes)
                settings = replace(settings, train=train)
            return Bench(settings)
        except CONTAINED as error:
            raise NotChecked(
                f"{self.label} does not build: see check_preset[{self.label}]"
            ) from error

    def with_setting(self, key: str, text: str) -> ModelCase:
        """The case with one more setting, as ``--set key=text`` gives it."""
        return replace(self, changes=(*self.changes, (key, text)))


def stand_ins(registry: Registry) -> list[ModelCase]:
    """The models of :data:`STAND_INS` that are installed."""
    cases = []
    for name, changes in STAND_INS.items():
        for offer in registry.matching("model", name)[:1]:
            preset = offer.spec.default_preset
            cases.append(ModelCase(registry, offer, preset, changes=tuple(changes.items())))
    return cases


@dataclass(frozen=True)
class LossCase:
    """A loss, on the first model at hand that it fits."""

    registry: Registry
    offer: Offer[Any]
    own: tuple[ModelCase, ...]
    """The models of the plugin, the smallest first."""

    @property
    def label(self) -> str:
        """The name of the loss."""
        return self.offer.name

    @cached_property
    def _found(self) -> tuple[ModelCase | None, list[str]]:
        refusals: list[str] = []
        for host in self._candidates():
            try:
                bench = Bench(host.settings)
                if self.offer.name in bench.assembly.losses:
                    return host, []
                refusals.append(f"{host.label}: its weight is 0")
            except CONTAINED as error:
                refusals.append(f"{host.label}: {' '.join(str(error).split())}")
        return None, refusals

    @property
    def host(self) -> ModelCase:
        """The model that the loss is checked on; :class:`NotChecked` if there is none."""
        host, _ = self._found
        if host is None:
            raise NotChecked(f"no model at hand: see check_loss_fits_a_model[{self.label}]")
        return host

    @property
    def is_visiting(self) -> bool:
        """Whether it is checked on a model that no preset of its plugin puts it on."""
        return not _names_loss(self.host, self.offer.qualified) or bool(self.host.changes)

    @property
    def refusals(self) -> list[str]:
        """Why each model at hand does not fit, if none does."""
        return self._found[1]

    @property
    def is_slow(self) -> bool:
        """True if the model that it fits is large."""
        host, _ = self._found
        return host is not None and host.is_slow

    def _candidates(self) -> Iterator[ModelCase]:
        """Own presets that name the loss, then own models and stand-ins with it added."""
        named = [case for case in self.own if _names_loss(case, self.offer.qualified)]
        yield from named
        for case in (*self.own, *stand_ins(self.registry)):
            if case not in named:
                yield case.with_setting(f"loss.{self.offer.name}.weight", "1")


def _names_loss(case: ModelCase, qualified: str) -> bool:
    try:
        losses = case.settings.losses.values()
    except CONTAINED:
        return False
    return any(loss.qualified == qualified for loss in losses)


@dataclass(frozen=True)
class PriorCase:
    """A prior as the smallest own preset sets it, or by its defaults."""

    registry: Registry
    offer: Offer[Any]
    own: tuple[ModelCase, ...]

    @property
    def label(self) -> str:
        """The name of the prior."""
        return self.offer.name

    @cached_property
    def host(self) -> ModelCase | None:
        """The smallest own preset with this prior."""
        return next((case for case in self.own if _uses_prior(case, self.offer.qualified)), None)

    def prior(self) -> Prior:
        """The prior; :class:`NotChecked` where it cannot be built."""
        if self.host is not None:
            prior = self.host.bench().assembly.prior
            assert prior is not None, "the host was chosen for its prior"
            return prior
        try:
            factory = self.registry.load(self.offer)
            built: Prior = factory(factory.Config(), Context(data_info()))
        except CONTAINED as error:
            raise NotChecked(f"cannot be built with its defaults: {one_line(error)}") from error
        return built


def _uses_prior(case: ModelCase, qualified: str) -> bool:
    try:
        prior = case.settings.prior
    except CONTAINED:
        return False
    return prior is not None and prior.qualified == qualified


@dataclass(frozen=True)
class DatasetCase:
    """One split of a data set."""

    registry: Registry
    offer: Offer[DatasetSpec]
    split: str

    @property
    def label(self) -> str:
        """``data set/split``."""
        return f"{self.offer.name}/{self.split}"


class TinyLoaded(Loaded):
    """An untrained model, ready for use, whose splits are tiny."""

    def __init__(self, case: ModelCase) -> None:
        bench = case.bench()
        assembly = bench.assembly
        super().__init__(
            assembly.model,
            assembly.networks,
            assembly.prior,
            bench.settings,
            case.registry,
            step=0,
            ema=False,
            data=assembly.data,
            device=CPU,
        )

    def _open(self, name: str, settings: DataSettings) -> Split:
        return Split(name, Rendered(TinySource(self.data), COUNT, "tiny"))


@dataclass(frozen=True)
class MetricCase:
    """A metric, on an untrained model of each kind at hand."""

    registry: Registry
    offer: Offer[Any]
    own: tuple[ModelCase, ...]

    @property
    def label(self) -> str:
        """The name of the metric."""
        return self.offer.name

    def hosts(self) -> Sequence[ModelCase]:
        """The smallest preset of each own model, and the stand-ins."""
        smallest = {case.offer.name: case for case in reversed(self.own)}
        return [*smallest.values(), *stand_ins(self.registry)]
