"""Load model folders and checkpoints that are damaged in thousands of ways, and count what becomes.

    python benchmarks/fuzz.py [--mutations 10000] [--seed 0] [--write]

A tiny InfoGAN is trained for a few turns. Then one file of its exported model or of its checkpoint
is damaged, loaded, and put right again, over and over. Half of the damaged checkpoints get a
manifest with fitting digests, so that the damage is met behind it. Anything but a refusal in words
(UserError, DamagedCheckpointError) or a model that can be used is a crash; so is a file that a
pickle made. ``--write`` keeps the outcome in docs/results/reliability/fuzz.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import mutations
import torch

from ganzoo import UserError, checkpoint
from ganzoo.assembly import assemble
from ganzoo.data import decode
from ganzoo.discovery import discover
from ganzoo.layers import Assignment
from ganzoo.loaded import load
from ganzoo.plan import Request
from ganzoo.registry import Registry
from ganzoo.task import Task, execute, prepare
from ganzoo.training import Trainer

RESULT = Path(__file__).parents[1] / "docs" / "results" / "reliability" / "fuzz.json"
SETTINGS = {
    "model.generator_dense": [8],
    "model.generator_channels": [4, 4],
    "model.discriminator_channels": [4, 4],
    "model.discriminator_dense": [8],
    "prior.size": 8,
    "data.limit": 16,
    "train.steps": 3,
    "train.batch_size": 8,
    "train.precision": "fp32",
}
STATES = ("state.pt", "rank-000.pt")
Outcome = Literal["used", "refused", "damaged", "crashed"]
CPU = torch.device("cpu")


@dataclass
class Count:
    """What became of the mutations."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """By ``file: outcome``."""
    crashes: list[str] = field(default_factory=list)
    """What was done, and the last lines of the traceback."""
    traps: int = 0
    """Pickles that would have made a file."""

    def total(self, outcome: Outcome) -> int:
        """How many mutations ended so."""
        return sum(n for key, n in self.outcomes.items() if key.endswith(f": {outcome}"))


class Fuzzer:
    """A trained run in ``folder``, and what damages it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - chance that can be repeated
        self.canary = folder / "canary"
        self.registry = Registry(discover())
        assignments = [Assignment(key, json.dumps(each), "fuzz") for key, each in SETTINGS.items()]
        self.task: Task = prepare(
            self.registry, Request("infogan", assignments=assignments), folder / "run"
        )
        self.run, _ = execute(self.task)
        self.images = decode(self.task.plan.source, self.task.plan.settings.data)
        found, _ = checkpoint.newest(self.run.checkpoints)
        assert found is not None
        self.saved = found.path
        trap = mutations.trap(self.canary)
        pickled = [mutations.change_state, mutations.change_pickle, trap]
        model = self.run.model
        self.targets: dict[Path, list[mutations.Mutate]] = {
            model / "config.json": [*mutations.ANY, *[mutations.change_json] * 6, trap],
            model / "model.safetensors": [*mutations.ANY, *[mutations.change_header] * 3, trap],
            self.saved / checkpoint.MANIFEST: [*mutations.ANY, *[mutations.change_json] * 4, trap],
            self.saved / "state.pt": [*mutations.ANY, *pickled * 2],
            self.saved / "rank-000.pt": [*mutations.ANY, *pickled * 2],
        }
        self.whole = {path: path.read_bytes() for path in self.targets}

    def fuzz(self, count: int) -> Count:
        """Damage and load ``count`` times."""
        result = Count()
        for _ in range(count):
            victim = self.dice.choice(list(self.targets))
            done = self._damage(victim)
            result.traps += done.startswith("plant")
            outcome: Outcome
            try:
                outcome = self._load_model() if victim.parent == self.run.model else self._restore()
            except UserError:
                outcome = "refused"
            except Exception:  # noqa: BLE001 - what is counted here
                outcome = "crashed"
                tail = traceback.format_exc(limit=-3)
                result.crashes.append(f"{victim.name}, {done}:\n{tail}")
            if self.canary.exists():
                self.canary.unlink()
                outcome = "crashed"
                result.crashes.append(f"{victim.name}, {done}: it ran the code of a pickle")
            result.outcomes[f"{victim.name}: {outcome}"] += 1
            for path, content in self.whole.items():
                path.write_bytes(content)
        return result

    def _damage(self, victim: Path) -> str:
        """Damage one file; the name of what was done."""
        if self.dice.random() < 0.04:
            other = self.dice.choice([path for path in self.whole if path != victim])
            victim.write_bytes(self.whole[other])
            done = f"replaced by {other.name}"
        else:
            mutate = self.dice.choice(self.targets[victim])
            victim.write_bytes(mutate(self.whole[victim], self.dice))
            done = mutate.__name__
        if victim.name in STATES and self.dice.random() < 0.5:
            self._seal()
            done += ", sealed"
        return done

    def _seal(self) -> None:
        """Make the manifest say of the files what they are."""
        manifest = json.loads(self.whole[self.saved / checkpoint.MANIFEST])
        for name in STATES:
            digest = hashlib.sha256((self.saved / name).read_bytes()).hexdigest()
            manifest["sha256"][name] = digest
        (self.saved / checkpoint.MANIFEST).write_text(json.dumps(manifest))

    def _load_model(self) -> Outcome:
        images = load(self.run.model, self.registry, CPU).sample(2)
        assert images.shape == (2, 1, 28, 28)
        return "used"

    def _restore(self) -> Outcome:
        found, _ = checkpoint.newest(self.run.checkpoints)
        if found is None:
            return "damaged"
        plan = self.task.plan
        parts = assemble(plan.settings, plan.assembly.data)
        accelerator = self.task.launch.accelerator
        checkpoint.restore(Trainer(parts, self.images, plan.settings.train, accelerator), found)
        return "used"


def main() -> None:
    """Fuzz, and print the count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help=f"keep the outcome in {RESULT.name}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fuzzer = Fuzzer(Path(folder), options.seed)
        before, begun = _peak_megabytes(), time.monotonic()
        count = fuzzer.fuzz(options.mutations)
        document: dict[str, Any] = {
            "mutations": options.mutations,
            "seed": options.seed,
            "seconds": round(time.monotonic() - begun),
            "used": count.total("used"),
            "refused": count.total("refused"),
            "damaged": count.total("damaged"),
            "crashed": count.total("crashed"),
            "traps": count.traps,
            "megabytes_more": round(_peak_megabytes() - before),
            "files": dict(sorted(count.outcomes.items())),
            "versions": {"torch": torch.__version__, "python": sys.version.split()[0]},
        }
    print(json.dumps(document, indent=2))
    for crash in count.crashes:
        print(crash, file=sys.stderr)
    if count.crashes:
        raise SystemExit(1)
    if options.write:
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        RESULT.write_text(json.dumps(document, indent=2) + "\n")


class _Raw(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description."""


def _peak_megabytes() -> float:
    """The most memory that this process has had at once."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
