"""The turn: every due phase takes one backward and optimiser step. It knows no model, no loss."""

from __future__ import annotations

import math
import random
from copy import deepcopy
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate.utils import gather_object
from torch import Tensor, nn

from ganzoo.data import Data, Feed, Streamed, normalise
from ganzoo.distributed import synchronise_batchnorm, unreached
from ganzoo.draw import Draw, mix

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelerate import Accelerator

    from ganzoo.assembly import Assembly
    from ganzoo.model import Batch, Phase
    from ganzoo.schema import TrainSettings


class Trainer:
    """The state of a training on one rank: networks, optimisers, averages, and its turn."""

    def __init__(
        self,
        assembly: Assembly,
        images: Data | Streamed,
        train: TrainSettings,
        accelerator: Accelerator,
        further: Mapping[str, Data | Streamed] | None = None,
    ) -> None:
        self.assembly = assembly
        self.accelerator = accelerator
        self.train = train
        self.step = 0
        self.rollbacks = 0
        """How often this training went back to a checkpoint; each time lowers all rates."""
        self._feed = Feed(images, further or {}, train.seed, accelerator.device)
        self._share = train.batch_size // accelerator.num_processes
        self._batches_a_turn = 1 + sum(
            phase.repeats - 1 for phase in assembly.phases if phase.fresh
        )
        self.averages = {
            name: deepcopy(assembly.networks[name]).to(accelerator.device).requires_grad_(False)  # noqa: FBT003
            for name in (assembly.model.averaged if train.ema_decay else ())
            if name in assembly.networks
        }
        self.nets = {name: self._prepare(network) for name, network in assembly.networks.items()}
        self._trainable = {
            name: [parameter for parameter in net.parameters() if parameter.requires_grad]
            for name, net in self.nets.items()
        }
        self.optimisers = self._make_optimisers()
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        # What is infinite from the start, such as a mask, is meant to be.
        self._finite_buffers = {
            name for name, buffer in self._buffers().items() if bool(buffer.isfinite().all())
        }
        self._rehearsing = False
        if accelerator.num_processes > 2:
            self._rehearse()

    def _prepare(self, network: nn.Module) -> nn.Module:
        if self.train.sync_batchnorm and self.accelerator.num_processes > 1:
            network = synchronise_batchnorm(network, self.accelerator.device)
        if not any(parameter.requires_grad for parameter in network.parameters()):
            # DDP refuses a network that has nothing to train.
            return network.to(self.accelerator.device)
        prepared: nn.Module = self.accelerator.prepare(network)
        return prepared

    def _make_optimisers(self) -> dict[tuple[str, ...], torch.optim.AdamW]:
        optimisers: dict[tuple[str, ...], torch.optim.AdamW] = {}
        for phase in self.assembly.phases:
            if phase.trains in optimisers:
                continue
            settings = self.assembly.optim[phase.name]
            parameters = [parameter for name in phase.trains for parameter in self._trainable[name]]
            optimisers[phase.trains] = torch.optim.AdamW(
                parameters,
                lr=settings.lr,
                betas=settings.betas,
                eps=settings.eps,
                weight_decay=settings.weight_decay,
                fused=self.accelerator.device.type in ("cpu", "cuda"),
            )
        return optimisers

    def turn(self) -> None:
        """One turn. Never waits for the device."""
        for _ in self.parts():
            pass

    def parts(self) -> Iterator[str]:
        """One turn, part by part; the name of each part comes once it has been asked for.

        The parts are ``batch``, ``share``, every step of a phase by the name of the phase, and
        ``average``. A turn that is left before its last part is only half taken.
        """
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        self._reseed(rank)
        draw = Draw(
            self.train.seed,
            self.step,
            rank,
            world,
            self._share,
            self.accelerator.device,
            self.assembly.prior,
        )
        first = self._batch(0)
        yield "batch"
        self._unfreeze(self.nets)
        shared = self.assembly.model.share(self.nets, first, draw.within("share"))
        yield "share"
        extra_batches = 0
        for phase in self.assembly.phases:
            if self.step % phase.every:
                continue
            for repeat in range(phase.repeats):
                batch, place = first, 0
                if repeat and phase.fresh:
                    extra_batches += 1
                    batch, place = self._batch(extra_batches), repeat
                    yield "batch"
                self._take(phase, batch, draw.within(phase.name, place), shared)
                yield phase.name
        self._average()
        self.step += 1
        yield "average"

    def _rehearse(self) -> None:
        """Take a turn in which everything is due, and take it back.

        DDP lays gradients out for good in the order in which they came in its first backward, and
        the layout decides how sums over three processes or more are rounded: a run that continues
        must come to the same one as a run that begins.
        """
        state, rank_state = deepcopy((self.state_dict(), self.rank_state_dict()))
        terms = [term for each in self.assembly.terms.values() for term in each]
        intervals = [phase.every for phase in self.assembly.phases] + [term.every for term in terms]
        every = math.lcm(*intervals)
        ramped = max((term.ramp[1] for term in terms if term.ramp), default=0)
        self.step = every * (ramped // every + 1)
        self._rehearsing = True
        self.turn()
        self._rehearsing = False
        self.load_state_dict(state, rank_state)

    def _take(self, phase: Phase, batch: Batch, draw: Draw, shared: Mapping[str, Any]) -> None:
        due = [(term, term.weight_at(self.step)) for term in self.assembly.terms[phase.name]]
        due = [(term, weight) for term, weight in due if weight]
        if not due:
            return
        self._unfreeze(phase.trains)
        pass_ = phase.forward(self.nets, batch, draw, shared)
        values = []
        for term, weight in due:
            value, report = term.measure(pass_)
            for name, figure in report.items():
                self._note(name, figure)
            self._note(f"loss/{phase.name}/{term.loss}", value.detach())
            values.append(value if weight == 1 else weight * value)
        optimiser = self.optimisers[phase.trains]
        for group in optimiser.param_groups:
            group["lr"] = self.assembly.optim[phase.name].rate_at(self.step) * self._slowing
        self._descend(reduce(add, values), optimiser)

    def _descend(self, loss: Tensor, optimiser: torch.optim.AdamW) -> None:
        idle = self._idle(loss, optimiser)
        if idle:
            loss = loss + 0 * sum(parameter.sum() for parameter in idle)
        # Not by accelerate, which looks for optional packages on the disk in every step.
        scaler = self.accelerator.scaler
        (loss if scaler is None else scaler.scale(loss)).backward()
        for parameter in idle:
            parameter.grad = None
        if scaler is None:
            optimiser.step()
        else:
            scaler.step(optimiser)
            scaler.update()
        optimiser.zero_grad()

    def _idle(self, loss: Tensor, optimiser: torch.optim.AdamW) -> list[nn.Parameter]:
        """Parameters that DDP would wait for in vain: no term that is due in this turn reads them.

        Such is a discriminator's last layer while the adversarial term has no weight yet. In a
        single process they keep still, and they do so here.
        """
        if self.accelerator.num_processes == 1:
            return []
        return unreached(
            loss, [each for group in optimiser.param_groups for each in group["params"]]
        )

    @property
    def _slowing(self) -> float:
        """Factor of all rates after the rollbacks so far."""
        return self.train.rollback_rate**self.rollbacks

    def _batch(self, number: int) -> dict[str, Tensor]:
        """The slice of this rank of batch ``number`` of this turn."""
        size = self.train.batch_size
        turn = 0 if self._rehearsing else self.step  # a stream would have to be read up to there
        position = (turn * self._batches_a_turn + number) * size
        start = self.accelerator.process_index * self._share
        batch = self._feed.batch(position, size, slice(start, start + self._share))
        return normalise(batch, self.assembly.model.image_range)

    def first_batch(self) -> dict[str, Tensor]:
        """Real images of this rank for a preview; training is not disturbed."""
        return self._batch(0)

    def real_images(self, n: int) -> dict[str, Tensor]:
        """A batch of the first ``n`` images (or all there are); of a stream, those of this rank."""
        return normalise(self._feed.first(n), self.assembly.model.image_range)

    @property
    def streams(self) -> bool:
        """Whether images are decoded on the way, by each rank for itself."""
        return self._feed.streams

    def symptoms_of_data(self) -> dict[str, str]:
        """What ranks found wrong with images that are read on the way, by their source.

        Every rank calls it and gets the same; of two that found something the first one speaks.
        """
        if not self.streams:
            return {}
        flaws: dict[str, str] = {}
        for found in reversed(gather_object([self._feed.flaws])):
            flaws |= found
        return flaws

    def _unfreeze(self, names: Mapping[str, Any] | tuple[str, ...]) -> None:
        """Let these networks have gradients, and no other."""
        for name, parameters in self._trainable.items():
            for parameter in parameters:
                parameter.requires_grad_(name in names)

    def _reseed(self, rank: int) -> None:
        """Make whatever a network draws for itself a function of (seed, step, rank) too."""
        seed = mix(self.train.seed, self.step, "defaults", rank)
        # torch.manual_seed would go through every kind of device that torch knows.
        torch.default_generator.manual_seed(seed)
        device = self.accelerator.device
        if device.type != "cpu":
            torch.get_device_module(device).manual_seed(seed)
        random.seed(seed)
        # The global generator is what a plugin may use unknowingly.
        np.random.seed(seed % 2**32)

    @torch.no_grad()
    def _average(self) -> None:
        for name, average in self.averages.items():
            live = self.accelerator.unwrap_model(self.nets[name])
            torch._foreach_lerp_(
                list(average.parameters()), list(live.parameters()), 1 - self.train.ema_decay
            )
            for kept, buffer in zip(average.buffers(), live.buffers(), strict=True):
                kept.copy_(buffer)

    def _note(self, key: str, figure: Tensor) -> None:
        figure = figure.float()
        self._sums[key] = self._sums[key] + figure if key in self._sums else figure
        self._counts[key] = self._counts.get(key, 0) + 1

    def collect(self) -> dict[str, float]:
        """The mean of every figure since the last call, over all ranks. Waits for the device."""
        keys = sorted(self._sums)
        if not keys:
            return {}
        means = torch.stack([self._sums[key] / self._counts[key] for key in keys])
        means = self.accelerator.reduce(means, reduction="mean")
        self._sums, self._counts = {}, {}
        return dict(zip(keys, means.tolist(), strict=True))

    def tensors(self) -> dict[str, Tensor]:
        """All that has to be finite, by name, the same names on every rank.

        Sums of figures come first (``loss/critic/adversarial``), then parameters, running
        statistics (``q.head.weight``), their averages, and the optimisers' moments.
        """
        found = {key: self._sums[key] for key in sorted(self._sums)}
        names: dict[Tensor, str] = {}
        for network, net in self.networks().items():
            for name, parameter in net.named_parameters():
                found[f"{network}.{name}"] = parameter
                names[parameter] = f"{network}.{name}"
        found |= {
            name: buffer for name, buffer in self._buffers().items() if name in self._finite_buffers
        }
        for network, average in self.averages.items():
            for name, parameter in average.named_parameters():
                found[f"average of {network}.{name}"] = parameter
        for optimiser in self.optimisers.values():
            for moved, state in optimiser.state.items():
                for moment in ("exp_avg", "exp_avg_sq"):
                    found[f"{moment} of {names[moved]}"] = state[moment]
        return found

    def _buffers(self) -> dict[str, Tensor]:
        return {
            f"{network}.{name}": buffer
            for network, net in self.networks().items()
            for name, buffer in net.named_buffers()
            if buffer.is_floating_point()
        }

    def networks(self) -> dict[str, nn.Module]:
        """The networks without their wrappers; each still computes in the training's precision."""
        return {name: self.accelerator.unwrap_model(net) for name, net in self.nets.items()}

    def state_dict(self) -> dict[str, Any]:
        """All state that is the same on every rank, and the parts' state as this rank has it."""
        return {
            "step": self.step,
            "rollbacks": self.rollbacks,
            "networks": {name: net.state_dict() for name, net in self.networks().items()},
            "averages": {name: net.state_dict() for name, net in self.averages.items()},
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers.values()],
            "parts": self._state_of_parts(),
            "scaler": self.accelerator.scaler.state_dict() if self.accelerator.scaler else {},
        }

    def rank_state_dict(self) -> dict[str, Any]:
        """Each rank's own state: running statistics, parts, and the figures of the open window."""
        return {
            "buffers": {name: dict(net.named_buffers()) for name, net in self.networks().items()},
            "parts": self._state_of_parts(),
            "sums": self._sums,
            "counts": self._counts,
        }

    def load_state_dict(self, state: dict[str, Any], rank_state: dict[str, Any] | None) -> None:
        """Take back both; without a rank's own state (other world size) the shared one must do."""
        for name, net in self.networks().items():
            net.load_state_dict(state["networks"][name])
        for name, average in self.averages.items():
            average.load_state_dict(state["averages"][name])
        for optimiser, saved in zip(self.optimisers.values(), state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        # A part may keep what only this rank has seen; checkpoints of earlier versions lack it.
        parts = (rank_state or {}).get("parts", state["parts"])
        for name, part in self._stateful_parts().items():
            part.load_state_dict(parts[name])
        # A run that was in another precision so far has no scale to go on with.
        if self.accelerator.scaler and state["scaler"]:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        if rank_state is not None:
            for name, net in self.networks().items():
                for key, buffer in net.named_buffers():
                    buffer.copy_(rank_state["buffers"][name][key])
            device = self.accelerator.device
            self._sums = {name: figure.to(device) for name, figure in rank_state["sums"].items()}
            self._counts = rank_state["counts"]
        else:
            self._sums, self._counts = {}, {}
        self.step = state["step"]
        self.rollbacks = state.get("rollbacks", 0)  # absent in checkpoints of earlier versions

    def _state_of_parts(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self._stateful_parts().items()}

    def _stateful_parts(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"model": self.assembly.model}
        parts |= {f"loss.{name}": loss for name, loss in self.assembly.losses.items()}
        # A learnable prior is one of the networks; another may offer the two methods, as a model
        # does.
        if hasattr(self.assembly.prior, "state_dict") and not isinstance(
            self.assembly.prior, nn.Module
        ):
            parts["prior"] = self.assembly.prior
        return parts
