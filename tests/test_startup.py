"""What `ganzoo --help` and the listings may import: they must answer at once."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

HEAVY = {"torch", "torchvision", "numpy", "scipy", "datasets", "accelerate", "pydantic", "PIL"}

PROBE = """
import sys
from ganzoo.cli import main
sys.argv = ["ganzoo", *{arguments!r}]
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print("imported", *sorted({heavy!r} & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["models"], ["losses", "--json"], ["plugins", "-v"], ["run", "--help"]],
    ids=" ".join,
)
def test_nothing_heavy_is_imported(arguments) -> None:
    probe = PROBE.format(arguments=arguments, heavy=HEAVY)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "imported", "the list behind it should be empty"
    assert seconds < 1.0, "of a core, so that other work beside it does not count"
    assert done.stdout


def test_plugins_that_come_with_the_host_load_without_torch() -> None:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GANZOO_")}
    done = subprocess.run(
        [sys.executable, "-m", "ganzoo", "plugins"],
        capture_output=True,
        text=True,
        check=True,
        env=clean,
    )
    assert "torch-ganzoo:infogan" in done.stdout
    assert "imports torch" not in done.stdout
    assert "broken" not in done.stdout
