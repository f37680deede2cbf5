"""A denoising diffusion model: the one phase that trains it, and the loop that samples from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor, nn

from ganzoo import Batch, Context, Draw, Latents, Model, Networks, Pass, Phase, UserError, setting
from ganzoo_diffusion.networks import GROUPS, Denoiser
from ganzoo_diffusion.schedule import Schedule, signal_left


class Diffusion(Model):
    """A ``denoiser`` that finds the noise in an image; sampling begins with nothing but noise."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings of the model."""

        widths: tuple[Annotated[int, Gt(0)], ...] = setting(
            (32, 64, 64), f"maps at each side, halved in between; multiples of {GROUPS}"
        )
        steps: Annotated[int, Gt(1)] = setting(1000, "steps from an image to noise in training")
        schedule: Schedule = setting("cosine", "how noise grows with the step: linear or cosine")
        sampling_steps: Annotated[int, Gt(0)] = setting(
            50, "steps from noise to an image, spread over those of training"
        )
        eta: Annotated[float, Ge(0), Le(1)] = setting(
            1.0, "fresh noise in sampling: 1 is ancestral sampling (DDPM), 0 is none (DDIM)"
        )

        def __post_init__(self) -> None:
            if not self.widths or any(width % GROUPS for width in self.widths):
                raise ValueError(f"widths must be multiples of {GROUPS}, at least one")
            if self.sampling_steps > self.steps:
                raise ValueError("sampling_steps cannot exceed steps")

    averaged = ("denoiser",)

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.shape = context.data.image_shape
        if context.prior is None or context.prior.size != torch.Size(self.shape).numel():
            raise UserError(
                "diffusion needs a prior as large as its images",
                hint="Set prior.name to image_noise.",
            )
        step, side = 2 ** (len(config.widths) - 1), self.shape[1]
        if side % step:
            raise UserError(
                f"images of {side}x{side} do not fit model.widths: "
                f"its {len(config.widths)} sides need one that {step} divides",
                hint=f"Set data.size to {max(1, side // step) * step}.",
            )

    def networks(self) -> dict[str, nn.Module]:
        """The one network."""
        return {"denoiser": Denoiser(self.shape[0], self.config.widths)}

    def phases(self) -> Sequence[Phase]:
        """The one phase."""
        return [Phase("denoise", ("denoiser",), self.denoise)]

    def denoise(self, nets: Networks, batch: Batch, draw: Draw, shared: Mapping[str, Any]) -> Pass:
        """Add noise of a random step to each image and have it found (Ho et al. 2020, algorithm 1).

        ``extra`` has the ``noise`` and what the network ``predicted``.
        """
        image = batch["image"]
        steps = draw.integers(self.config.steps, len(image))
        noise = draw.normal(*image.shape)
        left = self._left(image.device)[steps, None, None, None]
        predicted = nets["denoiser"](left.sqrt() * image + (1 - left).sqrt() * noise, steps)
        return Pass(nets, draw, batch, extra={"noise": noise, "predicted": predicted})

    def generate(
        self, nets: Networks, latents: Latents, generator: torch.Generator | None = None
    ) -> Batch:
        """Take the noise off (Song et al. 2021, eq. 12), with ``generator`` for fresh noise.

        With an ``eta`` of 1 and every step it is algorithm 2 of Ho et al. 2020. The image that each
        step foresees is kept in [-1, 1].
        """
        image = latents.flat.view(-1, *self.shape)
        signal = self._left(image.device)
        places = torch.linspace(self.config.steps - 1, 0, self.config.sampling_steps).round().long()
        for place, following in zip(places.tolist(), [*places[1:].tolist(), None], strict=True):
            left = signal[place]
            after = signal.new_ones(()) if following is None else signal[following]
            steps = torch.full((len(image),), place, device=image.device)
            noise = nets["denoiser"](image, steps).float()
            foreseen = ((image - (1 - left).sqrt() * noise) / left.sqrt()).clamp(-1, 1)
            noise = (image - left.sqrt() * foreseen) / (1 - left).sqrt()
            fresh = self.config.eta * ((1 - after) / (1 - left) * (1 - left / after)).sqrt()
            # Rounding may take what is left for the noise below the 0 that it is.
            kept = (1 - after - fresh.square()).clamp(min=0)
            image = after.sqrt() * foreseen + kept.sqrt() * noise
            if self.config.eta:
                drawn = torch.randn(image.shape, generator=generator, device=image.device)
                image = image + fresh * drawn
        return {"image": image}

    def _left(self, device: torch.device) -> Tensor:
        return signal_left(self.config.schedule, self.config.steps, device)
