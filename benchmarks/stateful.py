"""A plugin in one file whose loss keeps all that a continued run could lose.

It has tensors and a number that each rank sees its own of, a network with running statistics and
dropout, and a phase that is not due in every turn. torture.py trains it.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo import Loss, LossSpec, Pass, Phase, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ganzoo import Batch, Draw, Networks

_POOL = 16


@hookimpl
def ganzoo_losses() -> Iterable[LossSpec]:
    """The loss."""
    yield LossSpec("memory", "stateful:Memory", "Fakes shall not look newer than former fakes")


class Memory(Loss):
    """A network tells new fakes from a pool of former ones, and the generator shall not let it.

    The strength of the generator's term follows a running mean of what the network says.
    """

    needs = ("generator",)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._pool = torch.empty(0, *self.context.data.image_shape)
        self._mean = 0.5

    def networks(self) -> dict[str, nn.Module]:
        """The network that looks at fakes."""
        pixels = prod(self.context.data.image_shape)
        hidden = [nn.Linear(pixels, 8), nn.BatchNorm1d(8), nn.LeakyReLU(0.2)]
        return {"judge": nn.Sequential(nn.Flatten(), nn.Dropout(0.2), *hidden, nn.Linear(8, 1))}

    def phases(self) -> Sequence[Phase]:
        """The one in which that network learns: in every second turn."""
        return [Phase("memory", (self.own("judge"),), self.look, every=2)]

    def terms(self) -> Mapping[str, Callable[[Pass], Tensor]]:
        """The network's term, and the generator's."""
        return {"memory": self.tell_apart, "generator": self.blend_in}

    def look(self, nets: Networks, batch: Batch, draw: Draw, shared: Mapping[str, Any]) -> Pass:
        """New fakes and the pool, which is empty in no turn but the first."""
        model = self.context.model
        assert model is not None
        with torch.no_grad():
            new = model.generate(nets, draw.latents())["image"]
        old = self._pool.to(new.device) if len(self._pool) else new
        judge = nets[self.own("judge")]
        return Pass(nets, draw, batch, extra={"new": judge(new), "old": judge(old)})

    def tell_apart(self, pass_: Pass) -> Tensor:
        """Call new what is new."""
        return softplus(-pass_.extra["new"]).mean() + softplus(pass_.extra["old"]).mean()

    def blend_in(self, pass_: Pass) -> Tensor:
        """Make fakes that are taken for former ones, and put some into the pool."""
        assert pass_.fake is not None
        fake = pass_.fake["image"]
        said = pass_.nets[self.own("judge")](fake)
        self._mean = 0.9 * self._mean + 0.1 * said.detach().sigmoid().mean().item()
        self._pool = torch.cat([self._pool, fake.detach()[:4].cpu()])[-_POOL:]
        return self._mean * softplus(said).mean()

    def state_dict(self) -> dict[str, Any]:
        """The pool and the running mean."""
        return {"pool": self._pool, "mean": self._mean}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take both back."""
        self._pool, self._mean = state["pool"], state["mean"]
