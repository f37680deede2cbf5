"""Batches of a streamed split, decoded by other processes ahead of the turn that needs them."""

from __future__ import annotations

import atexit
import multiprocessing
import signal
import threading
import weakref
from contextlib import contextmanager, suppress
from functools import cached_property
from queue import Full, Queue
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from ganzoo.data.broken import NAMED, check_broken, left_out
from ganzoo.data.converting import Batch, convert_batch
from ganzoo.data.images import send
from ganzoo.data.store import Description
from ganzoo.errors import OneProcessError, UserError
from ganzoo.signals import STOPPING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.process import BaseProcess
    from types import FrameType

    from torch import Tensor

    from ganzoo.data.columns import Encoded
    from ganzoo.data.convert import Target
    from ganzoo.data.streamed import Streamed

_FIRST_JUDGED = 1000
"""Images after which the share of broken ones is judged."""
_AHEAD = 4
"""Batches that each process decodes ahead, and that are read ahead at least."""
_SPARE = 64
"""Images among which there should be a whole one."""
_PATIENCE = 10.0
"""Seconds to wait for what is being read when nobody wants it any more."""
_FEW = 16
"""Batches that are rather left out than begun anew behind them."""

_Item = TypeVar("_Item")


class Ahead:
    """Deals out a streamed split: batches that follow one another are there when asked for.

    A broken image gives its place to another one of the same batch, so that places stay what they
    are. It is counted; where more are broken than ``data.broken_share`` allows, the next batch
    raises UserError.
    """

    def __init__(self, streamed: Streamed, seed: int, device: torch.device) -> None:
        self.streamed = streamed
        self.device = device
        self._sequence = streamed.sequence(seed)
        self._asked: tuple[int, int, slice] | None = None
        """What was asked for last, and is at hand: position, size, and part of the batch."""
        self._batch: dict[str, Tensor] = {}
        self._loader: Iterator[Batch] | None = None
        self._decoders: list[BaseProcess] = []
        self._first: dict[str, Tensor] = {}
        self._seen, self._skipped = 0, 0
        self._broken: list[str] = []
        # At its exit, Python would wait for processes that leave signals to others.
        atexit.register(_close, weakref.ref(self))

    def close(self) -> None:
        """End the processes that decode."""
        self._loader = None

    def batch(self, position: int, size: int, mine: slice) -> dict[str, Tensor]:
        """The part ``mine`` of the global batch of ``size`` from ``position`` on; images uint8."""
        asked = (position, size, mine)
        if asked != self._asked:
            with _met_by_this_rank_alone():
                for _ in range(self._turns_to(asked)):
                    found = self._read()
                self._batch = self._filled(found)
            self._asked = asked
        return {name: send(value, self.device) for name, value in self._batch.items()}

    def first(self, n: int) -> dict[str, Tensor]:
        """The first ``n`` images, or all there are; those that come next do not change by it."""
        n = min(n, self.streamed.count or n)
        if len(self._first.get("image", ())) < n:
            items = next(self._sequence.batches(0, n, n))
            self._first = self._filled(convert_batch(items, self.streamed.target))
        return {name: send(value[:n], self.device) for name, value in self._first.items()}

    @property
    def flaw(self) -> str | None:
        """Which images this rank found broken so far, in a sentence."""
        return left_out(self._description()) if self._skipped else None

    def _turns_to(self, asked: tuple[int, int, slice]) -> int:
        """How many batches to take until the one that is asked for comes."""
        position, size, mine = asked
        if self._asked is not None and self._asked[1:] == (size, mine):
            batches, rest = divmod(position - self._asked[0], size)
            if 0 < batches <= _FEW and rest == 0:
                return batches
        count = mine.stop - mine.start
        if self.streamed.parts > 1:
            parts = self.streamed.parts
            batches_of = self._sequence.batches(position // parts, count, size // parts)
        else:
            batches_of = self._sequence.batches(position + mine.start, count, size)
        self.close()
        self._loader = self._begin(batches_of, max(_AHEAD, self.streamed.buffer // count))
        return 1

    def _begin(self, batches: Iterator[list[Encoded]], depth: int) -> Iterator[Batch]:
        workers = self.streamed.workers
        loader: DataLoader[Batch] = DataLoader(
            _Conversion(self.streamed.target),
            sampler=_Reading(batches, depth),
            batch_size=None,
            num_workers=workers,
            prefetch_factor=_AHEAD if workers else None,
            collate_fn=_as_it_is,
            worker_init_fn=_leave_signals_to_others,
            generator=torch.Generator(),  # the default one is the training's
        )
        before = signal.getsignal(signal.SIGCHLD)
        others = multiprocessing.active_children()
        batches_decoded = iter(loader)
        self._decoders = [each for each in multiprocessing.active_children() if each not in others]
        if threading.current_thread() is threading.main_thread():
            # torch would raise in the midst of anything once one of them ends; `_read` sees it.
            signal.signal(signal.SIGCHLD, before or signal.SIG_DFL)  # None: not of Python
        return batches_decoded

    def _read(self) -> Batch:
        assert self._loader is not None
        try:
            with _told_of_an_end(self._decoders):
                batch = next(self._loader)
        except RuntimeError as error:
            if "worker" not in str(error):
                raise
            raise UserError(
                f"a process that decodes {self.streamed.name!r} has ended: it may have been killed "
                "for want of memory",
                hint="--set data.workers=N takes fewer, beside --resume too; a smaller "
                "data.shuffle_buffer holds less, in a new run.",
            ) from error
        self._seen += len(batch.whole)
        self._skipped += len(batch.broken)
        self._broken = (self._broken + batch.broken)[:NAMED]
        judged = max(self._seen, min(self.streamed.count or _FIRST_JUDGED, _FIRST_JUDGED))
        share = self.streamed.broken_share
        if self._skipped > share * judged:
            check_broken(self.streamed.name, self._description(), share)
        return batch

    def _description(self) -> Description:
        return Description(self._seen - self._skipped, self._skipped, self._broken, {})

    def _filled(self, batch: Batch) -> dict[str, Tensor]:
        """A batch as tensors, each broken image replaced by a whole one."""
        images, labels = torch.from_numpy(batch.images), torch.from_numpy(batch.labels)
        if batch.broken:
            whole = torch.from_numpy(batch.whole)
            good = (images[whole], labels[whole]) if whole.any() else self._spare
            places = torch.arange(len(whole))[~whole] % len(good[0])
            images[~whole], labels[~whole] = good[0][places], good[1][places]
        filled = {"image": images}
        if self.streamed.content.label is not None:
            filled["label"] = labels
        return filled

    @cached_property
    def _spare(self) -> tuple[Tensor, Tensor]:
        """Whole images from the beginning, and their labels, for a batch that has none."""
        items = next(self._sequence.batches(0, _SPARE, _SPARE))
        batch = convert_batch(items, self.streamed.target)
        if not batch.whole.any():
            none = Description(0, len(items), batch.broken[:NAMED], {})
            check_broken(self.streamed.name, none, self.streamed.broken_share)
        whole = batch.whole
        return torch.from_numpy(batch.images[whole]), torch.from_numpy(batch.labels[whole])


class _Conversion(Dataset[Batch]):
    """What each process does: it is sent undecoded images for an index."""

    def __init__(self, target: Target) -> None:
        self.target = target

    def __getitem__(self, items: Any) -> Batch:
        return convert_batch(items, self.target)


class _Reading(Sampler[Any]):
    """Undecoded batches, read ahead by a thread, which ends with the loader."""

    def __init__(self, batches: Iterator[list[Encoded]], depth: int) -> None:
        self.batches = batches
        self.depth = depth

    def __iter__(self) -> Iterator[Any]:
        return _ahead(self.batches, self.depth)


def _ahead(items: Iterator[_Item], depth: int) -> Iterator[_Item]:
    """The same endless items, up to ``depth`` of which a thread has got before they are needed."""
    found: Queue[_Item | Exception] = Queue(depth)
    ended = threading.Event()

    def put(item: _Item | Exception) -> None:
        while not ended.is_set():
            try:
                found.put(item, timeout=0.2)
            except Full:
                continue
            return

    def get_all() -> None:
        try:
            for item in items:
                put(item)
                if ended.is_set():
                    return
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised below
            put(error)

    # It begins with the first item: by then the processes that decode were forked.
    thread = threading.Thread(target=get_all, daemon=True)
    thread.start()
    try:
        while True:
            item = found.get()
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        ended.set()
        # Python's exit would abort in the midst of pyarrow. A thread cannot wait for itself, and it
        # may be the one that ends this, collecting what nobody holds any more.
        with suppress(RuntimeError):
            thread.join(_PATIENCE)


@contextmanager
def _met_by_this_rank_alone() -> Iterator[None]:
    """Make known that other ranks may know nothing of what goes wrong with a batch."""
    try:
        yield
    except UserError as error:
        raise OneProcessError(error.what, hint=error.hint) from error


@contextmanager
def _told_of_an_end(workers: Sequence[BaseProcess]) -> Iterator[None]:
    """Raise RuntimeError as soon as one of these processes has ended.

    torch looks for that between messages only: one that is killed while it sends a batch would be
    waited for without end. Outside the main thread, where Python handles no signals, that stays so,
    and where the signal belongs to a handler that is none of Python's.
    """
    before = signal.getsignal(signal.SIGCHLD)
    if before is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def look() -> None:
        if not all(worker.is_alive() for worker in workers):
            raise RuntimeError("a worker has ended")

    def told(number: int, frame: FrameType | None) -> None:
        if callable(before):
            before(number, frame)
        look()

    signal.signal(signal.SIGCHLD, told)
    try:
        look()
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)


def _close(ahead: weakref.ref[Ahead]) -> None:
    if (left := ahead()) is not None:
        left.close()


def _as_it_is(batch: Any) -> Any:
    return batch


def _leave_signals_to_others(_: int) -> None:
    """A signal to all processes ends the training, which then ends these."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
