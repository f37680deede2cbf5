"""InfoGAN on MNIST: ganzoo against a published PyTorch InfoGAN, in processes that alternate.

    git clone https://github.com/Natsu6767/InfoGAN-PyTorch PEER
    python benchmarks/peer.py PEER [--threads 1] [--precision fp32|bf16] [--share-fakes] [--write]

The peer's own training script runs in a thread of its own; each batch that it asks for is one turn.
Each round times some turns of either in a process of its own: in a single one, their threads would
disturb each other.
One line of it is mended, which current torch refuses: its labels are integers where its loss wants
floats. Its data are ganzoo's decoded images, so that only training is timed; an epoch never ends,
so what it does then is not. It gives one fake batch to both players; ganzoo does so with
``--share-fakes``. ``--write`` keeps the result in docs/results/performance/.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import TYPE_CHECKING
from unittest.mock import MagicMock

import torch
from alternation import (
    Timing,
    about,
    hand_over,
    images_per_second,
    in_processes,
    parser,
    ratio_of,
    say,
    tell_rates,
    time_window,
)
from pair import Pair, add_options
from reference import batches

from ganzoo.conditions import training_conditions

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

PROGRAMS = ("ganzoo", "peer")
WARM_UP = 5
NEVER_SEEN = ("matplotlib", "matplotlib.pyplot", "matplotlib.animation")
"""What the script imports to draw with; whether it is installed does not matter."""


class Peer:
    """The script of a clone, held between two of its turns."""

    def __init__(self, clone: Path, images: torch.Tensor, batch_size: int, threads: int) -> None:
        self.batches = batches(images, batch_size)
        self.threads = threads
        self._wanted: SimpleQueue[BaseException | None] = SimpleQueue()
        self._given: SimpleQueue[torch.Tensor] = SimpleQueue()
        self._script = threading.Thread(target=self._run, args=(clone,), daemon=True)
        self._script.start()
        self._wait()
        # The first batch that it asks for is for a picture.
        self.turn()

    def turn(self) -> None:
        """Hand it a batch, and wait until it asks for the next."""
        self._given.put(next(self.batches).cpu())
        self._wait()

    def _wait(self) -> None:
        if (error := self._wanted.get()) is not None:
            raise SystemExit(f"the peer stopped: {type(error).__name__}: {error}")

    def _run(self, clone: Path) -> None:
        torch.set_num_threads(self.threads)
        sys.modules.update({name: MagicMock() for name in NEVER_SEEN})
        sys.modules["dataloader"] = self._loading()
        sys.path.insert(0, str(clone))
        try:
            source = (clone / "train.py").read_text(encoding="utf-8")
            mended = source.replace("real_label = 1", "real_label = 1.0")
            exec(compile(mended, "train.py", "exec"), {"print": lambda *_: None})  # noqa: S102
        except BaseException as error:  # noqa: BLE001 - said by the thread that waits for it
            self._wanted.put(error)

    def _loading(self) -> ModuleType:
        """What stands in for the peer's module that downloads MNIST."""
        module = ModuleType("dataloader")
        vars(module)["get_data"] = lambda _name, _batch_size: Handing(self._wanted, self._given)
        return module


@dataclass(frozen=True)
class Handing:
    """An epoch without end, of batches that are handed over one by one."""

    wanted: SimpleQueue[BaseException | None]
    given: SimpleQueue[torch.Tensor]

    def __len__(self) -> int:
        return sys.maxsize

    def __iter__(self) -> Iterator[tuple[torch.Tensor, None]]:
        while True:
            self.wanted.put(None)
            yield self.given.get(), None


def time_turns(given: argparse.Namespace, pair: Pair) -> Timing:
    """A turn of one of the two in this process, under the conditions of a training of ganzoo."""
    turn = pair.trainer.turn
    if given.only == "peer":
        size = pair.trainer.train.batch_size
        turn = Peer(given.clone.resolve(), pair.images, size, given.threads).turn
    with training_conditions(pair.device):
        time_window(turn, WARM_UP, pair.device)
        return time_window(turn, given.turns, pair.device)


def main() -> None:
    """Parse the command line, time and tell."""
    options = parser(__doc__, rounds=5, turns=20, each="process")
    options.add_argument("clone", type=Path, help="folder of the peer's repository")
    options.add_argument("--only", choices=PROGRAMS, help="time this one here, and print it")
    add_options(options)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    pair = Pair.as_given(given)
    size = pair.trainer.train.batch_size
    if given.only:
        print(json.dumps(asdict(time_turns(given, pair))))
        return
    found = in_processes(PROGRAMS, given.rounds)
    rounds = [{name: Timing(**each[name]) for name in PROGRAMS} for each in found]
    document = {
        "commit": commit(given.clone),
        "batch_size": size,
        "share_fakes": given.share_fakes,
        "turns_a_process": given.turns,
        "ratio": ratio_of(rounds, "peer", "ganzoo"),
        "images_per_second": images_per_second(rounds, size),
        "rounds": rounds,
        "environment": about(pair.task),
    }
    if not given.json:
        tell_rates(document["images_per_second"])
        print(f"  time of the peer over that of ganzoo: {say(document['ratio'], 3)}")
    hand_over(pair.name("peer", given), document, given)


def commit(clone: Path) -> str:
    """Which version of the peer was timed."""
    words = ["git", "-C", str(clone), "rev-parse", "HEAD"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
