"""`ganzoo doctor` finds what would keep a training from starting, and tries one turn."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from accelerate.commands.config import config_args
from doctor_findings import findings, the_problem

from ganzoo.discovery import discover
from ganzoo.plugins import Plugins
from ganzoo.registry import Registry
from ganzoo_workbench.doctor import smoke

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ganzoo_workbench.doctor.findings import Finding

pytestmark = pytest.mark.usefixtures("sound_machine")


def accelerate_config(path: Path, **changes: Any) -> str:
    content = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "NO",
        "mixed_precision": "no",
        "num_machines": 1,
        "num_processes": 1,
        "use_cpu": True,
    }
    path.write_text(json.dumps(content | changes))  # JSON is YAML
    return str(path)


@pytest.mark.parametrize("kind", ["NO", "MULTI_CPU"])
def test_a_config_whose_processes_are_not_started_is_a_problem(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = accelerate_config(tmp_path / "config.yaml", distributed_type=kind, num_processes=2)
    monkeypatch.setattr(config_args, "default_config_file", path)
    about, text, advice = the_problem()
    assert (about, text) == (
        "config",
        f"it says 2 processes, but accelerate starts one for {kind}",
    )
    assert "ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes 2" in advice


def test_a_config_for_what_is_not_supported_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = accelerate_config(tmp_path / "config.yaml", distributed_type="FSDP", use_cpu=False)
    monkeypatch.setattr(config_args, "default_config_file", path)
    assert the_problem()[1] == "it asks for FSDP, which is not supported"


def test_a_config_that_accelerate_cannot_read_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = accelerate_config(tmp_path / "config.yaml", warp_drive=True)
    monkeypatch.setattr(config_args, "default_config_file", path)
    about, text, _ = the_problem()
    assert about == "config"
    assert "warp_drive" in text


def test_a_fitting_config_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = accelerate_config(
        tmp_path / "config.yaml", distributed_type="MULTI_GPU", num_processes=4
    )
    monkeypatch.setattr(config_args, "default_config_file", path)
    [config] = [finding for finding in findings() if finding["about"] == "config"]
    assert config["mark"] == "ok"
    assert "4 x MULTI_GPU, mixed precision no" in config["text"]


def test_an_environment_that_trainings_refuse_is_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    about, text, advice = the_problem()
    assert about == "environment"
    assert text.startswith("FSDP is not supported")
    assert advice


@pytest.mark.slow
def test_accelerate_really_starts_one_process_on_a_cpu(tmp_path: Path) -> None:
    """What the doctor says of accelerate, so that it is not said for longer than it is true."""
    script = tmp_path / "count.py"
    script.write_text("import accelerate\nprint(accelerate.PartialState().num_processes)\n")
    config = accelerate_config(tmp_path / "config.yaml", num_processes=2)
    for options in (["--cpu", "--num_processes", "2"], ["--config_file", config]):
        launch = [sys.executable, "-m", "accelerate.commands.launch", *options, str(script)]
        finished = subprocess.run(launch, capture_output=True, text=True, check=True)
        assert finished.stdout.split()[-1] == "1", options


REAL_SMOKE = smoke.smoke


def smoke_findings() -> Iterator[Finding]:
    return iter(REAL_SMOKE(Registry(discover())))


def test_a_turn_that_fails_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.CompletedProcess([], 1, "", "Traceback\n  somewhere\nOSError: no luck\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)
    [found] = list(smoke_findings())
    assert found.mark == "problem"
    assert found.text == "one turn of dcgan fails: OSError: no luck"
    ended.stderr, ended.returncode = "", -11
    assert next(smoke_findings()).text == "one turn of dcgan fails: exit code -11"


def test_a_turn_that_hangs_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "_LONGEST", 0.01)
    [found] = list(smoke_findings())
    assert (found.mark, found.text) == ("problem", "one turn of dcgan was not done after 0 s")


def test_without_the_plugins_for_it_no_turn_is_tried() -> None:
    [found] = list(REAL_SMOKE(Registry(Plugins())))
    assert (found.mark, found.text) == ("note", "not tried: no plugins offer the model dcgan")


@pytest.mark.slow
def test_one_turn_is_trained_in_a_folder_that_goes_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    [found] = list(smoke_findings())
    assert found.mark == "ok", found
    assert found.text.startswith("dcgan trained, saved and drew on ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["temporary"]
    assert [path.name for path in (tmp_path / "temporary").glob("ganzoo-doctor-*")] == []
