"""`ganzoo doctor` finds what is wrong, says what to do, and is stopped by nothing."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import click
import psutil
import pytest
import torch
from accelerate.commands.config import config_args
from click.testing import CliRunner
from huggingface_hub import HfApi

from ganzoo.cli import cli
from ganzoo.discovery import discover
from ganzoo.plugins import Plugins
from ganzoo.registry import Registry
from ganzoo_workbench.doctor import hardware, smoke, software
from ganzoo_workbench.doctor.findings import Finding, at_home, contained, gigabytes, ok, problem
from ganzoo_workbench.doctor.rendering import lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result

PLENTY = 10**12


@pytest.fixture(autouse=True)
def _sound_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a problem; the turn of training is left out, which takes seconds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    for name in ("OMP_NUM_THREADS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hardware, "allowed_cores", lambda: 4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    free(monkeypatch, PLENTY)
    memory = SimpleNamespace(total=PLENTY, available=PLENTY)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(hardware, "_CGROUP", tmp_path / "no-limits")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(config_args, "default_config_file", str(tmp_path / "none.yaml"))
    monkeypatch.setattr(smoke, "smoke", lambda registry: [ok("turn", "not done in this test")])


def free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=size))


def command(*options: str, **extra: Any) -> Result:
    return CliRunner().invoke(cli, ["doctor", *options], **extra)


def findings() -> list[dict[str, str]]:
    """What the doctor finds; the exit code has to go with it."""
    result = command("--json")
    assert not isinstance(result.exception, Exception), result.output
    document = json.loads(result.stdout)
    counted = [finding["mark"] for finding in document["findings"]]
    assert document["problems"] == counted.count("problem")
    assert document["notes"] == counted.count("note")
    assert result.exit_code == (1 if "problem" in counted else 0)
    return list(document["findings"])


def problems() -> list[dict[str, str]]:
    return [finding for finding in findings() if finding["mark"] == "problem"]


def the_problem() -> tuple[str, str, str]:
    """The only problem: what it is about, what is wrong, what to do."""
    [found] = problems()
    return found["about"], found["text"], found["advice"]


def test_a_sound_machine_has_no_problem() -> None:
    found = findings()
    assert [finding for finding in found if finding["mark"] == "problem"] == []
    assert list(dict.fromkeys(finding["section"] for finding in found)) == [
        "Software",
        "Machine",
        "Folders",
        "Launching",
        "Plugins",
        "Optional packages",
        "One turn of training",
    ]
    assert {"python", "torch", "torchvision", "precision", "cores", "memory", "cache", "disk"} <= {
        finding["about"] for finding in found
    }
    result = command()
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith("No problems, ")


def test_help_says_what_the_exit_code_means() -> None:
    text = " ".join(command("--help").stdout.split())
    assert "Exit code 0 if there is no problem, else 1." in text


# Folders


@pytest.mark.skipif(sys.platform != "linux", reason="nobody, root included, writes to /proc")
def test_a_cache_that_cannot_be_written_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANZOO_CACHE", "/proc/ganzoo")
    about, text, advice = the_problem()
    assert about == "cache"
    assert text.startswith("/proc/ganzoo/images cannot be written: ")
    assert "GANZOO_CACHE" in advice
    assert not Path("/proc/ganzoo").exists()


def test_a_cache_that_is_a_file_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "file"))
    about, text, _ = the_problem()
    assert (about, text.rpartition(": ")[2]) == ("cache", "Not a directory")


def test_looking_leaves_no_trace(tmp_path: Path) -> None:
    findings()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("size", "mark"), [(10**8, "problem"), (2 * 10**9, "note"), (10**11, "ok")]
)
def test_hardly_any_room_is_a_problem(
    size: int, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, size)
    found = [finding for finding in findings() if finding["about"] == "disk"]
    assert {finding["mark"] for finding in found} == {mark}
    told = " ".join(finding["text"] for finding in found)
    assert gigabytes(size) in told
    assert all(name in told for name in ("cache", "runs", "hub", "datasets"))


def test_the_size_of_a_cache_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache/images").mkdir(parents=True)
    (tmp_path / "cache/images/entry").write_bytes(bytes(3_000_000))
    [cache] = [finding for finding in findings() if finding["about"] == "cache"]
    assert cache["text"].endswith("cache/images, 3.0 MB")


def test_home_is_told_as_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert at_home(tmp_path / "cache") == "~/cache"
    assert at_home(tmp_path) == "~"
    assert at_home("/elsewhere") == "/elsewhere"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin/python"))
    assert str(tmp_path) not in command().stdout
    assert "~/cache/images" in command().stdout


# Software


def test_a_torchvision_for_another_torch_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software.metadata, "requires", lambda name: ["numpy", "torch==1.13.0"])
    about, text, advice = the_problem()
    assert about == "torchvision"
    assert text.endswith(": it needs torch==1.13.0")
    assert "pip install --force-reinstall torch torchvision" in advice


def test_a_torchvision_of_another_build_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    built = {"torch": "2.6.0+cu124", "torchvision": "0.21.0+cpu"}
    real = software.metadata.version
    monkeypatch.setattr(software.metadata, "version", lambda name: built.get(name) or real(name))
    monkeypatch.setattr(software.metadata, "requires", lambda name: ["torch==2.6.0"])
    assert the_problem()[1].endswith("one is built for cu124, the other for cpu")


def test_a_torchvision_whose_operators_are_missing_is_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nms(*_: Any) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("torchvision.ops.nms", nms)
    assert the_problem()[1].endswith("RuntimeError: operator torchvision::nms does not exist")


def test_what_is_optional_is_present_or_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    real = software.metadata.version

    def version(name: str) -> str:
        if name == "wandb":
            raise software.metadata.PackageNotFoundError
        return "9.9" if name == "trackio" else real(name)

    monkeypatch.setattr(software.metadata, "version", version)
    told = {finding["about"]: finding["text"] for finding in findings()}
    assert "trackio 9.9" in told["present"]
    assert "wandb" in told["absent"]


# Machine


def test_more_threads_than_cores_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    about, text, advice = the_problem()
    assert about == "threads"
    assert text.startswith("OMP_NUM_THREADS=8 is more than the 4 cores allowed")
    assert advice == "export OMP_NUM_THREADS=4"


def test_threads_that_torch_begins_by_itself_are_counted_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 32)
    assert the_problem()[0] == "threads"


def test_a_number_of_threads_that_is_none_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "all")
    [threads] = [finding for finding in findings() if finding["about"] == "threads"]
    assert threads["mark"] == "note"


def test_little_memory_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = SimpleNamespace(total=PLENTY, available=10**8)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert the_problem()[:2] == ("memory", "100.0 MB of 1,000.0 GB available")


def test_the_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("2000000000\n")
    (tmp_path / "memory.current").write_text("1500000000\n")
    assert the_problem()[:2] == ("memory", "500.0 MB of 2.0 GB available")
    files = "anon 1\nactive_file 300000000\ninactive_file 900000000\n"
    (tmp_path / "memory.stat").write_text(files)
    assert problems() == [], "files that the kernel keeps at hand make room"
    (tmp_path / "memory.stat").unlink()
    (tmp_path / "memory.max").write_text("max\n")
    assert problems() == []


def test_a_gpu_that_torch_cannot_use_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA H100 (UUID: GPU-1)'\n")
    tool.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(tool) if name == tool.name else None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    about, text, _ = the_problem()
    assert (about, text.partition(" is there")[0]) == ("gpu", "NVIDIA H100")
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert problems() == [], "a tool without a driver is no GPU"


# Launching


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


# Plugins


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """``install(distribution, code)``: a distribution with one plugin, called as it is."""

    def install(name: str, code: str) -> None:
        place = tmp_path / "site" / name
        place.mkdir(parents=True)
        (place / f"{name}_plugin.py").write_text(code)
        info = place / f"{name}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[ganzoo.plugins]\n{name} = {name}_plugin\n")
        monkeypatch.syspath_prepend(place)

    return install


OFFERING = """
from ganzoo import ModelSpec, hookimpl

@hookimpl
def ganzoo_models():
    yield ModelSpec("twin", "somewhere:Model", "A model")
"""


def test_a_broken_plugin_is_a_problem(install: Callable[[str, str], None]) -> None:
    install("cracked", "import nowhere_to_be_found\n")
    about, text, advice = the_problem()
    assert about == "broken"
    assert text.startswith("cracked from cracked 1.2: ModuleNotFoundError")
    assert "GANZOO_DISABLE_PLUGINS=cracked:cracked" in advice


def test_a_plugin_that_is_complained_of_is_a_problem(
    install: Callable[[str, str], None],
) -> None:
    install("odd", "from ganzoo import hookimpl\n@hookimpl\ndef ganzoo_losses():\n    yield 3\n")
    about, text, _ = the_problem()
    assert (about, text) == ("complaint", "odd:odd: ganzoo_losses yields a int, not a LossSpec")


def test_a_model_without_its_presets_is_a_problem(install: Callable[[str, str], None]) -> None:
    offering = OFFERING.replace('"A model"', '"A model", presets="nowhere.presets"')
    install("bare", offering)
    about, text, _ = the_problem()
    assert about == "complaint"
    assert text.startswith("bare:bare: no presets of twin in 'nowhere.presets': ModuleNotFound")


def test_one_name_from_two_distributions_is_a_problem(
    install: Callable[[str, str], None],
) -> None:
    install("castor", OFFERING)
    install("pollux", OFFERING)
    about, text, advice = the_problem()
    assert about == "clash"
    assert text == "several plugins offer a model called twin: castor 1.2 and pollux 1.2"
    assert "castor:twin or pollux:twin" in advice


def test_a_disabled_plugin_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANZOO_DISABLE_PLUGINS", "infogan")
    [disabled] = [finding for finding in findings() if finding["about"] == "disabled"]
    assert disabled["mark"] == "note"
    assert disabled["text"].startswith("infogan from torch-ganzoo")


# Network


def test_the_network_is_used_only_if_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    connections: list[Any] = []
    asked: list[tuple[Any, Any]] = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, at: connections.append(at))
    monkeypatch.setattr(
        HfApi, "dataset_info", lambda self, name, timeout: asked.append((name, self.token))
    )
    findings()
    assert (asked, connections) == ([], [])
    result = command("--online")
    assert asked == [("ylecun/mnist", False)]
    assert "ok       hub          answers within" in result.stdout
    assert result.exit_code == 0


def test_a_hub_that_does_not_answer_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(HfApi, "dataset_info", fail)
    result = command("--online")
    assert result.exit_code == 1
    assert "problem  hub          does not answer: OSError: no route to host" in result.stdout


# One turn


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


REAL_SMOKE = smoke.smoke


def smoke_findings() -> Iterator[Finding]:
    return iter(REAL_SMOKE(Registry(discover())))


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


# Nothing stops it, and it can be read


def test_a_probe_that_fails_becomes_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("ouch")

    for module in ("hardware.cores", "storage.places", "software.python"):
        monkeypatch.setattr(f"ganzoo_workbench.doctor.{module}", fail)
    found = findings()
    broken = [finding["about"] for finding in found if "ZeroDivisionError: ouch" in finding["text"]]
    assert broken == ["python", "cores", "folders"]
    assert found[-1]["section"] == "One turn of training"


def test_what_a_probe_found_before_it_failed_is_kept() -> None:
    def probe() -> Iterator[Finding]:
        yield ok("first", "fine")
        sys.exit(3)

    assert [finding.text for finding in contained("thing", probe)] == [
        "fine",
        "cannot be looked at: SystemExit: 3",
    ]


def test_a_module_of_the_doctor_that_cannot_be_imported_becomes_a_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ganzoo_workbench.doctor.hardware", None)
    assert [finding["about"] for finding in problems()] == ["device", "cores", "memory"]


def test_no_line_is_wider_than_asked_for() -> None:
    found = [
        problem("torchvision", "a long text of many words " * 9, "and as long an advice " * 9),
        ok("cores", "a text " * 30),
        problem("short", "two\nlines", ""),
    ]
    for width in (80, 50):
        told = list(lines(found, width))
        assert max(len(click.unstyle(line)) for line in told) <= width
        assert click.unstyle(told[-1]) == "  problem  short        two lines"


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in command().stdout
    assert "\x1b[32mok" in command(color=True).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in command(color=True).stdout


def test_the_command_itself_imports_no_torch() -> None:
    program = (
        "import sys, ganzoo_workbench.doctor.command\n"
        "heavy = {'torch', 'numpy', 'accelerate', 'datasets', 'psutil'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=os.environ, check=False
    )
    assert finished.returncode == 0, finished.stderr
