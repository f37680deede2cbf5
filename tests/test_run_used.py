"""What is done with a run: the commands that it ends with, and those that read it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from PIL import Image
from reported_runs import REPORTED, ganzoo, run
from small_runs import SMALL, given

from ganzoo import load

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_the_code_of_the_next_command_is_one_that_there_is() -> None:
    few = [*SMALL, "prior.codes.digit='categorical(2)'"]
    shown = run("infogan", "--steps", "1", "--out", "x", settings=few).stdout
    assert "  ganzoo sample x -n 64 --code digit=1\n" in shown


def test_commands_with_the_path_of_a_run_can_be_pasted_into_a_shell() -> None:
    shown = run("dcgan", "--steps", "2", "--out", "my runs/x").stdout
    commands = [shlex.split(line) for line in shown.splitlines() if line.startswith("  ganzoo ")]
    assert [words[1] for words in commands] == ["sample", "eval", "run"]
    assert all("my runs/x" in words for words in commands)
    again = ganzoo("run", "--resume", "my runs/x", settings=[])
    assert "ganzoo run --resume 'my runs/x' --steps 4" in again.stderr


def test_sample_traverse_eval_and_runs_read_a_run() -> None:
    settings = [*REPORTED, "optim.generator.lr=0.05"]  # so that a code can be seen
    run("infogan", "--steps", "20", "--out", "runs/x", settings=settings)
    scored = json.loads(Path("runs/x/scores.json").read_text())

    result = ganzoo("sample", "runs/x", "-n", "4", "--code", "digit=7", "-o", "a.png", settings=[])
    assert result.exit_code == 0, result.output
    ganzoo("sample", "runs/x", "-n", "4", "--code", "digit=7", "-o", "b.png", settings=[])
    ganzoo("sample", "runs/x", "-n", "4", "--code", "digit=8", "-o", "c.png", settings=[])
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes() != Path("c.png").read_bytes()

    unknown = ganzoo("sample", "runs/x", "--label", "7", settings=[])
    assert unknown.exit_code == 2
    assert "there is no code 'label': this model has digit, slant, width" in unknown.stderr

    result = ganzoo("traverse", "--code", "slant", "--range", "-1", "1", "-o", "t.png", settings=[])
    assert result.exit_code == 0, result.output
    assert Image.open("t.png").width > 300
    assert Image.open("t.gif").n_frames > 20

    at_end = ("information", "categories", "recovery", "meanings")
    quick = [word for name in at_end for word in ("--metric", name)]
    result = ganzoo("eval", "runs/x", "--json", *quick, settings=[])
    assert json.loads(result.stdout)["scores"] == scored["scores"]

    loaded = load("runs/x")
    images = loaded.generate(loaded.draw(3, seed=1))
    assert images.shape == (3, 1, 28, 28)
    assert set(loaded.encode(images) or {}) == {"digit", "slant", "width"}

    result = ganzoo("runs", settings=[])
    assert "runs/x" in result.stdout
    assert "20 of 20 turns" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["sample", "x", "--code", "digit=10"],
            "code digit should be a category from 0 to 9, not '10'",
        ),
        (["sample", "x", "--code", "digit"], "--code digit says no value"),
        (
            ["sample", "x", "--code", "colour=1"],
            "there is no code 'colour': this model has digit, slant, width",
        ),
        (["traverse", "x", "--code", "colour"], "there is no code 'colour'"),
        (["traverse", "x", "-o", "t.gif"], "-o t.gif names the sheet"),
        (["sample", "x", "-o", "t.jpg"], "-o t.jpg is no PNG file"),
        (["sample", "x", "--code", "digit=1", "--code", "digit=2"], "--code names digit twice"),
        (["traverse", "x", "--code", "slant", "--code", "slant"], "--code names slant twice"),
        (["traverse", "x", "-o", "."], "File '.' is a directory"),
        (["sample", "x", "-o", "."], "File '.' is a directory"),
        (["traverse", "x", "--range", "1", "-1"], "goes nowhere"),
        (
            ["traverse", "x", "--code", "digit", "--range", "0", "1"],
            "--range is for continuous codes: digit takes each of its categories",
        ),
    ],
)
def test_a_wrong_code_is_named_with_those_there_are(arguments: list[str], said: str) -> None:
    run("infogan", "--steps", "1", "--out", "x")
    before = sorted(Path("x").iterdir())
    result = ganzoo(*arguments, settings=[])
    assert result.exit_code == 2
    assert said in result.stderr
    assert sorted(Path("x").iterdir()) == before


def test_a_range_for_categories_alone_is_refused_though_no_code_is_named() -> None:
    fewer = ["prior.codes.slant=none", "prior.codes.width=none"]
    assert run("infogan", "--steps", "1", "--out", "x", *given(fewer)).exit_code == 0
    result = ganzoo("traverse", "x", "--range", "-2", "2", settings=[])
    assert result.exit_code == 2
    assert "--range is for continuous codes: digit takes each" in result.stderr


def test_a_damaged_model_is_named() -> None:
    run("dcgan", "--steps", "1", "--out", "x")
    path = Path("x/model/model.safetensors")
    path.write_bytes(path.read_bytes()[:1000])
    result = ganzoo("sample", "x", settings=[])
    assert result.exit_code == 2
    assert "model.safetensors cannot be read" in result.stderr
