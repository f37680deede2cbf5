"""Which metrics are computed when, and what scores.json keeps of earlier ones."""

import json

import pytest
from click.testing import CliRunner

from ganzoo import MetricSpec, scoring
from ganzoo.cli.runs import eval_command
from ganzoo.comparison import read_scores
from ganzoo.errors import UserError
from ganzoo.metrics import NotApplicable, Score
from ganzoo.metrics.scorecard import Scores
from ganzoo.scoring import quick_metrics, score_run


class Loaded:
    step, ema, data_name, sha256 = 100, False, "mnist", "abc"


def quick(loaded, budget):
    return {"quick": Score(1.0, None, budget)}


def slow(loaded, budget):
    return {"slow": Score(2.0, None, budget)}


def costly(loaded, budget):
    return {"costly": Score(3.0, None, budget)}


def absent(loaded, budget):
    raise NotApplicable("it does not fit")


@pytest.fixture
def registry(make_registry, offering, monkeypatch):
    specs = [
        MetricSpec("quick", "made_up:quick", "", at_end_of_run=True),
        MetricSpec("slow", "made_up:slow", ""),
        MetricSpec("absent", "made_up:absent", ""),
        MetricSpec("costly", "made_up:costly", "", on_request=True),
    ]
    registry = make_registry({"some-package:some": offering(metrics=specs)})
    functions = {"quick": quick, "slow": slow, "absent": absent, "costly": costly}
    monkeypatch.setattr(registry, "load", lambda offer: functions[offer.name])
    return registry


@pytest.fixture(autouse=True)
def _model(monkeypatch):
    monkeypatch.setattr(scoring, "load", lambda folder, registry: Loaded())


@pytest.fixture
def evaluate(registry, tmp_path):
    """``evaluate("slow")`` computes that metric, or all, and gives what scores.json holds then."""
    folder = tmp_path / "run"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "config.json").write_text("{}")

    def run(*names, code=0):
        options = [text for name in names for text in ("--metric", name)]
        result = CliRunner().invoke(
            eval_command, [str(folder), *options], obj=registry, catch_exceptions=False
        )
        assert result.exit_code == code, result.output
        return json.loads((folder / "scores.json").read_text())

    return run


def test_only_metrics_that_take_seconds_are_computed_when_a_run_ends(registry, tmp_path):
    assert [offer.name for offer in quick_metrics(registry)] == ["quick"]
    path = tmp_path / "scores.json"
    scores = score_run(tmp_path, registry, path, quick_metrics(registry))
    assert set(scores.scores) == set(json.loads(path.read_text())["scores"]) == {"quick"}


def test_eval_computes_every_metric_but_those_on_request(evaluate):
    document = evaluate()
    assert set(document["scores"]) == {"quick", "slow"}
    assert document["absent"] == {"absent": "it does not fit"}
    assert {one["metric"] for one in document["scores"].values()} == {"quick", "slow"}


def test_a_metric_that_fails_costs_no_score_that_was_there(evaluate, monkeypatch):
    evaluate()

    def fails(loaded, functions, budget):
        return Scores({}, {}, {"quick": "no disk"}, 100, False, "mnist", {}, "abc")

    monkeypatch.setattr(scoring, "score", fails)
    document = evaluate("quick", code=1)
    assert document["scores"]["quick"]["value"] == 1
    assert document["failed"] == {"quick": "no disk"}
    assert evaluate()["failed"] == {"quick": "no disk"}


def test_a_failure_goes_once_its_score_is_there(evaluate, monkeypatch):
    failed = {"part/a": "the value is nan"}

    def fails(loaded, functions, budget):
        return Scores({}, {}, failed, 100, False, "mnist", {}, "abc")

    def gives(loaded, functions, budget):
        given = {"part/a": Score(1.0, None, 1)}
        return Scores(given, {}, {}, 100, False, "mnist", {"part/a": "quick"}, "abc")

    evaluate("slow")
    monkeypatch.setattr(scoring, "score", fails)
    assert evaluate("quick", code=1)["failed"] == failed
    monkeypatch.setattr(scoring, "score", gives)
    document = evaluate("quick")
    assert document["failed"] == {}
    assert set(document["scores"]) == {"slow", "part/a"}


def test_what_was_computed_on_request_is_kept(evaluate):
    assert set(evaluate("costly")["scores"]) == {"costly"}
    assert evaluate()["scores"]["costly"]["value"] == 3


def test_a_score_that_its_metric_no_longer_gives_goes(evaluate, tmp_path):
    path = tmp_path / "run" / "scores.json"
    document = evaluate("quick", "slow")
    document["scores"]["old name"] = document["scores"]["quick"]
    path.write_text(json.dumps(document))
    assert set(evaluate("slow")["scores"]) == {"quick", "slow", "old name"}
    assert set(evaluate("quick")["scores"]) == {"quick", "slow"}


def test_eval_of_one_metric_keeps_the_others_of_the_same_step(evaluate):
    evaluate("slow", "absent")
    document = evaluate("quick")
    assert {name: one["value"] for name, one in document["scores"].items()} == {
        "quick": 1,
        "slow": 2,
    }
    assert document["absent"] == {"absent": "it does not fit"}


def test_a_metric_that_is_computed_again_replaces_its_scores(evaluate, monkeypatch):
    evaluate()
    monkeypatch.setattr(
        scoring,
        "score",
        lambda loaded, functions, budget: Scores(
            {"quick": Score(9.0, None, 1)}, {}, {}, 100, False, "mnist", {"quick": "quick"}, "abc"
        ),
    )
    document = evaluate("quick")
    assert (document["scores"]["quick"]["value"], document["scores"]["slow"]["value"]) == (9, 2)


def test_a_score_that_is_kept_keeps_its_versions(evaluate, tmp_path):
    path = tmp_path / "run" / "scores.json"
    before = evaluate("slow") | {"versions": {"numpy": "1.0"}}
    path.write_text(json.dumps(before))
    after = evaluate("quick")
    assert after["versions"] != {"numpy": "1.0"}
    assert after["scores"]["slow"]["versions"] == {"numpy": "1.0"}
    assert "versions" not in after["scores"]["quick"]
    again = evaluate("quick")["scores"]
    assert again["slow"]["versions"] == {"numpy": "1.0"}
    told = read_scores(path, path.parent)
    assert told["slow"]["versions"] == {"numpy": "1.0"}
    assert told["quick"]["versions"] == after["versions"]
    assert "versions" not in evaluate("slow")["scores"]["slow"]


def test_scores_of_other_weights_of_the_same_step_are_not_kept(evaluate, monkeypatch):
    evaluate()
    monkeypatch.setattr(Loaded, "sha256", "def")
    assert set(evaluate("quick")["scores"]) == {"quick"}


def test_scores_of_another_step_are_not_kept(evaluate, monkeypatch):
    evaluate()
    monkeypatch.setattr(Loaded, "step", 200)
    document = evaluate("quick")
    assert set(document["scores"]) == {"quick"}
    assert document["absent"] == {}


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: "{",
        lambda document: json.dumps(document | {"scores": [1]}),
        lambda document: json.dumps(document | {"scores": {"quick": 1}}),
        lambda document: json.dumps(document | {"schema": 0}),
    ],
)
def test_a_damaged_file_is_replaced(evaluate, tmp_path, damage):
    (tmp_path / "run" / "scores.json").write_text(damage(evaluate("quick")))
    assert set(evaluate("slow")["scores"]) == {"slow"}


def test_a_file_that_does_not_say_what_failed_keeps_its_scores(evaluate, tmp_path):
    document = evaluate("quick")
    del document["absent"], document["failed"]
    (tmp_path / "run" / "scores.json").write_text(json.dumps(document))
    assert set(evaluate("slow")["scores"]) == {"quick", "slow"}


def test_a_metric_that_nobody_offers_is_named_before_anything_is_computed(registry):
    result = CliRunner().invoke(eval_command, ["--metric", "quik"], obj=registry)
    assert isinstance(result.exception, UserError)
    assert "no metric called 'quik'" in str(result.exception)
