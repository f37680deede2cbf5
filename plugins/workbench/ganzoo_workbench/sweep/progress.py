"""What is told while a sweep is under way: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from textwrap import wrap
from typing import TYPE_CHECKING, Any, TextIO

from tqdm import tqdm

from ganzoo.cli.terminal import width
from ganzoo.reporting import clock

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping

    from ganzoo_workbench.sweep.running import Failure

_FORM = "{desc} {percentage:3.0f}% |{bar:20}| {elapsed} gone, {remaining} left"


class Progress:
    """Tells how far the runs of a sweep are; the ``stream`` None is told nothing."""

    look_every = 1.0
    """Seconds between two looks at the runs."""
    plain_every = 60.0
    """Seconds between two plain lines."""

    def __init__(
        self,
        turns: Mapping[str, int],
        trained: Mapping[str, int],
        finished: int,
        turns_of: Callable[[str], int],
        stream: TextIO | None,
    ) -> None:
        """``turns`` are those of every run that is not ``finished``, ``trained`` those it has.

        ``turns_of`` tells how far a run under way has come.
        """
        self.turns = turns
        self._at = dict(trained)
        self._done, self._runs = finished, finished + len(turns)
        self._turns_of = turns_of
        self._stream = stream
        self._under_way: dict[str, float] = {}
        self._begun = self._looked = self._said = time.monotonic()
        self._begun_at = sum(self._at.values())
        self._bar: Any = None
        self._names: Any = None
        if stream is not None and stream.isatty():
            look: Any = {"file": stream, "dynamic_ncols": True}
            total = sum(turns.values())
            self._bar = tqdm(
                total=total, initial=self._begun_at, bar_format=_FORM, smoothing=0, **look
            )
            self._names = tqdm(total=0, bar_format="{desc}", position=1, leave=False, **look)
            self._show()

    def started(self, name: str, *, ours: bool = True) -> None:
        """A run was started, or another process is found to train it."""
        self._under_way[name] = time.monotonic()
        if not ours:
            self._say("waiting", f"{name}  another process trains it already")
        elif self._bar is None:
            self._say("started", name)
        self._show()

    def finished(self, name: str) -> None:
        """A run is trained and scored."""
        self._done += 1
        took = clock(time.monotonic() - self._under_way.pop(name))
        self._at[name] = self.turns[name]
        self._say("finished", f"{name}  ({took}, {self._done} of {self._runs})")
        self._show()

    def failed(self, failure: Failure) -> None:
        """A run has failed."""
        self._under_way.pop(failure.name, None)  # it may never have been started
        self._say("failed", f"{failure.name}  {failure.why}")
        self._show()

    def stopped(self, name: str, *, ours: bool = True) -> None:
        """A run has saved and ended because it was told to; one that is not ours goes on."""
        self._under_way.pop(name)
        if ours:
            self._say("stopped", f"{name}  at turn {self._turns_of(name):,}")
        else:
            self._say("left", f"{name}  to the process that trains it")
        self._show()

    def stopping(self, number: signal.Signals) -> None:
        """A signal has come."""
        self._say(number.name, "every run saves and ends; a second signal leaves them alone")

    def look(self) -> None:
        """Look at the runs under way, if it is time."""
        now = time.monotonic()
        if now - self._looked < self.look_every or self._stream is None:
            return
        self._looked = now
        for name in self._under_way:
            self._at[name] = max(self._at[name], min(self._turns_of(name), self.turns[name]))
        self._show()
        if self._bar is None and now - self._said >= self.plain_every:
            self._said = now
            told = f"{self._done} of {self._runs}, {self._left(now)}; {self._listed()}"
            self._say("runs", told)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._names.close()
            self._bar.leave = False
            self._bar.close()

    def _show(self) -> None:
        if self._bar is None:
            return
        self._bar.n = sum(self._at.values())
        self._bar.set_description_str(f"{self._done} of {self._runs} runs", refresh=False)
        self._bar.refresh()
        listed = self._listed()
        room = self._bar.ncols or 80
        self._names.set_description_str(
            listed if len(listed) < room else f"{listed[: room - 4]} ..."
        )

    def _listed(self) -> str:
        return "  ".join(f"{name} {self._place(name)}" for name in self._under_way)

    def _place(self, name: str) -> str:
        at, turns = self._at[name], self.turns[name]
        return f"{at:,}/{turns:,}" if at < turns else "scoring"

    def _left(self, now: float) -> str:
        made = sum(self._at.values()) - self._begun_at
        missing = sum(self.turns.values()) - self._begun_at - made
        return f"{clock((now - self._begun) / made * missing)} left" if made else "just begun"

    def _say(self, word: str, what: str) -> None:
        if self._stream is not None:
            lines = wrap(
                f"  {word:<9} {what}", width(), subsequent_indent=" " * 12, break_on_hyphens=False
            )
            tqdm.write("\n".join(lines), file=self._stream)
