"""What is told of a sweep under way: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest

from ganzoo_workbench.sweep.progress import Progress
from ganzoo_workbench.sweep.running import Failure


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def watched(stream: StringIO, at: dict[str, int]) -> Progress:
    """Two runs of 100 turns, one of which has 40 already, beside one that is finished."""
    return Progress({"a": 100, "b": 100}, {"a": 40, "b": 0}, 1, lambda name: at[name], stream)


@pytest.fixture(autouse=True)
def _always_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Progress, "look_every", 0.0)
    monkeypatch.setattr(Progress, "plain_every", 0.0)


def test_a_terminal_shows_the_share_of_all_turns_and_each_run_under_way() -> None:
    terminal = Terminal()
    at = {"a": 40, "b": 0}
    progress = watched(terminal, at)
    progress.started("a")
    progress.started("b")
    at |= {"a": 100, "b": 50}
    progress.look()
    shown = terminal.getvalue()
    assert "1 of 3 runs  20% |" in shown
    assert "1 of 3 runs  75% |" in shown
    assert "a scoring  b 50/100" in shown
    progress.finished("a")
    assert "finished  a  (0:00, 2 of 3)" in terminal.getvalue()
    assert "2 of 3 runs" in terminal.getvalue()
    progress.close()


def test_elsewhere_a_line_says_what_is_under_way() -> None:
    stream = StringIO()
    at = {"a": 70, "b": 0}
    progress = watched(stream, at)
    progress.started("a")
    progress.look()
    progress.failed(Failure("a", "error: " + "long " * 40, Path("a.log")))
    progress.close()
    started, status, failed, *more = stream.getvalue().splitlines()
    assert started == "  started   a"
    assert status.startswith("  runs      1 of 3, ")
    assert status.endswith(" left; a 70/100")
    assert failed.startswith("  failed    a  error: long long")
    assert more
    assert all(line.startswith(" " * 12) and len(line) <= 100 for line in more)
