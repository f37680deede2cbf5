"""Curves keep what they show when they are thinned, and charts what a reader needs."""

from __future__ import annotations

import pytest

from ganzoo_workbench.report.chart import BOTTOM, LEFT, RIGHT, TOP, Level, draw, figure
from ganzoo_workbench.report.curves import Point, thin


def test_few_values_stay_as_they_are() -> None:
    thinned = thin([[(5, 1.0), (10, None), (15, 3.0)]], 10)
    assert thinned.is_whole
    assert list(thinned.steps) == [5, 10, 15]
    assert thinned.curves == [{0: Point(1, 1, 1), 1: None, 2: Point(3, 3, 3)}]


def test_many_values_are_averaged_with_their_extremes() -> None:
    thinned = thin([[(step, float(step)) for step in range(1, 101)]], 10)
    assert not thinned.is_whole
    assert len(thinned.steps) <= 10
    assert thinned.steps[-1] == 100
    points = list(thinned.curves[0].values())
    assert points[-1] == Point(95.5, 91, 100)
    assert min(point.low for point in points if point) == 1


def test_runs_with_reports_at_other_turns_share_their_turns() -> None:
    thinned = thin([[(2, 1.0), (4, 2.0)], [(3, 5.0)]], 10)
    assert list(thinned.steps) == [2, 3, 4]
    assert thinned.curves == [{0: Point(1, 1, 1), 2: Point(2, 2, 2)}, {1: Point(5, 5, 5)}]


def test_a_curve_goes_on_over_turns_of_others_and_breaks_where_it_was_no_number() -> None:
    chart = draw("x", {0: [(2, 1.0), (4, 2.0)], 1: [(3, 5.0)]}, ["A", "B"])
    assert chart is not None
    assert chart.lines[0].path.count("M") == 1
    assert chart.lines[0].path.count("L") == 1
    assert chart.lines[1].path == ""
    assert len(chart.lines[1].dots) == 1
    values = [(1, 1.0), (2, 2.0), (3, None), (4, 3.0), (5, 4.0), (6, None), (7, 2.0)]
    broken = draw("x", {0: values}, [""])
    assert broken is not None
    assert broken.lines[0].path.count("M") == 2
    assert len(broken.lines[0].dots) == 1


def test_a_figure_without_a_number_has_no_chart() -> None:
    assert draw("x", {0: [(1, None)], 1: []}, ["A", "B"]) is None


@pytest.mark.parametrize(
    "values",
    [[0.0], [5.0, 5.0], [-1e-9, 1e-9], [1e90, -1e90], [1e-90, 2e-90], [0.3, 0.1], [1e9, 1e9 + 1]],
)
def test_every_value_is_drawn_inside_the_axes(values: list[float]) -> None:
    chart = draw("x", {0: list(enumerate(values))}, [""], Level(values[0], "H(c)"))
    assert chart is not None
    assert 2 <= len(chart.up) <= 6
    assert len(chart.across) <= 5
    places = [(float(x), float(y)) for x, y in chart.lines[0].dots]
    for pair in chart.lines[0].path.removeprefix("M").split("L"):
        if pair:
            x, y = pair.split()
            places.append((float(x), float(y)))
    assert len(places) == len(values)
    for x, y in places:
        assert LEFT <= x <= RIGHT
        assert TOP <= y <= BOTTOM
    assert chart.level is not None
    assert TOP <= chart.level.place <= BOTTOM


def test_axes_have_round_numbers() -> None:
    chart = draw("x", {0: [(step, step / 1000) for step in range(0, 5001, 50)]}, [""])
    assert chart is not None
    assert [tick.text for tick in chart.across] == ["0", "2,000", "4,000"]
    assert [tick.text for tick in chart.up] == ["0", "2", "4", "6"]
    assert chart.alt == "Chart of x over turns: x goes from 0.000 at turn 0 to 5.000 at turn 5,000."


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.69310, 0.69322, ["0.6931", "0.69315", "0.6932", "0.69325"]),
        (1_000_000, 1_120_000, ["1e6", "1.05e6", "1.1e6", "1.15e6"]),
        (100_000, 100_012, ["100000", "100005", "100010", "100015"]),
        (
            -2e-5,
            1e-5,
            [
                "\N{MINUS SIGN}2e\N{MINUS SIGN}5",
                "\N{MINUS SIGN}1e\N{MINUS SIGN}5",
                "0",
                "1e\N{MINUS SIGN}5",
            ],
        ),
        (0.0, 3.0, ["0", "1", "2", "3"]),
    ],
)
def test_no_two_places_of_an_axis_have_the_same_name(
    low: float, high: float, ticks: list[str]
) -> None:
    chart = draw("x", {0: [(1, low), (2, high)]}, [""])
    assert chart is not None
    assert [tick.text for tick in chart.up] == ticks


def test_a_thinned_chart_shows_what_it_averages() -> None:
    chart = draw("x", {0: [(step, float(step % 7)) for step in range(1000)]}, [""])
    assert chart is not None
    assert chart.columns == ["mean", "least", "greatest"]
    assert len(chart.rows) <= 200
    assert list(chart.rows[5].values)[1:] != [chart.rows[5].values[0]] * 2
    assert chart.lines[0].band.startswith("M")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.000"),
        (-0.2745, "-0.275"),
        (12.345, "12.35"),
        (0.0154, "0.0154"),
        (-0.00123, "-0.00123"),
        (0.6931, "0.693"),
        (60.1, "60.10"),
        (1204.4, "1,204"),
        (3.1e-5, "3.1e-05"),
        (-4e8, "-4e+08"),
        (999_999, "999,999"),
    ],
)
def test_values_have_as_many_digits_as_they_need(value: float, text: str) -> None:
    sign, rest = text[:1], text[1:]
    assert figure(value) == sign.replace("-", "\N{MINUS SIGN}") + rest
