"""How far scoring is: told to someone at a terminal, and to nobody else."""

import json

import pytest
from click.testing import CliRunner

from ganzoo import MetricSpec, scoring
from ganzoo.cli import runs
from ganzoo.cli.runs import eval_command
from ganzoo.cli.terminal import watched
from ganzoo.metrics import Score
from ganzoo.metrics.progress import one_by_one, showing, tracked


class Loaded:
    step, ema, data_name, sha256 = 100, False, "mnist", None


@pytest.fixture
def evaluate(make_registry, offering, monkeypatch, tmp_path):
    """What ``ganzoo eval`` of the metrics ``quick`` and ``slow`` says, on both streams."""
    registry = make_registry(
        {
            "some-package:some": offering(
                metrics=[MetricSpec(name, f"made_up:{name}", "") for name in ("quick", "slow")]
            )
        }
    )
    monkeypatch.setattr(
        registry, "load", lambda offer: lambda *_: {offer.name: Score(1.0, None, 1)}
    )
    monkeypatch.setattr(scoring, "load", lambda folder, registry: Loaded())
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")

    def run(*options):
        return CliRunner().invoke(
            eval_command, [str(tmp_path), *options], obj=registry, catch_exceptions=False
        )

    return run


def test_each_metric_is_named_while_it_runs(evaluate, monkeypatch):
    monkeypatch.setattr(runs, "watched", lambda: True)
    done = evaluate()
    assert "scoring 1/2: quick" in done.stderr
    assert "scoring 2/2: slow" in done.stderr
    assert "scoring" not in done.stdout


def test_a_pipe_is_told_nothing_but_the_scores(evaluate):
    assert not watched()  # the streams of a test are files
    assert evaluate().stderr == ""


def test_with_json_nothing_is_told_on_a_terminal_either(evaluate, monkeypatch):
    monkeypatch.setattr(runs, "watched", lambda: True)
    done = evaluate("--json")
    assert done.stderr == ""
    assert set(json.loads(done.stdout)["scores"]) == {"quick", "slow"}


def test_what_a_metric_is_doing_is_told_once_it_takes_longer(monkeypatch, capsys):
    monkeypatch.setattr("ganzoo.metrics.progress._SOON", 0.0)
    with showing(when=True):
        assert list(tracked("abcd", "training a probe", 4)) == list("abcd")
    assert "training a probe" in capsys.readouterr().err
    assert list(tracked("abcd", "training a probe", 4)) == list("abcd")
    assert capsys.readouterr().err == ""


def test_a_metric_that_breaks_in_the_middle_leaves_the_next_one_told(capsys):
    def compute(parts):
        for part in tracked(parts, "reading images", 3):
            if part == 1:
                raise RuntimeError

    seen = []
    with showing(when=True):
        for name, parts in one_by_one({"first": range(3), "second": range(1)}):
            seen.append(name)
            if name == "first":
                with pytest.raises(RuntimeError):
                    compute(parts)
    assert seen == ["first", "second"]
    assert "scoring 2/2: second" in capsys.readouterr().err
