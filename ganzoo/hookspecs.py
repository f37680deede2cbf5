"""The hooks that a plugin may implement, and the specs that they yield.

Nothing here imports torch, nor may a module that implements these hooks: a spec carries the *import
string* of what it offers, and the string is resolved by the first command that needs the thing
itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click

    from ganzoo.reporting import Observer
    from ganzoo.run import Run

PROJECT = "ganzoo"
API_VERSION = 1
"""What a plugin module's ``ganzoo_api`` must equal; it moves when a hook or an interface breaks."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True)
class Spec:
    """One thing that a plugin offers: its name, where it is, and one line on what it is.

    ``load`` is the import string, ``"module:attribute"``.
    """

    name: str
    load: str
    summary: str


@dataclass(frozen=True)
class ModelSpec(Spec):
    """A :class:`ganzoo.Model` subclass, with the package that holds its presets (``*.toml``)."""

    presets: str = ""
    default_preset: str = "default"


@dataclass(frozen=True)
class LossSpec(Spec):
    """A :class:`ganzoo.Loss` subclass."""


@dataclass(frozen=True)
class PriorSpec(Spec):
    """A :class:`ganzoo.Prior` subclass."""


@dataclass(frozen=True)
class DatasetSpec(Spec):
    """A callable ``(split: str) -> datasets.Dataset | ganzoo.data.ImageSource``, and its splits.

    ``splits`` names the splits that it knows, the training split first; one without any only says,
    by a UserError, where its images are to be had. ``licence`` is the licence of the data.
    """

    splits: tuple[str, ...] = ("train", "test")
    licence: str = ""


@dataclass(frozen=True)
class MetricSpec(Spec):
    """A callable ``(loaded: ganzoo.Loaded, budget: int) -> Mapping[str, ganzoo.metrics.Score]``.

    ``budget`` is the largest number of images that the metric may score, generated or of any one
    split. A metric that does not apply to the model or its data raises
    :class:`ganzoo.metrics.NotApplicable` with the reason.
    """

    at_end_of_run: bool = False
    """Also computed when a run ends, not only by ``ganzoo eval``: so it must take seconds."""
    on_request: bool = False
    """Only computed by ``ganzoo eval --metric NAME``: for one that takes long and few ask for."""

    def __post_init__(self) -> None:
        if self.at_end_of_run and self.on_request:
            raise ValueError(f"metric {self.name}: at_end_of_run and on_request exclude each other")


class Hooks:
    """Every hook. All are called without an instance and return (or yield) an iterable."""

    @hookspec
    def ganzoo_models(self) -> Iterable[ModelSpec]:  # type: ignore[empty-body]
        """Yield the models on offer; called when a command first looks up a model.

        ::

            @hookimpl
            def ganzoo_models():
                yield ModelSpec(
                    "vae",
                    "my_vae.model:VAE",
                    "A variational autoencoder",
                    presets="my_vae.presets",
                )
        """

    @hookspec
    def ganzoo_losses(self) -> Iterable[LossSpec]:  # type: ignore[empty-body]
        """Yield the losses on offer, regularisers too; called when a command first looks up a loss.

        ::

            @hookimpl
            def ganzoo_losses():
                yield LossSpec(
                    "gradient_penalty", "my_wgan.losses:GradientPenalty", "WGAN-GP's penalty"
                )
        """

    @hookspec
    def ganzoo_priors(self) -> Iterable[PriorSpec]:  # type: ignore[empty-body]
        """Yield the latent priors on offer; called when a command first looks up a prior.

        ::

            @hookimpl
            def ganzoo_priors():
                yield PriorSpec("mixture", "my_priors:Mixture", "A mixture of Gaussians")
        """

    @hookspec
    def ganzoo_datasets(self) -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
        """Yield the data sets on offer by short name; called when a command first looks one up.

        ::

            @hookimpl
            def ganzoo_datasets():
                yield DatasetSpec("discs", "my_data:discs", "Rendered discs", splits=("train",))
        """

    @hookspec
    def ganzoo_metrics(self) -> Iterable[MetricSpec]:  # type: ignore[empty-body]
        """Yield the metrics that ``ganzoo eval`` computes; called when a run is scored.

        ::

            @hookimpl
            def ganzoo_metrics():
                yield MetricSpec(
                    "sharpness", "my_metrics:sharpness", "Mean gradient magnitude of samples"
                )
        """

    @hookspec
    def ganzoo_commands(self) -> Iterable[click.Command]:  # type: ignore[empty-body]
        """Yield further click commands; called when the command line lists or resolves them.

        ::

            @hookimpl
            def ganzoo_commands():
                yield my_command
        """

    @hookspec
    def ganzoo_observers(self, run: Run) -> Iterable[Observer]:  # type: ignore[empty-body]
        """Yield observers of one training run; called once, on rank 0, before the first turn.

        ::

            @hookimpl
            def ganzoo_observers(run):
                yield MyTracker(run)
        """


def hook_names() -> tuple[str, ...]:
    """The names of all hooks."""
    return tuple(name for name in vars(Hooks) if name.startswith(f"{PROJECT}_"))


def spec_types() -> dict[str, type[Any]]:
    """The spec that each spec-yielding hook yields, by the hook's name."""
    return {
        "ganzoo_models": ModelSpec,
        "ganzoo_losses": LossSpec,
        "ganzoo_priors": PriorSpec,
        "ganzoo_datasets": DatasetSpec,
        "ganzoo_metrics": MetricSpec,
    }
