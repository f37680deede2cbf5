"""A report is made of whatever can be read; what cannot is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from report_pages import report, rewrite, section

pytestmark = pytest.mark.usefixtures("runs_here")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("settings.toml", b"[model"),
        ("settings.toml", b"x = " + b"[" * 30 + b"]" * 30),
        ("environment.json", b"[1]"),
        ("metrics.jsonl", b'{"step": 1, "loss/a/b": 1e999}\n{"step": "x"}\n\xff\n{"st'),
        ("events.jsonl", b"null\n{}\n"),
        ("scores.json", b'{"schema": 1, "scores": {"a": {}}}'),
        ("model/config.json", b"\x00"),
        ("images/step-000002.png", b"\x89PNG\r\n\x1a\n and no more"),
    ],
)
def test_a_damaged_file_is_left_out_and_named(name: str, content: bytes) -> None:
    Path("infogan", name).write_bytes(content)
    page, notes = report("infogan")
    assert name in page.one(_class="remarks").text
    assert name in notes
    assert page.all("img"), "the rest is there"


@pytest.mark.parametrize(
    "odd",
    [
        {"history": [3, {}, {"from_step": "x", "versions": [1]}]},
        {"versions": {"a": {"b": 1}}, "world_size": -1, "device": ["x"]},
        {"history": {"from_step": 0}},
    ],
)
def test_values_of_another_kind_are_left_out(odd: dict[str, Any]) -> None:
    rewrite("infogan/environment.json", lambda document: document.update(odd))
    rewrite("infogan/model/config.json", lambda document: document.update(data=7, step=-3))
    rewrite("infogan/scores.json", lambda document: document.update(absent=3, versions="x"))
    events = [{"step": 1, "event": [1], "message": {}}, {"step": 2, "event": "pictured", "d": "x"}]
    Path("infogan/events.jsonl").write_text("\n".join(map(json.dumps, events)))
    reports = [{"step": 1, "loss/a/b": 10**400, "seconds": "x"}, {"step": 2, "loss/a/b": True}]
    Path("infogan/metrics.jsonl").write_text("\n".join(map(json.dumps, reports)))
    page, _ = report("infogan")
    assert page.one(_class="state").text == "at turn 2 of 4"


def test_figures_without_end_are_drawn_up_to_a_number() -> None:
    line = {"step": 1, **{f"figure{number}": number for number in range(3000)}}
    Path("infogan/metrics.jsonl").write_text(json.dumps(line))
    page, _ = report("infogan")
    assert len(page.all("figure", _class="chart")) == 40
    assert "further figures are in metrics.jsonl" in section(page, "curves").text
