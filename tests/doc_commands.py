"""The commands that pages of the documentation show, and how a test may run them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FENCE = re.compile(
    r"(?:^<!-- not run: (?P<why>[^>]+) -->\n)?^```(?P<kind>\w*)[^\n]*\n(?P<content>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
WHOLE_PAGE = re.compile(r"^<!-- commands not run: ([^>]+) -->$", re.MULTILINE)
PROGRAMS = ("ganzoo ", "accelerate ", "pip ", "python ", "bash ", "mkdocs ", ".ci/")
COMMENT = re.compile(r" {2,}\S.*$")
"""Words that explain a command, on its line and well apart from it."""


@dataclass(frozen=True)
class Shown:
    """One command on a page."""

    page: str
    line: str
    why_not: str | None
    """Why no test runs it; None where one does."""
    error: str | None = None
    """What it is shown to be refused with."""

    def words(self) -> list[str]:
        """The command's words, made to take seconds: plans of trainings, few images."""
        words = shlex.split(self.line)
        more = {
            "run": ["--dry-run"],
            "sweep": ["--dry-run"],
            "eval": ["--images", "100"],
            "verify": ["--steps", "1"],
        }
        if self.error is not None:
            return words
        command = words[1] if not words[1].startswith("-") else words[3]
        return words + more.get(command, [])


def commands(page: Path) -> list[Shown]:
    """The commands on a page, each with the reason why it is not run, if one is given."""
    text = page.read_text()
    whole = WHOLE_PAGE.search(text)
    found = []
    for fence in FENCE.finditer(text):
        if fence["kind"] not in ("", "console"):
            continue
        why = fence["why"] or (whole[1] if whole else None)
        _, refused, rest = fence["content"].partition("\nerror: ")
        error = f"error: {rest}" if refused else None
        for line in fence["content"].splitlines():
            command = COMMENT.sub("", line.removeprefix("$ "))
            said_to_be_one = line.startswith("$ ") or command.startswith(PROGRAMS)
            if said_to_be_one and not line.startswith(" "):
                found.append(Shown(page.name, command, why, error))
    return found
