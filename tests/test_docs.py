"""The tutorial for plugin authors does what it says; the reference is what the code says."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PLUGINS = DOCS / "plugins.md"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:)([^)\s]+)\)")
PAGES = sorted(
    {*DOCS.glob("*.md"), *DOCS.parent.glob("*.md"), *DOCS.parent.glob("*/plugins/*/README.md")}
)
SMALL = "train.batch_size=8", "data.limit=64", "train.precision=fp32"


@pytest.mark.slow
def test_the_tutorial_for_plugins_runs(tmp_path: Path, cache: Path) -> None:
    environment = {**os.environ, "GANZOO_CACHE": str(cache), "GANZOO_STRICT_PLUGINS": "1"}
    ran = 0
    for kind, name, content in BLOCK.findall(PLUGINS.read_text()):
        if name:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        elif kind == "console":
            for line in content.splitlines():
                assert line.startswith("$ ganzoo "), line
                words = shlex.split(line)[2:]
                if " run " in line:
                    words += [word for setting in SMALL for word in ("--set", setting)]
                if " eval " in line:
                    words += ["--images", "100"]
                finished = subprocess.run(
                    [sys.executable, "-m", "ganzoo", *words],
                    cwd=tmp_path,
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert finished.returncode == 0, f"{line}\n{finished.stdout}{finished.stderr}"
                ran += 1
    assert ran >= 8


def test_the_reference_is_what_the_code_says() -> None:
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    written = (DOCS / "reference.md").read_text()
    assert written == reference.write_page(), "run: python docs/reference.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in LINK.findall(text):
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.exists(), f"{page.name} links to {target}"
        if anchor and linked.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, f"{page.name}: {target}"


def slug(heading: str) -> str:
    """A heading as its anchor, the way GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
