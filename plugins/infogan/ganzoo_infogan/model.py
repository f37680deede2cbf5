"""InfoGAN: DCGAN with a ``q`` that reads codes from the discriminator, and who trains it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge
from torch import Tensor, nn

from ganzoo.draw import Draw
from ganzoo.errors import UserError
from ganzoo.latents import Code
from ganzoo.model import Batch, Context, Networks, Pass, Phase
from ganzoo.schema import setting
from ganzoo_dcgan.model import DCGAN
from ganzoo_dcgan.networks import initialise
from ganzoo_infogan.networks import CodeReader

LEAST_BOUND = 0.01
"""Nats; below this, the categorical codes of a run are stuck."""


class InfoGAN(DCGAN):
    """DCGAN whose codes can be read back from its images (Chen et al. 2016, eq. 6).

    ``routing`` says who learns to read, and with whose optimiser:

    - ``authors``: discriminator and q in the critic's phase, the generator in its own (the released
      code).
    - ``generator``: q and generator in the generator's phase; the discriminator never sees the
      information term (what most PyTorch versions do).
    - ``joint``: all three in a third phase, ``information``, with an optimiser of its own; its rate
      is the generator's unless ``[optim.information]`` says another.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(DCGAN.Config):
        """Settings of the model."""

        reader_width: Annotated[int, Ge(0)] = setting(
            128, "width of q's hidden layer; 0 leaves it out"
        )
        routing: Literal["authors", "generator", "joint"] = setting(
            "authors",
            "who learns from the information term; authors: discriminator and q in the critic's "
            "phase, the generator in its own; generator: q and generator; joint: all, in a phase "
            "of their own",
        )

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        if not self.prior.codes:
            raise UserError(
                "infogan needs a prior with at least one code",
                hint="Set one: --set prior.name=structured "
                "--set 'prior.codes.digit=categorical(10)'.",
            )
        if config.routing == "authors":
            self.critic_trains = ("discriminator", "q")
        elif config.routing == "generator":
            self.generator_trains = ("generator", "q")

    @property
    def codes(self) -> Mapping[str, Code]:
        """The codes by name."""
        return self.prior.codes

    def networks(self) -> dict[str, nn.Module]:
        """DCGAN's, and q."""
        networks = super().networks()
        reader = CodeReader(
            networks["discriminator"].feature_size,  # type: ignore[arg-type]
            {name: code.outputs for name, code in self.codes.items()},
            width=self.config.reader_width,
            slope=self.config.slope,
        )
        initialise(reader, self.config.init)
        return networks | {"q": reader}

    def phases(self) -> Sequence[Phase]:
        """DCGAN's, and ``information`` where the routing is joint."""
        critic, generator = super().phases()
        if self.config.routing != "joint":
            return (critic, generator)
        together = (*generator.trains, "discriminator", "q")
        information = Phase("information", together, self.inform, rates_of="generator")
        return (critic, generator, information)

    def inform(self, nets: Networks, batch: Batch, draw: Draw, shared: Mapping[str, Any]) -> Pass:
        """The generator's pass once more."""
        # With fakes of its own: the generator has moved since those that a turn may share.
        return self.deceive(nets, batch, draw, {})

    def stuck(self, figures: Mapping[str, float]) -> str | None:
        """DCGAN's rule, or codes that cannot be read at all.

        The authors' research code asks for 0.01 nats of the categorical codes together, and for the
        continuous ones to be read better than by always saying 0 with a standard deviation of 1.
        """
        known = [(code, figures.get(f"mi_nats/{name}")) for name, code in self.codes.items()]
        discrete = [bound for code, bound in known if bound is not None and code.trained is None]
        if discrete and sum(discrete) < LEAST_BOUND:
            return f"L_I of the categorical codes is below {LEAST_BOUND:g} nats"
        gains = [
            bound - _blind(code) for code, bound in known if bound is not None and code.trained
        ]
        if gains and sum(gains) < 0:
            return "the continuous codes are read worse than by always saying their mean"
        return super().stuck(figures)

    def read(self, nets: Networks, batch: Batch) -> dict[str, Tensor]:
        """Q's raw outputs (n, outputs) for each code."""
        outputs: dict[str, Tensor] = nets["q"](self.judge(nets, batch)["features"])
        return outputs

    def encode(self, nets: Networks, batch: Batch) -> dict[str, Tensor]:
        """The likeliest category or the mean of each code, (n,)."""
        return {name: self.codes[name].read(out) for name, out in self.read(nets, batch).items()}


def _blind(code: Code) -> float:
    """L_I in nats of a continuous code if Q always says its mean, with a std of 1."""
    assert code.trained is not None, "only continuous codes have a range"
    low, high = code.trained
    return code.entropy - 0.5 * math.log(2 * math.pi) - (high - low) ** 2 / 24
