"""`ganzoo compare`: groups of seeds, spreads, and the refusal to mix unlike scores."""

import json
import statistics
import subprocess
import sys

import pytest
import tomli_w
from click.testing import CliRunner

from ganzoo import UserError
from ganzoo.cli import cli
from ganzoo.cli.terminal import WIDEST
from ganzoo.comparison import compare, read_run, read_runs, to_json

ACCURACY, MI = "category_accuracy/digit", "mi_nats/digit"


@pytest.fixture
def make_run(tmp_path, monkeypatch):
    """Write a run folder and give its path; keywords are the values of scores."""
    monkeypatch.chdir(tmp_path)

    def make(name, seed=0, weight=1.0, about=None, **values):
        folder = tmp_path / name
        folder.mkdir()
        settings = {
            "complete": True,
            "preset": "mnist",
            "train": {"steps": 100, "seed": seed},
            "loss": {"mutual_information": {"weight": weight}},
        }
        (folder / "settings.toml").write_text(tomli_w.dumps(settings))
        scores = {
            score: {"value": value, "split": "test", "n": 10_000}
            | {"ema": False, "step": 100, "data": "mnist"}
            | (about or {})
            for score, value in values.items()
        }
        (folder / "scores.json").write_text(json.dumps({"schema": 1, "scores": scores}))
        return folder

    return make


def comparison_of(*folders):
    return compare(read_runs(folders))


def said(*arguments):
    return CliRunner().invoke(cli, ["compare", *map(str, arguments)], prog_name="ganzoo")


def test_runs_that_differ_in_the_seed_alone_are_one_group(make_run):
    runs = [make_run("a2", seed=2), make_run("b", weight=0.5), make_run("a0"), make_run("a1", 1)]
    groups = comparison_of(*runs).groups
    assert [[run.seed for run in group.runs] for group in groups] == [[0, 1, 2], [0]]
    assert [run.name for run in groups[0].runs] == [str(runs[place]) for place in (2, 3, 0)]


def test_runs_that_were_scored_at_unlike_steps_are_no_group(make_run):
    """As where one of the seeds was stopped: its score is no draw of the others' distribution."""
    runs = [make_run(f"r{seed}", seed, **{ACCURACY: 0.9}) for seed in range(2)]
    stopped = make_run("stopped", 2, about={"step": 20}, **{ACCURACY: 0.3})
    groups = comparison_of(*runs, stopped).groups
    assert [[run.seed for run in group.runs] for group in groups] == [[0, 1], [2]]


def test_the_spread_of_a_group_is_that_of_a_sample(make_run):
    values = [0.91, 0.97, 0.95]
    runs = [make_run(f"r{seed}", seed, **{ACCURACY: v}) for seed, v in enumerate(values)]
    [spread] = comparison_of(*runs).scores[ACCURACY]
    assert spread.values == tuple(values)
    assert spread.mean == pytest.approx(statistics.fmean(values))
    assert spread.deviation == pytest.approx(statistics.stdev(values))


def test_a_seed_that_is_there_twice_is_told_as_it_is_no_further_draw(make_run):
    runs = [make_run(f"r{place}", seed, **{ACCURACY: 0.9}) for place, seed in enumerate((1, 1, 2))]
    assert comparison_of(*runs).groups[0].repeated == [1]
    assert "seed 1 is there more than once" in said(*runs).stdout
    assert "more than once" not in said(*runs[1:]).stdout


def test_a_run_that_lacks_a_score_leaves_a_gap(make_run):
    runs = [make_run("a", 0, **{ACCURACY: 0.9, MI: 2.0}), make_run("b", 1, **{ACCURACY: 0.8})]
    comparison = comparison_of(*runs)
    [spread] = comparison.scores[MI]
    assert spread.values == (2.0, None)
    assert (spread.mean, spread.deviation) == (2.0, None)
    assert comparison.anything


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        ("n", 10_000, 500),
        ("split", "test", "train"),
        ("split", "test", None),
        ("data", "mnist", "fashion"),
        ("ema", True, False),
        ("protocol", "locatello", "infogan_cr"),
        ("extractor", "a" * 64, "b" * 64),
        ("extractor", {"sha256": "a"}, {"sha256": "b"}),
    ],
)
def test_a_score_taken_under_other_conditions_is_refused(make_run, key, one, other):
    runs = [make_run("a", about={key: one}, fid=1.0), make_run("b", 1, about={key: other}, fid=2.0)]
    comparison = comparison_of(*runs)
    assert comparison.scores == {}
    assert comparison.refused == {"fid": {key: (one, other)}}
    assert not comparison.anything


def test_a_condition_that_only_one_run_states_differs(make_run):
    runs = [make_run("a", about={"protocol": "locatello"}, mig=0.1), make_run("b", 1, mig=0.2)]
    assert comparison_of(*runs).refused == {"mig": {"protocol": ("locatello", None)}}


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        ("trees", "random forest", "boosted"),
        ("real", "test", "train"),
        ("matched_n", 10_000, 500),
        ("images", "10000:ab", "10000:cd"),
        ("suggestion", "slant", None),
    ],
)
def test_a_condition_that_the_score_names_is_one(make_run, key, one, other):
    runs = [
        make_run(name, seed, about={key: value, "conditions": [key]}, dci=0.5)
        for name, seed, value in (("a", 0, one), ("b", 1, other), ("c", 2, one))
    ]
    assert comparison_of(*runs).refused == {"dci": {key: (one, other, one)}}
    alike = comparison_of(runs[0], runs[2])
    assert to_json(alike)["scores"]["dci"]["conditions"][key] == one


def test_a_condition_that_an_older_file_does_not_name_holds_for_it_as_well(make_run):
    named = make_run("a", about={"trees": "boosted", "conditions": ["trees"]}, dci=0.5)
    older = make_run("b", 1, about={"trees": "random forest"}, dci=0.5)
    same = make_run("c", 2, about={"trees": "boosted"}, dci=0.5)
    assert comparison_of(named, older).refused == {"dci": {"trees": ("boosted", "random forest")}}
    assert comparison_of(named, same).refused == {}


def with_versions(folder, versions, **own):
    path = folder / "scores.json"
    document = json.loads(path.read_text()) | {"versions": versions}
    for name, theirs in own.items():
        document["scores"][name]["versions"] = theirs
    path.write_text(json.dumps(document))
    return folder


def test_other_versions_of_libraries_are_told_and_refuse_nothing(make_run):
    with_versions(make_run("a", mig=0.1, sap=0.1), {"numpy": "2.0", "scipy": "1.9"})
    with_versions(
        make_run("b", 1, mig=0.3, sap=0.3), {"numpy": "2.1", "scipy": "1.9"}, sap={"numpy": "2.2"}
    )
    make_run("c", 2, mig=0.2)
    done = said("a", "b", "c")
    assert done.exit_code == 0
    joined = " ".join(done.stdout.split())
    assert "warning: versions differ: numpy is 2.0 in A (a) and 2.1 and 2.2 in A (b)" in joined
    assert "mig 0.200" in joined
    versions = json.loads(said("a", "b", "--json").stdout)["versions"]
    assert versions == {"numpy": {"a": "2.0", "b": "2.1 and 2.2"}}
    with_versions(make_run("d", 3, mig=0.1), {"numpy": "2.0", "scipy": "1.9"})
    assert "versions" not in said("a", "d").stdout


def test_a_run_without_scores_makes_no_versions_differ(make_run):
    with_versions(make_run("a", mig=0.1), {"numpy": "2.0"})
    with_versions(make_run("b", 1), {"numpy": "2.0"})
    with_versions(make_run("c", 2, mig=0.2), {"numpy": "2.0"})
    assert "versions" not in said("a", "b", "c").stdout


def test_values_near_the_end_of_floats_do_not_break_the_table(make_run):
    for seed, value in enumerate((1.7e308, 1.7e308, -1.7e308)):
        make_run(f"r{seed}", seed, mig=value)
    assert said("r0", "r1").exit_code == 0
    done = said("r0", "r1", "r2")
    assert done.exit_code == 0, done.output
    assert "1.7e+308" in done.stdout
    document = said("r0", "r1", "r2", "--json").stdout
    spread = json.loads(document, parse_constant=pytest.fail)["scores"]["mig"]["groups"][0]
    assert spread["sd"] is None
    assert spread["mean"] == pytest.approx(1.7e308 / 3)


def test_what_a_score_says_beside_its_conditions_does_not_matter(make_run):
    runs = [make_run("a", about={"note": "x", "step": 5}, mig=0.1), make_run("b", 1, mig=0.2)]
    assert comparison_of(*runs).refused == {}


def test_one_refused_score_costs_no_other(make_run):
    one = make_run("a", **{ACCURACY: 0.9, MI: 2.0})
    other = make_run("b", weight=0.5, **{ACCURACY: 0.8, MI: 1.0})
    document = json.loads((other / "scores.json").read_text())
    document["scores"][MI]["n"] = 500
    (other / "scores.json").write_text(json.dumps(document))
    done = said("a", "b")
    assert done.exit_code == 0
    assert f"not compared: {MI}: n is 10,000 in A and 500 in B" in done.stdout.splitlines()
    [row] = [line.split() for line in done.stdout.splitlines() if line.startswith(ACCURACY)]
    assert row == [ACCURACY, "0.900", "0.800"]
    assert one.exists()


def test_groups_stand_side_by_side_and_show_every_value_below(make_run):
    for seed, value in enumerate([0.91, 0.97, 0.95]):
        make_run(f"a{seed}", seed, **{ACCURACY: value})
    make_run("b", weight=0.0, **{ACCURACY: 0.1})
    lines = said("a0", "a1", "a2", "b").stdout.splitlines()
    assert lines[:4] == [
        "A  a0  seed 0, step 100",
        "   a1  seed 1, step 100",
        "   a2  seed 2, step 100",
        "B  b  seed 0, step 100",
    ]
    rows = [line.split() for line in lines if line.startswith(ACCURACY)]
    assert rows[0] == [ACCURACY, "0.943", "±", "0.031", "0.100"]
    assert rows[1][1:] == ["0.943", "0.031", "0.910", "0.970", "0.910", "0.970", "0.950"]


def test_no_table_is_wider_than_a_terminal_and_none_loses_a_value(make_run):
    values = [round(0.9 + seed / 1000, 3) for seed in range(14)]
    names = [f"r{seed}" for seed in range(14)]
    for seed, name in enumerate(names):
        make_run(name, seed, **{ACCURACY: values[seed], MI: 2 + seed / 100})
    lines = said(*names).stdout.splitlines()
    assert max(map(len, lines)) <= WIDEST
    shown = [cell for line in lines if line.startswith(ACCURACY) for cell in line.split()[1:]]
    assert [float(cell) for cell in shown[4:]] == values


def test_a_difference_within_a_group_names_the_runs(make_run):
    make_run("a", 0, about={"n": 500}, mig=0.5)
    make_run("b", 1, mig=0.5)
    assert "n is 500 in A (a) and 10,000 in A (b)" in said("a", "b").stdout


def test_nothing_to_compare_ends_in_exit_code_2(make_run):
    make_run("a", about={"n": 500}, mig=0.5)
    make_run("b", weight=0.5, mig=0.5)
    make_run("c", weight=0.5, sap=0.5)
    for names in (["a", "b"], ["b", "c"]):
        done = said(*names)
        assert done.exit_code == 2
        assert "error: no score of these runs can be compared" in done.stderr
    as_json = said("a", "b", "--json")
    assert as_json.exit_code == 2
    assert json.loads(as_json.stdout)["refused"] == {"mig": {"n": {"a": 500, "b": 10_000}}}


def test_json_holds_the_same_numbers(make_run):
    make_run("a", 0, mig=0.1)
    make_run("b", 1, mig=0.3)
    make_run("c", weight=0.5, mig=0.2)
    document = json.loads(said("a", "b", "c", "--json").stdout)
    assert document["runs"] == [
        {"run": "a", "seed": 0},
        {"run": "b", "seed": 1},
        {"run": "c", "seed": 0},
    ]
    assert document["groups"] == [[0, 1], [2]]
    first, second = document["scores"]["mig"]["groups"]
    assert first == {
        "mean": pytest.approx(0.2),
        "sd": pytest.approx(0.02**0.5),
        "min": 0.1,
        "max": 0.3,
        "values": [0.1, 0.3],
    }
    assert (second["mean"], second["sd"]) == (0.2, None)
    assert document["scores"]["mig"]["conditions"]["n"] == 10_000


def test_runs_without_scores_are_named_with_the_way_out(make_run):
    make_run("a", mig=0.1)
    for name in ("b", "c"):
        (make_run(name) / "scores.json").unlink()
    done = said("a", "b", "c")
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        "error: b has no scores.json: make it with: ganzoo eval b",
        "c has no scores.json: make it with: ganzoo eval c",
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "cannot be read"),
        ("[]", "has layout None"),
        ('{"schema": 9, "scores": {}}', "has layout 9"),
        ('{"schema": 1, "scores": {"mig": {"value": "high"}}}', "no score"),
        ('{"schema": 1}', "no score"),
        ('{"schema": 1, "scores": {"mig": {"value": NaN}}}', "no score"),
        ('{"schema": 1, "scores": {"mig": {"value": -Infinity}}}', "no score"),
        ('{"schema": 1, "scores": {"mig": {"value": 1e999}}}', "no score"),
        ('{"schema": 1, "scores": {"mig": {"value": 1, "conditions": 3}}}', "no score"),
    ],
)
def test_damaged_scores_are_named(make_run, content, why):
    folder = make_run("a")
    (folder / "scores.json").write_text(content)
    with pytest.raises(UserError, match=why):
        read_run(folder)


def test_a_run_that_is_not_there_or_stands_alone_is_an_error(make_run):
    make_run("a", mig=0.1)
    assert "b does not exist" in said("a", "b").stderr
    for names in (["a"], ["a", "./a"]):
        done = said(*names)
        assert done.exit_code == 2
        assert "one run cannot be compared" in done.stderr


def test_what_is_no_run_is_not_told_to_be_scored(make_run):
    run = make_run("a", mig=0.1)
    (run.parent / "logs").mkdir()
    (run.parent / "sweep.toml").write_text("")
    done = said("a", "logs", "sweep.toml")
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        "error: logs is no run: see the runs there are with: ganzoo runs",
        "sweep.toml is no run: see the runs there are with: ganzoo runs",
    ]


def test_an_exported_model_without_settings_is_a_group_of_its_own(make_run):
    runs = [make_run("a", mig=0.1), make_run("b", mig=0.2)]
    for folder in runs:
        (folder / "settings.toml").unlink()
    groups = comparison_of(*runs).groups
    assert [len(group.runs) for group in groups] == [1, 1]
    assert to_json(comparison_of(*runs))["runs"][0]["seed"] is None


def test_comparing_imports_nothing_heavy(make_run):
    make_run("a", mig=0.1)
    make_run("b", 1, mig=0.2)
    probe = (
        "import sys\nfrom ganzoo.cli import cli\n"
        "cli.main(['compare', 'a', 'b'], prog_name='ganzoo', standalone_mode=False)\n"
        "assert not {'torch', 'numpy', 'scipy', 'sklearn', 'datasets'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
