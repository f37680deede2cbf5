"""A model on a bench: tiny data, one process on the CPU, and one phase at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from ganzoo.assembly import Assembly, assemble
from ganzoo.bits import same_bits
from ganzoo.data import Feed, normalise
from ganzoo.draw import Draw, generator_for
from ganzoo.latents import Latents
from ganzoo.testing.tiny import data_info, tiny_images
from ganzoo.testing.verdicts import ContractError
from ganzoo.training import Trainer

if TYPE_CHECKING:
    from accelerate import Accelerator

    from ganzoo.latents import Prior
    from ganzoo.model import DataInfo, Networks, Pass, Phase
    from ganzoo.settings import Settings

CPU = torch.device("cpu")
NUMBERLESS = torch.device("meta")
"""A device of PyTorch that knows the shapes of tensors, and none of their numbers."""
BATCH = 8


def data_for(settings: Settings) -> DataInfo:
    """Tiny data of the size and channels that the settings ask for."""
    own = data_info(settings.data.size, settings.data.channels)
    channels, side, _ = own.image_shape
    further = {
        name: data_info(source.size or side, source.channels or channels)
        for name, source in settings.further.items()
    }
    return dataclasses.replace(own, further=further)


class LocalAccelerator:
    """What a :class:`Trainer` asks of accelerate, for one process on the CPU.

    Accelerate's own state is one for the whole interpreter and keeps its first precision, which
    would be that of whatever test ran first.
    """

    device = CPU
    process_index = 0
    num_processes = 1
    is_main_process = True
    scaler = None

    def __init__(self, *, bf16: bool = False) -> None:
        self.bf16 = bf16

    def prepare(self, thing: Any) -> Any:
        """Give ``thing`` back; a network then computes in bf16, as accelerate would have it."""
        if self.bf16 and isinstance(thing, nn.Module):
            from accelerate.utils import convert_outputs_to_fp32

            forward = torch.autocast("cpu", torch.bfloat16)(thing.forward)
            thing.forward = convert_outputs_to_fp32(forward)
        return thing

    def unwrap_model(self, network: nn.Module) -> nn.Module:
        """Nothing is wrapped."""
        return network

    def reduce(self, tensor: Tensor, reduction: str) -> Tensor:
        """There is one process."""
        return tensor


class _NumberlessDraw(Draw):
    """What is drawn on the device without numbers, which has no generators either."""

    generator = None  # type: ignore[assignment]


class Bench:
    """An assembly with fresh weights, whose phases can be run one by one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.assembly: Assembly = assemble(settings, data_for(settings))
        self.images = tiny_images(self.assembly.data)
        further = self.assembly.data.further
        self.further = {name: tiny_images(info) for name, info in further.items()}
        self._feed = Feed(self.images, self.further, 0, CPU)
        self._device = CPU
        self.nets = self.assembly.networks
        self.trainable = _trainable(self.nets)

    def lose_numbers(self) -> None:
        """Go on with networks, batches and draws on :data:`NUMBERLESS`: asking for a number fails.

        On a GPU it would make the host wait for the device.
        """
        self._device = NUMBERLESS
        for net in self.nets.values():
            net.to(NUMBERLESS)
        self.trainable = _trainable(self.nets)

    @property
    def phases(self) -> list[Phase]:
        """The phases that have a term; the others are never run."""
        return [phase for phase in self.assembly.phases if self.assembly.terms[phase.name]]

    def trainer(self, *, bf16: bool = False) -> Trainer:
        """A trainer of the assembly, as ``ganzoo run`` uses it."""
        accelerator = cast("Accelerator", LocalAccelerator(bf16=bf16))
        train = self.settings.train
        return Trainer(self.assembly, self.images, train, accelerator, self.further)

    def batch(self, rank: int = 0, world: int = 1) -> dict[str, Tensor]:
        """The slice of a rank of the first batch, in the model's range."""
        share = BATCH // world
        numbers = self._feed.batch(0, BATCH, slice(rank * share, (rank + 1) * share))
        batch = {name: tensor.to(self._device) for name, tensor in numbers.items()}
        return normalise(batch, self.assembly.model.image_range)

    def draw(self, step: int = 0, rank: int = 0, world: int = 1) -> Draw:
        """What one rank may draw from in one turn."""
        kind = Draw if self._device == CPU else _NumberlessDraw
        return kind(0, step, rank, world, BATCH // world, self._device, self.assembly.prior)

    def share(self, nets: Networks | None = None, draw: Draw | None = None) -> Mapping[str, Any]:
        """What the phases of a turn share, computed with every network unfrozen."""
        self.unfreeze(tuple(self.nets))
        draw = draw or self.draw()
        batch = self.batch(draw.rank, draw.world)
        return self.assembly.model.share(nets or self.nets, batch, draw.within("share"))

    def run(
        self,
        phase: Phase,
        nets: Networks | None = None,
        shared: Mapping[str, Any] | None = None,
        draw: Draw | None = None,
    ) -> Pass:
        """The forward pass of one phase, with all but ``phase.trains`` frozen."""
        draw = draw or self.draw()
        if shared is None:
            shared = self.share(nets, draw)
        self.unfreeze(phase.trains)
        batch = self.batch(draw.rank, draw.world)
        return phase.forward(nets or self.nets, batch, draw.within(phase.name), shared)

    def values(self, phase: Phase, pass_: Pass) -> dict[str, Tensor]:
        """The weighted value of each loss in a phase, at its full weight."""
        terms = self.assembly.terms[phase.name]
        return {term.loss: term.weight * term.measure(pass_).value for term in terms}

    def unfreeze(self, names: tuple[str, ...]) -> None:
        """Let these networks have gradients, and no other."""
        for name, parameters in self.trainable.items():
            for parameter in parameters.values():
                parameter.requires_grad_(name in names)


def _trainable(nets: Mapping[str, nn.Module]) -> dict[str, dict[str, nn.Parameter]]:
    """The parameters of each network that want a gradient, by ``network.parameter``."""
    return {
        name: {
            f"{name}.{key}": parameter
            for key, parameter in net.named_parameters()
            if parameter.requires_grad
        }
        for name, net in nets.items()
    }


def tensors_in(thing: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor in nested mappings, sequences and dataclasses, with where it stands."""
    if isinstance(thing, Tensor):
        yield path, thing
    elif isinstance(thing, Mapping):
        for key, item in thing.items():
            yield from tensors_in(item, f"{path}.{key}" if path else str(key))
    elif hasattr(thing, "_asdict"):
        yield from tensors_in(thing._asdict(), path)
    elif isinstance(thing, list | tuple):
        yield from tensors_in(dict(enumerate(thing)), path)
    elif dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        fields = {each.name: getattr(thing, each.name) for each in dataclasses.fields(thing)}
        yield from tensors_in(fields, path)


def tensors_of(pass_: Pass) -> dict[str, Tensor]:
    """What a pass computed, by name; its batch is left out, since it was given."""
    computed = ("latents", "fake", "on_real", "on_fake", "extra")
    return dict(tensors_in({name: getattr(pass_, name) for name in computed}))


def sample(prior: Prior, seed: int = 0) -> Latents:
    """Latents of a batch; :class:`ContractError` where the prior gives something else."""
    latents: object = prior.sample(BATCH, generator=generator_for(CPU, seed), device=CPU)
    if not isinstance(latents, Latents):
        raise ContractError(f"sample() gives a {type(latents).__name__}, not ganzoo.Latents")
    return latents


def unequal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> list[str]:
    """The names under which two sets of tensors differ in a bit."""
    return [
        name
        for name in {**one, **other}
        if name not in one or name not in other or not same_bits(one[name], other[name])
    ]
