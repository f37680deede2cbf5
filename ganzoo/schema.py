"""The settings that belong to the host, as frozen dataclasses, one for each table. Torch-free.

A plugin's ``Config`` is written the same way: a frozen, keyword-only dataclass whose fields are
made by :func:`setting`, with ``annotated_types`` bounds where a value has a range.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Positive = Annotated[int, Gt(0)]
Rate = Annotated[float, Gt(0)]
Window = tuple[Annotated[int, Ge(0)], Annotated[int, Ge(0)]]
"""A span of turns, [from, to]."""
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Tracker = Literal["tensorboard", "trackio", "wandb"]
"""A package that keeps the curves of trainings, by accelerate's name for it."""


def setting(
    default: Any = MISSING, help: str = "", *, factory: Callable[[], Any] | None = None
) -> Any:
    """A dataclass field with the one-line meaning that ``ganzoo show`` prints."""
    if factory is not None:
        return field(default_factory=factory, metadata={"help": help})
    return field(default=default, metadata={"help": help})


class WrongSettingsError(ValueError):
    """For a ``Config`` to raise where several of its settings are wrong, or one inside a table.

    ``problems`` says of each what is wrong, by its path within the ``Config``. A plain ValueError
    does for a single one.
    """

    def __init__(self, problems: Mapping[tuple[str, ...], str]) -> None:
        super().__init__("; ".join(f"{'.'.join(path)} {what}" for path, what in problems.items()))
        self.problems = problems


def share_of(window: Window, step: int) -> float:
    """How much of a window of turns has passed at ``step``, from 0 to 1."""
    start, end = window
    return min(max((step - start) / (end - start), 0.0), 1.0)


def check_window(name: str, window: Window | None) -> None:
    """Raise ValueError, for a setting of this name, if a window ends before it begins."""
    if window is not None and window[0] >= window[1]:
        raise ValueError(f"{name} must be [from, to] with from < to")


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """``[train]``: how long, how fast, how often."""

    steps: Positive = setting(
        5000, "turns to train for; one turn is one step of every phase that is due"
    )
    batch_size: Annotated[int, Gt(0), Le(2**20)] = setting(
        128, "images a turn, over all processes together"
    )
    seed: Annotated[int, Ge(0)] = setting(0, "decides weights, order of data and every draw")
    precision: Precision = setting(
        "auto", "auto takes bf16 where the device computes in it, else fp32"
    )
    checkpoint_every: Positive = setting(1000, "turns between two checkpoints")
    keep_checkpoints: Positive = setting(2, "checkpoints kept; the oldest go first")
    report_every: Positive = setting(50, "turns between two lines of metrics.jsonl")
    stuck_after: Annotated[int, Ge(0)] = setting(
        0,
        "stop once the model calls so many reports in a row stuck, after every loss has begun to "
        "count; 0 never stops",
    )
    on_divergence: Literal["stop", "rollback"] = setting(
        "stop",
        "once a loss or weight is no number any more: stop, or go back to the last checkpoint "
        "and on with lower rates",
    )
    rollback_rate: Annotated[float, Gt(0), Lt(1)] = setting(
        0.5, "factor of all learning rates after each rollback, for the rest of the run"
    )
    rollbacks: Positive = setting(3, "rollbacks of a run at most; then it stops")
    keep_best: str | None = setting(
        None,
        "keep the checkpoint at which this figure of metrics.jsonl is the largest (the smallest "
        "with a minus before its name)",
    )
    images_every: Positive = setting(
        500, "turns between two pictures; the first comes after at most 100"
    )
    trackers: tuple[Tracker, ...] = setting(
        (), "packages that are told of the run too, such as tensorboard; each has to be installed"
    )
    sync_batchnorm: bool = setting(
        default=False, help="normalise over the batch of all processes together"
    )
    share_fakes: bool = setting(
        default=False,
        help="let critic and generator see one fake batch a turn, not a fresh one each",
    )
    ema_decay: Annotated[float, Ge(0), Lt(1)] = setting(
        0.0,
        "keep an average of the model's `averaged` networks that forgets at this rate; "
        "0 keeps none",
    )

    def __post_init__(self) -> None:
        if self.keep_best is not None and self.checkpoint_every % self.report_every:
            raise ValueError(
                "keep_best needs a report on the turn of each checkpoint: "
                "make checkpoint_every a multiple of report_every"
            )


@dataclass(frozen=True, kw_only=True)
class OptimSettings:
    """``[optim.PHASE]``: the Adam optimiser of one phase, and how its rate falls."""

    lr: Rate = setting(2e-4, "learning rate")
    betas: tuple[Annotated[float, Ge(0), Lt(1)], Annotated[float, Ge(0), Lt(1)]] = setting(
        (0.5, 0.999), "Adam's decay of the first and second moment"
    )
    eps: Rate = setting(1e-8, "Adam's epsilon")
    weight_decay: Annotated[float, Ge(0)] = setting(0.0, "decoupled weight decay")
    decay: Window | None = setting(
        None, "[from, to] in turns: the rate falls linearly from lr to decay_to times lr"
    )
    decay_to: Annotated[float, Ge(0), Lt(1)] = setting(
        0.1, "share of lr that is left at the end of decay"
    )

    def __post_init__(self) -> None:
        check_window("decay", self.decay)

    def rate_at(self, step: int) -> float:
        """The learning rate in turn ``step``; the number of turns to come has no say in it."""
        if self.decay is None:
            return self.lr
        return self.lr * (1 - (1 - self.decay_to) * share_of(self.decay, step))


@dataclass(frozen=True, kw_only=True)
class WeightSettings:
    """The part of ``[loss.NAME]`` that the host reads: how strong the loss is, and when."""

    weight: float | dict[str, float] = setting(
        1.0,
        "factor of the loss: a number, or a table by phase (absent means 0); 0 means not computed",
    )
    ramp: Window | None = setting(
        None, "[from, to] in turns: the weight rises linearly from 0 to its value"
    )
    every: Positive = setting(1, "computed in every n-th turn only, n times as strong there")

    def weight_in(self, phase: str) -> float:
        """The weight in one phase; 0 where a table does not name it."""
        return self.weight.get(phase, 0.0) if isinstance(self.weight, dict) else self.weight

    def __post_init__(self) -> None:
        check_window("ramp", self.ramp)


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """``[data]``: which images, and what is done to them."""

    name: str = setting(
        "",
        "a plugin's data set, a Hub id, a folder of images, or a data file (parquet, arrow, csv)",
    )
    config: str | None = setting(None, "configuration of a Hub data set")
    revision: str | None = setting(None, "revision of a Hub data set: branch, tag or commit")
    split: str = setting("train", "split to train on; train+extra joins two")
    test_split: str = setting(
        "test",
        "split to score on; where the data has no test split, scores use `split` and say so",
    )
    image_column: str | None = setting(
        None, "column of images; found by its type if there is just one"
    )
    label_column: str | None = setting(
        None, "column of labels; found by its type if there is just one"
    )
    size: Positive | None = setting(
        None, "height and width in pixels; images are centre-cropped and resized to it"
    )
    channels: Literal[1, 3] | None = setting(
        None, "1 for grey, 3 for colour; taken from the data if left out"
    )
    crop: Positive | None = setting(
        None, "side in pixels of the centre crop; the largest square if left out"
    )
    limit: Positive | None = setting(None, "train on the first n images only")
    stream: bool = setting(
        default=False,
        help="decode images as they come instead of all of them once: for data too large for that",
    )
    shuffle_buffer: Positive = setting(
        2048, "images of a stream of files that are held undecoded, and shuffled among each other"
    )
    workers: Annotated[int, Ge(0)] | None = setting(
        None,
        "processes that decode a stream, for each process that trains; 0 decodes between turns; "
        "left out, one for each core that nothing trains on, at least 1 and at most 8",
    )
    broken_share: Annotated[float, Ge(0), Lt(1)] = setting(
        0.05,
        "share of images that may be unreadable (they are skipped and counted) "
        "before the run is refused",
    )
