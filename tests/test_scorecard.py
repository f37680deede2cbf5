"""Running metrics, scores.json and the scorecard in the terminal."""

import json
from types import SimpleNamespace

import pytest
import torch

from ganzoo import UserError
from ganzoo.metrics import NotApplicable, Score
from ganzoo.metrics.scorecard import render, score, to_json

LOADED = SimpleNamespace(step=5000, ema=False, data_name="mnist", sha256=None)


def categories(loaded, budget):
    return {
        "category_accuracy/digit": Score(
            0.843,
            "test",
            budget,
            label="accuracy",
            unit="share",
            note="matched one to one on 10,000 train images",
            extra={"matching": [1, 0]},
        ),
        "nmi/digit": Score(0.8125, "test", budget, label="NMI"),
    }


def information(loaded, budget):
    return {
        f"mi_nats/{code}": Score(
            2.212,
            None,
            budget,
            label="L_I",
            unit="nats",
            note="a lower bound",
            extra={"ceiling": 2.3026, "standard_error": 0.0042},
        )
        for code in ("digit", "style")
    }


def unlabelled(loaded, budget):
    raise NotApplicable("photos has no labels")


def broken(loaded, budget):
    raise RuntimeError("boom\nover two lines")


def test_scores_carry_their_provenance_in_json():
    scores = score(LOADED, {"categories": categories}, 10_000)
    saved = json.loads(json.dumps(to_json(scores), allow_nan=False))
    assert saved["schema"] == 1
    entry = saved["scores"]["category_accuracy/digit"]
    assert entry["value"] == 0.843
    assert (entry["split"], entry["n"]) == ("test", 10_000)
    assert (entry["ema"], entry["step"], entry["data"]) == (False, 5000, "mnist")
    assert entry["matching"] == [1, 0]
    assert {"ganzoo", "torch", "scipy", "scikit-learn"} <= set(saved["versions"])


def test_one_broken_metric_is_named_and_ends_no_other():
    metrics = {"broken": broken, "unlabelled": unlabelled, "categories": categories}
    scores = score(LOADED, metrics, 10)
    assert set(scores.scores) == {"category_accuracy/digit", "nmi/digit"}
    assert scores.failed == {"broken": "RuntimeError: boom over two lines"}
    assert scores.absent == {"unlabelled": "photos has no labels"}
    saved = to_json(scores)
    assert saved["absent"] == scores.absent
    assert saved["failed"] == scores.failed


def test_a_score_that_is_no_number_fails_alone():
    def half(loaded, budget):
        return {"a": Score(float("nan"), None, 1), "b": Score(1.0, None, 1)}

    scores = score(LOADED, {"half": half}, 1)
    assert set(scores.scores) == {"b"}
    assert scores.failed == {"a": "the value is nan"}


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (3.0, "it is a float, not a ganzoo.metrics.Score"),
        (Score(torch.tensor(1.0), None, 1), "the value is a Tensor, not a float of Python"),
        (Score(True, None, 1), "the value is a bool, not a float of Python"),
        *(
            (broken, "it cannot be written down: ")
            for broken in (
                Score(10**400, None, 1),
                Score(1.0, None, None),
                Score(1.0, None, 1, label=3),
                Score(1.0, None, 1, extra={"parts": torch.ones(2)}),
                Score(1.0, None, 1, extra={"parts": [float("nan")]}),
                Score(1.0, None, 1, extra={"standard_error": "a"}),
            )
        ),
    ],
)
def test_what_is_no_score_fails_alone(result, why):
    def odd(loaded, budget):
        return {"a": result, "b": Score(1.0, None, 1)}

    scores = score(LOADED, {"odd": odd, "categories": categories}, 1)
    assert set(scores.failed) == {"a"}
    assert scores.failed["a"].startswith(why)
    assert set(scores.scores) == {"b", "category_accuracy/digit", "nmi/digit"}
    json.dumps(to_json(scores), allow_nan=False)
    assert f"failed: a: {why}" in render(scores)


def test_what_a_metric_tells_the_user_is_told_without_its_class():
    def lost(loaded, budget):
        raise UserError("no photos/ here", hint="Go there.")

    assert score(LOADED, {"lost": lost}, 1).failed == {"lost": "no photos/ here Go there."}


def test_extras_that_are_no_numbers_become_null():
    def odd(loaded, budget):
        return {"a": Score(1.0, None, 1, extra={"standard_error": float("inf")})}

    saved = to_json(score(LOADED, {"odd": odd}, 1))
    assert saved["scores"]["a"]["standard_error"] is None


def test_two_metrics_of_one_score_do_not_overwrite_each_other():
    def again(loaded, budget):
        return {"nmi/digit": Score(0.1, None, 1)}

    scores = score(LOADED, {"categories": categories, "again": again}, 10)
    assert scores.scores["nmi/digit"].value == 0.8125
    assert "nmi/digit" in scores.failed["again"]


def test_the_scorecard_reads_as_expected():
    metrics = {
        "information": information,
        "categories": categories,
        "unlabelled": unlabelled,
        "sharpness": unlabelled,
        "broken": broken,
    }
    assert render(score(LOADED, metrics, 10_000)) == (
        """\
Scorecard: step 5,000, mnist, weights as trained

digit
  L_I       2.212 ± 0.004 of 2.303 nats (96 %)  10,000 generated
  accuracy  84.3 %                              10,000 test images
  NMI       0.812                               10,000 test images

style
  L_I       2.212 ± 0.004 of 2.303 nats (96 %)  10,000 generated

L_I of digit, style: a lower bound
accuracy of digit: matched one to one on 10,000 train images
no score of unlabelled, sharpness: photos has no labels
failed: broken: RuntimeError: boom over two lines"""
    )


def test_a_score_of_the_whole_model_needs_neither_code_nor_label():
    def sharpness(loaded, budget):
        return {"mean_sharpness": Score(12345.6, "train", 50)}

    lines = render(score(LOADED, {"sharpness": sharpness}, 50)).splitlines()
    assert lines[-2:] == ["model", "  mean sharpness  1.23e+04  50 train images"]


@pytest.mark.parametrize("length", [10, 30, 60])
def test_no_line_is_wider_than_the_terminal(length):
    def wide(loaded, budget):
        extra = {"ceiling": 2.3026, "standard_error": 0.0042}
        long = Score(
            2.2, None, 10_000, label="x" * length, unit="nats", note="word " * 50, extra=extra
        )
        return {"wide/digit": long}

    card = render(score(LOADED, {"wide": wide, "long": unlabelled, "broken": broken}, 1))
    assert max(map(len, card.splitlines())) <= 80
    assert "10,000 generated" in card


def test_a_bound_just_below_zero_is_no_percent_of_its_ceiling():
    def untold(loaded, budget):
        return {"mi_nats/digit": Score(-0.005, None, 10, unit="nats", extra={"ceiling": 2.3026})}

    assert "nats (0 %)" in render(score(LOADED, {"untold": untold}, 1))


def test_the_entropy_of_a_continuous_code_stands_beside_what_is_known_of_it():
    def told(loaded, budget):
        extra = {"entropy": 0.6931, "standard_error": 0.012}
        categorical = extra | {"ceiling": 2.3026}
        return {
            "mi_nats/slant": Score(2.077, None, 10, unit="nats", extra=extra),
            "mi_nats/digit": Score(2.077, None, 10, unit="nats", extra=categorical),
        }

    card = render(score(LOADED, {"told": told}, 1))
    assert "2.077 ± 0.01 nats, H(c) 0.693 " in card
    assert "2.077 ± 0.01 of 2.303 nats (90 %)" in card


def test_a_score_names_its_conditions_in_json():
    def grown(loaded, budget):
        extra = {"trees": "forest"}
        return {
            "dci": Score(0.5, "train", 1, extra=extra, conditions=("trees",)),
            "mig": Score(0.5, "train", 1),
        }

    saved = json.loads(json.dumps(to_json(score(LOADED, {"grown": grown}, 1))))
    assert saved["scores"]["dci"]["conditions"] == ["trees"]
    assert "conditions" not in saved["scores"]["mig"]


def test_one_remark_on_several_scores_is_told_once():
    def noted(loaded, budget):
        return {name: Score(0.5, None, 1, label=name, note="noise") for name in ("sap", "mig")}

    assert render(score(LOADED, {"noted": noted}, 1)).endswith("\n\nsap, mig of model: noise")


def test_one_long_value_does_not_break_the_lines_of_the_others():
    def uneven(loaded, budget):
        extra = {"ceiling": 2.2, "standard_error": 0.00042}
        return {
            "information/digit": Score(2.2, None, 10_000, label="L_I", unit="nats", extra=extra),
            "moves_width_to_height/digit": Score(0.5, "test", 10_000),
        }

    assert render(score(LOADED, {"uneven": uneven}, 1)).splitlines()[3:5] == [
        "  L_I                    2.200 ± 0.0004 of 2.200 nats (100 %)  10,000 generated",
        "  moves width to height  0.500                                10,000 test images",
    ]


def test_a_long_name_of_a_split_still_fits():
    def odd(loaded, budget):
        return {"nmi/digit": Score(0.5, "s" * 60, 1)}

    assert "  1 " + "s" * 60 in render(score(LOADED, {"odd": odd}, 1))


def test_a_model_without_scores_says_why():
    card = render(score(LOADED, {"categories": unlabelled}, 1))
    assert card.endswith("\n\nno score of categories: photos has no labels")
