"""DCGAN: Radford et al. 2015, with the layer widths as settings."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge
from torch import nn

from ganzoo.errors import UserError
from ganzoo.model import Adversarial, Context
from ganzoo.schema import Positive, setting
from ganzoo_dcgan.networks import Discriminator, Generator, Init, Norm, initialise

Widths = tuple[Positive, ...]
Ranges = {"unit": (0.0, 1.0), "symmetric": (-1.0, 1.0)}


class DCGAN(Adversarial):
    """A convolutional generator against a convolutional discriminator.

    Images are square with a side that ``2 ** len(channels)`` divides.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings of the model."""

        generator_dense: Widths = setting((), "widths of the generator's dense layers")
        generator_channels: Widths = setting(
            (), "maps of the generator at each side, the smallest first; empty: chosen by the side"
        )
        discriminator_channels: Widths = setting(
            (), "maps of the discriminator's convolutions; empty: chosen by the side"
        )
        discriminator_dense: Widths = setting((), "widths of the discriminator's dense layers")
        discriminator_norm: Norm = setting("batch", "batch, or none (for a gradient penalty)")
        slope: Annotated[float, Ge(0)] = setting(0.2, "negative slope of the leaky ReLUs")
        images: Literal["unit", "symmetric"] = setting(
            "symmetric", "range of images: unit is [0, 1] by sigmoid, symmetric [-1, 1] by tanh"
        )
        init: Init = setting("dcgan", "initial weights: dcgan, or the InfoGAN authors' openai")
        critic_repeats: Positive = setting(1, "steps of the critic a turn")

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        if context.prior is None:
            raise UserError(
                "this model generates from a prior", hint="Set prior.name, to noise for example."
            )
        self.prior = context.prior
        self.critic_repeats = config.critic_repeats
        self.image_range = Ranges[config.images]
        side = context.data.image_shape[1]
        self.discriminator_channels = config.discriminator_channels or channels_for(side)
        self.generator_channels = config.generator_channels or channels_for(side)[::-1]
        _check_side("generator_channels", self.generator_channels, context)
        _check_side("discriminator_channels", self.discriminator_channels, context)

    def networks(self) -> dict[str, nn.Module]:
        """Generator and discriminator."""
        generator = Generator(
            self.prior.size,
            self.context.data.image_shape,
            dense=self.config.generator_dense,
            channels=self.generator_channels,
            sigmoid=self.config.images == "unit",
        )
        discriminator = Discriminator(
            self.context.data.image_shape,
            channels=self.discriminator_channels,
            dense=self.config.discriminator_dense,
            slope=self.config.slope,
            norm=self.config.discriminator_norm,
        )
        networks = {"generator": generator, "discriminator": discriminator}
        for network in networks.values():
            initialise(network, self.config.init)
        return networks


def channels_for(side: int) -> Widths:
    """Widths that halve ``side`` down to 4 while it is even: 64, doubled each time up to 512."""
    widths: list[int] = []
    while side % 2 == 0 and side // 2 >= 4:
        side //= 2
        widths.append(min(64 * 2 ** len(widths), 512))
    return tuple(widths)


def _check_side(name: str, channels: Widths, context: Context) -> None:
    _, height, width = context.data.image_shape
    step = 2 ** max(len(channels), 2)
    if height != width or height % step or not channels:
        fitting = max(4 * step, height // step * step)
        raise UserError(
            f"images of {height}x{width} do not fit model.{name}: "
            f"its {len(channels)} layers need a square side that {step} divides",
            hint=f"Set data.size to {fitting}, or take --preset images.",
        )
