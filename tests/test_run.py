"""`ganzoo run` from the command line to a scored folder, on small networks and few images."""

from __future__ import annotations

import errno
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import load_file
from small_runs import SMALL, given

from ganzoo import checkpoint, load
from ganzoo.cli import cli
from ganzoo.training import Trainer

if TYPE_CHECKING:
    from click.testing import Result

REPORTED = [*SMALL, "train.report_every=2"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANZOO_CACHE", str(cache))


@pytest.fixture
def ganzoo() -> Any:
    """``ganzoo("run", "infogan", settings=[...])`` as a user runs it; small networks by default."""

    def invoke(*arguments: str, settings: list[str] = REPORTED) -> Result:
        return CliRunner().invoke(cli, [*arguments, *given(settings)])

    return invoke


def run(ganzoo: Any, name: str, *arguments: str, settings: list[str] = REPORTED) -> Result:
    result: Result = ganzoo("run", name, *arguments, settings=settings)
    assert result.exit_code == 0, result.output
    return result


def records(folder: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]


def weights(folder: str) -> dict[str, torch.Tensor]:
    return load_file(Path(folder) / "model" / "model.safetensors")


def test_a_run_leaves_a_folder_with_everything(ganzoo: Any) -> None:
    result = run(ganzoo, "infogan", "--steps", "6", "--seed", "3")
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


def test_metrics_and_scores_have_their_pinned_form(ganzoo: Any) -> None:
    run(ganzoo, "infogan", "--steps", "6", "--out", "x")
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


def test_dcgan_runs_without_codes_and_says_so(ganzoo: Any) -> None:
    result = run(ganzoo, "dcgan", "--steps", "2")
    assert Path("runs/dcgan-mnist-0/samples.png").is_file()
    assert not Path("runs/dcgan-mnist-0/traversal.png").exists()
    assert "reads no codes" in result.stdout


def test_a_second_run_gets_a_folder_of_its_own(ganzoo: Any) -> None:
    run(ganzoo, "dcgan", "--steps", "1")
    run(ganzoo, "dcgan", "--steps", "1")
    assert Path("runs/dcgan-mnist-0-2/model").is_dir()


@pytest.mark.parametrize("model", ["dcgan", "infogan"])
def test_a_continued_run_equals_an_uninterrupted_one(ganzoo: Any, model: str) -> None:
    run(ganzoo, model, "--steps", "6", "--out", "straight")
    run(ganzoo, model, "--steps", "3", "--out", "broken")
    result = run(ganzoo, model, "--resume", "broken", "--steps", "6", settings=[])
    assert "turn" in result.stdout
    one, other = weights("straight"), weights("broken")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)

    def timeless(folder: str) -> list[dict[str, Any]]:
        # The shorter run reported its last turn, too, which cuts one window in two.
        return [
            {
                key: value
                for key, value in line.items()
                if key not in ("seconds", "images_per_second")
            }
            for line in records(folder)
            if line["step"] in (2, 6)
        ]

    assert timeless("straight") == timeless("broken")


def test_options_beside_resume_must_equal_the_saved_ones(ganzoo: Any) -> None:
    run(ganzoo, "infogan", "--steps", "2", "--out", "x")
    before = Path("x/settings.toml").read_bytes()
    result = ganzoo(
        "run", "dcgan", "--resume", "x", "--seed", "5", settings=["prior.size=7", "train.steps=4"]
    )
    assert result.exit_code == 2
    for line in (
        "model: the run's is infogan, not dcgan",
        "prior.size: the run's is 62, not 7",
        "train.seed: the run's is 0, not 5",
    ):
        assert line in result.stderr
    assert "train.steps" not in result.stderr
    assert Path("x/settings.toml").read_bytes() == before


def test_a_finished_run_is_not_run_again(ganzoo: Any) -> None:
    run(ganzoo, "dcgan", "--steps", "2", "--out", "x")
    for arguments in (["--resume", "x"], ["--out", "x", "--steps", "2"]):
        settings = REPORTED if "--out" in arguments else []
        result = ganzoo("run", "dcgan", *arguments, settings=settings)
        assert result.exit_code == 2
        assert "x is finished: it has trained 2 of 2 turns" in result.stderr
        assert "--steps 4" in result.stderr


def test_a_test_split_that_is_not_there_is_refused_before_the_training(ganzoo: Any) -> None:
    result = ganzoo("run", "dcgan", "--dry-run", settings=["data.test_split=tset"])
    assert result.exit_code == 2
    assert "'mnist' has no split 'tset'; did you mean 'test'?" in result.stderr


def test_the_code_of_the_next_command_is_one_that_there_is(ganzoo: Any) -> None:
    few = [*SMALL, "prior.codes.digit='categorical(2)'"]
    shown = run(ganzoo, "infogan", "--steps", "1", "--out", "x", settings=few).stdout
    assert "  ganzoo sample x -n 64 --code digit=1\n" in shown


def test_commands_with_the_path_of_a_run_can_be_pasted_into_a_shell(ganzoo: Any) -> None:
    shown = run(ganzoo, "dcgan", "--steps", "2", "--out", "my runs/x").stdout
    commands = [shlex.split(line) for line in shown.splitlines() if line.startswith("  ganzoo ")]
    assert [words[1] for words in commands] == ["sample", "eval", "run"]
    assert all("my runs/x" in words for words in commands)
    again = ganzoo("run", "--resume", "my runs/x", settings=[])
    assert "ganzoo run --resume 'my runs/x' --steps 4" in again.stderr


def test_out_continues_an_unfinished_run_with_the_same_settings(ganzoo: Any) -> None:
    run(ganzoo, "dcgan", "--steps", "2", "--out", "x")
    run(ganzoo, "dcgan", "--steps", "4", "--out", "x")
    assert [line["step"] for line in records("x")] == [2, 4]
    result = ganzoo("run", "dcgan", "--steps", "6", "--seed", "1", "--out", "x")
    assert result.exit_code == 2
    assert "train.seed: the run's is 0, not 1" in result.stderr


def test_out_on_something_else_is_refused_and_left_alone(ganzoo: Any) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("dear")
    result = ganzoo("run", "dcgan", "--out", "mine")
    assert result.exit_code == 2
    assert "--out mine holds something else" in result.stderr
    assert [path.name for path in Path("mine").iterdir()] == ["thesis.txt"]
    result = ganzoo("run", "dcgan", "--out", "mine/thesis.txt")
    assert result.exit_code == 2
    assert "is a file" in result.stderr


def test_a_place_that_cannot_be_written_is_one_line(ganzoo: Any) -> None:
    Path("file").write_text("")
    result = ganzoo("run", "dcgan", "--steps", "1", "--out", "file/run")
    assert result.exit_code == 2
    assert "cannot write" in result.stderr
    assert "Traceback" not in result.output


def test_a_full_disk_keeps_the_last_checkpoint(
    ganzoo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(ganzoo, "dcgan", "--steps", "2", "--out", "x")
    save, calls = torch.save, []

    def full(state: Any, file: Any) -> None:
        calls.append(file)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device", "state.pt")
        save(state, file)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.torch, "save", full)
        result = ganzoo("run", "dcgan", "--resume", "x", "--steps", "4", settings=[])
    assert result.exit_code == 2
    assert "No space left on device" in result.stderr
    assert "the last checkpoint is whole" in result.stderr
    found, damaged = checkpoint.newest(Path("x/checkpoints"))
    assert found is not None
    assert (found.step, damaged) == (2, [])


def test_a_dry_run_writes_nothing_and_counts_parameters(ganzoo: Any) -> None:
    result = run(ganzoo, "infogan", "--dry-run", "--json", settings=["train.precision=fp32"])
    plan = json.loads(result.stdout)
    assert plan["parameters"] == {"generator": 6652481, "discriminator": 6559169, "q": 133262}
    critic = plan["phases"]["critic"]
    assert critic["trains"] == ["discriminator", "q"]
    assert critic["losses"] == {"adversarial": 1.0, "mutual_information": 1.0}
    shown = run(ganzoo, "infogan", "--dry-run").stdout
    assert "No run was begun (--dry-run). Every setting: ganzoo show infogan\n" in shown
    shown = run(ganzoo, "infogan", "--preset", "mnist-openai", "--dry-run").stdout
    assert shown.endswith("ganzoo show infogan --preset mnist-openai\n")
    assert not Path("runs").exists()


def test_all_problems_of_a_command_come_at_once_and_nothing_is_written(ganzoo: Any) -> None:
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
    ganzoo: Any, arguments: list[str], settings: list[str], said: str
) -> None:
    result = ganzoo(*arguments, settings=settings)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.output
    assert not Path("runs").exists()


def test_a_loss_that_becomes_no_number_stops_the_run(ganzoo: Any) -> None:
    settings = [*REPORTED, "optim.generator.lr=1e30", "train.steps=8"]
    result = ganzoo("run", "dcgan", settings=settings)
    assert result.exit_code == 2
    assert "is no number any more at turn" in result.stderr


def photographs(folder: Path, count: int = 40) -> None:
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(count):
        height, width = generator.integers(50, 90, 2)
        pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


def test_a_training_that_gets_nowhere_is_stopped_if_asked(ganzoo: Any) -> None:
    frozen = ["optim.critic.lr=1e-12", "optim.generator.lr=1e-12", "train.stuck_after=2"]
    result = ganzoo("run", "infogan", "--steps", "20", "--out", "s", settings=REPORTED + frozen)
    assert result.exit_code == 2
    assert "the training is stuck: L_I of the categorical codes is below 0.01" in result.output
    assert "in 2 reports in a row up to turn 4" in result.output
    assert [record["step"] for record in records("s")] == [2, 4]


def test_a_folder_of_colour_pictures_takes_the_preset_for_images(ganzoo: Any) -> None:
    photographs(Path("photos"))
    settings = ["train.batch_size=8", "train.precision=fp32", "data.size=32"]
    result = run(ganzoo, "infogan", "--data", "photos/", "--steps", "1", settings=settings[:2])
    assert "taking preset images" in result.stdout
    assert "images become 32x32" in result.stdout
    saved = Path("runs/infogan-images-0/settings.toml").read_text()
    assert "channels = 3" in saved
    assert Image.open("runs/infogan-images-0/samples.png").getextrema()[0] != (0, 0)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ..."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
)
def test_memory_that_does_not_suffice_is_told_in_one_line(
    ganzoo: Any, error: RuntimeError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(_: Trainer) -> None:
        raise error

    monkeypatch.setattr(Trainer, "turn", fill)
    result = ganzoo("run", "infogan", "--out", "x")
    assert result.exit_code == 2
    assert "does not hold a training with 16 images a turn" in result.stderr
    assert "smaller train.batch_size" in result.stderr


def test_another_runtime_error_is_not_taken_for_a_want_of_memory(
    ganzoo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Trainer) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Trainer, "turn", fail)
    result = ganzoo("run", "infogan", "--out", "x")
    assert isinstance(result.exception, RuntimeError)


def test_a_broken_picture_is_named_and_skipped(ganzoo: Any) -> None:
    photographs(Path("photos"))
    Path("photos/broken.png").write_bytes(b"no picture")
    settings = ["train.batch_size=8", "train.precision=fp32"]
    result = run(ganzoo, "dcgan", "--data", "photos/", "--steps", "1", settings=settings)
    assert "broken.png" in result.stdout


def test_infogan_takes_wasserstein_and_gradient_penalty_by_settings_alone(ganzoo: Any) -> None:
    settings = [
        *REPORTED,
        "loss.adversarial.weight=0",
        "loss.wasserstein.weight=1",
        "loss.gradient_penalty.weight=10",
        "model.discriminator_norm=none",
        "model.critic_repeats=2",
    ]
    run(ganzoo, "infogan", "--steps", "4", "--out", "x", settings=settings)
    last = records("x")[-1]
    assert last["loss/critic/gradient_penalty"] >= 0
    assert "loss/critic/adversarial" not in last
    assert np.isfinite(last["loss/generator/wasserstein"])


def test_saved_settings_are_a_config_for_the_same_run(ganzoo: Any) -> None:
    settings = [*REPORTED, "prior.codes.slant=none"]
    run(ganzoo, "infogan", "--steps", "2", "--out", "x", settings=settings)
    run(ganzoo, "infogan", "--config", "x/settings.toml", "--out", "y", settings=[])
    assert Path("x/settings.toml").read_text() == Path("y/settings.toml").read_text()
    assert all(torch.equal(value, weights("y")[key]) for key, value in weights("x").items())


def test_a_quiet_run_prints_its_folder_and_nothing_else(ganzoo: Any) -> None:
    result = run(ganzoo, "infogan", "--steps", "2", "--quiet")
    assert (result.stdout, result.stderr) == ("runs/infogan-mnist-0\n", "")


def test_sample_traverse_eval_and_runs_read_a_run(ganzoo: Any) -> None:
    settings = [*REPORTED, "optim.generator.lr=0.05"]  # so that a code can be seen
    run(ganzoo, "infogan", "--steps", "20", "--out", "runs/x", settings=settings)
    scored = json.loads(Path("runs/x/scores.json").read_text())

    result = ganzoo("sample", "runs/x", "-n", "4", "--code", "digit=7", "-o", "a.png", settings=[])
    assert result.exit_code == 0, result.output
    ganzoo("sample", "runs/x", "-n", "4", "--code", "digit=7", "-o", "b.png", settings=[])
    ganzoo("sample", "runs/x", "-n", "4", "--code", "digit=8", "-o", "c.png", settings=[])
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes() != Path("c.png").read_bytes()

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
def test_a_wrong_code_is_named_with_those_there_are(
    ganzoo: Any, arguments: list[str], said: str
) -> None:
    run(ganzoo, "infogan", "--steps", "1", "--out", "x")
    before = sorted(Path("x").iterdir())
    result = ganzoo(*arguments, settings=[])
    assert result.exit_code == 2
    assert said in result.stderr
    assert sorted(Path("x").iterdir()) == before


def test_a_damaged_model_is_named(ganzoo: Any) -> None:
    run(ganzoo, "dcgan", "--steps", "1", "--out", "x")
    path = Path("x/model/model.safetensors")
    path.write_bytes(path.read_bytes()[:1000])
    result = ganzoo("sample", "x", settings=[])
    assert result.exit_code == 2
    assert "model.safetensors cannot be read" in result.stderr
