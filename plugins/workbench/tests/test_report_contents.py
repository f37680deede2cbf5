"""A report shows a run whole: its pictures, curves, scores, settings and commands."""

from __future__ import annotations

import json
import shlex
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from builders import lines_of
from commands import ganzoo
from parsed_pages import parse
from report_pages import QUICK, report, rewrite, section
from small_runs import given

pytestmark = pytest.mark.usefixtures("runs_here")


def test_a_training_leaves_a_report_without_being_asked() -> None:
    page = parse(Path("infogan/report.html"))
    assert page.one("h1").text == "infogan"
    assert page.one(_class="state").text == "finished after 4 turns"
    assert len(page.one("figure", _class="samples").all("img")) == 2
    assert len(page.one("figure", _class="traversal").all("img")) == 2
    assert "digit categorical(10)" in page.one("figure", _class="traversal").text
    scores = json.loads(Path("infogan/scores.json").read_text())["scores"]
    assert len(section(page, "scores").one(_class="cards").all("tr")) == len(scores)
    assert "step 4, mnist, weights as trained" in section(page, "scores").text
    assert "10,000 test images" in section(page, "scores").text
    facts = section(page, "run").text
    for fact in ("mnist train", "200, grey, 28x28", "fp32", "Parameters", "generator", "torch 2."):
        assert fact in facts
    assert section(page, "environment").all("h3")[0].text == "From the beginning"
    assert "begun" in section(page, "events").text


def test_curves_have_their_values_and_the_entropy_of_the_code() -> None:
    page = parse(Path("infogan/report.html"))
    charts = {each.one(_class="name").text: each for each in page.all("figure", _class="chart")}
    assert {"digit", "slant", "critic: adversarial", "generator: mutual_information"} <= set(charts)
    reports = lines_of(Path("infogan/metrics.jsonl"))
    digit = charts["digit"]
    assert digit.one("text", _class="level").text == "H(c) = 2.303"
    shown = [row.one("td").text for row in digit.one("tbody").all("tr")]
    told = [float(each.replace("\N{MINUS SIGN}", "-")) for each in shown]
    assert told == pytest.approx([line["mi_nats/digit"] for line in reports], rel=0.01)
    assert len(digit.all("path", _class="curve")) == 1
    assert "at turn 4" in digit.one("svg")["aria-label"]
    assert not charts["critic: adversarial"].all("text", _class="level")


def test_a_picture_of_turns_that_were_taken_again_is_in_no_curve() -> None:
    shutil.copytree("infogan", "back")
    told = [
        {"step": 3, "event": "pictured", "message": "", "diversity": 0.25},
        {"step": 0, "event": "begun", "message": "no checkpoint was there to go on from"},
        {"step": 1, "event": "pictured", "message": "", "diversity": 0.5},
        {"step": 2, "event": "pictured", "message": "", "diversity": 0.01},
        {"step": 1, "event": "rolled back", "message": "", "rollbacks": 1},
        {"step": 2, "event": "pictured", "message": "", "diversity": 0.625},
        {"step": 3, "event": "pictured", "message": "", "diversity": 0.02},
        {"step": 2, "event": "continued", "message": ""},
        {"step": 3, "event": "pictured", "message": "", "diversity": 0.75},
    ]
    Path("back/events.jsonl").write_text("".join(json.dumps(each) + "\n" for each in told))
    page, _ = report("back")
    [chart] = [
        each
        for each in page.all("figure", _class="chart")
        if each.one(_class="name").text == "diversity"
    ]
    shown = [float(row.one("td").text) for row in chart.one("tbody").all("tr")]
    assert shown == [0.5, 0.625, 0.75]


def test_commands_go_on_with_the_run_and_share_it() -> None:
    page, _ = report("infogan")
    commands = [each.text for each in section(page, "next").all("code")]
    assert commands == [
        "ganzoo run --resume infogan --steps 8",
        "ganzoo sample infogan -n 64",
        "ganzoo traverse infogan",
        "ganzoo eval infogan",
        "ganzoo push infogan NAME/infogan",
        "ganzoo report infogan",
    ]
    assert len(section(page, "next").all("button", _class="copy")) == len(commands)


def test_the_command_that_begins_it_again_has_all_its_settings() -> None:
    odd = ["prior.codes.slant=none", "loss.adversarial.weight={critic=0.5,generator=2}"]
    odd += ["prior.codes.new='uniform(0, 2)'", "train.keep_best=-loss/critic/adversarial"]
    odd += ["data.\"more of it\".name='mnist'"]
    words = ["--seed", "3", "--steps", "1", "--data", "housenumbers", *given([*QUICK, *odd])]
    wanted = planned("run", "infogan", *words)
    Path("odd").mkdir()
    Path("odd/settings.toml").write_text(tomli_w.dumps(wanted))
    page, _ = report("odd")
    command = shlex.split(section(page, "run").one("code").text)
    assert planned(*command[1:]) == wanted


def planned(*arguments: str) -> dict[str, Any]:
    """The settings that a command would train with."""
    result = ganzoo(*arguments, "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    settings: dict[str, Any] = json.loads(result.stdout)["settings"]
    return settings


def test_settings_are_held_against_the_preset() -> None:
    page, _ = report("infogan")
    table = section(page, "settings").one("table", _class="settings").one("tbody")
    rows = {row.one("th").text: [cell.text for cell in row.all("td")] for row in table.all("tr")}
    assert rows["train.steps"] == ["5000", "4"]
    assert rows["model.generator_channels"] == ["[128, 64]", "[8, 4]"]
    assert "train.seed" not in rows
    assert "optim.critic.lr" in section(page, "settings").one("details").text


def test_a_model_without_codes_has_neither_traversals_nor_information() -> None:
    page, _ = report("dcgan")
    assert not page.all("figure", _class="traversal")
    assert "Information" not in section(page, "curves").text
    assert "ganzoo traverse" not in section(page, "next").text
    assert "ganzoo sample dcgan" in section(page, "next").text


def test_an_unfinished_run_has_what_there_is() -> None:
    for name in ("model", "checkpoints"):
        shutil.rmtree(f"infogan/{name}")
    Path("infogan/scores.json").unlink()
    settings = Path("infogan/settings.toml")
    settings.write_text(settings.read_text().replace("steps = 4", "steps = 40"))
    page, notes = report("infogan")
    assert page.one(_class="state").text == "at turn 4 of 40"
    assert not page.all(id="scores")
    commands = [each.text for each in section(page, "next").all("code")]
    assert commands == ["ganzoo run --resume infogan", "ganzoo report infogan"]
    assert not notes


def test_a_run_of_a_model_that_is_not_installed_is_shown_all_the_same() -> None:
    Path("vae").mkdir()
    Path("vae/settings.toml").write_text('preset = "p"\n[model]\nname = "nobodys"\n')
    Path("vae/metrics.jsonl").write_text('{"step": 1, "loss/elbo/elbo": 3.5}\n')
    page, notes = report("vae")
    assert "Preset p of nobodys is not to be had" in section(page, "settings").text
    assert "elbo: elbo" in section(page, "curves").text
    assert section(page, "run").one("code").text == "ganzoo run --config vae/settings.toml"
    assert not notes


def test_a_training_knows_the_plugin_file_that_its_model_came_from() -> None:
    Path("mine.py").write_text(
        "from ganzoo import ModelSpec, hookimpl\n\n@hookimpl\ndef ganzoo_models():\n"
        "    yield ModelSpec('mine', 'ganzoo_dcgan.model:DCGAN', 'another DCGAN',\n"
        "                    presets='ganzoo_dcgan.presets', default_preset='mnist')\n"
    )
    command = ["--plugin", "mine.py", "run", "mine", "--out", "x", "--steps", "1", *given(QUICK)]
    assert ganzoo(*command).exit_code == 0
    page = parse(Path("x/report.html"))
    assert "differs from the preset" in section(page, "settings").text
    begun = section(page, "run").one("code").text
    assert begun.startswith("ganzoo --plugin mine.py run mine --preset mnist")


def test_a_loss_that_the_run_lacks_is_left_out_by_its_weight() -> None:
    settings = Path("infogan/settings.toml")
    document = tomllib.loads(settings.read_text())
    del document["loss"]["mutual_information"]
    settings.write_text(tomli_w.dumps(document))
    page, _ = report("infogan")
    begun = section(page, "run").one("code").text
    assert "--set loss.mutual_information.weight=0" in begun
    assert begun.count("mutual_information") == 1
    assert ganzoo(*shlex.split(begun)[1:], "--dry-run").exit_code == 0


def test_the_time_of_a_run_is_that_of_its_last_report() -> None:
    Path("x").mkdir()
    Path("x/settings.toml").write_text("")
    reports = [(10, 50), (20, 100), (30, "odd"), (40, 220)]
    lines = [json.dumps({"step": step, "seconds": seconds}) for step, seconds in reports]
    Path("x/metrics.jsonl").write_text("\n".join(lines))
    page, _ = report("x")
    [fact] = [each for each in page.all("div") if each.text.startswith("Time")]
    assert fact.text.removeprefix("Time") == "3:40"


def test_stretches_of_a_continued_run_show_what_changed() -> None:
    def continued(document: dict[str, Any]) -> None:
        later = {**document["history"][0], "from_step": 3, "precision": "bf16"}
        document["history"].append(later)

    rewrite("infogan/environment.json", continued)
    page, _ = report("infogan")
    environment = section(page, "environment")
    assert [each.text for each in environment.all("h3")] == ["From the beginning", "From turn 3"]
    assert [each.text for each in environment.all("mark")] == ["bf16"]
