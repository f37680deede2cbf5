"""Settings: layers are merged, every mistake is named at once, results round-trip."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Gt

from ganzoo import Loss, LossSpec, Model, ModelSpec, Prior, PriorSpec, UserError, setting
from ganzoo.errors import SettingsError
from ganzoo.settings import Assignment, from_table, resolve, rows, to_toml


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A table inside a table."""

    start: int = setting(0, "first turn")
    shape: Literal["flat", "linear"] = setting("flat", "how it goes on")


class Toy(Model):
    """A model with one setting of every shape."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings."""

        width: Annotated[int, Gt(0)] = setting(8, "maps")
        slope: float | None = setting(0.2, "slope, if any")
        widths: tuple[int, ...] = setting((1, 2), "several")
        schedule: Schedule = setting(factory=Schedule, help="when")


class Other(Model):
    """A model with other settings."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings."""

        depth: int = setting(2, "layers")


class Codes(Prior):
    """A prior with free keys."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings."""

        size: int = setting(4, "noise")
        codes: dict[str, str] = setting(factory=lambda: {"digit": "categorical(10)"}, help="codes")

        def __post_init__(self) -> None:
            if "bad" in self.codes.values():
                raise ValueError("codes: 'bad' is not a code")


class Plain(Prior):
    """A prior without codes."""


class Fit(Loss):
    """A loss with a setting."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings."""

        power: float = setting(2.0, "exponent")


HERE = __name__
PRESETS = {
    "base.toml": """
        summary = "the base"
        [model]
        width = 16
        [prior]
        name = "codes"
        size = 5
        [prior.codes]
        slant = "uniform"
        [loss.fit]
        weight = 1.0
        [train]
        steps = 100
        [optim.critic]
        lr = 1e-3
    """,
    "wide.toml": 'summary = "wide"\nextends = "base"\n[model]\nwidth = 64\n',
    "grown.toml": 'extends = "toy/wide"\n[model]\ndepth = 3\n',
}


@pytest.fixture
def registry(make_registry, offering, write_package):
    toy = write_package("toy_presets", {key: PRESETS[key] for key in ("base.toml", "wide.toml")})
    other = write_package("other_presets", {"grown.toml": PRESETS["grown.toml"]})
    return make_registry(
        {
            "acme:toy": offering(
                models=[
                    ModelSpec("toy", f"{HERE}:Toy", "", presets=toy, default_preset="base"),
                    ModelSpec("other", f"{HERE}:Other", "", presets=other, default_preset="grown"),
                    ModelSpec("bare", f"{HERE}:Other", ""),
                    ModelSpec("gone", "no_such_module:X", ""),
                ],
                losses=[LossSpec("fit", f"{HERE}:Fit", ""), LossSpec("extra", f"{HERE}:Fit", "")],
                priors=[
                    PriorSpec("codes", f"{HERE}:Codes", ""),
                    PriorSpec("plain", f"{HERE}:Plain", ""),
                ],
            )
        }
    )


def sets(*texts: str) -> list[Assignment]:
    return [Assignment.parse(text) for text in texts]


def problems(registry, *texts: str, model: str | None = "toy", **options: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        resolve(registry, model, assignments=sets(*texts), **options)
    return [" ".join(problem.split()) for problem in caught.value.problems]


def test_defaults_lie_under_the_preset_and_what_it_extends(registry) -> None:
    settings = resolve(registry, "toy", preset="wide")
    assert (settings.model.name, settings.preset) == ("toy", "wide")
    assert settings.model.config == Toy.Config(width=64)
    assert settings.model.factory is Toy
    assert settings.prior is not None
    assert settings.prior.config.codes == {"digit": "categorical(10)", "slant": "uniform"}
    assert settings.train.steps == 100
    assert settings.train.batch_size == 128
    assert settings.optim["critic"].lr == 1e-3
    assert settings.losses["fit"].weight.weight == 1.0
    assert settings.packages() == ("acme",)
    assert settings.model.qualified == "acme:toy"


def test_files_and_assignments_win_in_their_order(registry, tmp_path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text("[train]\nsteps = 7\nseed = 1\n[prior.codes]\nwidth = 'uniform'\n")
    two.write_text("[train]\nsteps = 8\n")
    settings = resolve(registry, "toy", files=[one, two], assignments=sets("train.seed=2"))
    assert (settings.train.steps, settings.train.seed) == (8, 2)
    assert list(settings.prior.config.codes) == ["digit", "slant", "width"]
    assert settings.origins["train.steps"] == str(two)
    assert settings.origins["train.seed"] == "--set"
    assert settings.origins["model.width"] == "preset base"
    assert "train.batch_size" not in settings.origins


def test_values_are_toml_or_else_text(registry) -> None:
    settings = resolve(
        registry,
        "toy",
        assignments=sets(
            "prior.codes.digit=categorical(20)",
            "prior.codes.slant='none'",
            "prior.codes.year=2024",
            "prior.codes.day=2024-01-02",
            "model.widths=[4, 5, 6]",
            "model.slope=none",
            "model.schedule.start=3",
            "data.revision=1234567",
            "data.name = a=b ",
            "optim.critic.lr='0.1'",
            "train.sync_batchnorm=true",
            "loss.fit.weight={critic=1, generator=0.5}",
        ),
    )
    assert settings.prior.config.codes == {
        "digit": "categorical(20)",
        "slant": "none",
        "year": "2024",
        "day": "2024-01-02",
    }
    assert settings.model.config.widths == (4, 5, 6)
    assert settings.model.config.slope is None
    assert settings.model.config.schedule == Schedule(start=3)
    assert settings.data.revision == "1234567"
    assert settings.data.name == "a=b"
    assert settings.optim["critic"].lr == 0.1
    assert settings.train.sync_batchnorm is True
    assert settings.losses["fit"].weight.weight == {"critic": 1.0, "generator": 0.5}


def test_a_value_with_line_breaks_adds_no_setting(registry) -> None:
    settings = resolve(registry, "toy", assignments=sets("data.name=1\nother = 2"))
    assert settings.data.name == "1\nother = 2"


def test_a_table_replaces_the_one_that_is_there(registry) -> None:
    settings = resolve(registry, "toy", assignments=sets("prior.codes={shape='uniform'}"))
    assert settings.prior.config.codes == {"shape": "uniform"}
    more = sets("prior.codes={shape='uniform'}", "prior.codes.size=uniform")
    assert list(resolve(registry, "toy", assignments=more).prior.config.codes) == ["shape", "size"]


def test_a_prior_can_be_changed_or_left_out(registry) -> None:
    changed = resolve(registry, "toy", assignments=sets("prior.name=plain"))
    assert changed.prior.factory is Plain
    assert resolve(registry, "toy", assignments=sets("prior=none")).prior is None
    later = problems(registry, "prior.name=plain", "prior.size=3")
    assert later == ["prior.size no such setting did you mean data.size? from --set"]


def test_a_model_may_extend_another_models_preset(registry) -> None:
    settings = resolve(registry, "other")
    assert settings.model.config == Other.Config(depth=3)
    assert settings.origins["train.steps"] == "preset toy/base"
    switched = resolve(registry, "toy", assignments=sets("model.name=other", "model.depth=5"))
    assert switched.model.config == Other.Config(depth=5)


def test_a_model_without_presets_starts_from_nothing(registry) -> None:
    settings = resolve(registry, "bare", assignments=sets("loss.fit.power=3"))
    assert settings.preset == "default"
    assert settings.prior is None
    assert settings.losses["fit"].config.power == 3.0


def test_qualified_names_work_everywhere(registry) -> None:
    texts = ("loss.acme:extra.weight=2", "prior.name=acme:codes", 'loss."toy:fit".weight=3')
    settings = resolve(registry, "acme:toy", assignments=sets(*texts))
    assert list(settings.losses) == ["fit", "acme:extra", "toy:fit"]
    assert settings.prior.qualified == "acme:codes"
    assert from_table(registry, settings.table(), origin="saved") == settings


def test_a_weight_of_zero_mutes_a_loss(registry) -> None:
    settings = resolve(
        registry, "toy", assignments=sets("loss.fit.weight=0", "loss.extra.weight=1")
    )
    assert list(settings.losses) == ["extra"]
    assert list(settings.muted) == ["fit"]
    assert settings.table()["loss"]["fit"]["weight"] == 0.0
    both = resolve(registry, "toy", assignments=sets("loss.fit.weight={critic=0}"))
    assert not both.losses


def test_a_phase_cannot_be_set_in_a_weight_that_is_a_number(registry, tmp_path) -> None:
    [problem] = problems(registry, "loss.fit.weight.critic=0")
    assert problem == (
        "loss.fit.weight.critic loss.fit.weight is 1.0 here, not a table: "
        "write loss.fit.weight={critic=0} from --set"
    )
    unsaid = tmp_path / "unsaid.toml"
    unsaid.write_text("[loss.extra]\npower = 3\n")
    found = problems(registry, "loss.extra.weight.critic=0", files=[unsaid])
    assert "loss.extra.weight is 1.0 here" in found[0]
    settings = resolve(
        registry,
        "toy",
        assignments=sets("loss.extra.weight.critic=2", "loss.extra.weight.generator=1"),
    )
    assert settings.losses["extra"].weight.weight == {"critic": 2.0, "generator": 1.0}
    table = tmp_path / "table.toml"
    table.write_text("[loss.fit.weight]\ncritic = 3\n")
    settings = resolve(registry, "toy", files=[table])
    assert settings.losses["fit"].weight.weight == {"critic": 3.0}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("train.batchsize=3", "no such setting did you mean train.batch_size?"),
        ("batchsize=3", "no such setting did you mean train.batch_size?"),
        ("trian.batch_size=3", "no such setting did you mean train.batch_size?"),
        ("model.steps=3", "no such setting did you mean train.steps?"),
        ("steps=3", "no such setting did you mean train.steps?"),
        ("lr=3", "no such setting did you mean optim.critic.lr?"),
        ("loss.fit.wieght=3", "no such setting did you mean loss.fit.weight?"),
        ("model.schedule.strat=3", "no such setting did you mean model.schedule.start?"),
        ("zzz=1", "no such setting"),
        ("train.steps=fast", "should be a whole number, not 'fast'"),
        ("train.steps=3.7", "should be a whole number, not 3.7"),
        ("train.steps=true", "should be a whole number, not true"),
        ("train.steps=-3", "should be greater than 0, not -3"),
        ("train.steps=[1]", "should be a whole number, not [1]"),
        ("train.sync_batchnorm=maybe", "should be true or false, not 'maybe'"),
        ("train.ema_decay=1", "should be less than 1, not 1"),
        (
            "train.precision=fp23",
            "should be one of auto, fp32, bf16, fp16, not 'fp23' did you mean fp32?",
        ),
        ("data.channels=2", "should be one of 1, 3 or none, not 2"),
        ("data.channels=true", "should be one of 1, 3 or none, not true"),
        ("optim.critic.lr=fast", "should be a number, not 'fast'"),
        ("optim.critic.lr=nan", "should be a finite number, not nan"),
        ("optim.critic.lr=true", "should be a number, not true"),
        ("optim.critic.betas=[0.5]", "should be a list of 2 numbers, not [0.5]"),
        ("optim.critic.betas=[0.5, 1.5]", "should be less than 1, not 1.5"),
        ("optim.critic.betas=[true, 0.5]", "should be a list of 2 numbers, not [true, 0.5]"),
        ("model.widths=3", "should be a list of whole numbers, not 3"),
        ("model.schedule=3", "should be a Schedule, not 3"),
        ("model.schedule.shape=flt", "should be one of flat, linear, not 'flt' did you mean flat?"),
        ("loss.fit.weight=strong", "should be a number or a table of numbers, not 'strong'"),
        ("loss.fit.ramp=[9, 3]", "ramp must be [from, to] with from < to"),
        ("prior.codes=3", "should be a table of texts, not 3"),
        ("prior.codes=none", "should be a table of texts, not 'none'"),
        ("train=3", "should be a table, not 3"),
        ("loss.fit=3", "should be a table, not 3"),
        ("optim=3", "should be a table, not 3"),
        ("data.split=[1]", "should be text, not [1]"),
    ],
)  # fmt: skip
def test_a_problem_says_key_expectation_near_miss_and_origin(registry, text, problem) -> None:
    key = text.partition("=")[0]
    assert problems(registry, text) == [f"{key} {problem} from --set"]


def test_a_value_inside_a_table_is_named(registry) -> None:
    found = problems(registry, "loss.fit.weight={critic='x'}", "prior.codes={digit=[1]}")
    assert found == [
        "prior.codes.digit should be text, not [1] from --set",
        "loss.fit.weight.critic should be a number, not 'x' from --set",
    ]


def test_what_a_settings_class_refuses_itself_is_told_by_its_key(registry) -> None:
    assert problems(registry, "prior.codes.digit=bad") == [
        "prior.codes codes: 'bad' is not a code from --set"
    ]


def test_unknown_parts_are_problems_like_others(registry) -> None:
    found = problems(registry, "loss.ft.weight=2", "prior.name=cods", "train.steps=0")
    assert found == [
        "prior.name no prior called 'cods' did you mean codes? from --set",
        "loss.ft no loss called 'ft' did you mean fit? from --set",
        "train.steps should be greater than 0, not 0 from --set",
    ]
    assert problems(registry, "prior.size=3", model="bare") == [
        "prior.name should be the name of a prior: codes, plain from --set"
    ]


def test_everything_wrong_is_in_one_message_in_columns(registry, tmp_path) -> None:
    broken, good = tmp_path / "broken.toml", tmp_path / "good.toml"
    broken.write_text("[train]\nsteps = \n")
    good.write_text("[train]\nsedd = 3\n")
    with pytest.raises(SettingsError) as caught:
        resolve(
            registry,
            "toy",
            preset="bas",
            files=[broken, good, tmp_path / "gone.toml"],
            assignments=[
                *sets("train.seed", "=3", "a..b=1"),
                Assignment("train.steps", "x", "--steps"),
            ],
        )
    error = caught.value
    assert error.what.splitlines()[0] == "8 problems in the settings of toy (preset bas):"
    text = "\n".join(" ".join(problem.split()) for problem in error.problems)
    assert f"{broken} is not TOML: Invalid value (at line 2, column 9)" in text
    assert f"{tmp_path / 'gone.toml'} cannot be read: No such file or directory" in text
    assert "preset toy has no preset 'bas' did you mean base? from --preset" in text
    assert "train.seed has no value: write KEY=VALUE from --set" in text
    assert "'' is not a dotted key from --set" in text
    assert "a..b is not a dotted key from --set" in text
    assert f"train.sedd no such setting did you mean train.seed? from {good}" in text
    assert "train.steps should be a whole number, not 'x' from --steps" in text
    assert str(error.hint).splitlines()[-1] == "See every setting with: ganzoo show toy"
    starts = {problem.index("from ") for problem in error.problems if "from " in problem}
    assert len(starts) == 1, "the origins stand in one column"


def test_an_unknown_model_alone_keeps_its_own_message(registry) -> None:
    with pytest.raises(UserError, match="no model called 'ty'; did you mean 'toy'") as caught:
        resolve(registry, "ty")
    assert caught.value.hint == "There are: bare, gone, other, toy."
    found = problems(registry, "train.stps=3", model="ty")
    assert found[0] == "model.name no model called 'ty' did you mean toy? from the command"
    assert found[1] == "train.stps no such setting did you mean train.steps? from --set"


def test_a_part_that_cannot_be_imported_is_a_problem(registry) -> None:
    [problem] = problems(registry, model="gone")
    assert "plugin acme:toy: cannot load 'no_such_module:X': ModuleNotFoundError" in problem


def test_a_file_may_name_model_and_preset(registry, tmp_path) -> None:
    file = tmp_path / "experiment.toml"
    file.write_text('preset = "wide"\n[model]\nname = "toy"\n')
    settings = resolve(registry, files=[file])
    assert (settings.model.name, settings.preset) == ("toy", "wide")
    assert resolve(registry, files=[file], preset="base").preset == "base"
    assert problems(registry, model="other", files=[file])[0] == (
        f"model.name is 'toy' here, but the command names 'other' from {file}"
    )
    with pytest.raises(UserError, match="no model is named"):
        resolve(registry)


SAMPLES = [
    (),
    ("prior.codes={shape='uniform'}", "model.slope=none", "loss.fit.weight=0"),
    ("prior=none", "loss.extra.weight={critic=1}", "model.schedule.shape=linear"),
    ("prior.codes={}", "data.name=somewhere \"quoted\" \\ 'ü'", "loss.fit.ramp=[1, 5]"),
]  # fmt: skip


@pytest.mark.parametrize("texts", SAMPLES)
def test_saved_settings_resolve_to_the_same(registry, tmp_path, texts) -> None:
    settings = resolve(registry, "toy", preset="wide", assignments=sets(*texts))
    file = tmp_path / "settings.toml"
    file.write_text(to_toml(settings), encoding="utf-8")
    assert tomllib.loads(file.read_text(encoding="utf-8")) == settings.table()
    again = resolve(registry, files=[file])
    assert again == settings
    assert list(again.losses) == list(settings.losses)
    assert again.origins["train.steps"] == str(file)
    assert from_table(registry, settings.table(), origin="saved") == settings
    longer = resolve(registry, files=[file], assignments=sets("train.steps=9"))
    assert longer.train.steps == 9
    assert longer.prior == settings.prior


def test_a_complete_file_goes_over_no_preset(registry, tmp_path) -> None:
    file, other = tmp_path / "settings.toml", tmp_path / "other.toml"
    file.write_text(to_toml(resolve(registry, "toy")))
    other.write_text("")
    assert problems(registry, model=None, files=[file], preset="wide") == [
        f"preset cannot go under {file}, which is complete from --preset"
    ]
    assert problems(registry, files=[other, file]) == [
        f"complete only the first file can be complete from {file}"
    ]
    file.write_text("complete = 3\npreset = 4\n")
    assert problems(registry, files=[file]) == [
        f"preset should be text, not 4 from {file}",
        f"complete should be true or false, not 3 from {file}",
    ]


def test_a_table_in_the_data_is_a_further_source(registry) -> None:
    settings = resolve(
        registry, "toy", assignments=sets("data.name=a", "data.style.name=b", "data.style.size=16")
    )
    assert settings.data.name == "a"
    assert settings.data.size is None
    assert settings.further["style"].name == "b"
    assert settings.further["style"].size == 16
    assert from_table(registry, settings.table(), origin="again") == settings
    shown = {row.key: row for row in rows(settings)}
    assert shown["data.style.size"].origin == "--set"


def test_a_further_source_is_checked_like_the_data(registry) -> None:
    assert problems(registry, "data.style.name=b", "data.style.szie=3") == [
        "data.style.szie no such setting did you mean data.style.size? from --set"
    ]
    [nameless] = problems(registry, "data.style.size=16")
    assert nameless.startswith("data.style.name has no value and needs one")


def test_preset_is_no_setting(registry) -> None:
    assert problems(registry, "preset=wide")[0] == "preset is chosen with --preset from --set"


def test_rows_hold_every_setting_with_meaning_and_origin(registry) -> None:
    settings = resolve(registry, "toy", assignments=sets("prior.codes.slant=uniform"))
    table = {row.key: row for row in rows(settings)}
    assert table["model.width"].value == 16
    assert table["model.width"].type == "int > 0"
    assert table["model.width"].help == "maps"
    assert table["model.width"].origin == "preset base"
    assert table["model.schedule.shape"].type == "flat | linear"
    assert table["model.schedule.shape"].origin == "default"
    assert table["prior.codes.digit"].origin == "default"
    assert table["prior.codes.slant"].origin == "--set"
    assert table["prior.codes.slant"].section == "prior"
    assert table["loss.fit.weight"].type == "float | table of float"
    assert table["model.name"].origin == "the command"
    assert table["data.size"].value is None
    assert {key.split(".")[0] for key in table} == {
        "model", "prior", "loss", "data", "train", "optim",
    }  # fmt: skip
    assert all(row.help for row in table.values())


def test_fields_that_are_the_hosts_own_are_refused(make_registry, offering) -> None:
    registry = make_registry(
        {
            "acme:x": offering(
                models=[ModelSpec("bare", f"{HERE}:Other", "")],
                losses=[LossSpec("greedy", f"{HERE}:Greedy", "")],
            )
        }
    )
    assert problems(registry, "loss.greedy.weight=1", model="bare") == [
        "loss.greedy greedy has a setting 'weight', which is the host's own from --set"
    ]


class Greedy(Loss):
    """A loss that takes a name of the host's."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings."""

        weight: float = setting(1.0, "mine")


def test_a_folder_is_no_file(registry, tmp_path) -> None:
    assert problems(registry, files=[tmp_path]) == [f"{tmp_path} cannot be read: Is a directory"]
