"""Observers of plugins: one that fails is dropped, and costs the training nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import ganzoo
from small_runs import SMALL, given

from ganzoo import UserError
from ganzoo.audience import Audience
from ganzoo.reporting import Observer

FAILS = """
from ganzoo import hookimpl
from ganzoo.reporting import Observer

class Fails(Observer):
    def turned(self, step):
        print("turn", step, file=open("seen.txt", "a"))
        if step == 2:
            raise ValueError("no more")

@hookimpl
def ganzoo_observers(run):
    return [Fails(), "a text"]
"""


pytestmark = pytest.mark.usefixtures("elsewhere")


def test_an_observer_of_a_plugin_that_fails_is_told_nothing_more() -> None:
    Path("fails.py").write_text(FAILS)
    few = [*given(SMALL), "--steps", "4", "--out", "x"]
    result = ganzoo("--plugin", "fails.py", "run", "dcgan", *few)
    assert result.exit_code == 0, result.output
    assert Path("seen.txt").read_text() == "turn 1\nturn 2\n"
    told = "an observer of plugin file:fails raises ValueError: no more"
    assert f"  turn 2  warning: {told}" in result.stderr
    events = [json.loads(line) for line in Path("x/events.jsonl").read_text().splitlines()]
    assert [(one["step"], told in one["message"]) for one in events if one["message"]] == [
        (2, True)
    ]
    assert "file:fails: ganzoo_observers yields a str, not an Observer" in result.stderr


class Scribe(Observer):
    def __init__(self) -> None:
        self.turns: list[int] = []
        self.heard: list[str] = []

    def turned(self, step):
        self.turns.append(step)

    def happened(self, event):
        self.heard.append(event.message)


class Raises(Observer):
    def __init__(self, error: Exception) -> None:
        self.error = error

    def turned(self, step):
        raise self.error


def turn(audience: Audience, step: int) -> None:
    audience.tell(step, lambda observer: observer.turned(step))


def test_the_others_are_told_of_it_once() -> None:
    own, guest = Scribe(), Scribe()
    audience = Audience([own], [("a:b", Raises(KeyError("x"))), ("c:d", guest)])
    turn(audience, 1)
    turn(audience, 2)
    assert own.turns == guest.turns == [1, 2]
    [told] = own.heard
    assert "an observer of plugin a:b raises KeyError" in told
    assert guest.heard == []


def test_two_that_fail_at_once_are_both_dropped() -> None:
    own, last = Scribe(), Scribe()
    one, other = Raises(ValueError("one")), Raises(ValueError("other"))
    audience = Audience([own], [("a:b", one), ("c:d", other), ("e:f", last)])
    turn(audience, 1)
    turn(audience, 2)
    assert ["one" in own.heard[0], "other" in own.heard[1]] == [True, True]
    assert (len(own.heard), last.turns) == (2, [1, 2])


@pytest.mark.parametrize(
    "audience",
    [
        Audience([Raises(OSError("full"))]),
        Audience([], [("a:b", Raises(OSError("full")))], strict=True),
    ],
    ids=["the host's", "strict"],
)
def test_others_end_the_run(audience: Audience) -> None:
    with pytest.raises(OSError, match="full"):
        turn(audience, 1)


def test_what_an_observer_tells_the_user_ends_the_run() -> None:
    with pytest.raises(UserError, match="log in first"):
        turn(Audience([], [("a:b", Raises(UserError("log in first")))]), 1)
