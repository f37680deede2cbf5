"""Models: named networks, the phases that train them, and what they can generate or read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganzoo.casts import cast_once

if TYPE_CHECKING:
    from ganzoo.draw import Draw
    from ganzoo.latents import Latents, Prior

Batch = Mapping[str, Tensor]
"""Tensors by name, all with the batch first. Standard keys: ``image`` (N, C, H, W) in the model's
range, and ``label`` (N,) as integers; ``NAME.image`` and ``NAME.label`` of a further source."""

SATURATED = 0.02
"""A critic's loss below which it has won: it gives nearly every image its certain due."""

Networks = Mapping[str, Callable[..., Any]]
"""The networks as a phase sees them: only to be called, as behind DDP they have nothing else."""


@dataclass(frozen=True)
class DataInfo:
    """What a model may know about its data before training."""

    name: str
    image_shape: tuple[int, int, int]
    """(C, H, W)."""
    classes: tuple[str, ...] | None = None
    """Names of the label's classes, or None without labels."""
    count: int = 0
    """Number of training images; 0 where that is not known, as of a stream."""
    further: Mapping[str, DataInfo] = field(default_factory=dict)
    """The further sources of images, by the NAME of their table ``[data.NAME]``."""

    @property
    def amount(self) -> str:
        """The number of training images as a person reads it: ``60,000``, or ``streamed``."""
        return f"{self.count:,}" if self.count else "streamed"


@dataclass(frozen=True)
class Context:
    """What the parts of a run are built for; each sees those built before: prior, model, losses."""

    data: DataInfo
    prior: Prior | None = None
    model: Model | None = None
    phases: tuple[Phase, ...] = ()
    """The phases of the model (for losses)."""
    share_fakes: bool = False
    """``train.share_fakes``: one fake batch for all phases of a turn."""


@dataclass(frozen=True)
class Pass:
    """What the forward pass of one phase computed. Losses read it; nobody writes it."""

    nets: Networks
    draw: Draw
    batch: Batch
    """The real data of this rank."""
    latents: Latents | None = None
    fake: Batch | None = None
    on_real: Mapping[str, Tensor] | None = None
    """What the discriminator says of ``batch``: at least ``logits`` (N,)."""
    on_fake: Mapping[str, Tensor] | None = None
    """What the discriminator says of ``fake``."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """A model's own intermediate results, for its own losses."""


@dataclass(frozen=True)
class Phase:
    """One backward and one optimiser step over whole networks; all others are frozen meanwhile.

    ``forward(nets, batch, draw, shared)`` returns the :class:`Pass` that the losses of the phase
    read. ``repeats`` takes that many steps a turn (n_critic), each with a batch and draws of its
    own if ``fresh``, else all with the same. ``every`` makes the phase due in every n-th turn only.
    Phases with equal ``trains`` share one optimiser. ``rates_of`` names the phase whose settings of
    the optimiser hold for this one, too, but for those that it is given itself.
    """

    name: str
    trains: tuple[str, ...]
    forward: Callable[[Networks, Batch, Draw, Mapping[str, Any]], Pass]
    repeats: int = 1
    fresh: bool = True
    every: int = 1
    rates_of: str | None = None


class Model:
    """A generative model: subclass it, name its networks and phases, and say how it generates."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """No settings."""

    image_range: tuple[float, float] = (-1.0, 1.0)
    """Range of ``image`` in batches and from ``generate``; a constructor may set another."""
    averaged: tuple[str, ...] = ("generator",)
    """Networks of which a moving average is kept where ``train.ema_decay`` asks for one."""
    capturable: bool = False
    """True if a turn never waits for the device and keeps no Python state: it may be captured."""

    def __init__(self, config: Any, context: Context) -> None:
        """Build from the settings and what is known of data and prior; both stay as attributes.

        ``config`` is one of the class's own ``Config``, a frozen dataclass of its settings.
        ``context.prior`` is None where the settings name no prior.
        """
        self.config = config
        self.context = context

    def networks(self) -> dict[str, nn.Module]:
        """New networks by name."""
        raise NotImplementedError

    def phases(self) -> Sequence[Phase]:
        """The phases of a turn, in their order."""
        raise NotImplementedError

    def share(self, nets: Networks, batch: Batch, draw: Draw) -> Mapping[str, Any]:
        """What all phases of a turn share; runs first, with every network unfrozen."""
        return {}

    def generate(
        self, nets: Networks, latents: Latents, generator: torch.Generator | None = None
    ) -> Batch:
        """Images (n, C, H, W) in ``image_range``, as ``image``, from latents."""
        raise NotImplementedError

    def encode(self, nets: Networks, batch: Batch) -> dict[str, Tensor] | None:
        """Codes read from images, by the prior's names; None where the model reads nothing.

        They are (n,) integers for categories, (n,) floats otherwise.
        """
        return None

    def preview(
        self,
        nets: Networks,
        latents: Latents | None,
        batch: Batch,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Images (n, C, H, W) in ``image_range`` to look at, from ``latents`` if there are any."""
        if latents is None:
            raise NotImplementedError(
                f"{type(self).__name__} has no prior, so it needs a preview() of its own"
            )
        return self.generate(nets, latents, generator)["image"]

    def stuck(self, figures: Mapping[str, float]) -> str | None:
        """Why training got nowhere in a window with these mean figures; None if it got somewhere.

        ``figures`` are those of one line of ``metrics.jsonl``. ``train.stuck_after`` ends a run; it
        asks only once every loss has begun to count.
        """
        return None

    def symptoms(self, figures: Mapping[str, float]) -> dict[str, str]:
        """What looks wrong in a window with these mean figures, a sentence each by a short name.

        What lasts is told as a warning; it ends nothing.
        """
        reason = self.stuck(figures)
        return {} if reason is None else {"stuck": reason}

    def state_dict(self) -> dict[str, Any]:
        """State beyond the networks (an image pool, say), as this rank has it; checkpointed.

        Tensors, numbers, texts, lists and dictionaries only.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave."""


class Adversarial(Model):
    """A model with the usual phases, ``critic`` and ``generator``, over networks of these roles.

    Subclasses give networks ``generator`` (``Latents.flat`` -> image) and ``discriminator`` (image
    -> mapping with ``logits`` (n,)). ``critic_trains`` and ``generator_trains`` say what each phase
    moves.
    """

    critic_trains: tuple[str, ...] = ("discriminator",)
    generator_trains: tuple[str, ...] = ("generator",)
    critic_repeats: int = 1
    critic_losses: tuple[str, ...] = ("adversarial",)
    """Losses whose critic's term is above 0 until the critic has won."""

    def phases(self) -> Sequence[Phase]:
        """The critic's phase, then the generator's."""
        learnable = ("prior",) if isinstance(self.context.prior, nn.Module) else ()
        return (
            Phase("critic", self.critic_trains, self.criticise, repeats=self.critic_repeats),
            Phase("generator", self.generator_trains + learnable, self.deceive),
        )

    def symptoms(self, figures: Mapping[str, float]) -> dict[str, str]:
        """A model's, and a critic that has won: the generator hardly learns from it any more."""
        found = super().symptoms(figures)
        for loss in self.critic_losses:
            if 0 <= figures.get(f"loss/critic/{loss}", math.inf) < SATURATED:
                found["saturation"] = f"the critic's {loss} loss is below {SATURATED:g}"
        return found

    def judge(self, nets: Networks, batch: Batch) -> Mapping[str, Tensor]:
        """The discriminator's outputs for a batch."""
        outputs: Mapping[str, Tensor] = nets["discriminator"](batch["image"])
        return outputs

    def generate(
        self, nets: Networks, latents: Latents, generator: torch.Generator | None = None
    ) -> Batch:
        """Run the generator on latents."""
        if "prior" in nets:
            latents = nets["prior"](latents)
        return {"image": nets["generator"](latents.flat)}

    def share(self, nets: Networks, batch: Batch, draw: Draw) -> Mapping[str, Any]:
        """One fake batch a turn for both phases under ``train.share_fakes``: one pass less."""
        if not self.context.share_fakes:
            return {}
        latents = self.draw_latents(batch, draw)
        return {"latents": latents, "fake": self.generate(nets, latents)}

    def draw_latents(self, batch: Batch, draw: Draw) -> Latents:
        """Latents for one fake batch; a conditional model may take labels from ``batch``."""
        return draw.latents()

    def criticise(
        self, nets: Networks, batch: Batch, draw: Draw, shared: Mapping[str, Any]
    ) -> Pass:
        """Judge real and fake apart (BatchNorm must not mix them), without a generator's graph."""
        if "fake" in shared:
            latents, fake = (
                shared["latents"],
                {name: part.detach() for name, part in shared["fake"].items()},
            )
        else:
            latents = self.draw_latents(batch, draw)
            with torch.no_grad():
                fake = dict(self.generate(nets, latents))
        with cast_once():
            on_real = self.judge(nets, batch)
            on_fake = self.judge(nets, fake)
        return Pass(nets, draw, batch, latents, fake, on_real, on_fake)

    def deceive(self, nets: Networks, batch: Batch, draw: Draw, shared: Mapping[str, Any]) -> Pass:
        """Judge fakes with the graph through the generator kept."""
        if "fake" in shared:
            latents, fake = shared["latents"], shared["fake"]
        else:
            latents = self.draw_latents(batch, draw)
            fake = self.generate(nets, latents)
        return Pass(nets, draw, batch, latents, fake, None, self.judge(nets, fake))
