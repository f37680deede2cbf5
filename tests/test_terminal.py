"""The command on a real pseudo-terminal: width and colour; and what a shell is offered."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest

from ganzoo.cli.completing import VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

ESCAPE = "\x1b["


def on_terminal(*words: str, columns: int = 80, **environment: str) -> str:
    """What a terminal of so many columns shows of a command."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    plain = {
        name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS"}
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "ganzoo", *words],
        stdout=theirs,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
        env=plain | environment,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so once the other end is closed
            break
        if not part:
            break
        shown += part
    process.wait()
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def test_an_error_is_red_on_a_terminal_and_plain_where_no_colour_is_wanted() -> None:
    assert ESCAPE in on_terminal("run", "nothing")
    assert ESCAPE not in on_terminal("run", "nothing", NO_COLOR="1")


def test_a_pipe_gets_no_colour_and_the_error_on_standard_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ganzoo", "run", "nothing"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert ESCAPE not in done.stderr


@pytest.mark.parametrize("columns", [60, 80])
def test_lists_fit_into_a_narrow_window(columns: int) -> None:
    for words in (["models"], ["show", "infogan"]):
        lines = on_terminal(*words, columns=columns).splitlines()
        assert len(lines) > 10
        # A name, a value or a path is never broken, however long.
        assert [line for line in lines if len(line) > columns and "=" not in line] == []


def complete(*words: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "ganzoo"],
        env=os.environ
        | {
            "COMP_WORDS": " ".join(["ganzoo", *words]),
            "COMP_CWORD": str(len(words)),
            "_PYTHON__M_GANZOO_COMPLETE": "bash_complete",
            VARIABLE: "bash_complete",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_a_shell_is_offered_commands_models_presets_and_data() -> None:
    assert complete("sho") == ["show"]
    assert complete("run", "info") == ["infogan"]
    assert set(complete("run", "infogan", "--preset", "mnist-")) >= {
        "mnist-augment",
        "mnist-openai",
    }
    assert "dsprites" in complete("run", "infogan", "--data", "dsp")


def test_a_shell_is_offered_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "runs" / "mine"
    run.mkdir(parents=True)
    (run / "settings.toml").touch()
    assert "runs/mine" in complete("sample", "runs/")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_one_that_the_shell_reads(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ganzoo", "completion", shell],
        capture_output=True,
        text=True,
        check=True,
    )
    assert VARIABLE in done.stdout
    if shutil.which(shell) and shell != "fish":
        subprocess.run([shell, "-n"], input=done.stdout, text=True, check=True)
