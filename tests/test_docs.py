"""The tutorial for plugin authors does what it says; the reference is what the code says."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import datasets
import pytest
from doc_commands import commands
from PIL import Image
from small_runs import SMALL, given

DOCS = Path(__file__).parents[1] / "docs"
PLUGINS = DOCS / "plugins.md"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:)([^)\s]+)\)")
OWN_PAGES = sorted({*DOCS.glob("*.md"), *DOCS.parent.glob("*.md")})
PAGES = [*OWN_PAGES, *sorted(DOCS.parent.glob("*/plugins/*/README.md"))]
FEW = ["train.batch_size=8", "data.limit=64", "train.precision=fp32"]


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
                    # Scores take most of the time, and that of the networks most of theirs.
                    words += given([*SMALL, *FEW] if " run infogan " in line else FEW)
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


@pytest.mark.parametrize("name", ["reference", "commands"])
def test_a_page_that_is_written_from_the_code_is_what_the_code_says(name: str) -> None:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    written = (DOCS / f"{name}.md").read_text()
    assert written == writer.write_page(), f"run: python docs/{name}.py"


def test_the_reference_says_what_is_below_an_attribute_in_the_code() -> None:
    page = (DOCS / "reference.md").read_text()
    assert "- `needs: tuple[str, ...]`, default `()`: Networks of the model that" in page
    for title in ("model.Model", "loss.Loss", "latents.Prior", "latents.Code"):
        section = page.partition(f"### `ganzoo.{title}`")[2].partition("\n### ")[0]
        attributes = re.findall(r"^- `.*", section, re.MULTILINE)
        assert attributes
        assert [line for line in attributes if "`: " not in line] == []


RUN_PAGES = [DOCS.parent / "README.md", DOCS / "index.md", DOCS / "images.md", DOCS / "paper.md"]
"""Pages of which this runs the commands; those of the tutorial are run above."""


@pytest.mark.parametrize("page", OWN_PAGES, ids=lambda page: page.name)
def test_every_command_on_a_page_is_run_or_says_why_not(page: Path) -> None:
    if page in RUN_PAGES or page == PLUGINS:
        return
    unexplained = [shown.line for shown in commands(page) if shown.why_not is None]
    assert unexplained == [], "mark the block: <!-- not run: why -->"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the pages' commands need: two small runs, photos/ and pets.parquet."""
    folder = tmp_path_factory.mktemp("place")
    for number in range(12):
        shade = Image.new("RGB", (40, 36), (20 * number, 90, 255 - 20 * number))
        kind = folder / "photos" / ("cats" if number % 2 else "dogs")
        kind.mkdir(parents=True, exist_ok=True)
        shade.save(kind / f"{number}.png")
    photos = sorted(map(str, (folder / "photos").rglob("*.png")))
    pets = datasets.Dataset.from_dict(
        {"image": photos}, datasets.Features({"image": datasets.Image()})
    )
    pets.to_parquet(str(folder / "pets.parquet"))
    for preset in ("mnist-augment", "mnist"):
        words = ["run", "infogan", "--preset", preset, "--steps", "4", *given(SMALL)]
        words += given(["train.checkpoint_every=2", "train.report_every=2"])
        ganzoo(words, folder)
    return folder


def ganzoo(words: list[str], place: Path, error: str | None = None) -> None:
    """Run a command that has to succeed, or to be refused with this ``error``."""
    finished = subprocess.run(
        [sys.executable, "-m", "ganzoo", *words],
        cwd=place,
        env={**os.environ, "GANZOO_CACHE": str(place / "cache"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = f"{words}\n{finished.stdout}{finished.stderr}"
    assert finished.returncode == (0 if error is None else 2), said
    assert error is None or finished.stderr == error


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN_PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_run(page: Path, place: Path) -> None:
    run = [shown for shown in commands(page) if shown.why_not is None]
    assert len(run) >= 3
    for shown in run:
        assert shown.line.startswith("ganzoo "), shown
        ganzoo(shown.words()[1:], place, shown.error)


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


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path, cache: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="needs the extra docs")
    nbclient = pytest.importorskip("nbclient", reason="needs the extra docs")
    notebook = nbformat.read(DOCS / "notebook.ipynb", as_version=4)
    small = {
        key: value if value.isalnum() and not value.isdigit() else json.loads(value)
        for key, value in (setting.split("=", 1) for setting in SMALL)
    }
    [training] = [cell for cell in notebook.cells if "ganzoo.train(" in cell.source]
    fewer = training.source.replace("steps=700", f"steps=2, settings={small}")
    assert fewer != training.source
    training.source = fewer
    client = nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANZOO_CACHE", str(cache))
        client.execute()
    pictures = [
        output
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 3
