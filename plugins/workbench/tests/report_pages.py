"""The page of a report, and what runs hold that it is made from."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands import ganzoo
from parsed_pages import Element, parse
from small_runs import SMALL

if TYPE_CHECKING:
    from collections.abc import Callable

QUICK = [*SMALL, "train.report_every=1", "train.images_every=2"]
"""Settings of a run that reports every turn, and has pictures every second."""


def report(*runs: str) -> tuple[Element, str]:
    """The page that `ganzoo report` makes, and what it notes."""
    result = ganzoo("report", *runs)
    assert result.exit_code == 0, result.output
    return parse(Path(result.stdout.strip())), result.stderr


def section(page: Element, name: str) -> Element:
    """A part of the page."""
    return page.one("section", id=name)


def picture_of(image: Element) -> bytes:
    """The bytes of an embedded picture."""
    kind, _, content = image["src"].partition(",")
    assert kind in ("data:image/png;base64", "data:image/webp;base64")
    return base64.b64decode(content, validate=True)


def rewrite(path: str, change: Callable[[Any], None]) -> None:
    """Change a file of JSON."""
    document = json.loads(Path(path).read_text())
    change(document)
    Path(path).write_text(json.dumps(document))
