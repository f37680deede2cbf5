"""The cache of decoded images: bounded, shared, and never pulled from under anybody."""

from __future__ import annotations

import fcntl
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ganzoo import UserError
from ganzoo.data.store import Description, Entry, Slot, cache_folder, cache_limit

SHAPE = (1, 64, 64)
IMAGES = 64
"""Of which an entry has so many: a bit more than 256 KiB."""
KIB_256 = 1 / 4096
"""In GiB."""


@pytest.fixture(autouse=True)
def _own_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))


def limit(monkeypatch: pytest.MonkeyPatch, entries: float) -> None:
    """Let so many entries fit."""
    monkeypatch.setenv("GANZOO_CACHE_LIMIT", str(entries * KIB_256 * 1.01))


def write(key: str, age: float = 0) -> Entry:
    """An entry that was used ``age`` seconds ago."""
    slot = Slot(key, SHAPE)
    with slot.writing() as file:
        for _ in range(IMAGES):
            file.append(np.zeros(SHAPE, np.uint8))
        entry = file.complete([0] * IMAGES, Description(IMAGES, 0, [], {}))
    os.utime(slot.path, (time.time() - age,) * 2)
    return entry


def kept() -> set[str]:
    return {path.name.partition(".")[0] for path in cache_folder().iterdir()}


def test_what_was_used_the_longest_ago_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 3)
    for key, age in (("old", 300), ("older", 400), ("oldest", 500)):
        write(key, age)
    assert Slot("oldest", SHAPE).load() is not None, "it counts as used from now on"
    write("new")
    assert kept() == {"oldest", "old", "new"}


def test_an_entry_that_is_in_use_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 2)
    held = write("held", 500)
    loaded = [Slot("held", SHAPE).load()]
    os.utime(Slot("held", SHAPE).path, (0, 0))
    write("b", 200)
    write("c", 100)
    assert kept() == {"held", "c"}
    del held
    write("d")
    assert "held" in kept(), "a reader holds it, too"
    loaded.clear()
    os.utime(Slot("held", SHAPE).path, (0, 0))
    write("e")
    assert "held" not in kept()


HOLD = """
import sys
from ganzoo.data.store import Slot
entry = Slot("held", (1, 64, 64)).load()
print(entry is not None, flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
def test_what_another_process_has_mapped_stays_until_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit(monkeypatch, 1)
    write("held")
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    os.utime(Slot("held", SHAPE).path, (0, 0))
    write("b", 100)
    assert kept() == {"held", "b"}
    process.kill()
    process.communicate()
    write("c")
    assert kept() == {"c"}


def test_one_entry_larger_than_the_limit_is_kept_while_it_is_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit(monkeypatch, 0)
    write("a", 100)
    assert kept() == {"a"}
    write("b")
    assert kept() == {"b"}


def test_without_locks_nothing_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(*arguments: object) -> None:
        raise OSError("no locks")

    limit(monkeypatch, 1)
    monkeypatch.setattr("fcntl.flock", without)
    for key in "abc":
        write(key)
    assert kept() == {"a", "b", "c"}


@pytest.mark.parametrize("text", ["many", "-1", "nan", "inf"])
def test_a_limit_that_is_no_number_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("GANZOO_CACHE_LIMIT", text)
    with pytest.raises(UserError, match=f"GANZOO_CACHE_LIMIT should be .* not '{text}'"):
        write("a")
    assert not cache_folder().exists()


def test_without_a_limit_of_ones_own_it_is_20_gibibytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANZOO_CACHE_LIMIT", raising=False)
    assert cache_limit() == 20 * 2**30


def test_a_failing_decode_removes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 1)
    write("a")
    with pytest.raises(KeyboardInterrupt), Slot("b", SHAPE).writing():
        raise KeyboardInterrupt
    assert kept() == {"a"}


FILL = """
import sys
import numpy as np
from test_data_cache import write
for number in range(40):
    entry = write(f"{sys.argv[1]}{number}")
    assert len(np.unique(entry.images)) == 1
"""


@pytest.mark.slow
def test_several_writers_keep_to_the_limit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 4)
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    writers = [subprocess.Popen([sys.executable, "-c", FILL, name], env=here) for name in "abc"]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    write("last")
    assert len(kept()) <= 4


FULL = """
import resource, sys
from pathlib import Path
from ganzoo.data import decode, open_source
from ganzoo.errors import UserError
from ganzoo.plugins import Plugins
from ganzoo.registry import Registry
from ganzoo.schema import DataSettings
settings = DataSettings(name=sys.argv[1])
source = open_source(settings, Registry(Plugins()), "train")
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
try:
    decode(source, settings)
except UserError as error:
    print(error.what)
"""


@pytest.mark.slow
def test_a_disk_that_is_full_while_decoding_is_one_clear_line(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: both are an OSError of a write."""
    from PIL import Image

    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(20):
        Image.new("L", (64, 64), number).save(photos / f"{number}.png")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert soft == hard
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(photos)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"cannot keep decoded images in {cache_folder()}: File too large\n"
    assert list(cache_folder().iterdir()) == []


def test_what_a_killed_writer_left_goes_unless_somebody_writes_it() -> None:
    dead, alive, new = (cache_folder() / f".{name}.images.1.partial" for name in "abc")
    cache_folder().mkdir(parents=True)
    for path in (dead, alive, new):
        path.write_bytes(b"0")
    for path in (dead, alive):
        os.utime(path, (time.time() - 3600,) * 2)
    with alive.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        write("whole")
    assert not dead.exists()
    assert alive.exists()
    assert new.exists()


def test_an_entry_is_held_while_it_is_written() -> None:
    with Slot("half", SHAPE).writing() as file:
        file.append(np.zeros(SHAPE, np.uint8))
        [partial] = cache_folder().glob(".half.images.*")
        with partial.open("rb") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.complete([0], Description(1, 0, [], {}))
