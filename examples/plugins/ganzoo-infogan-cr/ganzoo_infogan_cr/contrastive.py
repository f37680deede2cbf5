"""Contrastive regularisation: two images that share one code shall show which one it is."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import Annotated, Any, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganzoo import Batch, Context, Draw, Latents, Loss, Networks, Pass, Phase, UserError, setting
from ganzoo_dcgan.networks import initialise
from ganzoo_infogan_cr.spectral import normalise_spectrally

Norm = Literal["batch", "spectral"]


class Contrastive(Loss):
    """Cross-entropy in nats of which continuous code the two images of a pair have in common.

    Lin et al. 2020, section 3: a network ``reader`` of this loss sees both images and names the
    code, in a phase ``contrast`` of its own; generator and reader want the same. The images of a
    pair also share noise and categories; all other continuous codes are drawn anew. Any model
    serves whose generator draws from a prior with continuous codes.

    The authors switch it on late: a ``ramp`` of one turn does that, and the reader, which does not
    learn before, then starts afresh as theirs does.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings of the loss, beside its weight (alpha in the paper)."""

        channels: tuple[Annotated[int, Gt(0)], ...] = setting(
            (32, 32, 64, 64),
            "maps of the reader's convolutions; only as many as leave the side at 4 or more",
        )
        width: Annotated[int, Gt(0)] = setting(128, "width of the reader's hidden layer")
        norm: Norm = setting(
            "batch",
            "BatchNorm in the reader, or spectral normalisation, which sees bold changes only",
        )

    needs = ("generator",)

    def __init__(self, name: str, config: Config, context: Context) -> None:
        super().__init__(name, config, context)
        codes = context.prior.codes if context.prior is not None else {}
        self.names = [name for name, code in codes.items() if code.trained is not None]
        if len(self.names) < 2:
            raise UserError(
                f"loss.{name} needs at least two continuous codes to tell apart, "
                f"not {len(self.names)}",
                hint="Set one more: --set 'prior.codes.style=uniform(-1, 1)'.",
            )

    def networks(self) -> dict[str, nn.Module]:
        """The reader."""
        shape, config = self.context.data.image_shape, self.config
        reader = pair_reader(
            shape, len(self.names), config.channels, width=config.width, norm=config.norm
        )
        return {"reader": reader}

    def phases(self) -> Sequence[Phase]:
        """The one in which the reader learns."""
        return [Phase("contrast", (self.own("reader"),), self.show)]

    def show(self, nets: Networks, batch: Batch, draw: Draw, shared: Mapping[str, Any]) -> Pass:
        """Pairs for the reader, without the generator's graph."""
        with torch.no_grad():
            pair, common = self.pairs(nets, draw)
        return Pass(nets, draw, batch, extra={"pair": pair, "common": common})

    def terms(self) -> Mapping[str, Callable[[Pass], Tensor]]:
        """The reader's phase, and that of the generator."""
        making = [phase.name for phase in self.context.phases if "generator" in phase.trains]
        return {"contrast": self.read, **dict.fromkeys(making[:1], self.make_readable)}

    def read(self, pass_: Pass) -> Tensor:
        """Name the common code of the pairs that are shown."""
        seen = pass_.nets[self.own("reader")](pass_.extra["pair"])
        return cross_entropy(seen.float(), pass_.extra["common"])

    def make_readable(self, pass_: Pass) -> Tensor:
        """Make pairs whose common code the reader can name."""
        pair, common = self.pairs(pass_.nets, pass_.draw)
        return cross_entropy(pass_.nets[self.own("reader")](pair).float(), common)

    def pairs(self, nets: Networks, draw: Draw) -> tuple[Tensor, Tensor]:
        """Pairs of images on their channels (n, 2C, H, W), and which code they share, (n,)."""
        prior, model = self.context.prior, self.context.model
        assert prior is not None, "there are codes, so there is a prior"
        assert model is not None, "a loss is built for a model"
        common = draw.integers(len(self.names), draw.batch_size)
        one, other = draw.latents(), draw.latents()
        two = one
        for place, name in enumerate(self.names):
            values = torch.where(common == place, one.parts[name], other.parts[name])
            two = prior.replace(two, name, values)
        # In one pass, so that BatchNorm sees both alike.
        parts = {name: torch.cat([part, two.parts[name]]) for name, part in one.parts.items()}
        both = model.generate(nets, Latents(torch.cat([one.flat, two.flat]), parts))["image"]
        return torch.cat(both.chunk(2), dim=1), common


def pair_reader(
    image_shape: tuple[int, int, int],
    codes: int,
    channels: Sequence[int],
    *,
    width: int,
    norm: Norm,
) -> nn.Sequential:
    """Pairs (n, 2C, H, W) to logits (n, codes): 4x4 convolutions that halve the side, then dense.

    ``norm`` goes everywhere but into the last layer. The authors' readers are ``spectral`` for
    sprites and ``batch`` for faces.
    """
    colours, height, side = image_shape
    widths = [2 * colours, *channels[: int(log2(min(height, side))) - 2]]
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.BatchNorm2d(after)]
        layers.append(nn.LeakyReLU(0.2))
        height, side = height // 2, side // 2
    layers += [nn.Flatten(), nn.Linear(widths[-1] * height * side, width), nn.BatchNorm1d(width)]
    layers.append(nn.LeakyReLU(0.2))
    body, head = nn.Sequential(*layers), nn.Linear(width, codes)
    reader = nn.Sequential(body, head)
    initialise(reader, "dcgan")
    if norm == "spectral":
        normalise_spectrally(body)
    return reader
