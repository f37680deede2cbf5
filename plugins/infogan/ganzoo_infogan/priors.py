"""The structured prior of InfoGAN: noise that means nothing, and codes that shall."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from ganzoo.latents import Code, Latents, Prior, draw_noise
from ganzoo.model import Context
from ganzoo.schema import WrongSettingsError, setting
from ganzoo_infogan.codes import Std, parse_code


class StructuredPrior(Prior):
    """Noise, then the codes in the order of the settings, side by side in ``Latents.flat``."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings of the prior."""

        size: Annotated[int, Ge(0)] = setting(62, "numbers of noise without a meaning")
        distribution: Literal["normal", "uniform"] = setting(
            "uniform", "noise: N(0, 1) or U(-1, 1)"
        )
        codes: dict[str, str] = setting(
            help="codes by name: categorical(K), uniform(LOW, HIGH), or none", factory=dict
        )
        std: Std = setting(
            "learned", "std with which continuous codes are read: learned, or fixed to 1"
        )
        std_range: tuple[Annotated[float, Gt(0)], Annotated[float, Gt(0)]] = setting(
            (0.1, 2.0), "range that a learned std is kept in"
        )

        def __post_init__(self) -> None:
            unfit = [name for name in self.codes if name == "noise" or not name.isidentifier()]
            if unfit:
                what = "a code cannot be called {!r}: take a plain word other than noise"
                raise WrongSettingsError({("codes", name): what.format(name) for name in unfit})
            if self.std_range[0] >= self.std_range[1]:
                raise ValueError("std_range must be [low, high] with low < high")
            parse_codes(self)

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.codes: Mapping[str, Code] = parse_codes(config)
        self.size = config.size + sum(code.width for code in self.codes.values())

    def sample(self, n: int, *, generator: torch.Generator | None, device: torch.device) -> Latents:
        """Draw ``n`` latents: ``parts`` has ``noise`` (n, k) and each code (n,)."""
        noise = draw_noise(
            self.config.distribution, n, self.config.size, generator=generator, device=device
        )
        values = {
            name: code.sample(n, generator=generator, device=device)
            for name, code in self.codes.items()
        }
        return self._join(noise, values)

    def replace(self, latents: Latents, name: str, values: Tensor) -> Latents:
        """Set one code; noise and the other codes stay."""
        parts = dict(latents.parts)
        noise = parts.pop("noise")
        parts[name] = values.to(parts[name])
        return self._join(noise, parts)

    def _join(self, noise: Tensor, values: Mapping[str, Tensor]) -> Latents:
        encoded = [code.encode(values[name]) for name, code in self.codes.items()]
        return Latents(torch.cat([noise, *encoded], dim=1), {"noise": noise, **values})


def parse_codes(config: StructuredPrior.Config) -> dict[str, Code]:
    """The codes of a prior's settings by name.

    Raises:
        WrongSettingsError: some are no codes; it says of every one of them why.
    """
    codes: dict[str, Code] = {}
    problems: dict[tuple[str, ...], str] = {}
    for name, text in config.codes.items():
        if text == "none":
            continue
        try:
            codes[name] = parse_code(text, std=config.std, std_range=config.std_range)
        except ValueError as error:
            problems["codes", name] = str(error)
    if problems:
        raise WrongSettingsError(problems)
    return codes
