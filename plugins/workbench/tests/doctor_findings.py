"""What `ganzoo doctor` finds."""

from __future__ import annotations

import json

from commands import ganzoo


def findings() -> list[dict[str, str]]:
    """What the doctor finds; the exit code has to go with it."""
    result = ganzoo("doctor", "--json")
    document = json.loads(result.stdout)
    counted = [finding["mark"] for finding in document["findings"]]
    assert document["problems"] == counted.count("problem")
    assert document["notes"] == counted.count("note")
    assert result.exit_code == (1 if "problem" in counted else 0)
    return list(document["findings"])


def problems() -> list[dict[str, str]]:
    return [finding for finding in findings() if finding["mark"] == "problem"]


def the_problem() -> tuple[str, str, str]:
    """The only problem: what it is about, what is wrong, what to do."""
    [found] = problems()
    return found["about"], found["text"], found["advice"]
