"""What the codes of a model that draws lines do to slant and stroke width."""

import pytest
import torch
from drawn_lines import LineModel, prior_of

from ganzoo.metrics import NotApplicable
from ganzoo.model import DataInfo
from ganzoo_evaluation import strokes as module
from ganzoo_evaluation.measures import slant_degrees
from ganzoo_evaluation.strokes import strokes
from ganzoo_evaluation.traversing import Effect


class Upright:
    """A classifier of ten classes that tells lines that lean far to the right from others."""

    classes = 10
    provenance = {"extractor": "upright:0"}  # noqa: RUF012

    def describe(self, images):
        far = torch.from_numpy(slant_degrees(images) > 14).long()
        return torch.zeros(len(images), 1), torch.eye(10)[far]


def test_a_code_that_turns_lines_moves_their_slant_and_an_idle_one_nothing(monkeypatch):
    monkeypatch.setattr(module, "find_classifier", lambda loaded: Upright())
    scores = strokes(LineModel(), 220)
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


def test_what_cannot_be_seen_is_no_effect():
    faint = Effect(median=0.9, share=0.7, reach=1e-4)
    found = module._scores("lean", 220, dict.fromkeys(("slant", "stroke_width", "ink_mass"), faint))
    assert found["slant_effect/lean"].value == found["stroke_width_effect/lean"].value == 0
    assert "less than can be seen" in found["slant_effect/lean"].note
    assert found["slant_range_degrees/lean"].value == 1e-4


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
        strokes(LineModel(**given), 1000)
