"""Streams: the order, the ranks, broken images, and a training that goes on from one."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from small_runs import SMALL, given

from ganzoo import UserError, checkpoint
from ganzoo.cli import cli
from ganzoo.data import Feed, Images, Rendered, Streamed, decode, open_source, open_stream, sample
from ganzoo.data.ahead import Ahead, _ahead
from ganzoo.plugins import Plugins
from ganzoo.registry import Registry
from ganzoo.schema import DataSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CPU = torch.device("cpu")
REGISTRY = Registry(Plugins())


@pytest.fixture(autouse=True)
def _own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")


def encoded(value: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (8, 8), value).save(stream, "PNG")
    return stream.getvalue()


def shards(folder: Path, sizes: Iterable[int], broken: Iterable[int] = ()) -> Path:
    """Parquet files of grey images that show their number, also as labels."""
    folder.mkdir(parents=True)
    names = [str(number) for number in range(256)]
    features = datasets.Features(image=datasets.Image(), label=datasets.ClassLabel(names=names))
    start, bad = 0, set(broken)
    for number, size in enumerate(sizes):
        rows = range(start, start + size)
        content = [b"no image" if row in bad else encoded(row) for row in rows]
        columns = {"image": [{"bytes": each, "path": None} for each in content], "label": rows}
        table = datasets.Dataset.from_dict(columns, features=features)
        table.to_parquet(str(folder / f"train-{number}.parquet"))
        start += size
    return folder


def photos(folder: Path, count: int) -> Path:
    """Files of grey images that show their number."""
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:03}.png").write_bytes(encoded(number))
    return folder


def stream(path: Path, rank: int = 0, world: int = 1, **settings: Any) -> Streamed:
    chosen = DataSettings(name=str(path), **{"stream": True, "workers": 0} | settings)
    opened = open_stream(open_source(chosen, REGISTRY, "train"), chosen, rank, world)
    assert isinstance(opened, Streamed)
    return opened


def dealt(
    streamed: Streamed, turns: Iterable[int], size: int = 8, seed: int = 0, share: int | None = None
) -> list[int]:
    """The numbers of the images of this rank in these turns, in their order."""
    share, rank = share or size, streamed.rank
    ahead = Ahead(streamed, seed, CPU)
    mine = slice(rank * share, (rank + 1) * share)
    batches = [ahead.batch(turn * size, size, mine) for turn in turns]
    for batch in batches:
        assert batch["image"].dtype == torch.uint8
        if "label" in batch:
            assert batch["label"].tolist() == batch["image"][:, 0, 0, 0].tolist()
    return [int(value) for batch in batches for value in batch["image"][:, 0, 0, 0]]


def go_on(ahead: Ahead, turns: int) -> None:
    for turn in range(1, turns):
        ahead.batch(turn * 4, 4, slice(0, 4))


# The order


@pytest.mark.parametrize("kind", ["shards", "photos"])
def test_every_image_comes_once_in_each_epoch(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "data"
    path = shards(place, [20, 9, 3]) if kind == "shards" else photos(place, 32)
    found = dealt(stream(path, shuffle_buffer=16), range(8))
    first, second = found[:32], found[32:]
    assert sorted(first) == sorted(second) == list(range(32))
    assert first != second
    assert first != sorted(first)


def test_images_of_files_are_shuffled_within_the_buffer_and_files_as_a_whole(
    tmp_path: Path,
) -> None:
    path = shards(tmp_path / "data", [16] * 4)
    found = dealt(stream(path, shuffle_buffer=16), range(8), seed=3)
    files = [{value // 16 for value in found[start : start + 16]} for start in range(0, 64, 16)]
    assert all(len(each) == 1 for each in files), "a window of a file's size holds one file"
    assert [each.copy().pop() for each in files] != [0, 1, 2, 3]
    mixed = dealt(stream(path, shuffle_buffer=64), range(2), seed=3)
    assert len({value // 16 for value in mixed}) == 4


@pytest.mark.parametrize("kind", ["shards", "photos"])
def test_a_place_of_a_stream_depends_on_the_seed_alone(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "data"
    path = shards(place, [13, 9, 11]) if kind == "shards" else photos(place, 33)
    streamed = stream(path, shuffle_buffer=10)
    whole = dealt(streamed, range(12), size=5, seed=1)
    assert dealt(streamed, range(7, 12), size=5, seed=1) == whole[35:], "begun in a later turn"
    assert dealt(streamed, [9, 2, 3, 2], size=5, seed=1) == (
        whole[45:50] + whole[10:20] + whole[10:15]
    )
    assert dealt(streamed, range(12), size=5, seed=2) != whole


def test_a_folder_of_images_streams_in_the_order_of_decoded_ones(tmp_path: Path) -> None:
    path = photos(tmp_path / "photos", 30)
    settings = DataSettings(name=str(path))
    images = decode(open_source(settings, REGISTRY, "train"), settings)
    feed = Feed(images, {}, 4, CPU)
    batches = [feed.batch(turn * 8, 8, slice(0, 8))["image"] for turn in range(6)]
    expected = torch.cat(batches)[:, 0, 0, 0].tolist()
    assert dealt(stream(path), range(6), seed=4) == expected


@pytest.mark.slow
def test_processes_that_decode_ahead_change_nothing(tmp_path: Path) -> None:
    path = shards(tmp_path / "data", [40, 30])
    alone = dealt(stream(path, workers=0, shuffle_buffer=20), range(20))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert dealt(stream(path, workers=2, shuffle_buffer=20), range(20)) == alone
    assert torch.equal(torch.get_rng_state(), before), "they take nothing from the training's draws"


def test_the_first_images_are_the_same_at_any_time_and_disturb_nothing(tmp_path: Path) -> None:
    streamed = stream(shards(tmp_path / "data", [20, 20]), shuffle_buffer=10)
    undisturbed = dealt(streamed, range(4))
    ahead = Ahead(streamed, 0, CPU)
    first = ahead.first(6)["image"]
    found = []
    for turn in range(4):
        found += ahead.batch(turn * 8, 8, slice(0, 8))["image"][:, 0, 0, 0].tolist()
        assert torch.equal(ahead.first(6)["image"], first)
    assert found == undisturbed
    assert first[:, 0, 0, 0].tolist() == undisturbed[:6]


def test_a_limit_takes_the_first_images(tmp_path: Path) -> None:
    for name, path in (
        ("rows", photos(tmp_path / "photos", 20)),
        ("shards", shards(tmp_path / "data", [7, 7, 7])),
    ):
        found = dealt(stream(path, limit=10, shuffle_buffer=10), range(2), size=10)
        assert sorted(found) == sorted([*range(10)] * 2), name


# Ranks


@pytest.mark.parametrize("sizes", [[8, 8, 8, 8], [12, 12, 8]], ids=["even", "uneven"])
def test_ranks_read_shards_of_their_own(tmp_path: Path, sizes: list[int]) -> None:
    path = shards(tmp_path / "data", sizes)
    ranks = [stream(path, rank, 2, shuffle_buffer=8) for rank in range(2)]
    assert [each.parts for each in ranks] == [2, 2]
    one, other = (dealt(each, range(2), share=4) for each in ranks)
    assert set(one).isdisjoint(other)
    per_rank = [dealt(each, range(24), share=4) for each in ranks]
    assert set(per_rank[0]) | set(per_rank[1]) == set(range(32)), "nothing is left out in the end"


@pytest.mark.parametrize("kind", ["one shard", "photos"])
def test_without_a_shard_for_each_rank_they_slice_what_one_process_would_see(
    tmp_path: Path, kind: str
) -> None:
    place = tmp_path / "data"
    path = shards(place, [32]) if kind == "one shard" else photos(place, 32)
    whole = dealt(stream(path), range(3))
    halves = [dealt(stream(path, rank, 2), range(3), share=4) for rank in range(2)]
    for turn in range(3):
        joined = [value for half in halves for value in half[turn * 4 : turn * 4 + 4]]
        assert joined == whole[turn * 8 : turn * 8 + 8]
    notes = " ".join(stream(path, 0, 2).notes)
    assert ("fewer files (1) than processes" in notes) == (kind == "one shard")


# What is read


def test_images_are_converted_by_the_rules_of_decoded_ones(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    values = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    Image.fromarray(values).save(folder / "a.png")
    settings = DataSettings(name=str(folder), size=16, channels=1)
    kept = decode(open_source(settings, REGISTRY, "train"), settings)
    assert isinstance(kept, Images)
    streamed = Ahead(stream(folder, size=16, channels=1), 0, CPU).batch(0, 1, slice(0, 1))
    assert torch.equal(streamed["image"], kept.images)


def test_webdataset_files_are_streamed(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        for number in range(6):
            member = tarfile.TarInfo(f"{number}.png")
            content = encoded(number)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    found = dealt(stream(tmp_path / "shard.tar", shuffle_buffer=6), range(1), size=6)
    assert sorted(found) == list(range(6))


def test_numbers_without_names_are_no_labels_of_a_stream(tmp_path: Path) -> None:
    columns = {"image": [{"bytes": encoded(7), "path": None}] * 4, "label": [0, 1, 0, 1]}
    features = datasets.Features(image=datasets.Image(), label=datasets.Value("int64"))
    path = tmp_path / "plain.parquet"
    datasets.Dataset.from_dict(columns, features=features).to_parquet(str(path))
    streamed = stream(path)
    assert streamed.classes is None
    assert "column 'label' has not" in streamed.notes[0]
    assert list(Ahead(streamed, 0, CPU).batch(0, 2, slice(0, 2))) == ["image"]


def test_nothing_is_copied_or_decoded_beforehand(tmp_path: Path, cache: Path) -> None:
    before = set(cache.rglob("*"))
    dealt(stream(shards(tmp_path / "data", [20])), range(2))
    assert set(cache.rglob("*")) == before
    assert not list((tmp_path / "datasets").rglob("*.arrow"))


def test_a_stream_that_breaks_off_is_one_clear_line(tmp_path: Path) -> None:
    path = shards(tmp_path / "data", [20, 20])
    ahead = Ahead(stream(path, shuffle_buffer=4), 0, CPU)
    ahead.batch(0, 4, slice(0, 4))
    for file in path.iterdir():
        file.write_bytes(b"overwritten")
    with pytest.raises(UserError, match=r"cannot read '.*data' any further"):
        go_on(ahead, 30)


def test_an_empty_stream_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is empty"):
        stream(shards(tmp_path / "data", [0]), size=8, channels=1)


def test_images_made_on_demand_need_no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    from ganzoo.discovery import discover

    settings = DataSettings(name="cdsprites", stream=True)
    source = open_source(settings, Registry(discover()), "train")
    assert isinstance(open_stream(source, settings), Rendered)


def test_a_hub_data_set_is_streamed_and_its_rows_name_no_files_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec = pytest.importorskip("fsspec")
    asked = {}

    def load_dataset(name: str, *arguments: Any, **options: Any) -> datasets.IterableDatasetDict:
        asked.update(options)
        start = "memory://datasets/me/photos@"
        paths = [f"{start}main/{number}.png" for number in range(40)] + [
            "memory://datasets/you/secrets@main/0.png",
            f"zip://0.png::zip://b.zip::https://example.org/{start}a.zip",
        ]
        features = datasets.Features(image=datasets.Image())
        rows = [{"bytes": None, "path": path} for path in paths]
        table = datasets.Dataset.from_dict({"image": rows}, features=features)
        return datasets.IterableDatasetDict(train=table.to_iterable_dataset())

    monkeypatch.setattr("ganzoo.data.hub._hub_answers", lambda: True)
    monkeypatch.setattr("ganzoo.data.locate.HUB", "memory://")
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    for number in range(40):
        for owner in ("me/photos", "you/secrets"):
            with fsspec.open(f"memory://datasets/{owner}@main/{number}.png", "wb") as file:
                file.write(encoded(number))
    settings = DataSettings(name="me/photos", stream=True, workers=0, shuffle_buffer=42)
    streamed = open_stream(open_source(settings, REGISTRY, "train"), settings)
    assert asked["streaming"] is True
    assert isinstance(streamed, Streamed)
    ahead = Ahead(streamed, 0, CPU)
    found = ahead.batch(0, 42, slice(0, 42))["image"][:, 0, 0, 0]
    assert set(found.tolist()) == set(range(40))
    assert ahead.flaw is not None
    assert ahead.flaw.startswith("2 of 42 images cannot be read")
    assert ahead.flaw.count("it names a file outside of the data") == 2


# Broken images


def test_a_broken_image_gives_its_place_to_another_and_is_counted(tmp_path: Path) -> None:
    path = shards(tmp_path / "data", [40], broken=[3])
    ahead = Ahead(stream(path, shuffle_buffer=40), 0, CPU)
    assert ahead.flaw is None
    found = [ahead.batch(turn * 8, 8, slice(0, 8)) for turn in range(5)]
    values = torch.cat([batch["image"][:, 0, 0, 0] for batch in found]).tolist()
    assert len(values) == 40
    assert set(values) == set(range(40)) - {3}
    assert torch.cat([batch["label"] for batch in found]).tolist() == values
    assert ahead.flaw == (
        "1 of 40 images cannot be read and are left out: row 3 (not an image of a known format)"
    )


@pytest.mark.parametrize("kind", ["shards", "photos"])
def test_too_many_broken_images_end_a_stream(tmp_path: Path, kind: str) -> None:
    if kind == "shards":
        path = shards(tmp_path / "data", [200], broken=range(80, 180))
    else:
        path = photos(tmp_path / "photos", 200)
        for number in range(80, 180):
            (path / f"{number:03}.png").write_bytes(b"no image")
    ahead = Ahead(stream(path, shuffle_buffer=200), 0, CPU)
    with pytest.raises(UserError, match=r"of \d+ images of .* cannot be read") as caught:
        go_on(ahead, 100)
    assert "broken_share" in str(caught.value.hint)
    lenient = Ahead(stream(path, shuffle_buffer=200, broken_share=0.9), 0, CPU)
    go_on(lenient, 100)


# Scores


def test_scores_look_at_a_sample_of_a_stream(tmp_path: Path) -> None:
    settings = DataSettings(name=str(shards(tmp_path / "data", [30, 30])), stream=True)
    source = open_source(settings, REGISTRY, "train")
    images, whole = sample(source, settings, 40)
    assert (len(images), whole) == (40, False)
    assert isinstance(images, Images)
    assert images.labels is not None
    assert images.labels.tolist() == images.images[:, 0, 0, 0].tolist()
    images, whole = sample(source, settings, 60)
    assert (len(images), whole) == (60, True)
    again, _ = sample(source, settings, 60)
    assert again.fingerprint == images.fingerprint


# Runs


def run(*words: str) -> Any:
    return CliRunner().invoke(cli, ["run", "dcgan", *words])


STREAMED = [*SMALL, "data.limit=none", "data.stream=true", "data.workers=1"]


@pytest.fixture
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Three files of 100 images of 28 x 28, named from the working folder."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    features = datasets.Features(image=datasets.Image())
    for number in range(3):
        pictures = []
        for _ in range(100):
            content = io.BytesIO()
            values = generator.integers(0, 255, (28, 28), np.uint8)
            Image.fromarray(values).save(content, "PNG")
            pictures.append({"bytes": content.getvalue(), "path": None})
        table = datasets.Dataset.from_dict({"image": pictures}, features=features)
        (tmp_path / "digits").mkdir(exist_ok=True)
        table.to_parquet(str(tmp_path / f"digits/train-{number}.parquet"))
    return "./digits"


@pytest.mark.slow
def test_a_streamed_run_says_so_goes_on_where_it_was_and_is_verified_with_a_doubt(
    digits: str,
) -> None:
    settings = given([*STREAMED, "train.checkpoint_every=10", "data.shuffle_buffer=64"])
    whole = run("--data", digits, "--steps", "30", "--out", "whole", *settings)
    assert whole.exit_code == 0, whole.output
    assert "streamed grey images, 28x28" in whole.stdout
    assert "a stream cannot promise to go on bit for bit" in whole.stdout
    half = run("--data", digits, "--steps", "15", "--out", "half", *settings)
    assert half.exit_code == 0, half.output
    rest = CliRunner().invoke(cli, ["run", "--resume", "half", "--steps", "30"])
    assert rest.exit_code == 0, rest.output
    one, other = (
        checkpoint.read_shared(checkpoint.newest(Path(name, "checkpoints"))[0])  # type: ignore[arg-type]
        for name in ("whole", "half")
    )
    for name, network in one["networks"].items():
        for key, value in network.items():
            assert torch.equal(value, other["networks"][name][key]), f"{name}.{key}"
    verified = CliRunner().invoke(cli, ["verify", "whole"])
    assert verified.exit_code == 0, verified.output
    assert "the images were streamed" in verified.stdout
    scored = CliRunner().invoke(cli, ["eval", "whole"])
    assert scored.exit_code == 0, scored.output


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
def test_a_killed_process_that_decodes_is_one_clear_line(tmp_path: Path) -> None:
    ahead = Ahead(stream(shards(tmp_path / "data", [40]), workers=1), 0, CPU)
    ahead.batch(0, 4, slice(0, 4))
    [worker] = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    os.kill(int(worker), signal.SIGKILL)
    time.sleep(0.5)
    with pytest.raises(UserError, match=r"a process that decodes '.*data' has ended"):
        go_on(ahead, 40)


@pytest.mark.slow
def test_two_processes_stream_disjoint_files(digits: str, tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
    launch += ["--num_processes", "2", "--main_process_port", "29591", "-m", "ganzoo", "run"]
    words = ["dcgan", "--data", digits, "--steps", "6", "--out", "x", *given(STREAMED)]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launch, *words], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "and as many processes train" in done.stdout


@pytest.mark.slow
def test_a_broken_image_that_one_process_meets_is_told_by_the_first(tmp_path: Path) -> None:
    """Both have to come to the same reports, whichever of them found something."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(40):
        Image.new("L", (28, 28), 6 * number).save(photos / f"{number:02}.png")
    (photos / "40.png").write_bytes(b"no image")
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
    launch += ["--num_processes", "2", "--main_process_port", "29594", "-m", "ganzoo", "run"]
    words = ["dcgan", "--preset", "mnist", "--data", str(photos), "--steps", "6", "--out", "x"]
    words += given([*STREAMED, "train.report_every=1", "data.size=28", "data.broken_share=0.2"])
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    environment["GANZOO_PROCESS_TIMEOUT"] = "60"
    done = subprocess.run(
        [*launch, *words],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in (tmp_path / "x/events.jsonl").read_text().splitlines()]
    warned = [each["message"] for each in events if each["event"] == "warning"]
    assert any("40.png" in message for message in warned), events


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
    features = datasets.Features(image=datasets.Image())
    for number in range(10):
        pictures = []
        for _ in range(200):
            content = io.BytesIO()
            values = generator.integers(0, 255, (16, 16, 3), np.uint8)
            Image.fromarray(values).resize((128, 128)).save(content, "JPEG")
            pictures.append({"bytes": content.getvalue(), "path": None})
        table = datasets.Dataset.from_dict({"image": pictures}, features=features)
        table.to_parquet(str(tmp_path / f"train-{number}.parquet"))
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
