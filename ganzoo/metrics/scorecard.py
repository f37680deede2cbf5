"""Running metrics on a trained model, and telling the result: as JSON and as a scorecard."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from importlib.metadata import version
from textwrap import wrap
from typing import TYPE_CHECKING, Any, TypeAlias

from ganzoo.errors import UserError, in_one_line
from ganzoo.metrics import NotApplicable, Score
from ganzoo.metrics.progress import one_by_one
from ganzoo.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ganzoo.loaded import Loaded

Metric: TypeAlias = "Callable[[Loaded, int], Mapping[str, Score]]"

SCHEMA = 1
"""Version of the layout of ``scores.json``."""

WIDTH = 80
"""Columns of the scorecard."""

_LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn")
_WIDEST_LABEL = 24


@dataclass(frozen=True)
class Scores:
    """All scores of one trained model, and why others are missing."""

    scores: Mapping[str, Score]
    absent: Mapping[str, str]
    """Reasons of the metrics that do not apply, by the metric's name."""
    failed: Mapping[str, str]
    """Errors by the name of the metric that broke, or of the score that is none."""
    step: int
    ema: bool
    """True if the averaged weights were scored."""
    data: str
    given_by: Mapping[str, str] = field(default_factory=dict)
    """The metric that gave each score, by the score's name."""
    model: str | None = None
    """Digest of the weights that were scored, where they are in a file."""


def score(loaded: Loaded, metrics: Mapping[str, Metric], budget: int) -> Scores:
    """Run ``metrics`` in their order; one that breaks is named in ``failed`` and ends no other.

    ``budget`` is the largest number of images that a metric may generate or read of one split.
    """
    scores: dict[str, Score] = {}
    absent: dict[str, str] = {}
    failed: dict[str, str] = {}
    given_by: dict[str, str] = {}
    for metric, compute in one_by_one(metrics):
        try:
            results = dict(compute(loaded, budget))
        except NotApplicable as reason:
            absent[metric] = str(reason)
            continue
        except UserError as error:
            failed[metric] = " ".join(str(error).split())
            continue
        except Exception as error:  # noqa: BLE001 - a plugin's metric may raise anything
            failed[metric] = " ".join(f"{type(error).__name__}: {error}".split())
            continue
        for name, result in results.items():
            if name in scores:
                failed[metric] = f"its score {name} is already given by another metric"
            elif (flaw := _flaw(name, result)) is not None:
                failed[name] = flaw
            else:
                scores[name], given_by[name] = result, metric
    about = loaded.step, loaded.ema, loaded.data_name
    return Scores(scores, absent, failed, *about, given_by, loaded.sha256)


def _flaw(name: str, result: object) -> str | None:
    """Why a score cannot be kept, if so: the interface is a plugin's to break."""
    if not isinstance(result, Score):
        return f"it is a {type(result).__name__}, not a ganzoo.metrics.Score"
    if isinstance(result.value, bool) or not isinstance(result.value, int | float):
        return f"the value is a {type(result.value).__name__}, not a float of Python"
    try:
        if not math.isfinite(result.value):
            return f"the value is {result.value}"
        json.dumps(_score_json(result), allow_nan=False)
        _row_lines(row_of(name, result), labels=0, values=0)
    except Exception as error:  # noqa: BLE001 - each of its fields may be anything
        return f"it cannot be written down: {in_one_line(f'{type(error).__name__}: {error}', 120)}"
    return None


def to_json(scores: Scores) -> dict[str, Any]:
    """Give the content of ``scores.json``; ``split`` is null for a score of generated images."""
    about = {"ema": scores.ema, "step": scores.step, "data": scores.data}
    return {
        "schema": SCHEMA,
        "scores": {
            name: _score_json(score) | about | {"metric": scores.given_by.get(name)}
            for name, score in scores.scores.items()
        },
        "absent": dict(scores.absent),
        "failed": dict(scores.failed),
        "model": scores.model,
        "versions": {"ganzoo": __version__} | {name: version(name) for name in _LIBRARIES},
    }


def _score_json(score: Score) -> dict[str, Any]:
    texts = {"label": score.label, "unit": score.unit, "note": score.note}
    return {
        "value": score.value,
        "split": score.split,
        "n": score.n,
        **{key: text for key, text in texts.items() if text},
        **({"conditions": list(score.conditions)} if score.conditions else {}),
        **({"headline": True} if score.headline else {}),
        # JSON has no NaN and no infinity
        **{key: None if _odd(value) else value for key, value in score.extra.items()},
    }


def _odd(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def render(scores: Scores) -> str:
    """Lay out the scores for a terminal: a block for each code, then how to read them.

    No line is longer than :data:`WIDTH`, unless a name alone is.
    """
    weights = "averaged weights" if scores.ema else "weights as trained"
    lines = wrap(f"Scorecard: step {scores.step:,}, {scores.data}, {weights}", WIDTH)
    rows = [row_of(name, score) for name, score in scores.scores.items()]
    labels = min(max((len(row.label) for row in rows), default=0), _WIDEST_LABEL)
    # A value may be longer than its column: better one source out of line than most below theirs.
    room = WIDTH - labels - len("  " * 3) - max((len(row.source) for row in rows), default=0)
    values = max(0, min(max((len(row.value) for row in rows), default=0), room))
    for subject in dict.fromkeys(row.subject for row in rows):
        lines += ["", subject]
        for row in rows:
            if row.subject == subject:
                lines += _row_lines(row, labels, values)
    lines += _remarks(scores, rows)
    return "\n".join(lines)


@dataclass(frozen=True)
class Row:
    """One score in the words of a scorecard."""

    subject: str
    """The code that was scored, or ``model``."""
    label: str
    value: str
    source: str
    """What was scored: how many images, and of which split."""
    note: str


def row_of(name: str, score: Score) -> Row:
    """The score of that name as a row."""
    metric, _, code = name.partition("/")
    label = score.label or metric.replace("_", " ")
    source = (
        f"{score.n:,} generated" if score.split is None else f"{score.n:,} {score.split} images"
    )
    return Row(code or "model", label, _value_text(score), source, score.note)


def _row_lines(row: Row, labels: int, values: int) -> list[str]:
    if len(row.label) > labels:
        return [
            f"  {row.label}",
            *_row_lines(Row("", "", row.value, row.source, ""), labels, values),
        ]
    line = f"  {row.label:<{labels}}  {row.value:<{values}}  {row.source}"
    if len(line) <= WIDTH:
        return [line]
    return [f"  {row.label:<{labels}}  {row.value}", f"  {'':<{labels}}  {row.source}"]


def _value_text(score: Score) -> str:
    share = score.unit == "share"
    text = _number(score.value, share=share)
    if "standard_error" in score.extra:
        error = score.extra["standard_error"] * (100 if share else 1)
        text += f" ± {error:.0f}" if error >= 10 else f" ± {error:.1g}"
    ceiling = score.extra.get("ceiling")
    if ceiling is not None:
        text += f" of {_number(ceiling, share=share)}"
    text += " %" if share else f" {score.unit}".rstrip()
    if ceiling is None and "entropy" in score.extra:  # of a continuous code, which bounds nothing
        text += f", H(c) {_number(score.extra['entropy'], share=False)}"
    return text + (f" ({100 * score.value / ceiling:z.0f} %)" if ceiling else "")


def _number(value: float, *, share: bool) -> str:
    if share:
        return f"{100 * value:.1f}"
    plain = value == 0 or 0.001 <= abs(value) < 10_000
    return f"{value:.3f}" if plain else f"{value:.3g}"


def _remarks(scores: Scores, rows: list[Row]) -> list[str]:
    notes: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.note:
            notes.setdefault((row.label, row.note), []).append(row.subject)
    alike: dict[tuple[str, str], list[str]] = {}
    for (label, note), subjects in notes.items():
        alike.setdefault((", ".join(subjects), note), []).append(label)
    remarks = [
        f"{', '.join(labels)} of {subjects}: {note}" for (subjects, note), labels in alike.items()
    ]
    reasons: dict[str, list[str]] = {}
    for metric, reason in scores.absent.items():
        reasons.setdefault(reason, []).append(metric)
    remarks += [f"no score of {', '.join(names)}: {why}" for why, names in reasons.items()]
    remarks += [f"failed: {name}: {error}" for name, error in scores.failed.items()]
    wrapped = [line for remark in remarks for line in wrap(remark, WIDTH, subsequent_indent="  ")]
    return ["", *wrapped] if wrapped else []
