"""How fast images come: decoded once or streamed, from files of parquet and from a folder.

    python benchmarks/data.py [--images N] [--repeats N] [--write]

Each way of reading runs several times, in a process and with a cache of its own, without training:
time to the first batch, images a second in the first epoch and in the next one, and the most memory
that was taken. Then trainings that stream are compared with the same ones over decoded images, in
turns, and once more with more images than there is memory for. ``--write`` keeps the figures in
docs/results/performance/data.json.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from PIL import Image

from ganzoo.cores import allowed_cores
from ganzoo.counting import counted
from ganzoo_workbench.quartiles import Quartiles

RESULT = Path(__file__).parent.parent / "docs" / "results" / "performance" / "data.json"
BATCH = 128
UNCOUNTED = 6
"""Turns before each measurement of a training: more than the batches that a worker is ahead by."""
SHAPES = {"28x28 grey": (28, 1), "64x64 colour": (64, 3)}
LARGE, TIMES_AS_LARGE = "64x64 colour", 4
"""Of what there is no room for, and how many times as many images as of the others."""
SMALL = {
    "model.generator_channels": "[32, 16]",
    "model.discriminator_channels": "[16, 32]",
    "model.generator_dense": "[128]",
    "model.discriminator_dense": "[128]",
}
"""A network of the preset `mnist` with a quarter of its channels, and few dense units."""


@dataclass(frozen=True)
class Reading:
    """What it takes to get batches of one data set in one way, without training."""

    seconds_to_first_batch: float
    images_per_second_first_epoch: float
    """From the opening of the data on, so decoding counts."""
    images_per_second_later: float
    megabytes: float
    """The most that the process took beyond its libraries, and what its decoders have of their own.

    Pages of a mapped file count, though the system may take them back."""


def write_images(folder: Path, count: int, side: int, channels: int) -> None:
    """``count`` smooth pictures as PNG: in a folder, and in ten files of parquet."""
    import datasets

    generator = np.random.default_rng(0)
    contents = []
    (folder / "photos").mkdir(parents=True)
    for number in range(count):
        values = generator.integers(0, 255, (7, 7, channels), np.uint8).squeeze()
        stream = io.BytesIO()
        Image.fromarray(values).resize((side, side)).save(stream, "PNG")
        contents.append(stream.getvalue())
        (folder / "photos" / f"{number:06}.png").write_bytes(stream.getvalue())
    features = datasets.Features(image=datasets.Image())
    datasets.disable_progress_bars()
    (folder / "parquet").mkdir()
    for number, part in enumerate(np.array_split(np.arange(count), 10)):
        rows = [{"bytes": contents[index], "path": None} for index in part]
        table = datasets.Dataset.from_dict({"image": rows}, features=features)
        table.to_parquet(str(folder / "parquet" / f"train-{number}.parquet"))


def read(path: str, *, stream: bool, count: int) -> Reading:
    """Go through the data twice."""
    import torch

    from ganzoo.data import Feed, decode, open_source, open_stream
    from ganzoo.discovery import discover
    from ganzoo.registry import Registry
    from ganzoo.schema import DataSettings

    registry = Registry(discover())
    settings = DataSettings(name=path, stream=stream)
    before, start = peak(), time.perf_counter()
    source = open_source(settings, registry, "train")
    images = open_stream(source, settings) if stream else decode(source, settings)
    feed = Feed(images, {}, 0, torch.device("cpu"))
    ends = []
    for turn in range(2 * (count // BATCH)):
        feed.batch(turn * BATCH, BATCH, slice(0, BATCH))
        ends.append(time.perf_counter())
    half, seen = len(ends) // 2, len(ends) // 2 * BATCH
    kilobytes = peak() - before + sum(own_memory(child) for child in children())
    return Reading(
        round(ends[0] - start, 3),
        round(seen / (ends[half - 1] - start), 1),
        round(seen / (ends[-1] - ends[half - 1]), 1),
        round(kilobytes / 1024, 1),
    )


def peak() -> int:
    """The most memory that this process took so far, in kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def data_held() -> int:
    """Memory for data that this process has been given, in bytes: what RLIMIT_DATA limits."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmData:")) * 1024


def children() -> list[int]:
    """Processes that this one started and that live."""
    return [process.pid for process in multiprocessing.active_children() if process.pid]


def own_memory(process: int) -> int:
    """Memory of a process that no other shares, in kilobytes; 0 where the system does not say."""
    about = Path(f"/proc/{process}/smaps_rollup")
    lines = about.read_text().splitlines() if about.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def compare_training(
    path: str, threads: int, *, small: bool, turns: int, rounds: int, room: int | None = None
) -> dict[str, Any]:
    """Images a second of one training, streamed and decoded in turns, and the share of the first.

    Before each measurement some turns are not counted, so that what was decoded meanwhile is gone.
    With ``room``, the streamed training and each process that decodes for it get no more than so
    many bytes beyond what is held before its first turn. The file of decoded images, which is
    mapped, does not count.
    """
    import torch
    from alternation import about, time_window

    from ganzoo.data import decode, open_source, open_stream
    from ganzoo.discovery import discover
    from ganzoo.launch import launch
    from ganzoo.layers import Assignment
    from ganzoo.plan import Request, make_plan
    from ganzoo.registry import Registry
    from ganzoo.task import Task
    from ganzoo.training import Trainer

    torch.set_num_threads(threads)
    registry = Registry(discover())
    given = {"train.precision": "fp32", **(SMALL if small else {})}
    trainers = {}
    for stream in (False, True):
        words = {**given, "data.stream": str(stream).lower()}
        words |= {"data.workers": "1"} if stream else {}
        assignments = [Assignment.parse(f"{key}={value}") for key, value in words.items()]
        plan = make_plan(Request("dcgan", data=path, assignments=assignments), registry)
        source = open_source(plan.settings.data, registry, "train")
        images = (open_stream if stream else decode)(source, plan.settings.data)
        task = Task(registry, plan, launch("fp32", BATCH), None)
        accelerator = task.launch.accelerator
        trainers[stream] = Trainer(plan.assembly, images, plan.settings.train, accelerator)
    if room is not None:
        time_window(trainers[False].turn, UNCOUNTED, accelerator.device)
        resource.setrlimit(resource.RLIMIT_DATA, (data_held() + room, resource.RLIM_INFINITY))
    rates: dict[bool, list[float]] = {False: [], True: []}
    for number in range(rounds):
        for stream in (False, True) if number % 2 == 0 else (True, False):
            trainer = trainers[stream]
            time_window(trainer.turn, UNCOUNTED, accelerator.device)
            timing = time_window(trainer.turn, turns, accelerator.device)
            rates[stream].append(BATCH / timing.wall)
    shares = [streamed / kept for kept, streamed in zip(rates[False], rates[True], strict=True)]
    return {
        "decoded": round(statistics.median(rates[False]), 1),
        "streamed": round(statistics.median(rates[True]), 1),
        "share": asdict(Quartiles.of(shares)),
        "shares": [round(share, 3) for share in shares],
        "megabytes_of_decoders": sum(own_memory(child) for child in children()) // 1024,
        "environment": about(task),
    }


def alone(*arguments: str, cache: Path) -> dict[str, Any]:
    """What this script prints in a process of its own, with a cache of its own."""
    environment = {
        **os.environ,
        "GANZOO_CACHE": str(cache / "ganzoo"),
        "HF_HOME": str(cache / "huggingface"),
    }
    done = subprocess.run(
        [sys.executable, __file__, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(images: int, repeats: int) -> dict[str, Any]:
    """All figures."""
    found: dict[str, Any] = {"machine": machine(), "images": images, "batch": BATCH}
    readings: dict[str, list[Any]] = {}
    trainings: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        for name, (side, channels) in SHAPES.items():
            write_images(Path(place, name), images, side, channels)
        for repeat, name, kind, stream in product(
            range(repeats), SHAPES, ("parquet", "photos"), (False, True)
        ):
            way = f"{name}, {kind}, {'streamed' if stream else 'decoded once'}"
            words = ["--read", str(Path(place, name, kind)), "--images", str(images)]
            cache = Path(place, f"{way}, {repeat}")
            reading = alone(*words, *["--stream"] * stream, cache=cache)
            readings.setdefault(way, []).append(reading)
            print(way, reading, flush=True)
        digits = str(Path(place, "28x28 grey", "parquet"))
        for small, threads in product((True, False), sorted({1, allowed_cores()})):
            networks = "small networks" if small else "networks of preset mnist"
            name = f"{networks}, {counted(threads, 'thread')}"
            words = ["--compare", digits, "--threads", str(threads), *["--small"] * small]
            trainings[name] = alone(*words, cache=Path(place, "training"))
            print(name, trainings[name], flush=True)
        side, channels = SHAPES[LARGE]
        large, count = Path(place, "large"), TIMES_AS_LARGE * images
        write_images(large, count, side, channels)
        decoded = count * side * side * channels
        words = ["--compare", str(large / "parquet"), "--threads", "1", "--small"]
        limited = alone(*words, "--room", str(decoded // 2), cache=Path(place, "limited"))
        found["larger_than_memory"] = {"images": count, "bytes": decoded, **limited}
        print("larger than memory", found["larger_than_memory"], flush=True)
    return found | {"readings": readings, "trainings": trainings}


def median_and_range(values: list[float], form: str) -> str:
    """The median, and the lowest and the highest."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


def print_tables(found: dict[str, Any]) -> None:
    """The figures as Markdown."""
    print("\n| Data | First batch after | First epoch | Later | Memory |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for way, readings in found["readings"].items():
        first, epoch, later, memory = (
            [reading[field.name] for reading in readings] for field in fields(Reading)
        )
        print(
            f"| {way} | {median_and_range(first, '.2f')} s "
            f"| {median_and_range(epoch, ',.0f')} images/s "
            f"| {median_and_range(later, ',.0f')} images/s "
            f"| {median_and_range(memory, ',.0f')} MB |"
        )
    print("\n| Training | Decoded once | Streamed | Share |\n| --- | ---: | ---: | ---: |")
    for name, each in found["trainings"].items():
        share = each["share"]
        print(
            f"| {name} | {each['decoded']:,.0f} images/s | {each['streamed']:,.0f} images/s "
            f"| {share['median']:.0%} ({share['low']:.0%} to {share['high']:.0%}) |"
        )
    limited = found["larger_than_memory"]
    low, share, high = (f"{limited['share'][each]:.0%}" for each in ("low", "median", "high"))
    print(
        f"\n{limited['images']:,} images, {limited['bytes'] / 1e6:,.0f} MB decoded, with room for "
        f"half of them: {limited['decoded']:,.0f} images/s decoded once, "
        f"{limited['streamed']:,.0f} streamed: {share} ({low} to {high})"
    )


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=8192, help="images of each data set")
    parser.add_argument("--repeats", type=int, default=5, help="readings of each way")
    parser.add_argument("--write", action="store_true", help=f"keep the figures in {RESULT.name}")
    for hidden in ("--read", "--compare"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    for hidden in ("--threads", "--room"):
        parser.add_argument(hidden, type=int, help=argparse.SUPPRESS)
    for hidden in ("--stream", "--small"):
        parser.add_argument(hidden, action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        print(json.dumps(asdict(read(given.read, stream=given.stream, count=given.images))))
        return
    if given.compare:
        turns, rounds = (30, 15) if given.small else (8, 7)
        compared = compare_training(
            given.compare,
            given.threads,
            small=given.small,
            turns=turns,
            rounds=rounds,
            room=given.room,
        )
        print(json.dumps(compared))
        return
    found = measure(given.images, given.repeats)
    print_tables(found)
    if given.write:
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        RESULT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
