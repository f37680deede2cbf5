"""Two processes do what one does: on the CPU, through the launcher that a user starts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from small_runs import SMALL, given
from two_processes import launched, run

HERE = Path(__file__).parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["plain", "sync", "late"])
def records(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What one process and each of two saw: without BatchNorm, with train.sync_batchnorm, and with
    players whose term comes a turn late."""
    out, kind = tmp_path_factory.mktemp("ranks"), request.param
    program = str(HERE / "programs" / "three_turns.py")
    for finished in (
        run([sys.executable, program, str(out), kind], out),
        launched(out, program, str(out), kind),
    ):
        assert finished.returncode == 0, finished.stderr
    return {
        name: torch.load(out / f"{kind}-{name}.pt", weights_only=False)
        for name in ("1-0", "2-0", "2-1")
    }


def test_ranks_see_disjoint_slices_of_what_one_process_sees(records: dict[str, Any]) -> None:
    for one, first, second in zip(
        *(records[name]["seen"] for name in ("1-0", "2-0", "2-1")), strict=True
    ):
        assert not set(first.tolist()) & set(second.tolist())
        assert torch.equal(torch.cat([first, second]), one)
    for one, first, second in zip(
        *(records[name]["latents"] for name in ("1-0", "2-0", "2-1")), strict=True
    ):
        assert torch.equal(torch.cat([first, second]), one)


def test_ranks_hold_the_same_parameters_to_the_bit_after_every_turn(
    records: dict[str, Any],
) -> None:
    for first, second in zip(records["2-0"]["weights"], records["2-1"]["weights"], strict=True):
        for key, value in first.items():
            assert torch.equal(value, second[key]), key


def test_two_processes_make_the_update_that_one_makes(records: dict[str, Any]) -> None:
    for one, two in zip(records["1-0"]["weights"], records["2-0"]["weights"], strict=True):
        for key, value in one.items():
            torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-5, msg=key)
    for key, value in records["1-0"]["figures"].items():
        assert records["2-0"]["figures"][key] == pytest.approx(value, rel=1e-4), key


ADVERSARIAL = ["--preset", "mnist-augment", "--set", "loss.augmentation_consistency.perturb_from=0"]


@pytest.mark.parametrize(
    ("precision", "further"), [("fp32", []), ("bf16", []), ("fp32", ADVERSARIAL)]
)
def test_the_command_runs_under_accelerate_launch(
    tmp_path: Path, precision: str, further: list[str]
) -> None:
    arguments = ["run", "infogan", "--steps", "2", "--out", "two"]
    arguments += given([*SMALL, f"train.precision={precision}", "data.limit=256"])
    arguments += ["--json", *further]
    finished = launched(tmp_path, "-m", "ganzoo", *arguments)
    assert finished.returncode == 0, finished.stderr
    environment = json.loads((tmp_path / "two" / "environment.json").read_text())
    assert environment["world_size"] == 2
    assert environment["precision"] == precision
    printed = json.loads(finished.stdout)  # one rank prints
    assert printed["scores"]["r2/slant"]["n"] > 0
    assert sorted(
        path.name for path in (tmp_path / "two/checkpoints/step-000002").glob("rank-*")
    ) == [
        "rank-000.pt",
        "rank-001.pt",
    ]


WAYS = {
    "joint": ["model.routing=joint", "prior.std=learned", "train.ema_decay=0.9"],
    "shared": ["model.routing=generator", "train.share_fakes=true"],
    "penalised": [
        *("loss.adversarial.weight=0", "loss.wasserstein.weight=1"),
        *("loss.gradient_penalty.weight=10", "model.discriminator_norm=none"),
        "model.critic_repeats=2",
    ],
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_training_gives_two_ranks_the_same_weights(tmp_path: Path, way: str) -> None:
    settings = given([*SMALL, *WAYS[way]])
    words = ["run", "infogan", "--steps", "3", "--out", "x", *settings]
    finished = launched(tmp_path, str(HERE / "programs" / "two_weights.py"), *words)
    assert finished.returncode == 0, finished.stderr
    first, second = (
        torch.load(tmp_path / f"weights-{rank}.pt", weights_only=True) for rank in (0, 1)
    )
    for key, value in first["parameters"].items():
        assert torch.equal(value, second["parameters"][key]), key
    exported = load_file(tmp_path / "x" / "model" / "model.safetensors")
    averaged = ("generator.",) if way == "joint" else ()
    assert first["buffers"]
    for key, value in first["buffers"].items():
        if not key.startswith(averaged):
            mean = (value + second["buffers"][key]) / 2
            torch.testing.assert_close(exported[key], mean, msg=key)


def test_a_batch_that_ranks_cannot_share_is_refused(tmp_path: Path) -> None:
    finished = launched(tmp_path, "-m", "ganzoo", "run", "infogan", "--set", "train.batch_size=5")
    assert finished.returncode != 0
    assert finished.stderr.count("train.batch_size 5 cannot be shared evenly by 2 processes") == 1
    assert not (tmp_path / "runs").exists()


FAILING = """
from ganzoo import UserError, hookimpl
from ganzoo.reporting import Observer

ganzoo_api = 1


class Failing(Observer):
    def {where}(self, step):
        raise UserError("the observer cannot go on")


@hookimpl
def ganzoo_observers(run):
    yield Failing()
"""


@pytest.mark.parametrize("where", ["turned", "finished"])
def test_an_observer_that_ends_the_run_ends_it_on_every_rank(tmp_path: Path, where: str) -> None:
    (tmp_path / "failing.py").write_text(FAILING.format(where=where))
    words = ["--plugin", "failing.py", "run", "dcgan", "--out", "x", *given(SMALL)]
    ended = launched(tmp_path, "-m", "ganzoo", *words, GANZOO_PROCESS_TIMEOUT="60")
    assert ended.returncode != 0
    assert ended.stderr.count("error: the observer cannot go on") == 1
    assert "does not answer" not in ended.stderr


TWICE = """
import json, sys
import ganzoo

settings = json.loads(sys.argv[1])
for out in ("one", "two"):
    model = ganzoo.train("infogan", steps=2, settings=settings, out=out, progress=False)
    assert model.step == 2
"""


def test_two_processes_train_twice_from_python(tmp_path: Path) -> None:
    program = tmp_path / "twice.py"
    program.write_text(TWICE)
    small = {
        "model.generator_dense": [16],
        "model.generator_channels": [8, 4],
        "model.discriminator_channels": [4, 8],
        "model.discriminator_dense": [16],
        "data.limit": 100,
        "train.batch_size": 8,
        "train.precision": "fp32",
    }
    done = launched(tmp_path, str(program), json.dumps(small))
    assert done.returncode == 0, done.stderr
    assert all((tmp_path / out / "scores.json").is_file() for out in ("one", "two"))
