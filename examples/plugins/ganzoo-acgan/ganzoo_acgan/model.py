"""ACGAN: DCGAN whose discriminator also names the class, and whose prior holds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ganzoo import Batch, Context, Draw, Latents, Networks, UserError, setting
from ganzoo_dcgan.model import DCGAN
from ganzoo_dcgan.networks import Discriminator, initialise

LABEL = "label"
"""Name of the code, and of the labels in a batch."""
CLASSES = "classes"
"""Name of the discriminator's second output."""


class ACGAN(DCGAN):
    """DCGAN with the class as the categorical code ``label`` (Odena et al. 2017, section 3).

    The prior must have that code, with as many categories as the data have classes; the rest of the
    prior is free. The loss ``auxiliary_classifier`` gives the code its meaning.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(DCGAN.Config):
        """Settings of the model."""

        labels: Literal["data", "prior"] = setting(
            "data", "which classes fakes are asked for: those of the real batch, or all alike"
        )

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        classes = context.data.classes
        if classes is None:
            raise UserError(
                f"acgan learns from labels, and {context.data.name} has none",
                hint="Name their column: --set data.label_column=NAME.",
            )
        code = self.prior.codes.get(LABEL)
        if code is None or code.categories != len(classes):
            raise UserError(
                f"acgan needs a code '{LABEL}' with the {len(classes)} classes of "
                f"{context.data.name}",
                hint=f"Set it: --set 'prior.codes.{LABEL}=categorical({len(classes)})'.",
            )
        self.label = code

    def networks(self) -> dict[str, nn.Module]:
        """DCGAN's, with a second head on the discriminator."""
        networks = super().networks()
        discriminator = networks["discriminator"]
        assert isinstance(discriminator, Discriminator)
        return networks | {"discriminator": Classifying(discriminator, self.label.outputs)}

    def draw_latents(self, batch: Batch, draw: Draw) -> Latents:
        """Latents for one fake batch; images without a label ask for a random class."""
        latents = draw.latents()
        if self.config.labels == "prior":
            return latents
        drawn, given = latents.parts[LABEL], batch[LABEL]
        return self.prior.replace(latents, LABEL, torch.where(given < 0, drawn, given))

    def read(self, nets: Networks, batch: Batch) -> dict[str, Tensor]:
        """The class head's logits (n, classes), as the code's outputs."""
        return {LABEL: self.judge(nets, batch)[CLASSES]}

    def encode(self, nets: Networks, batch: Batch) -> dict[str, Tensor]:
        """The likeliest class, (n,)."""
        return {name: self.label.read(logits) for name, logits in self.read(nets, batch).items()}


class Classifying(nn.Module):
    """A discriminator with ``classes`` (n, K), logits of the class, beside its own outputs."""

    def __init__(self, discriminator: Discriminator, classes: int) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.classes = nn.Linear(discriminator.feature_size, classes)
        initialise(self.classes, "dcgan")

    def forward(self, images: Tensor) -> Mapping[str, Tensor]:
        """(n, C, H, W) to logits, features and classes."""
        outputs: dict[str, Tensor] = self.discriminator(images)
        return outputs | {CLASSES: self.classes(outputs["features"])}
