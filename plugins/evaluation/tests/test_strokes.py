"""Slant and stroke width of lines that are drawn here, and of a model that draws such lines."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from ganzoo.draw import generator_for
from ganzoo.latents import Prior
from ganzoo.metrics import NotApplicable
from ganzoo.model import Context, DataInfo
from ganzoo_evaluation import strokes as module
from ganzoo_evaluation.strokes import effect, ink_mass, slant_degrees, stroke_width, strokes
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


@pytest.mark.parametrize("slant", [-30, -10, 0, 15, 25])
def test_the_slant_of_a_line_is_measured_in_degrees_to_the_right(slant):
    assert slant_degrees(line(slant)[None])[0] == pytest.approx(slant, abs=1.5)


def test_the_slant_does_not_depend_on_place_or_brightness():
    moved = torch.roll(line(15), (2, -3), (1, 2))
    both = torch.stack([moved.float() / 255, line(15).float() / 510])
    assert slant_degrees(both) == pytest.approx(slant_degrees(line(15)[None]).repeat(2), abs=1e-4)


@pytest.mark.parametrize("width", [2, 3, 4, 6])
def test_the_width_of_a_line_is_measured_in_pixels(width):
    assert stroke_width(line(width=width)[None])[0] == pytest.approx(width, abs=0.4)


def test_a_turned_line_keeps_its_width_and_a_thicker_one_its_slant():
    turned = torch.stack([line(slant, 3) for slant in (-25, 0, 25)])
    assert np.ptp(stroke_width(turned)) < 0.5
    thicker = torch.stack([line(15, width) for width in (2, 3, 4, 5)])
    assert np.ptp(slant_degrees(thicker)) < 2
    assert np.all(np.diff(stroke_width(thicker)) > 0.5)
    assert np.all(np.diff(ink_mass(thicker)) > 0)


def test_strokes_that_touch_the_edge_end_there():
    band = torch.zeros(1, 1, 28, 28)
    band[..., :4, :] = 1
    assert stroke_width(band)[0] == pytest.approx(4, abs=0.3)


def test_an_empty_image_has_no_width_no_slant_and_no_ink():
    empty = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
    for measure in (stroke_width, slant_degrees, ink_mass):
        assert measure(empty).tolist() == [0, 0]


def test_an_effect_is_counted_by_rank_and_without_sign():
    values = np.linspace(-1, 1, 11)
    found = effect(values, np.stack([values**3, -values, values, np.zeros(11)]))
    assert found.median == pytest.approx(1)
    assert found.share == 0.75
    assert found.reach == pytest.approx(1)


def prior_of(**codes):
    return StructuredPrior(StructuredPrior.Config(size=2, codes=codes), CONTEXT)


@dataclass
class Loaded:
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


class Upright:
    """A classifier of ten classes that tells lines that lean far to the right from others."""

    classes = 10
    provenance = {"extractor": "upright:0"}  # noqa: RUF012

    def describe(self, images):
        far = torch.from_numpy(slant_degrees(images) > 14).long()
        return torch.zeros(len(images), 1), torch.eye(10)[far]


def test_a_code_that_turns_lines_moves_their_slant_and_an_idle_one_nothing(monkeypatch):
    monkeypatch.setattr(module, "find_classifier", lambda loaded: Upright())
    scores = strokes(Loaded(), 220)
    assert set(scores) == {
        f"{name}/{code}"
        for code in ("lean", "idle")
        for name in (
            "slant_effect",
            "slant_range_degrees",
            "stroke_width_effect",
            "stroke_width_range_px",
            "identity_kept",
        )
    }
    assert scores["slant_effect/lean"].value == pytest.approx(1)
    assert scores["slant_effect/lean"].extra["share_above"] == 1
    assert scores["slant_range_degrees/lean"].value == pytest.approx(40, abs=2)
    assert scores["stroke_width_range_px/lean"].value < 0.5
    assert scores["slant_effect/idle"].value == 0
    assert scores["stroke_width_effect/idle"].value == 0
    assert scores["slant_effect/lean"].n == 220
    # of the values -1, -0.8, ... 1 the classifier sees 0.8 and 1 as another class than 0
    assert scores["identity_kept/lean"].value == pytest.approx(0.8)
    assert scores["identity_kept/idle"].value == 1
    assert scores["identity_kept/idle"].extra["extractor"] == "upright:0"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"data": DataInfo("fashion", (1, 28, 28))}, "data set mnist alone"),
        ({"data": DataInfo("mnist", (3, 28, 28))}, "grey digits"),
        ({"prior": None}, "no continuous code"),
        ({"prior": prior_of(digit="categorical(10)")}, "no continuous code"),
        ({"data": DataInfo("ylecun/mnist", (1, 28, 28))}, "images of the data are not at hand"),
    ],
)
def test_where_there_are_no_strokes_to_measure_it_is_said(given, why):
    with pytest.raises(NotApplicable, match=why):
        strokes(Loaded(**given), 1000)
