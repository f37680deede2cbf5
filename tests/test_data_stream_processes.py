"""Processes that decode a stream ahead: how they end, and how little they hold."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from small_images import encoded, tabular
from small_streams import CPU, shards, stream

from ganzoo import UserError
from ganzoo.data import streamed
from ganzoo.data.ahead import Ahead, _ahead
from ganzoo.errors import OneProcessError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("caches")

DECODING = """
import os, signal, sys, time
from pathlib import Path
import torch
from ganzoo.data import Feed, open_source, open_stream
from ganzoo.plugins import Plugins
from ganzoo.registry import Registry
from ganzoo.schema import DataSettings
from ganzoo.signals import stop_signals
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would be ignored
settings = DataSettings(name=sys.argv[1], stream=True, workers=1)
source = open_source(settings, Registry(Plugins()), "train")
feed = Feed(open_stream(source, settings), {}, 0, torch.device("cpu"))
with stop_signals() as received:
    feed.batch(0, 4, slice(0, 4))
    print("streaming", *Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
    sys.stdout.flush()
    while not received:
        time.sleep(0.01)
    for turn in range(1, 40):
        feed.batch(turn * 4, 4, slice(0, 4))
    print("finished")
    if received[0] == signal.SIGHUP:
        sys.stdout.flush()
        time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_all_processes_ends_a_stream_in_order(
    tmp_path: Path, number: signal.Signals
) -> None:
    """A training is killed after SIGHUP here: what it leaves ends by itself."""
    program = subprocess.Popen(
        [sys.executable, "-c", DECODING, str(shards(tmp_path / "data", [40, 40]))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert program.stdout is not None
    word, worker = program.stdout.readline().split()
    assert word == "streaming"
    os.killpg(program.pid, number)
    if number == signal.SIGHUP:
        assert program.stdout.readline() == "finished\n"
        program.kill()
    said, errors = program.communicate(timeout=60)
    if number != signal.SIGHUP:
        assert (said, program.returncode, errors) == ("finished\n", 0, "")
    deadline = time.monotonic() + 15
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{worker}").exists()


@pytest.mark.parametrize(
    ("told", "threads", "device", "workers"),
    [
        ("0", 1, "cpu", 0),
        ("3", 6, "cpu", 3),
        ("99", 1, "cpu", 8),
        (None, 1, "cpu", 5),
        (None, 4, "cpu", 2),
        (None, 6, "cpu", 1),
        (None, 6, "cuda", 5),
    ],
)
def test_as_many_processes_decode_as_who_shares_the_machine_says_or_as_there_are_free_cores(
    told: str | None,
    threads: int,
    device: str,
    workers: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streamed, "allowed_cores", lambda: 6)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(streamed, "device_type", lambda: device)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    if told is not None:
        monkeypatch.setenv(streamed.DECODERS, told)
    path = shards(tmp_path / "data", [4])
    assert stream(path, workers=None).workers == workers
    assert stream(path, workers=2).workers == 2, "a setting comes first"


@pytest.mark.parametrize("told", ["", "-1", "many", "1" * 5000])
def test_a_number_of_processes_that_is_none_is_one_line(
    told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(streamed.DECODERS, told)
    with pytest.raises(UserError, match=r"^GANZOO_DECODERS should be a number of processes, not"):
        stream(shards(tmp_path / "data", [4]), workers=None)


def test_reading_ahead_may_be_ended_by_the_thread_that_reads() -> None:
    """As it is where that thread happens to collect a stream that nobody holds any more."""
    wanted, ended = threading.Event(), threading.Event()
    errors: list[Exception] = []

    def items() -> Iterator[int]:
        yield 0
        wanted.wait()
        try:
            reading.close()
        except RuntimeError as error:
            errors.append(error)
        ended.set()
        yield 1

    reading = _ahead(items(), 1)
    assert next(reading) == 0
    wanted.set()
    assert ended.wait(10)
    assert not errors


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes in /proc")
@pytest.mark.parametrize("size", [8, 128], ids=["between batches", "in the midst of one"])
@pytest.mark.parametrize("when", ["before it is waited for", "while it is waited for"])
def test_a_killed_process_that_decodes_is_one_clear_line(
    size: int, when: str, tmp_path: Path
) -> None:
    path = shards(tmp_path / "data", [40])
    ahead = Ahead(stream(path, workers=1, size=size), 0, CPU)
    ahead.batch(0, 20, slice(0, 20))
    [worker] = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    time.sleep(1)  # a batch of large images does not fit into the pipe, and stays half sent
    if when == "before it is waited for":
        os.kill(int(worker), signal.SIGKILL)
        time.sleep(0.5)
    else:
        os.kill(int(worker), signal.SIGSTOP)
        threading.Timer(1, os.kill, (int(worker), signal.SIGKILL)).start()
    told: list[int] = []

    def note(number: int, frame: object) -> None:
        told.append(number)

    before = signal.signal(signal.SIGCHLD, note)
    signal.alarm(60)  # which ends this process, and is better than to wait without end
    try:
        with pytest.raises(OneProcessError, match=r"a process that decodes '.*data' has ended"):
            deque(ahead.batch(turn * 20, 20, slice(0, 20)) for turn in range(1, 40))
    finally:
        signal.alarm(0)
        own = signal.signal(signal.SIGCHLD, before)
    assert own is note, "what was there is put back"
    assert told or when == "before it is waited for", "and told meanwhile"


LIMITED = """
import os, resource, sys
from pathlib import Path
import torch
from ganzoo.data import Feed, open_source, open_stream
from ganzoo.plugins import Plugins
from ganzoo.registry import Registry
from ganzoo.schema import DataSettings
torch.set_num_threads(1)
settings = DataSettings(name=sys.argv[1], stream=True, size=128, shuffle_buffer=64, workers=1)
source = open_source(settings, Registry(Plugins()), "train")
feed = Feed(open_stream(source, settings), {}, 0, torch.device("cpu"))
feed.batch(0, 32, slice(0, 32))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
workers = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
# From here on the process may take far less memory than the images of an epoch would fill.
used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_DATA, (used + 2**26, used + 2**26))
for turn in range(1, 64):
    feed.batch(turn * 32, 32, slice(0, 32))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, *workers)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="looks at memory in /proc")
def test_a_set_larger_than_memory_streams(tmp_path: Path) -> None:
    """2,000 images of 128 x 128 x 3 are 98 MB; the process may take 64 MiB and takes far less."""
    generator = np.random.default_rng(0)
    for number in range(10):
        noise = generator.integers(0, 255, (200, 16, 16, 3), np.uint8)
        photos = [encoded(Image.fromarray(each).resize((128, 128)), "JPEG") for each in noise]
        rows = [{"bytes": each, "path": None} for each in photos]
        tabular(tmp_path, {"image": rows}, {"image": datasets.Image()}, f"train-{number}.parquet")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "*.parquet")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    grown, *workers = map(int, done.stdout.split())
    assert grown < 48 * 1024, "kilobytes"
    assert len(workers) == 1
    assert not Path(f"/proc/{workers[0]}").exists(), "it ends with the training"
