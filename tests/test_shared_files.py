"""Two writers of one file, or of one entry of the cache: nobody finds half of anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ganzoo.data.store import Description, EntryFile, Slot
from ganzoo.files import whole_file, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator


# One entry of the cache


SHAPE = (1, 4, 4)


def fill(entry: EntryFile, value: int, count: int) -> Iterator[None]:
    """Write an entry of ``count`` images of one value, also as labels, stopping between writes."""
    for _ in range(count):
        entry.append(np.full(SHAPE, value, np.uint8))
        yield
    entry.complete([value] * count, Description(count, 0, [], {"value": value}))
    yield


def value_in(slot: Slot) -> int | None:
    """The value that an entry is made of; fails if it is of two."""
    entry = slot.load()
    if entry is None:
        return None
    found = {*np.unique(entry.images), *entry.labels, entry.description.remarks["value"]}
    assert len(found) == 1, found
    assert len(entry.images) == len(entry.labels) == entry.description.count == found.copy().pop()
    return int(found.pop())


@pytest.mark.parametrize("first", [2, 3])
def test_of_two_writers_of_an_entry_every_reader_sees_a_whole_one(first: int) -> None:
    """Two writers whose images differ, step by step in turn: the worst that can happen."""
    slot, second = Slot("key", SHAPE), 5 - first
    with ExitStack() as one, ExitStack() as other:
        writers = [
            fill(stack.enter_context(slot.writing()), value, value)
            for stack, value in ((one, first), (other, second))
        ]
        for _ in range(4):
            for writer in writers:
                next(writer, None)
                assert value_in(slot) is None, "not before it is whole"
        one.close()
        assert value_in(slot) == first
        mapped = slot.load()
        other.close()
        assert value_in(slot) == second
    assert mapped is not None
    assert np.unique(mapped.images).tolist() == [first], "what was mapped stays what it was"
    assert [path.name for path in slot.path.parent.glob("*key*")] == [slot.path.name]
    slot.path.unlink()


def test_a_writer_that_fails_leaves_the_entry_that_there_was() -> None:
    slot = Slot("failing", SHAPE)
    with slot.writing() as entry:
        list(fill(entry, 2, 2))

    def interrupted(entry: EntryFile) -> None:
        next(fill(entry, 3, 3))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), slot.writing() as entry:
        interrupted(entry)
    assert value_in(slot) == 2
    assert [path.name for path in slot.path.parent.glob("*failing*")] == [slot.path.name]


WRITE = """
import sys
sys.path.insert(0, sys.argv[1])
from test_shared_files import SHAPE, Slot, fill
slot, value, times = Slot("key", SHAPE), int(sys.argv[2]), int(sys.argv[3])
print("begun", flush=True)
for _ in range(times):
    with slot.writing() as entry:
        for _ in fill(entry, value, value):
            if times == 1:
                print("writing", flush=True)
                sys.stdin.read()
"""


def writer(value: int, times: int) -> subprocess.Popen[str]:
    """A process that writes an entry of ``value`` so often; if once, it waits in the middle."""
    words = [str(Path(__file__).parent), str(value), str(times)]
    return subprocess.Popen(
        [sys.executable, "-c", WRITE, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
def test_real_writers_and_a_reader_never_meet_in_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))
    slot, seen = Slot("key", SHAPE), set()
    writers = [writer(value, 300) for value in (7, 200)]
    while any(process.poll() is None for process in writers):
        seen.add(value_in(slot))
    assert [process.communicate()[1] for process in writers] == ["", ""]
    assert {7, 200} <= seen


@pytest.mark.slow
def test_a_killed_writer_leaves_no_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))
    slot = Slot("key", SHAPE)
    process = writer(7, 1)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["begun\n", "writing\n"]
    process.kill()
    process.communicate()
    assert value_in(slot) is None
    [left] = slot.path.parent.iterdir()
    with slot.writing() as entry:
        list(fill(entry, 3, 3))
    assert value_in(slot) == 3
    assert left.exists(), "its writer may be alive, for all that one can tell"
    os.utime(left, (0, 0))
    with slot.writing() as entry:
        list(fill(entry, 3, 3))
    assert not left.exists()


# One file


def test_a_reader_of_scores_finds_whole_ones_while_they_are_written(tmp_path: Path) -> None:
    path, ended = tmp_path / "scores.json", threading.Event()
    write_json(path, [0] * 1000)

    def write(value: int) -> None:
        for _ in range(60):
            write_json(path, [value] * 1000)

    writers = [threading.Thread(target=write, args=(value,)) for value in (1, 2)]

    def wait() -> None:
        for writer in writers:
            writer.join()
        ended.set()

    for thread in (*writers, threading.Thread(target=wait)):
        thread.start()
    while not ended.is_set():
        values = json.loads(path.read_text())
        assert len(values) == 1000
        assert len(set(values)) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_a_file_do_not_share_an_unfinished_one(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with whole_file(path) as one, whole_file(path) as other:
        one.write(b"one")
        other.write(b"other")
        assert not path.exists()
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]
