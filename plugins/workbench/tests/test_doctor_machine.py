"""`ganzoo doctor` finds what is wrong with folders, packages, cores, memory and the GPU."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
from commands import ganzoo
from doctor_findings import findings, problems, the_problem

from ganzoo_workbench.doctor import hardware, software
from ganzoo_workbench.doctor.findings import at_home, gigabytes

pytestmark = pytest.mark.usefixtures("sound_machine")


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
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=size))
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
    assert str(tmp_path) not in ganzoo("doctor").stdout
    assert "~/cache/images" in ganzoo("doctor").stdout


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
    memory = SimpleNamespace(total=10**12, available=10**8)
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
