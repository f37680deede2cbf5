"""Every mistake in settings is named at once, with its origin and a near miss."""

from __future__ import annotations

import pytest
from toy_parts import problems, sets

from ganzoo import LossSpec, ModelSpec, UserError
from ganzoo.errors import SettingsError
from ganzoo.settings import Assignment, resolve


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
def test_a_problem_says_key_expectation_near_miss_and_origin(toys, text, problem) -> None:
    key = text.partition("=")[0]
    assert problems(toys, text) == [f"{key} {problem} from --set"]


def test_a_value_inside_a_table_is_named(toys) -> None:
    found = problems(toys, "loss.fit.weight={critic='x'}", "prior.codes={digit=[1]}")
    assert found == [
        "prior.codes.digit should be text, not [1] from --set",
        "loss.fit.weight.critic should be a number, not 'x' from --set",
    ]


def test_what_a_settings_class_refuses_itself_is_told_by_its_key(toys) -> None:
    assert problems(toys, "prior.codes.digit=bad") == [
        "prior.codes codes: 'bad' is not a code from --set"
    ]


def test_unknown_parts_are_problems_like_others(toys) -> None:
    found = problems(toys, "loss.ft.weight=2", "prior.name=cods", "train.steps=0")
    assert found == [
        "prior.name no prior called 'cods' did you mean codes? from --set",
        "loss.ft no loss called 'ft' did you mean fit? from --set",
        "train.steps should be greater than 0, not 0 from --set",
    ]
    assert problems(toys, "prior.size=3", model="bare") == [
        "prior.name should be the name of a prior: codes, plain from --set"
    ]


def test_everything_wrong_is_in_one_message_in_columns(toys, tmp_path) -> None:
    broken, good = tmp_path / "broken.toml", tmp_path / "good.toml"
    broken.write_text("[train]\nsteps = \n")
    good.write_text("[train]\nsedd = 3\n")
    with pytest.raises(SettingsError) as caught:
        resolve(
            toys,
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


def test_an_unknown_model_alone_keeps_its_own_message(toys) -> None:
    with pytest.raises(UserError, match="no model called 'ty'; did you mean 'toy'") as caught:
        resolve(toys, "ty")
    assert caught.value.hint == "There are: bare, gone, other, toy."
    found = problems(toys, "train.stps=3", model="ty")
    assert found[0] == "model.name no model called 'ty' did you mean toy? from the command"
    assert found[1] == "train.stps no such setting did you mean train.steps? from --set"


def test_a_part_that_cannot_be_imported_is_a_problem(toys) -> None:
    [problem] = problems(toys, model="gone")
    assert "plugin acme:toy: cannot load 'no_such_module:X': ModuleNotFoundError" in problem


def test_a_further_source_is_checked_like_the_data(toys) -> None:
    assert problems(toys, "data.style.name=b", "data.style.szie=3") == [
        "data.style.szie no such setting did you mean data.style.size? from --set"
    ]
    [nameless] = problems(toys, "data.style.size=16")
    assert nameless.startswith("data.style.name has no value and needs one")


def test_preset_is_no_setting(toys) -> None:
    assert problems(toys, "preset=wide")[0] == "preset is chosen with --preset from --set"


def test_fields_that_are_the_hosts_own_are_refused(make_registry, offering) -> None:
    registry = make_registry(
        {
            "acme:x": offering(
                models=[ModelSpec("bare", "toy_parts:Other", "")],
                losses=[LossSpec("greedy", "toy_parts:Greedy", "")],
            )
        }
    )
    assert problems(registry, "loss.greedy.weight=1", model="bare") == [
        "loss.greedy greedy has a setting 'weight', which is the host's own from --set"
    ]


def test_a_folder_is_no_file(toys, tmp_path) -> None:
    assert problems(toys, files=[tmp_path]) == [f"{tmp_path} cannot be read: Is a directory"]
