"""Precision by rule, and the launchers' modes that are refused."""

from __future__ import annotations

import pytest
import torch

from ganzoo import launch
from ganzoo.errors import UserError


def test_a_setting_wins_over_launcher_and_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "computes_in_bf16", lambda _: True)
    assert launch.choose_precision("fp32", "bf16", "cpu")[0] == "fp32"


def test_the_launcher_wins_over_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "computes_in_bf16", lambda _: True)
    assert launch.choose_precision("auto", "fp16", "cuda")[0] == "fp16"


@pytest.mark.parametrize(("native", "chosen"), [(True, "bf16"), (False, "fp32")])
@pytest.mark.parametrize("word", [None, "no"])
def test_a_launcher_that_nobody_asked_leaves_it_to_the_device(
    monkeypatch: pytest.MonkeyPatch, word: str | None, native: bool, chosen: str
) -> None:
    monkeypatch.setattr(launch, "computes_in_bf16", lambda _: native)
    if word is not None:
        monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", word)
    precision, why = launch.settle_precision("auto", ())
    assert precision == chosen
    assert "--set train.precision=" in why


@pytest.mark.parametrize(
    ("variable", "value", "word"),
    [
        ("ACCELERATE_USE_FSDP", "true", "FSDP"),
        ("ACCELERATE_USE_DEEPSPEED", "true", "DeepSpeed"),
        ("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4", "gradient accumulation"),
        ("ACCELERATE_MIXED_PRECISION", "fp8", "fp8"),
        ("ACCELERATE_DYNAMO_BACKEND", "INDUCTOR", "torch.compile"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(variable: str, value: str, word: str) -> None:
    with pytest.raises(UserError) as caught:
        launch.refuse({variable: value})
    assert caught.value.what.startswith(word)
    assert "\n" not in caught.value.what
    assert caught.value.hint is not None


def test_an_ordinary_environment_is_not_refused() -> None:
    launch.refuse(
        {
            "ACCELERATE_USE_FSDP": "false",
            "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "1",
            "ACCELERATE_DYNAMO_BACKEND": "NO",  # as accelerate launch writes it
        }
    )


@pytest.mark.parametrize(
    ("asked", "expected"), [("true", "cpu"), ("false", "cuda"), (None, "cuda")]
)
def test_a_launcher_that_says_cpu_is_heard_by_training_and_loading(
    asked: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    if asked is None:
        monkeypatch.delenv("ACCELERATE_USE_CPU", raising=False)
    else:
        monkeypatch.setenv("ACCELERATE_USE_CPU", asked)
    assert launch.device_type() == expected


@pytest.mark.parametrize("text", ["0", "-1", "soon", "9" * 14, "9" * 5000])
def test_a_time_to_wait_is_a_number_of_seconds(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("GANZOO_PROCESS_TIMEOUT", text)
    with pytest.raises(UserError, match="GANZOO_PROCESS_TIMEOUT should be a number of seconds"):
        launch.process_timeout()
    monkeypatch.setenv("GANZOO_PROCESS_TIMEOUT", "60")
    assert launch.process_timeout().total_seconds() == 60
    monkeypatch.delenv("GANZOO_PROCESS_TIMEOUT")
    assert launch.process_timeout().total_seconds() == 1800


def test_fp16_and_a_gradient_of_a_gradient_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "device_type", lambda: "cuda")
    assert launch.settle_precision("fp16", ())[0] == "fp16"
    with pytest.raises(UserError, match=r"loss\.gp differentiates a gradient"):
        launch.settle_precision("fp16", ["gp"])
