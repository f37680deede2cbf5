"""How a grid is read from a command line, and what a folder of a sweep may be extended by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganzoo import UserError
from ganzoo_workbench.sweep.folder import Sweep, SweepFolder, default_folders, extended
from ganzoo_workbench.sweep.grid import MOST_RUNS, Base, Cell, read_grid, read_seeds, split_values

HERE = Path("runs/x")


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("3", [3]), ("0-2", [0, 1, 2]), ("7, 0-1", [7, 0, 1]), ("5-5", [5]), ("007", [7])],
)
def test_seeds_are_numbers_and_spans(text: str, seeds: list[int]) -> None:
    assert read_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no list of seeds"),
        ("a", "'a' is no list of seeds"),
        ("-1", "is no list of seeds"),
        ("1,", "is no list of seeds"),
        ("0..9", "is no list of seeds"),
        ("9-0", "9-0 has no seed: 0 comes before 9"),
        ("0-3,2", "--seeds has 2 twice"),
        (f"{2**63}", "below 2^63"),
        ("1" * 5000, "is no list of seeds"),
        ("0-999999999", "1,000,000,000 runs"),
    ],
)
def test_seeds_that_are_none_are_told(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said.replace("^", r"\^")):
        read_seeds(text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1", ["1"]),
        ("a, b,c", ["a", "b", "c"]),
        ("categorical(10),categorical(20)", ["categorical(10)", "categorical(20)"]),
        ("[1,2],[3]", ["[1,2]", "[3]"]),
        ("{critic=0.2,generator=0.0},1", ["{critic=0.2,generator=0.0}", "1"]),
        ("f([1,{a=2,b=(3,4)}],5),6", ["f([1,{a=2,b=(3,4)}],5)", "6"]),
        ('"a,b",\'c,"d\'', ['"a,b"', "'c,\"d'"]),
        ('"(",x', ['"("', "x"]),
    ],
)
def test_values_are_split_at_top_level_commas_alone(text: str, values: list[str]) -> None:
    assert split_values(text) == values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("(1,2", "not closed"),
        ("1,2)", "do not match"),
        ("[1,2),3", "do not match"),
        ("'a,b", "quo"),
    ],
)
def test_values_with_open_brackets_are_told(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        split_values(text)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["a.b=1,1"], "--set a.b has 1 twice"),
        (["a.b=1,,2"], "lists a value that is empty"),
        (["a.b=1,"], "lists a value that is empty"),
        (["a.b=1", "a.b=2"], "--set a.b is there twice"),
        (["train.seed=1,2"], "--set train.seed cannot stand in a sweep"),
        ([f"a={','.join(map(str, range(MOST_RUNS)))}"], "20,000 runs"),
    ],
)
def test_a_grid_with_something_twice_or_too_much_is_told(settings: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_grid("0-1", settings)


def test_a_grid_is_every_combination_with_each_seed_before_the_next() -> None:
    grid = read_grid("0-1", ["a=1", "b=x,y", "c=[1,2],none", "d"])
    cells = list(grid.cells())
    assert [(cell.seed, cell.pairs) for cell in cells] == [
        (seed, f"b={b}, c={c}") for seed in (0, 1) for b in "xy" for c in ("[1,2]", "none")
    ]
    assert grid.settings == 4
    first = [(each.key, each.text) for each in cells[0].assignments]
    assert first == [("a", "1"), ("b", "x"), ("c", "[1,2]"), ("d", None)]


def test_a_command_has_the_words_in_the_order_in_which_a_plan_takes_them() -> None:
    base = Base("gan", "p", "d", "5", [Path("f.toml")], [Path("idea.py")])
    assert base.words("run", ["a=1", "b=2"], "--seed", "3") == [
        *("--plugin", "idea.py", "run", "gan", "--preset", "p", "--data", "d", "--steps", "5"),
        *("--config", "f.toml", "--set", "a=1", "--set", "b=2", "--seed", "3"),
    ]
    assert Base("gan").words("run", []) == ["run", "gan"]


def sweep_of(seeds: str, *settings: str, old: Sweep | None = None, **shared: Any) -> Sweep:
    """A sweep whose runs have the ``shared`` settings besides those in which they differ."""
    cells = read_grid(seeds, settings).cells()
    return extended(old, [(cell, settings_of(cell, **shared)) for cell in cells], HERE)


def settings_of(cell: Cell, **shared: Any) -> dict[str, Any]:
    """What a cell comes to where ``rate`` is a number, and everything else a text."""
    values = {key: float(text) if key == "rate" else text for key, text in cell.varied}
    return {"train.steps": 5, **shared, **values}


def names(sweep: Sweep) -> list[str]:
    return [entry.name for entry in sweep.entries]


def test_names_of_runs_are_readable_and_lead_nowhere() -> None:
    assert names(sweep_of("3")) == ["seed-3"]
    sweep = sweep_of("3", "model.routing=joint,authors", "x=../..,categorical(10)", "y=1")
    assert names(sweep) == [
        "seed-3,model.routing=joint,x=-.-..",
        "seed-3,model.routing=joint,x=categorical-10-",
        "seed-3,model.routing=authors,x=-.-..",
        "seed-3,model.routing=authors,x=categorical-10-",
    ]
    long = names(sweep_of("1", f"a={'b' * 300},c", f"d={'e' * 300},f", f"g={'h' * 300},i"))
    assert max(map(len, long)) <= 200


def test_values_with_one_plain_name_get_two_folders_that_stay_theirs() -> None:
    sweep = sweep_of("0", "a=[1],(1)")
    assert names(sweep) == ["seed-0,a=-1-", "seed-0,a=-1--2"]
    longer = sweep_of("0", "a=(1),[1],{1}", old=sweep)
    assert names(longer) == [*names(sweep), "seed-0,a=-1--3"]


def test_a_path_is_told_without_whose_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sweep = sweep_of("0", f"data.name={tmp_path}/photos,mnist")
    assert [entry.values for entry in sweep.entries] == [
        {"data.name": "./photos"},
        {"data.name": "mnist"},
    ]
    assert names(sweep) == ["seed-0,data.name=--photos", "seed-0,data.name=mnist"]


def test_a_sweep_is_extended_by_seeds_and_values() -> None:
    sweep = sweep_of("0-1", "a=x,y")
    more = sweep_of("1-2", "a=x,y,z", old=sweep)
    assert [(entry.seed, entry.values["a"]) for entry in more.entries] == [
        *[(0, "x"), (0, "y"), (1, "x"), (1, "y")],
        *[(1, "z"), (2, "x"), (2, "y"), (2, "z")],
    ]


def test_another_spelling_of_a_value_is_the_same_run() -> None:
    sweep = sweep_of("0", "rate=1e-4,0.5")
    assert names(sweep) == ["seed-0,rate=1e-4", "seed-0,rate=0.5"]
    assert names(sweep_of("0", "rate=0.0001,.50", old=sweep)) == names(sweep)


def test_texts_that_would_be_one_number_are_two_runs() -> None:
    sweep = sweep_of("0", "label=1.0,1")
    assert names(sweep) == ["seed-0,label=1.0", "seed-0,label=1"]
    found = [sweep.entry(0, {"train.steps": 5, "label": text}) for text in ("1.0", "1")]
    assert found == list(sweep.entries)


def test_what_a_table_comes_to_tells_runs_apart() -> None:
    cells = list(read_grid("0", ["loss.a={weight=1},{weight=2}"]).cells())
    planned = [(cell, {"train.steps": 5, "loss.a.weight": n}) for n, cell in enumerate(cells)]
    sweep = extended(None, planned, HERE)
    assert sweep.entry(0, {"train.steps": 9, "loss.a.weight": 1}) == sweep.entries[1]


def test_what_new_values_change_is_not_common_any_more() -> None:
    old = sweep_of("0", "a=x,y", depends=1)
    grid = read_grid("0", ["a=x,y,z"])
    planned = [
        (cell, settings_of(cell, depends=2 if "z" in cell.pairs else 1)) for cell in grid.cells()
    ]
    assert old.shared == {"train.steps": 5, "depends": 1}
    assert extended(old, planned, HERE).shared == {"train.steps": 5}


@pytest.mark.parametrize(
    ("settings", "shared", "said"),
    [
        (["a=x,y", "b=1,2"], {}, "differ in the seed and a, not in the seed and a and b"),
        (["a=x"], {}, "differ in the seed and a, not in the seed"),
        (["a=x,y"], {"rate": 0.2}, "rate: the sweep's is 0.1, not 0.2"),
        (["a=z,y"], {"rate": 0.2}, "rate: the sweep's is 0.1, not 0.2"),
        (["a=v,w"], {"rate": 0.2}, "rate: the sweep's is 0.1, not 0.2"),
        (["a=x,y"], {"more": 1}, "more: the sweep's is none, not 1"),
        (["a=x,y"], {"rate": 0}, "rate: the sweep's is 0.1, not 0"),
        (["a=x,y"], {"train.steps": 4}, "train.steps: the sweep's is 5, not 4"),
        (["a=x,y"], {"train.steps": 9}, "has further runs, which would be left at turn 5"),
    ],
)
def test_another_grid_is_refused(settings: list[str], shared: dict[str, Any], said: str) -> None:
    sweep = sweep_of("0-1", "a=x,y", rate=0.1)
    with pytest.raises(UserError, match=said):
        sweep_of("0", *settings, old=sweep, **({"rate": 0.1} | shared))


def test_more_turns_are_fine_for_all_runs_at_once() -> None:
    sweep = sweep_of("0-1", "a=x,y")
    further = sweep_of("0-2", "a=x,y", old=sweep, **{"train.steps": 9})
    assert further.shared == {"train.steps": 9}
    assert len(further.entries) == 6


def test_a_sweep_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path / "x")
    assert folder.read() is None
    sweep = sweep_of("0-1", 'a={b=1,c="d"},"e,f"', table=[1, 2.5])
    folder.write(sweep)
    assert folder.read() == sweep


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "schema = 2",
        "schema = 1",
        "schema = 1\nvaried = []\nsettings = {}\nruns = []",
        "schema = 1\nvaried = []\nsettings = {}\nruns = [RUN]",
        "schema = 1\nvaried = []\nsettings = {}\nruns = 3",
        "schema = 1\nvaried = []\nsettings = 3\nruns = []",
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    run = "{name = '../a', seed = 0, values = {}, settings = {}}"
    (tmp_path / "sweep.toml").write_text(text.replace("RUN", run))
    with pytest.raises(UserError, match=r"sweep\.toml cannot be read"):
        SweepFolder(tmp_path).read()


def test_default_folders_are_numbered() -> None:
    folders = default_folders("acme:gan", "mnist")
    assert [str(next(folders).path) for _ in range(3)] == [
        "runs/sweep-acme-gan-mnist",
        "runs/sweep-acme-gan-mnist-2",
        "runs/sweep-acme-gan-mnist-3",
    ]
