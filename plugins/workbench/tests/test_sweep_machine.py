"""How `ganzoo sweep` shares a machine among the runs that are trained at once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from pretended_sweeps import DCGAN, calls, pretend_trainings, sweep

from ganzoo_workbench.sweep import machine
from ganzoo_workbench.sweep.machine import Machine
from ganzoo_workbench.sweep.workers import Share

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("given_machine", "runs", "jobs", "threads", "devices"),
    [
        (Machine(8), 3, 3, 2, [None] * 3),
        (Machine(2), 10, 2, 1, [None] * 2),
        (Machine(1), 1, 1, 1, [None]),
        (Machine(16, ("0",), "cuda"), 10, 1, 16, ["0"]),
        (Machine(16, ("2", "5"), "cuda"), 10, 2, 8, ["2", "5"]),
        (Machine(8, (), "mps"), 10, 1, 8, [None]),
    ],
)
def test_a_machine_is_shared_without_more_threads_than_cores(
    given_machine: Machine, runs: int, jobs: int, threads: int, devices: list[str | None]
) -> None:
    assert given_machine.jobs_for(runs) == jobs
    shares = given_machine.shares(jobs)
    assert [share.threads for share in shares] == [threads] * jobs
    assert [share.device for share in shares] == devices


def test_several_runs_on_a_gpu_are_said_to_be_unmeasured() -> None:
    gpus = Machine(16, ("0", "1"), "cuda")
    assert [share.device for share in gpus.shares(4)] == ["0", "1", "0", "1"]
    assert "not measured" in gpus.describe(4)
    assert "not measured" not in gpus.describe(2)
    assert gpus.shares(4)[1].launcher()[-4:] == ["--gpu_ids", "1", "-m", "ganzoo"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_cores_that_a_process_may_not_use_do_not_count() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert Machine.here().cores == 1
    finally:
        os.sched_setaffinity(0, before)


def test_what_cannot_be_divided_is_said_to_be_idle_and_gives_no_seed_another_arithmetic() -> None:
    for runs in range(1, 40):
        jobs = Machine(16).jobs_for(runs)
        threads = [share.threads for share in Machine(16).shares(jobs)]
        assert len(set(threads)) == 1
        assert sum(threads) <= 16
    assert Machine(16).describe(10) == (
        "10 at once, 1 of 16 cores each, 6 idle, as all get equally many"
    )
    assert Machine(16).describe(8) == "8 at once, 2 of 16 cores each"


@pytest.mark.parametrize(
    ("given_machine", "jobs", "threads", "decoders"),
    [
        (Machine(16), 16, 1, [0] * 16),
        (Machine(16), 10, 1, [1] * 6 + [0] * 4),
        (Machine(16), 3, 4, [2, 1, 1]),
        (Machine(16), 1, 12, [4]),
        (Machine(2), 4, 1, [0] * 4),
        (Machine(16, ("0", "1"), "cuda"), 2, 8, [7, 7]),
    ],
)
def test_what_decodes_a_stream_comes_out_of_the_cores_of_its_run(
    given_machine: Machine, jobs: int, threads: int, decoders: list[int]
) -> None:
    shares = given_machine.shares(jobs, streams=True)
    assert [share.threads for share in shares] == [threads] * jobs
    assert [share.decoders for share in shares] == decoders


def test_every_library_that_computes_is_told_how_many_threads_a_run_has() -> None:
    told = Share(3).environment()
    assert told["OMP_NUM_THREADS"] == told["MKL_NUM_THREADS"] == "3"


def test_cores_that_decode_are_named() -> None:
    assert Machine(16).describe(10, streams=True) == "10 at once, 1 of 16 cores each, 6 decoding"


def test_a_worker_that_streams_is_told_how_many_processes_decode_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_trainings(tmp_path, monkeypatch)
    monkeypatch.setattr(machine, "allowed_cores", lambda: 6)
    streamed = ["--set", "data.stream=true", "--seeds", "0-3"]
    assert sweep(*DCGAN, *streamed, "--out", "x").exit_code == 0
    assert sorted((each["threads"], each["decoders"]) for each in calls()) == [
        *[("1", "0")] * 2,
        *[("1", "1")] * 2,
    ]
    result = sweep(*DCGAN, *streamed, "--set", "data.workers=1", "--out", "y")
    assert "  workers   4 at once, 1 of 6 cores each, 2 idle, as all get" in result.stdout
