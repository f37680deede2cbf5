"""The command line: listings, settings on show, plugins' commands, and errors in one line."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

import click
import pytest

from ganzoo import (
    DatasetSpec,
    Loss,
    LossSpec,
    MetricSpec,
    Model,
    ModelSpec,
    UserError,
    __version__,
    setting,
)
from ganzoo.cli import cli


class Toy(Model):
    """A model to show."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings."""

        width: int = setting(8, "how many maps a layer has")


class Fit(Loss):
    """A loss to list."""


HERE = __name__
FIT = LossSpec("fit", f"{HERE}:Fit", "how well it fits")


@dataclass
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys):
    """Run a command line, with a registry or with what is installed."""

    def call(*arguments: str, registry=None) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main(list(arguments), prog_name="ganzoo", obj=registry)
        out, err = capsys.readouterr()
        return Said(int(ended.value.code or 0), out, err)

    return call


@pytest.fixture
def registry(make_registry, offering, write_package):
    presets = write_package(
        "toy_presets",
        {
            "small.toml": 'summary = "tiny"\n[model]\nwidth = 4\n[loss.fit]\n',
            "large.toml": 'summary = "vast"\n',
        },
    )
    plugin = offering(
        models=[ModelSpec("toy", f"{HERE}:Toy", "a toy", presets=presets, default_preset="small")],
        losses=[FIT],
        datasets=[DatasetSpec("discs", f"{HERE}:Fit", "discs", splits=("train",), licence="CC0")],
    )
    return make_registry({"acme:toy": plugin})


def test_models_are_listed_with_origin_and_presets(run, registry) -> None:
    lines = run("models", registry=registry).out.splitlines()
    assert lines == [
        "toy  acme 1.0  a toy",
        "       --preset large  vast",
        "     * --preset small  tiny",
        "(* is the preset that is taken where none is named)",
    ]


def test_models_as_json_hold_the_same(run, registry) -> None:
    [model] = json.loads(run("models", "--json", registry=registry).out)
    assert model["name"] == "toy"
    assert model["package"] == "acme"
    assert model["version"] == "1.0"
    assert model["qualified"] == "acme:toy"
    assert not model["clashes"]
    assert model["presets"] == [
        {"name": "large", "summary": "vast", "default": False},
        {"name": "small", "summary": "tiny", "default": True},
    ]


def test_other_kinds_are_listed(run, registry) -> None:
    assert run("losses", registry=registry).out == "fit  acme 1.0  how well it fits\n"
    data = run("datasets", registry=registry).out
    assert data == "discs  acme 1.0  discs\n       splits train; licence CC0\n"
    assert run("metrics", registry=registry).out == "No plugin offers any metrics.\n"
    assert json.loads(run("priors", "--json", registry=registry).out) == []


def test_a_clash_is_listed_by_qualified_names(run, make_registry, offering) -> None:
    registry = make_registry({"acme:a": offering(losses=[FIT]), "other:b": offering(losses=[FIT])})
    lines = run("losses", registry=registry).out.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["acme:fit", "other:fit"]
    assert lines[2] == "Several plugins offer 'fit': use the qualified names above."
    listed = json.loads(run("losses", "--json", registry=registry).out)
    assert [item["clashes"] for item in listed] == [True, True]


def test_a_broken_plugin_never_ends_another_command(run, make_registry, offering) -> None:
    registry = make_registry(
        {"acme:bad": offering(models=[FIT]), "acme:ok": offering(losses=[FIT])}
    )
    models = run("models", registry=registry)
    assert models.code == 0
    assert "yields a LossSpec, not a ModelSpec" in models.out
    assert models.err.count("\n") == 1
    assert run("losses", registry=registry).out.startswith("fit")


def test_a_bad_preset_costs_only_itself(run, make_registry, offering, write_package) -> None:
    presets = write_package("sad_presets", {"a.toml": "", "z.toml": "[["})
    spec = ModelSpec("toy", f"{HERE}:Toy", "a toy", presets=presets, default_preset="a")
    said = run("models", registry=make_registry({"acme:toy": offering(models=[spec])}))
    assert "* --preset a" in said.out
    assert "warning: plugin acme:toy: preset toy/z cannot be read: TOMLDecodeError" in said.err


def test_plugins_lists_loaded_and_broken_with_reasons(run, make_registry, offering) -> None:
    registry = make_registry({"acme:good": offering(losses=[FIT]), "acme:bad": offering()})
    said = run("plugins", registry=registry)
    assert said.out.splitlines()[0].split() == ["loaded", "acme:good", "1.0"]
    assert "broken    acme:bad   1.0" in said.out
    assert "implements no hook" in said.out
    assert "Traceback" not in said.out
    verbose = run("plugins", "-v", registry=registry).out
    assert "hooks  ganzoo_losses" in verbose
    assert "Traceback" in verbose
    table = json.loads(run("plugins", "--json", registry=registry).out)
    assert [(entry["state"], entry["name"]) for entry in table] == [
        ("loaded", "good"),
        ("broken", "bad"),
    ]


def test_plugins_tells_of_hooks_that_fail(run, make_registry, offering) -> None:
    registry = make_registry({"acme:odd": offering(losses=[FIT], models=[FIT])})
    assert (
        "ganzoo_models yields a LossSpec, not a ModelSpec" in run("plugins", registry=registry).out
    )
    [entry] = json.loads(run("plugins", "--json", registry=registry).out)
    assert entry["state"] == "loaded"
    assert entry["complaints"][0]["reason"] == "ganzoo_models yields a LossSpec, not a ModelSpec"


@pytest.mark.parametrize(
    "command", ["models", "losses", "priors", "datasets", "metrics", "plugins"]
)
def test_without_plugins_the_host_stands_alone_and_says_so(run, monkeypatch, command) -> None:
    monkeypatch.setenv("GANZOO_PLUGINS", "")
    said = run(command)
    assert said.code == 0
    sentence = "No plugin is loaded: GANZOO_PLUGINS is set and empty: the host stands alone."
    assert said.out.splitlines()[0] == sentence
    assert isinstance(json.loads(run(command, "--json").out), list)


def test_a_metric_on_request_is_listed_as_such(run, make_registry, offering) -> None:
    specs = [MetricSpec("usual", "a:b", "Fast"), MetricSpec("rare", "a:b", "Slow", on_request=True)]
    listed = run("metrics", registry=make_registry({"acme:some": offering(metrics=specs)})).out
    assert [line.split("acme")[1].split("  ")[-1] for line in listed.splitlines()] == [
        "Fast",
        "Slow (on request)",
    ]


def test_show_prints_value_type_meaning_and_origin(run, registry) -> None:
    said = run("show", "toy", "--set", "train.seed=3", registry=registry)
    lines = said.out.splitlines()
    assert lines[0] == "toy (from acme), preset small"
    assert "  * --preset small  tiny" in lines
    at = lines.index("[model]")
    assert lines[at + 3].split("  ")[1] == "width = 4"
    assert lines[at + 3].endswith("int; preset small")
    assert lines[at + 4] == "      how many maps a layer has"
    assert any(line.startswith("  seed = 3") and line.endswith("; --set") for line in lines)
    assert any(
        line.startswith("  batch_size = 128") and line.endswith("; default") for line in lines
    )
    assert max(map(len, lines)) <= 100
    assert "  ganzoo run toy --preset small --dry-run" in lines, "which knows the phases"


def test_show_as_json_can_be_parsed(run, registry) -> None:
    document = json.loads(run("show", "toy", "--preset", "large", "--json", registry=registry).out)
    assert document["preset"] == "large"
    assert document["presets"] == {"large": "vast", "small": "tiny"}
    width = next(row for row in document["settings"] if row["key"] == "model.width")
    assert width == {
        "section": "model",
        "key": "model.width",
        "value": 8,
        "type": "int",
        "help": "how many maps a layer has",
        "origin": "default",
    }


def test_show_takes_files(run, registry, tmp_path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[model]\nname = "toy"\nwidth = 99\n')
    assert "width = 99" in run("show", "--config", str(file), registry=registry).out


def test_wrong_settings_end_in_exit_code_2_without_a_traceback(run, registry) -> None:
    said = run("show", "toy", "--set", "model.wdth=1", "--set", "train.steps=no", registry=registry)
    assert said.code == 2
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines[0] == "error: 2 problems in the settings of toy (preset small):"
    assert len(lines) == 4
    assert lines[3] == "See every setting with: ganzoo show toy"
    nobody = run("show", "ty", registry=registry)
    assert nobody.code == 2
    assert nobody.err == "error: no model called 'ty'; did you mean 'toy'?\nThere are: toy.\n"


def test_a_misspelt_command_gets_a_near_miss(run, registry) -> None:
    said = run("model", registry=registry)
    assert said.code == 2
    assert said.err == (
        "error: no command called 'model'; did you mean 'models'?\n"
        "See all commands with: ganzoo --help\n"
    )


def test_a_bug_keeps_its_traceback(make_registry, offering) -> None:
    @click.command("crash")
    def crash() -> None:
        raise ZeroDivisionError

    registry = make_registry({"acme:x": offering(commands=[crash])})
    with pytest.raises(ZeroDivisionError):
        cli.main(["crash"], prog_name="ganzoo", obj=registry)


def speaking(text: str, name: str = "speak") -> click.Command:
    @click.command(name, help="Say something.")
    @click.pass_obj
    def command(registry) -> None:
        click.echo(f"{text} {len(registry.all('command'))}")

    return command


def test_a_plugins_command_runs_and_is_in_the_help(run, make_registry, offering) -> None:
    registry = make_registry({"acme:x": offering(commands=[speaking("hello")])})
    assert run("speak", registry=registry).out == "hello 1\n"
    page = run("--help", registry=registry).out
    assert "From plugins:\n  speak" in page
    assert "\n  models " in page


def test_two_commands_of_one_name_clash_at_use(run, make_registry, offering) -> None:
    plugins = {
        "one:x": offering(commands=[speaking("one")]),
        "two:y": offering(commands=[speaking("two")]),
    }
    registry = make_registry(plugins)
    said = run("speak", registry=registry)
    assert said.code == 2
    assert "two plugins offer a command called 'speak': one 1.0 and two 1.0" in said.err
    assert run("two:speak", registry=registry).out == "two 2\n"
    assert "two:speak" in run("--help", registry=registry).out


def test_a_plugin_cannot_take_a_command_of_the_hosts(run, make_registry, offering) -> None:
    registry = make_registry({"acme:x": offering(commands=[speaking("mine", "models")])})
    assert run("models", registry=registry).out == "No plugin offers any models.\n"
    assert run("acme:models", registry=registry).out == "mine 1\n"
    said = run("--help", registry=registry)
    assert "ganzoo_commands yields 'models', which is the host's: call it acme:models" in said.err


def test_a_command_may_end_with_an_error_of_the_users(run, make_registry, offering) -> None:
    @click.command("fail")
    def fail() -> None:
        raise UserError("the moon is down", hint="Wait for it.")

    registry = make_registry({"acme:x": offering(commands=[fail])})
    said = run("fail", registry=registry)
    assert (said.code, said.err) == (2, "error: the moon is down\nWait for it.\n")


def test_ctrl_c_ends_a_command_as_it_ends_a_training(run, make_registry, offering) -> None:
    @click.command("wait")
    def wait() -> None:
        raise KeyboardInterrupt

    registry = make_registry({"acme:x": offering(commands=[wait])})
    said = run("wait", registry=registry)
    assert (said.code, said.err) == (130, "Aborted!\n")


IDEA = """
import click
from ganzoo import LossSpec, hookimpl

@hookimpl
def ganzoo_losses():
    yield LossSpec("bright", "bright_idea:Bright", "prefers bright images")

@hookimpl
def ganzoo_commands():
    yield click.Command("shine", help="Be bright.", callback=lambda: click.echo("bright"))
"""


def test_a_file_is_a_plugin_for_one_command(run, tmp_path, monkeypatch) -> None:
    file = tmp_path / "bright_idea.py"
    file.write_text(IDEA)
    monkeypatch.setenv("GANZOO_PLUGINS", "")
    try:
        listed = run("--plugin", str(file), "losses").out
        assert listed == "bright  file  prefers bright images\n"
        assert run("--plugin", str(file), "shine").out == "bright\n"
        assert "shine" in run("--plugin", str(file), "--help").out
    finally:
        del sys.modules["bright_idea"]
    assert run("losses").out.startswith("No plugin is loaded")


def test_a_file_behind_the_command_is_told_where_it_belongs(run, make_registry) -> None:
    said = run("run", "--plugin", "idea.py", "toy", registry=make_registry({}))
    assert said.code == 2
    assert said.err == (
        "error: --plugin goes before the command\nAs in: ganzoo --plugin FILE.py run ...\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run toy --stepz 3", "no such option '--stepz'. (Did you mean one of: "),
        ("compare a --sort", "no such option '--sort'"),
        ("run toy --steps", "option '--steps' requires an argument\nSee: ganzoo run --help\n"),
        ("models more", "got unexpected extra argument (more)\nSee: ganzoo models --help\n"),
        ("--plugins x models", "no such option '--plugins'"),
        ("compare", "missing argument 'RUN...'\nSee: ganzoo compare --help\n"),
    ],
)
def test_what_click_refuses_is_told_like_every_other_error(
    run, make_registry, words: str, said: str
) -> None:
    refused = run(*words.split(), registry=make_registry({}))
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(f"error: {said}")
    assert refused.err.splitlines()[-1].endswith(" --help")


def test_a_file_that_fails_ends_the_command(run, tmp_path) -> None:
    file = tmp_path / "dim_idea.py"
    file.write_text("import click\nclick.no_such_thing\n")
    said = run("--plugin", str(file), "models")
    assert said.code == 2
    assert said.err.startswith(f"error: plugin file {file}: AttributeError: ")
    assert said.err.endswith("(line 2)\n")
    assert "dim_idea" not in sys.modules


def test_the_version_is_told(run) -> None:
    assert __version__ in run("--version").out
