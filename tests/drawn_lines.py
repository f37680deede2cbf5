"""Lines of known slant and width, and a model that draws them from its codes."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image, ImageDraw

from ganzoo.draw import generator_for
from ganzoo.latents import Prior
from ganzoo.model import Context, DataInfo
from ganzoo_infogan.priors import StructuredPrior

CONTEXT = Context(DataInfo("mnist", (1, 28, 28)))
CPU = torch.device("cpu")
_FINE = 8


def line(slant=0.0, width=3.0):
    """A line that leans ``slant`` degrees to the right, ``width`` pixels thick: (1, 28, 28)."""
    side = 28 * _FINE
    picture = Image.new("L", (side, side))
    reach, middle = 9 * _FINE, side / 2
    across = reach * np.tan(np.deg2rad(slant))
    ends = [(middle - across, middle + reach), (middle + across, middle - reach)]
    ImageDraw.Draw(picture).line(ends, fill=255, width=round(width * _FINE))
    small = picture.resize((28, 28), Image.Resampling.BOX)
    return torch.from_numpy(np.array(small))[None]


def prior_of(**codes):
    return StructuredPrior(StructuredPrior.Config(size=2, codes=codes), CONTEXT)


@dataclass
class LineModel:
    """Draws a line whose slant is one code, whose width is a second one, and no third."""

    prior: Prior | None = field(
        default_factory=lambda: prior_of(
            digit="categorical(10)", lean="uniform(-1, 1)", idle="uniform(-1, 1)"
        )
    )
    data: DataInfo = field(default_factory=lambda: DataInfo("mnist", (1, 28, 28)))
    model: object = field(default_factory=lambda: SimpleNamespace(image_range=(-1, 1)))
    device: torch.device = CPU

    @property
    def data_name(self):
        return self.data.name

    def draw(self, n, seed):
        return self.prior.sample(n, generator=generator_for(CPU, seed), device=CPU)

    def with_codes(self, latents, values):
        for name, value in values.items():
            latents = self.prior.replace(latents, name, torch.full((len(latents.flat),), value))
        return latents

    def generate(self, latents, seed=0):
        parts = latents.parts
        widths = 2 + parts["digit"] % 3
        rows = zip(parts["lean"].tolist(), widths.tolist(), strict=True)
        return torch.stack([line(20 * lean, width) for lean, width in rows]) / 127.5 - 1

    def split(self, name):
        return None
