"""`ganzoo sweep` decodes all images before its runs begin, and keeps them in the cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from pretended_sweeps import DCGAN, calls, pretend_trainings, sweep
from small_runs import SMALL

from ganzoo import UserError, task
from ganzoo.data import decoding, open_source
from ganzoo.discovery import discover
from ganzoo.layers import Assignment
from ganzoo.plan import Request
from ganzoo.registry import Registry
from ganzoo_workbench.sweep import planning, workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from ganzoo.data import Source

LIMITS = [*DCGAN, "--set", "data.limit=100,200"]
LIMITS = [word for at, word in enumerate(LIMITS) if "data.limit=200" not in LIMITS[at : at + 2]]


@pytest.fixture(autouse=True)
def _pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_trainings(tmp_path, monkeypatch)
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))


def at_each_start(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    monkeypatch.setattr(
        "ganzoo_workbench.sweep.conducting.LocalWorker",
        lambda job, share: (do(), workers.LocalWorker(job, share))[1],
    )


def test_images_are_decoded_before_the_first_run_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(planning, "decode", lambda source, _: order.append(source.split))
    at_each_start(monkeypatch, lambda: order.append("a run"))
    result = sweep(*LIMITS, "--set", "model.slope=0.1,0.2", "--seeds", "0", "--out", "x")
    # One array for each limit, and one of what no limit holds for.
    assert order == ["train", "train", "test", *["a run"] * 4], result.output


def test_what_was_decoded_is_what_a_run_and_its_scores_find(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert sweep(*DCGAN, "--seeds", "0", "--out", "x").exit_code == 0
    registry = Registry(discover())
    assignments = [Assignment.parse(text) for text in SMALL]
    plan = task.make_checked_plan(Request("dcgan", assignments=assignments), registry)
    data = plan.settings.data
    test = open_source(data, registry, data.test_split)
    monkeypatch.setattr(decoding, "_build", None)
    assert len(decoding.decode(plan.source, data)) == 200
    assert len(decoding.decode(test, data)) == len(test)


def test_what_is_decoded_stays_in_the_cache_until_the_last_run_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANZOO_CACHE_LIMIT", "0")
    found: list[int] = []
    entries = tmp_path / "cache" / "images"
    at_each_start(monkeypatch, lambda: found.append(len(list(entries.glob("*.images")))))
    result = sweep(*LIMITS, "--seeds", "0", "--out", "x")
    assert found == [3, 3], result.output


@pytest.mark.parametrize(("split", "code", "started"), [("train", 2, 0), ("test", 0, 1)])
def test_a_sweep_does_without_the_images_of_scores_alone(
    split: str, code: int, started: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Source, settings: object) -> None:
        if source.split == split:
            raise UserError("too many images are broken")

    monkeypatch.setattr(planning, "decode", refuse)
    result = sweep(*DCGAN, "--seeds", "0", "--out", "x")
    assert result.exit_code == code, result.output
    assert len(calls()) == started


def test_data_without_a_test_split_can_be_planned() -> None:
    Path("photos").mkdir()
    for shade in range(8):
        Image.new("L", (28, 28), 30 * shade).save(f"photos/{shade}.png")
    result = sweep("dcgan", "--data", "photos", "--seeds", "0", "--dry-run")
    assert result.exit_code == 0, result.output


def test_images_that_are_made_on_demand_need_no_processes_that_decode() -> None:
    streams = ("--set", "data.stream=true", "--jobs", "1", "--dry-run")
    made = sweep("dcgan", "--preset", "chairs", "--data", "chairs3d", "--seeds", "0", *streams)
    assert made.exit_code == 0, made.output
    assert "decoding" not in made.output
    cores = len(os.sched_getaffinity(0))
    assert f"1 at once, {cores} of {cores} core" in made.output
