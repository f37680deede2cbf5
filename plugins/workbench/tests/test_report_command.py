"""`ganzoo report` finds a run, or says in a line what cannot be reported."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ganzoo
from parsed_pages import parse

pytestmark = pytest.mark.usefixtures("runs_here")


def test_without_a_name_it_is_the_newest_run() -> None:
    Path("runs").mkdir()
    Path("dcgan").rename("runs/dcgan")
    result = ganzoo("report", "-o", "page.html")
    assert result.stdout == "page.html\n"
    assert parse(Path("page.html")).one("h1").text == "dcgan"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["infogan/model"], "infogan/model is no run: it has no settings.toml"),
        (["infogan", "nowhere"], "nowhere does not exist"),
        (["infogan", "-o", "infogan/images"], "File 'infogan/images' is a directory"),
        (["infogan", "-o", "x" * 300], "File name too long"),
    ],
)
def test_what_cannot_be_reported_is_one_line(arguments: list[str], said: str) -> None:
    result = ganzoo("report", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not result.stdout


def test_more_runs_than_can_be_told_apart_are_refused() -> None:
    names = [f"run{number}" for number in range(13)]
    for name in names:
        shutil.copytree("dcgan", name)
    result = ganzoo("report", *names)
    assert result.exit_code == 2
    assert "13 runs are too many" in result.stderr
    assert not Path("comparison.html").exists()


def test_its_help_imports_neither_torch_nor_templates() -> None:
    probe = (
        "import sys\nfrom ganzoo.cli import main\nsys.argv = ['ganzoo', 'report', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'numpy', 'PIL', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
