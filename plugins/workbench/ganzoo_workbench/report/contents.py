"""What a report says of one run: everything that the template shows, as texts and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from ganzoo.reporting import clock
from ganzoo_workbench.report.chart import Chart, Level, draw
from ganzoo_workbench.report.differences import Difference, flattened, from_preset, shown, shown_key
from ganzoo_workbench.report.invocations import Invocation, beginning, following
from ganzoo_workbench.report.recorded import figures
from ganzoo_workbench.report.scored import Scorecard, scorecard, versions_line
from ganzoo_workbench.report.untrusted import count, items, number, table, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ganzoo.registry import Registry
    from ganzoo_workbench.report.anatomy import Anatomy
    from ganzoo_workbench.report.curves import Values
    from ganzoo_workbench.report.pictures import Frame
    from ganzoo_workbench.report.recorded import RecordedRun

MOST_CHARTS = 40
"""Figures that are drawn; a plugin may report any number of them."""

_MOST_EVENTS = 100
_MOST_SETTINGS = 400
_MOST_STRETCHES = 6


@dataclass(frozen=True)
class Fact:
    """A short answer to a question about the run."""

    name: str
    value: str


@dataclass(frozen=True)
class Happening:
    """One event that a person should read."""

    step: int
    kind: str
    message: str


@dataclass(frozen=True)
class Stretch:
    """What turns were made in, from one on."""

    from_step: int
    facts: Mapping[str, str]


@dataclass(frozen=True)
class ChartGroup:
    """Charts of one kind."""

    title: str
    note: str
    charts: Sequence[Chart]


@dataclass(frozen=True)
class Contents:
    """One run's report, section by section."""

    title: str
    model: str
    preset: str
    state: str
    facts: Sequence[Fact]
    codes: Sequence[Fact]
    frames: Sequence[Frame]
    scorecard: Scorecard | None
    charts: Sequence[ChartGroup]
    beginning: str
    differences: Sequence[Difference] | None
    settings: Sequence[Fact]
    happenings: Sequence[Happening]
    stretches: Sequence[Stretch]
    following: Sequence[Invocation]
    remarks: Sequence[str]


def contents_of(
    run: RecordedRun,
    registry: Registry,
    anatomy: Anatomy,
    frames: Sequence[Frame],
    remarks: Sequence[str] = (),
) -> Contents:
    """Everything there is to say of ``run``; ``remarks`` are further ones, on its pictures."""
    differences = from_preset(run, registry)
    settings = flattened(run.settings)
    return Contents(
        title=text(run.name, 100),
        model=run.model,
        preset=run.preset,
        state=state_of(run),
        facts=_facts(run, anatomy),
        codes=[Fact(text(name), text(form)) for name, form in run.codes.items()][:40],
        frames=frames,
        scorecard=scorecard(run),
        charts=chart_groups([run], [""], [anatomy]),
        beginning=beginning(run, differences),
        differences=None if differences is None else differences[:_MOST_SETTINGS],
        settings=[Fact(shown_key(path), shown(value)) for path, value in list(settings.items())][
            :_MOST_SETTINGS
        ],
        happenings=_happenings(run),
        stretches=_stretches(run),
        following=following(run),
        remarks=[*run.remarks, *remarks],
    )


def state_of(run: RecordedRun) -> str:
    """How far the training came."""
    if run.steps is None:
        return f"turn {run.step:,}"
    if run.step >= run.steps:
        return f"finished after {run.step:,} turns"
    return f"at turn {run.step:,} of {run.steps:,}"


def _facts(run: RecordedRun, anatomy: Anatomy) -> list[Fact]:
    environment, about = run.environment, table(run.exported.get("data"))
    data = table(run.settings.get("data"))
    images = count(about.get("count"))
    shape = [str(count(side)) for side in items(about.get("image_shape"))]
    told = {
        "Data": " ".join(filter(None, [text(data.get("name")), text(data.get("split"))])),
        "Images": _images(images, shape),
        "Batch": _grouped(run.train.get("batch_size")),
        "Seed": _grouped(run.train.get("seed")),
        "Device": text(environment.get("device_name")) or text(environment.get("device")),
        "Processes": _grouped(environment.get("world_size")),
        "Precision": text(environment.get("precision")),
        "Time": _time(run),
        "Images a second": _rate(run),
        "Parameters": _parameters(anatomy),
        "Versions": versions_line(environment.get("versions")),
    }
    return [Fact(name, value) for name, value in told.items() if value]


def _images(images: int | None, shape: Sequence[str]) -> str:
    if images is None or len(shape) != 3:
        return ""
    colours = "grey" if shape[0] == "1" else "colour"
    return f"{f'{images:,}' if images else 'streamed'}, {colours}, {shape[1]}x{shape[2]}"


def _grouped(value: object) -> str:
    whole = count(value)
    return "" if whole is None else f"{whole:,}"


def _parameters(anatomy: Anatomy) -> str:
    each = ", ".join(f"{text(name, 80)} {n:,}" for name, n in anatomy.parameters.items())
    return each and f"{sum(anatomy.parameters.values()):,}: {each}"


def _time(run: RecordedRun) -> str:
    """How long its turns took, as its reports say, all its processes together."""
    told = [seconds for report in run.reports if (seconds := number(report.get("seconds")))]
    return clock(max(told)) if told else ""


def _rate(run: RecordedRun) -> str:
    rates = [number(report.get("images_per_second")) for report in run.reports]
    known = [rate for rate in rates if rate is not None]
    return f"{median(known):,.0f} (median)" if known else ""


def _happenings(run: RecordedRun) -> list[Happening]:
    """The latest events, without those that only carry figures of a picture."""
    told = [
        Happening(event["step"], text(event.get("event"), 40), text(event.get("message")))
        for event in run.events
        if event.get("event") != "pictured" or event.get("message")
    ]
    return told[-_MOST_EVENTS:]


def _stretches(run: RecordedRun) -> list[Stretch]:
    history = items(run.environment.get("history")) or [run.environment]
    known = [each for each in history if isinstance(each, dict) and each]
    return [_stretch(each) for each in known[-_MOST_STRETCHES:]]


def _stretch(each: Mapping[str, Any]) -> Stretch:
    words = {
        "device": each.get("device_name") or each.get("device"),
        "processes": _grouped(each.get("world_size")),
        "instructions": each.get("instructions"),
        "precision": each.get("precision"),
        "system": each.get("system"),
        "Python": each.get("python"),
        **dict(list(table(each.get("versions")).items())[:40]),
    }
    facts = {text(name, 80): text(value, 80) for name, value in words.items()}
    return Stretch(
        count(each.get("from_step")) or 0, {name: value for name, value in facts.items() if value}
    )


def chart_groups(
    runs: Sequence[RecordedRun], marks: Sequence[str], anatomies: Sequence[Anatomy]
) -> list[ChartGroup]:
    """A chart of every figure that some run reports, the curves of all runs in it."""
    curves: dict[str, dict[int, Values]] = {}
    for place, run in enumerate(runs):
        for key, values in {**_curves(run.reports), **_curves(_pictured(run.events))}.items():
            curves.setdefault(key, {})[place] = values
    groups: dict[tuple[str, str], list[Chart]] = {kind: [] for kind in _KINDS.values()}
    for key in list(curves)[:MOST_CHARTS]:
        head, _, rest = key.partition("/")
        kind = head if head in _KINDS and rest else ""
        level = _level(rest, runs, anatomies) if kind == "mi_nats" else None
        chart = draw(_title(kind, key, rest), curves[key], marks, level)
        if chart is not None:
            groups[_KINDS[kind]].append(chart)
    found = [ChartGroup(*kind, charts) for kind, charts in groups.items() if charts]
    if len(curves) > MOST_CHARTS:
        left = f"{len(curves) - MOST_CHARTS:,} further figures are in metrics.jsonl."
        found.append(ChartGroup("And more", left, []))
    return found


_KINDS = {
    "mi_nats": (
        "Information",
        "L_I in nats, a lower bound of what an image tells of a code; H(c) is the most there is.",
    ),
    "loss": ("Losses", "By phase and loss, before its weight."),
    "": ("Other figures", ""),
}
"""Title and note of the charts whose figures begin with a word."""


def _title(kind: str, key: str, rest: str) -> str:
    if kind == "mi_nats":
        return rest
    if kind == "loss":
        return rest.replace("/", ": ", 1)
    return key.replace("_", " ")


def _level(code: str, runs: Sequence[RecordedRun], anatomies: Sequence[Anatomy]) -> Level | None:
    """H(c) of a code, where all runs that know it agree."""
    found = set()
    for run, anatomy in zip(runs, anatomies, strict=True):
        scored = table(table(run.scored.get("scores")).get(f"mi_nats/{code}"))
        entropy = anatomy.entropies.get(code, number(scored.get("entropy")))
        found |= set() if entropy is None else {round(entropy, 6)}
    return Level(found.pop(), "H(c)") if len(found) == 1 else None


def _pictured(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The events of pictures, without those of turns that were given up and taken again."""
    kept: list[Mapping[str, Any]] = []
    for event in events:
        kind, step = event.get("event"), event["step"]
        if kind in ("begun", "continued", "rolled back"):
            kept = [each for each in kept if each["step"] <= step]
        elif kind == "pictured":
            kept.append(event)
    return kept


def _curves(records: Iterable[Mapping[str, Any]]) -> dict[str, Values]:
    curves: dict[str, list[tuple[int, float | None]]] = {}
    for record in records:
        for key, value in figures(record).items():
            curves.setdefault(key, []).append((record["step"], value))
    return dict(curves)
