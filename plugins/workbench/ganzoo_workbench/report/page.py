"""The page itself: templates, and a policy under which it can load nothing."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup, escape

from ganzoo.version import __version__
from ganzoo_workbench.report import chart

if TYPE_CHECKING:
    from ganzoo_workbench.report.comparing import ComparedRuns
    from ganzoo_workbench.report.contents import Contents


def run_page(contents: Contents) -> str:
    """The report of one run."""
    places = {frame.step: place for place, frame in enumerate(contents.frames)}
    return _render("run.html", report=contents, title=contents.title, places=places)


def comparison_page(compared: ComparedRuns) -> str:
    """The report of several runs."""
    return _render("comparison.html", report=compared, title=compared.title)


def _render(template: str, **values: Any) -> str:
    style, script = _source("style.css"), _source("script.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    own = {
        "style": Markup(style),  # noqa: S704 - our own files, not a word of a run in them
        "script": Markup(script),  # noqa: S704
        "policy": policy,
        "box": chart,
        "ganzoo": __version__,
    }
    return _templates().get_template(template).render(**own, **values)


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ganzoo_workbench.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["typeset"] = _typeset
    return environment


def _typeset(text: str) -> Markup:
    """A text whose ``L_I`` has a subscript."""
    return escape(text).replace("L_I", Markup("L<sub>I</sub>"))


@cache
def _source(name: str) -> str:
    loader = _templates().loader
    assert loader is not None
    return loader.get_source(_templates(), name)[0]


def _hash(text: str) -> str:
    """How a policy names the one piece of source that it admits."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
