"""`ganzoo run` from the command line to a scored folder, on small networks and few images."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from reported_runs import REPORTED, ganzoo, records, run

from ganzoo.training import Trainer

pytestmark = pytest.mark.usefixtures("elsewhere")


def photographs(folder: Path, count: int = 40) -> None:
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(count):
        height, width = generator.integers(50, 90, 2)
        pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


def test_a_run_leaves_a_folder_with_everything() -> None:
    result = run("infogan", "--steps", "6", "--seed", "3")
    folder = Path("runs/infogan-mnist-3")
    for name in (
        "settings.toml",
        "environment.json",
        "metrics.jsonl",
        "scores.json",
        "samples.png",
        "traversal.png",
        "progress.gif",
        "images/step-000006.png",
        "traversals/step-000006.png",
        "checkpoints/step-000006/manifest.json",
        "model/model.safetensors",
        "model/config.json",
    ):
        assert (folder / name).is_file(), name
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["world_size"] == 1
    assert (environment["device"], environment["precision"]) == ("cpu", "fp32")
    assert torch.__version__.startswith(environment["versions"]["torch"])
    assert "in fp32" in result.stdout.splitlines()[0]
    for name in ("report.html", "samples.png", "traversal.png"):
        assert f"\n  {folder / name}\n" in result.stdout
    assert f"ganzoo sample {folder}" in result.stdout
    assert f"ganzoo run --resume {folder}" in result.stdout


def test_the_first_picture_comes_with_turn_100() -> None:
    run("infogan", "--steps", "101", "--out", "x")
    pictures = sorted(path.name for path in Path("x/images").iterdir())
    assert pictures == ["step-000100.png", "step-000101.png"]


def test_metrics_and_scores_have_their_pinned_form() -> None:
    run("infogan", "--steps", "6", "--out", "x")
    lines = records("x")
    assert [line["step"] for line in lines] == [2, 4, 6]
    for line in lines:
        assert {"step", "seconds", "images_per_second"} <= set(line)
        assert {
            f"loss/{p}/{n}"
            for p in ("critic", "generator")
            for n in ("adversarial", "mutual_information")
        } <= set(line)
    assert lines[0]["images_per_second"] is None
    assert lines[1]["images_per_second"] > 0
    document = json.loads(Path("x/scores.json").read_text())
    assert document["schema"] == 1
    accuracy = document["scores"]["category_accuracy/digit"]
    assert (accuracy["split"], accuracy["n"], accuracy["ema"]) == ("test", 10000, False)
    assert {"mi_nats/digit", "nmi/digit", "ari/digit", "r2/slant", "spearman/width"} <= set(
        document["scores"]
    )


def test_dcgan_runs_without_codes_and_says_so() -> None:
    result = run("dcgan", "--steps", "2")
    assert Path("runs/dcgan-mnist-0/samples.png").is_file()
    assert not Path("runs/dcgan-mnist-0/traversal.png").exists()
    assert "reads no codes" in result.stdout


def test_a_test_split_that_is_not_there_is_refused_before_the_training() -> None:
    result = ganzoo("run", "dcgan", "--dry-run", settings=["data.test_split=tset"])
    assert result.exit_code == 2
    assert "'mnist' has no split 'tset'; did you mean 'test'?" in result.stderr


def test_a_dry_run_writes_nothing_and_counts_parameters() -> None:
    result = run("infogan", "--dry-run", "--json", settings=["train.precision=fp32"])
    plan = json.loads(result.stdout)
    assert plan["parameters"] == {"generator": 6652481, "discriminator": 6559169, "q": 133262}
    critic = plan["phases"]["critic"]
    assert critic["trains"] == ["discriminator", "q"]
    assert critic["losses"] == {"adversarial": 1.0, "mutual_information": 1.0}
    shown = run("infogan", "--dry-run").stdout
    assert "No run was begun (--dry-run). Every setting: ganzoo show infogan\n" in shown
    shown = run("infogan", "--preset", "mnist-openai", "--dry-run").stdout
    assert shown.endswith("ganzoo show infogan --preset mnist-openai\n")
    assert not Path("runs").exists()


def test_all_problems_of_a_command_come_at_once_and_nothing_is_written() -> None:
    wrong = ["train.batchsize=3", "optim.generator.lr=fast", "loss.mutual_info.weight=2"]
    result = ganzoo("run", "infogan", "--steps", "-1", settings=wrong)
    assert result.exit_code == 2
    for part in ("train.batch_size", "'fast'", "mutual_information", "train.steps", "--steps"):
        assert part in result.stderr
    assert "Traceback" not in result.output
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (["run", "infogann"], [], "infogan"),
        (["run", "infogan", "--preset", "mnits"], [], "mnist"),
        (["run", "dcgan"], ["loss.mutual_information.weight=1"], "needs a network 'q'"),
        (["run", "infogan"], ["data.size=30"], "images of 30x30 do not fit"),
        (["run", "infogan"], ["optim.criticc.lr=1e-3"], "did you mean 'critic'"),
        (["run", "infogan", "--data", "no/such/folder"], [], "no/such/folder"),
        (["run", "infogan"], ["prior.codes.digit=categorial(10)"], "categorical(10)"),
        (["run", "infogan"], ["prior.name=noise"], "at least one code"),
        (["run", "infogan", "--resume", "nowhere"], [], "nowhere does not exist"),
        (["sample", "nowhere"], [], "nowhere does not exist"),
        (["eval"], [], "there is no run in runs/"),
    ],
)
def test_bad_input_is_one_clear_message(
    arguments: list[str], settings: list[str], said: str
) -> None:
    result = ganzoo(*arguments, settings=settings)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.output
    assert not Path("runs").exists()


def test_a_loss_that_becomes_no_number_stops_the_run() -> None:
    settings = [*REPORTED, "optim.generator.lr=1e30", "train.steps=8"]
    result = ganzoo("run", "dcgan", settings=settings)
    assert result.exit_code == 2
    assert "is no number any more at turn" in result.stderr


def test_a_training_that_gets_nowhere_is_stopped_if_asked() -> None:
    frozen = ["optim.critic.lr=1e-12", "optim.generator.lr=1e-12", "train.stuck_after=2"]
    result = ganzoo("run", "infogan", "--steps", "20", "--out", "s", settings=REPORTED + frozen)
    assert result.exit_code == 2
    assert "the training is stuck: L_I of the categorical codes is below 0.01" in result.output
    assert "in 2 reports in a row up to turn 4" in result.output
    assert [record["step"] for record in records("s")] == [2, 4]
    [command] = re.findall("Go on regardless with: ganzoo (.+)", result.output)
    again = ganzoo(*shlex.split(command), "--steps", "6", settings=[])
    assert again.exit_code == 0, again.output


def test_a_folder_of_colour_pictures_takes_the_preset_for_images() -> None:
    photographs(Path("photos"))
    settings = ["train.batch_size=8", "train.precision=fp32", "model.reader_width=8"]
    settings += ["model.generator_channels=[16, 8, 4]", "model.discriminator_channels=[4, 8, 16]"]
    result = run("infogan", "--data", "photos/", "--steps", "1", settings=settings)
    assert "taking preset images" in result.stdout
    assert "images become 32x32" in result.stdout
    saved = Path("runs/infogan-images-0/settings.toml").read_text()
    assert "channels = 3" in saved
    assert Image.open("runs/infogan-images-0/samples.png").getextrema()[0] != (0, 0)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (torch.OutOfMemoryError, "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ..."),
        (
            RuntimeError,
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.",
        ),
        (
            RuntimeError,
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        ),
    ],
)
def test_memory_that_does_not_suffice_is_told_in_one_line(
    kind: type[RuntimeError], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(_: Trainer) -> None:
        raise kind(text)

    monkeypatch.setattr(Trainer, "turn", fill)
    result = ganzoo("run", "infogan", "--out", "x")
    assert result.exit_code == 2
    assert "does not hold a training with 16 images a turn" in result.stderr
    assert "smaller train.batch_size" in result.stderr


def test_another_runtime_error_is_not_taken_for_a_want_of_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: Trainer) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Trainer, "turn", fail)
    result = ganzoo("run", "infogan", "--out", "x")
    assert isinstance(result.exception, RuntimeError)


def test_a_broken_picture_is_named_and_skipped() -> None:
    photographs(Path("photos"))
    Path("photos/broken.png").write_bytes(b"no picture")
    settings = ["train.batch_size=8", "train.precision=fp32"]
    result = run("dcgan", "--data", "photos/", "--steps", "1", settings=settings)
    assert "broken.png" in result.stdout


def test_infogan_takes_wasserstein_and_gradient_penalty_by_settings_alone() -> None:
    settings = [
        *REPORTED,
        "loss.adversarial.weight=0",
        "loss.wasserstein.weight=1",
        "loss.gradient_penalty.weight=10",
        "model.discriminator_norm=none",
        "model.critic_repeats=2",
    ]
    run("infogan", "--steps", "4", "--out", "x", settings=settings)
    last = records("x")[-1]
    assert last["loss/critic/gradient_penalty"] >= 0
    assert "loss/critic/adversarial" not in last
    assert np.isfinite(last["loss/generator/wasserstein"])


def test_a_quiet_run_prints_its_folder_and_nothing_else() -> None:
    result = run("infogan", "--steps", "2", "--quiet")
    assert (result.stdout, result.stderr) == ("runs/infogan-mnist-0\n", "")
