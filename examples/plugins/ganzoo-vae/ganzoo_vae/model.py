"""A convolutional VAE: two networks, and the one phase that trains both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from annotated_types import Gt
from torch import Tensor, nn

from ganzoo import Batch, Context, Draw, Latents, Model, Networks, Pass, Phase, UserError, setting
from ganzoo_vae.networks import make_encoder, make_generator
from ganzoo_vae.priors import GaussianPrior

Widths = tuple[Annotated[int, Gt(0)], ...]


class VAE(Model):
    """An ``encoder`` that says where the codes of an image lie, and a ``generator`` back.

    Images are in [0, 1], with a side that every convolution of the encoder can halve.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings of the model; the generator has the encoder's layers in reverse."""

        channels: Widths = setting((32, 64), "maps of the encoder's convolutions, stride 2 each")
        dense: Widths = setting((256,), "widths of the encoder's dense layers")

        def __post_init__(self) -> None:
            if not self.channels:
                raise ValueError("channels needs at least one entry")

    image_range = (0.0, 1.0)
    averaged = ("encoder", "generator")
    capturable = True

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        if not isinstance(context.prior, GaussianPrior):
            raise UserError(
                "vae measures the divergence from a standard normal prior, and has another",
                hint="Set prior.name to gaussian.",
            )
        self.codes = context.prior.codes
        step, side = 2 ** len(config.channels), context.data.image_shape[1]
        if side % step:
            raise UserError(
                f"images of {side}x{side} do not fit model.channels: "
                f"its {len(config.channels)} layers need a side that {step} divides",
                hint=f"Set data.size to {max(1, side // step) * step}.",
            )

    def networks(self) -> dict[str, nn.Module]:
        """Both networks."""
        layers = self.context.data.image_shape, self.config.channels, self.config.dense
        return {
            "encoder": make_encoder(*layers, outputs=2 * len(self.codes)),
            "generator": make_generator(*layers, inputs=len(self.codes)),
        }

    def phases(self) -> Sequence[Phase]:
        """One phase, in which both networks learn."""
        return [Phase("elbo", ("encoder", "generator"), self.reconstruct)]

    def reconstruct(
        self, nets: Networks, batch: Batch, draw: Draw, shared: Mapping[str, Any]
    ) -> Pass:
        """Encode, draw latents around the means, and decode.

        ``extra`` has ``mean`` and ``log_variance``, (n, codes), and the ``logits`` of the images.
        """
        mean, log_variance = nets["encoder"](batch["image"]).chunk(2, dim=1)
        latents = mean + (log_variance / 2).exp() * draw.normal(*mean.shape)
        logits = nets["generator"](latents)
        extra = {"mean": mean, "log_variance": log_variance, "logits": logits}
        return Pass(nets, draw, batch, extra=extra)

    def generate(
        self, nets: Networks, latents: Latents, generator: torch.Generator | None = None
    ) -> Batch:
        """The mean image of each latent, (n, C, H, W) in [0, 1]."""
        return {"image": nets["generator"](latents.flat).sigmoid()}

    def read(self, nets: Networks, batch: Batch) -> dict[str, Tensor]:
        """Mean and log-variance of each code, (n, 2)."""
        both = torch.stack(nets["encoder"](batch["image"]).chunk(2, dim=1), dim=2)
        return dict(zip(self.codes, both.unbind(1), strict=True))

    def encode(self, nets: Networks, batch: Batch) -> dict[str, Tensor]:
        """The mean of each code, (n,)."""
        return {name: self.codes[name].read(out) for name, out in self.read(nets, batch).items()}
