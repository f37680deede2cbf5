"""InfoGAN as Lin et al. modified it: what the contrastive loss was published on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Gt
from torch import nn

from ganzoo import Phase, setting
from ganzoo_infogan.model import InfoGAN
from ganzoo_infogan_cr.spectral import normalise_spectrally


class ModifiedInfoGAN(InfoGAN):
    """InfoGAN with spectral normalisation, and without BatchNorm, in discriminator and q.

    "InfoGAN (modified)" of Lin et al. 2020, appendix; the networks' widths and the two rates
    (TTUR, Heusel et al. 2017) are those of its presets. BatchNorm of the generator comes before the
    non-linearity, as in DCGAN, where the authors' code has it behind.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(InfoGAN.Config):
        """Settings of the model; ``discriminator_norm`` has no effect."""

        generator_repeats: Annotated[int, Gt(0)] = setting(
            2, "steps of the generator a turn, all on the same latents"
        )

    def networks(self) -> dict[str, nn.Module]:
        """InfoGAN's, two of them normalised otherwise."""
        networks = super().networks()
        for name in ("discriminator", "q"):
            normalise_spectrally(networks[name])
        return networks

    def phases(self) -> Sequence[Phase]:
        """InfoGAN's, with more steps of the generator."""
        return [
            replace(phase, repeats=self.config.generator_repeats, fresh=False)
            if phase.name == "generator"
            else phase
            for phase in super().phases()
        ]
