"""A report of several runs compares them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report_pages import report, rewrite, section

pytestmark = pytest.mark.usefixtures("runs_here")


def test_runs_that_differ_in_the_seed_have_mean_and_deviation() -> None:
    page, _ = report("infogan", "other", "dcgan")
    assert Path("comparison.html").exists()
    assert [each.text for each in page.all("h3")[:3]] == ["A infogan", "B other", "C dcgan"]
    table = section(page, "scores").one("table")
    heads = [each.text for each in table.one("thead").all("th")]
    assert heads[:4] == ["score", "A", "B", "ABmean ± sd"]
    [row] = [each for each in table.one("tbody").all("tr") if each.one("th").text == "r2/slant"]
    assert [each.text for each in row.all("td")] == ["0.500", "0.700", "0.600 ± 0.141"]


def test_curves_of_all_runs_are_in_one_chart() -> None:
    page, _ = report("infogan", "other", "dcgan")
    charts = {each.one(_class="name").text: each for each in page.all("figure", _class="chart")}
    assert len(charts["critic: adversarial"].all("path", _class="curve")) == 3
    assert len(charts["digit"].all("path", _class="curve")) == 2
    heads = [each.text for each in charts["critic: adversarial"].one("thead").all("th")]
    assert heads == ["turn", "A", "B", "C"]
    last = charts["critic: adversarial"].one("tbody").all("tr")[-1]
    assert last.all("td")[2].text == "\N{EN DASH}", "dcgan ended at turn 2"


def test_settings_that_differ_among_runs_are_listed() -> None:
    page, _ = report("infogan", "other")
    table = section(page, "settings").one("tbody")
    rows = {row.one("th").text: [cell.text for cell in row.all("td")] for row in table.all("tr")}
    assert rows == {"train.seed": ["0", "1"]}


def test_scores_of_other_conditions_are_refused_and_said() -> None:
    def fewer(document: dict[str, Any]) -> None:
        document["scores"]["r2/slant"]["n"] = 500

    rewrite("other/scores.json", fewer)
    page, _ = report("infogan", "other")
    told = section(page, "scores").one("dl")
    assert [each.text for each in told.all("dt")] == ["r2/slant"]
    assert told.one("dd").text == "n is 10000 in A, 500 in B"
    assert "r2/slant" not in section(page, "scores").one("table").text


def test_a_run_without_scores_stands_among_others() -> None:
    Path("other/scores.json").write_text("{")
    page, notes = report("infogan", "other")
    assert "Without scores: B" in section(page, "scores").text
    assert "B: scores.json is left out" in notes


def test_a_run_that_is_named_twice_is_one_run() -> None:
    page, _ = report("infogan", "./infogan")
    assert page.one("h1").text == "infogan"
