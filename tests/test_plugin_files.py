"""A run with a plugin that is one file: what it tells to type next, and what it needs again."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from small_runs import SMALL, given

import ganzoo
from ganzoo.cli import cli
from ganzoo.layers import Assignment, parse_value

if TYPE_CHECKING:
    from pathlib import Path

PLUGIN = """
from ganzoo import ModelSpec, hookimpl
from ganzoo_dcgan.model import DCGAN

class Mine(DCGAN):
    "A model in a file."

@hookimpl
def ganzoo_models():
    where, presets = "model_in_a_file:Mine", "ganzoo_dcgan.presets"
    yield ModelSpec("mine", where, "a model", presets=presets, default_preset="mnist")
"""


LOSS = """
from ganzoo import Loss, LossSpec, hookimpl

VALUE = SAID

class Told(Loss):
    "Is what the file says."

    def terms(self):
        return {"generator": lambda pass_: 0 * pass_.on_fake["logits"].sum() + VALUE}

@hookimpl
def ganzoo_losses():
    yield LossSpec("told", "edited_idea:Told", "what the file says")
"""


@dataclass(frozen=True)
class Trained:
    """A run of the model in ``file``, in the folder ``run``, and what the command said."""

    file: Path
    run: Path
    said: str


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    place = tmp_path_factory.mktemp("place")
    file, run = place / "model_in_a_file.py", place / "run"
    file.write_text(PLUGIN)
    arguments = ["--plugin", str(file), "run", "mine", "--steps", "1", "--out", str(run)]
    result = CliRunner().invoke(cli, [*arguments, *given(SMALL)])
    assert result.exit_code == 0, result.output
    return Trained(file, run, result.stdout)


def test_the_commands_to_type_next_name_the_file(trained: Trained) -> None:
    for command in ("sample", "eval", "run --resume"):
        assert f"  ganzoo --plugin {trained.file} {command} {trained.run}" in trained.said


def test_a_run_is_not_resumed_without_the_file_that_it_needs(trained: Trained) -> None:
    refused = CliRunner().invoke(cli, ["run", "--resume", str(trained.run), "--steps", "2"])
    assert refused.exit_code == 2
    assert f"{trained.run} needs plugins that are not installed: file\n" in refused.stderr
    assert "ganzoo --plugin FILE.py" in refused.stderr


def test_a_model_is_loaded_with_its_file(trained: Trained) -> None:
    with pytest.raises(ganzoo.UserError, match="needs plugins that are not installed: file"):
        ganzoo.load(trained.run)
    loaded = ganzoo.load(trained.run, plugins=[trained.file])
    assert loaded.sample(2).shape == (2, 1, 28, 28)


def test_a_refused_continuation_names_the_file_in_the_command_that_works(trained: Trained) -> None:
    again = f"ganzoo --plugin {trained.file} run --resume {trained.run}"
    for asked, hint in (
        (["--steps", "1"], f"Train it further with: {again} --steps 2"),
        (["--steps", "2", "--seed", "9"], f"Continue it as it is with: {again}"),
        (["--steps", "2", "--data", "mnist"], f"Leave it out: {again}"),
    ):
        arguments = ["--plugin", str(trained.file), "run", "--resume", str(trained.run), *asked]
        refused = CliRunner().invoke(cli, arguments)
        assert refused.exit_code == 2
        assert f"{hint}\n" in refused.stderr


def test_a_file_that_was_changed_is_told_before_the_run_goes_on(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shutil.copytree(trained.run, tmp_path / "run")
    file = tmp_path / trained.file.name
    file.write_text(PLUGIN.replace("A model", "Another model"))
    monkeypatch.delitem(sys.modules, file.stem)
    arguments = ["--plugin", str(file), "run", "--resume", str(run)]
    resumed = CliRunner().invoke(cli, [*arguments, "--steps", "2"])
    assert resumed.exit_code == 0, resumed.output
    [line] = [line for line in resumed.stderr.splitlines() if "bits may differ" in line]
    assert re.search(r"file:model_in_a_file.py was [0-9a-f]{12}, here it is [0-9a-f]{12}", line), (
        line
    )


def test_one_process_trains_what_an_edited_file_says_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "edited_idea.py"
    digests = set()
    for value in ("1.0", "7.0"):
        file.write_text(LOSS.replace("SAID", value))
        assignments = [Assignment.parse(text) for text in (*SMALL, "loss.told.weight=1")]
        settings = {each.key: parse_value(each.text or "") for each in assignments}
        ganzoo.train("dcgan", steps=1, settings=settings, out=value, plugins=[file], progress=False)
        record = json.loads((tmp_path / value / "metrics.jsonl").read_text())
        assert record["loss/generator/told"] == float(value)
        versions = json.loads((tmp_path / value / "environment.json").read_text())["versions"]
        digests.add(versions["file:edited_idea.py"])
    assert len(digests) == 2
    file.write_text("a b")
    with pytest.raises(ganzoo.UserError, match=r"edited_idea\.py: SyntaxError"):
        ganzoo.train("dcgan", steps=1, plugins=[file], progress=False)
    assert sys.modules["edited_idea"].VALUE == 7


def test_the_report_calls_the_command_with_the_file(trained: Trained) -> None:
    page = (trained.run / "report.html").read_text()
    assert f"ganzoo --plugin {trained.file.name} eval" in page
    assert "ganzoo eval" not in page
