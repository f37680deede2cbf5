"""Scores of several runs side by side, where they were taken under the same conditions."""

from __future__ import annotations

import json
import math
import tomllib
from collections import Counter
from dataclasses import dataclass
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from ganzoo.errors import UserError
from ganzoo.folder import RunFolder
from ganzoo.metrics.scorecard import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CONDITIONS = ("n", "split", "data", "ema", "protocol", "extractor")
"""Keys of a score in ``scores.json`` that must be equal for two values of it to be compared, beside
those that the score itself names in its ``conditions``."""


@dataclass(frozen=True)
class ScoredRun:
    """One run as far as a comparison needs it."""

    name: str
    """Its folder, as it was given."""
    scores: Mapping[str, Mapping[str, Any]]
    """By name, as ``scores.json`` has them, each with its ``versions``."""
    settings: Mapping[str, Any] | None
    """Its settings without the seed; None if there are none to read."""
    seed: int | None

    @property
    def steps(self) -> list[int]:
        """The steps of training that were scored: one, as a rule."""
        found = {score["step"] for score in self.scores.values() if "step" in score}
        return sorted(found)

    @property
    def versions(self) -> dict[str, str]:
        """Of the libraries that the scores were computed with; of several, as ``1.0 and 1.1``."""
        found: dict[str, dict[str, None]] = {}
        for score in self.scores.values():
            told = score.get("versions")
            for name, version in (told if isinstance(told, dict) else {}).items():
                found.setdefault(name, {})[str(version)] = None
        return {name: " and ".join(sorted(versions)) for name, versions in found.items()}


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but the seed, scored at the same step; often a single run."""

    runs: tuple[ScoredRun, ...]

    @property
    def repeated(self) -> list[int]:
        """Seeds that several of the runs have, which are then no independent draws."""
        times = Counter(run.seed for run in self.runs if run.seed is not None)
        return [seed for seed, count in times.items() if count > 1]


@dataclass(frozen=True)
class Spread:
    """One score of a group."""

    values: tuple[float | None, ...]
    """In the order of the group's runs; None where a run lacks the score."""

    @property
    def known(self) -> list[float]:
        """The values that there are."""
        return [value for value in self.values if value is not None]

    @property
    def mean(self) -> float | None:
        """Mean of the values that there are; None without any."""
        return float(mean(self.known)) if self.known else None

    @property
    def deviation(self) -> float | None:
        """Standard deviation with n - 1; None for fewer than two values, or beyond all floats."""
        try:
            return stdev(self.known) if len(self.known) > 1 else None
        except OverflowError:
            return None


@dataclass(frozen=True)
class Comparison:
    """Which scores can be compared, and why the others cannot."""

    groups: tuple[Group, ...]
    scores: Mapping[str, tuple[Spread, ...]]
    """By name; one spread for each group. Scores that a single run has are among them."""
    refused: Mapping[str, Mapping[str, tuple[Any, ...]]]
    """By name of the score: the conditions that differ, with a value for each run that has it."""

    @property
    def runs(self) -> tuple[ScoredRun, ...]:
        """All runs, group by group."""
        return tuple(run for group in self.groups for run in group.runs)

    @property
    def versions(self) -> Mapping[str, tuple[str | None, ...]]:
        """By name of the library: its version in each of the runs, where they are not all equal.

        None where a run does not tell. One without any score has nothing that versions could have
        changed, so it does not make them differ.
        """
        told = [run.versions for run in self.runs]
        scored = [versions for run, versions in zip(self.runs, told, strict=True) if run.scores]
        names = dict.fromkeys(name for versions in scored for name in versions)
        return {
            name: tuple(versions.get(name) for versions in told)
            for name in names
            if len({versions.get(name) for versions in scored}) > 1
        }

    @property
    def anything(self) -> bool:
        """Whether at least one score can be compared between two runs."""
        return any(
            sum(len(spread.known) for spread in spreads) > 1 for spreads in self.scores.values()
        )

    def having(self, name: str) -> list[ScoredRun]:
        """The runs that have a score of that name."""
        return [run for run in self.runs if name in run.scores]


def read_runs(folders: Sequence[Path]) -> list[ScoredRun]:
    """Read what was scored in each folder, each once.

    Raises:
        UserError: one is not there, was not scored, or cannot be read; all of them are named.
    """
    runs, problems = [], []
    for folder in {path.resolve(): path for path in folders}.values():
        try:
            runs.append(read_run(folder))
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return runs


def read_run(path: Path) -> ScoredRun:
    """Read the scores and the settings of one run.

    Raises:
        UserError: it is not there, was not scored, or cannot be read.
    """
    folder = RunFolder(path)
    is_model = any(path.glob("*.safetensors"))
    if not (folder.is_run() or folder.scores.is_file() or is_model):
        what = "is no run" if path.exists() else "does not exist"
        raise UserError(f"{path} {what}: see the runs there are with: ganzoo runs")
    if not folder.scores.is_file():
        raise UserError(
            f"{path} has no {folder.scores.name}: make it with: ganzoo eval {folder.typed}"
        )
    settings = _read_settings(folder.settings)
    seed = None if settings is None else settings.get("train", {}).pop("seed", None)
    return ScoredRun(str(path), read_scores(folder.scores, path), settings, seed)


def compare(runs: Sequence[ScoredRun]) -> Comparison:
    """Group runs by their settings, and sort out the scores whose conditions differ."""
    groups = _grouped(runs)
    ordered = [run for group in groups for run in group.runs]
    scores: dict[str, tuple[Spread, ...]] = {}
    refused: dict[str, dict[str, tuple[Any, ...]]] = {}
    for name in dict.fromkeys(name for run in ordered for name in run.scores):
        unlike = _unlike([run.scores[name] for run in ordered if name in run.scores])
        if unlike:
            refused[name] = unlike
        else:
            scores[name] = tuple(_spread(group, name) for group in groups)
    return Comparison(groups, scores, refused)


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Give a comparison as JSON knows it; runs and groups are numbered from 0."""
    places = {run.name: place for place, run in enumerate(comparison.runs)}
    return {
        "schema": 1,
        "runs": [{"run": run.name, "seed": run.seed} for run in comparison.runs],
        "groups": [[places[run.name] for run in group.runs] for group in comparison.groups],
        "scores": {
            name: {
                "conditions": {
                    key: comparison.having(name)[0].scores[name].get(key)
                    for key in _conditions([run.scores[name] for run in comparison.having(name)])
                },
                "groups": [_spread_json(spread) for spread in spreads],
            }
            for name, spreads in comparison.scores.items()
        },
        "refused": {
            name: {
                key: dict(zip((run.name for run in comparison.having(name)), values, strict=True))
                for key, values in unlike.items()
            }
            for name, unlike in comparison.refused.items()
        },
        "versions": {
            name: dict(zip(places, versions, strict=True))
            for name, versions in comparison.versions.items()
        },
    }


def _spread_json(spread: Spread) -> dict[str, Any]:
    return {
        "mean": spread.mean,
        "sd": spread.deviation,
        "min": min(spread.known, default=None),
        "max": max(spread.known, default=None),
        "values": list(spread.values),
    }


def _grouped(runs: Sequence[ScoredRun]) -> tuple[Group, ...]:
    members: dict[str, list[ScoredRun]] = {}
    for place, run in enumerate(runs):
        alone = f"run {place}"
        key = alone if run.settings is None else _canonical([run.settings, run.steps])
        members.setdefault(key, []).append(run)
    return tuple(
        Group(tuple(sorted(found, key=lambda run: run.seed or 0))) for found in members.values()
    )


def _conditions(found: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The conditions that hold for one score, as far as any run names them."""
    named = (key for score in found for key in score.get("conditions", ()))
    return tuple(dict.fromkeys((*CONDITIONS, *named)))


def _unlike(found: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """The conditions under which the values of one score differ."""
    return {
        key: tuple(score.get(key) for score in found)
        for key in _conditions(found)
        if len({_canonical(score.get(key)) for score in found}) > 1
    }


def _spread(group: Group, name: str) -> Spread:
    return Spread(
        tuple(run.scores[name]["value"] if name in run.scores else None for run in group.runs)
    )


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _read_settings(path: Path) -> dict[str, Any] | None:
    """Settings of a run; None for an exported model, which has no such file."""
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    train = settings.get("train", {})
    if not isinstance(train, dict) or not isinstance(train.get("seed", 0), int):
        raise UserError(f"{path} holds no settings of a run: [train] is not what it should be")
    return settings


def read_scores(path: Path, run: Path) -> dict[str, Mapping[str, Any]]:
    """The scores in a file ``scores.json`` of a run, by name, each with its ``versions``.

    Raises:
        UserError: it cannot be read, or is no such file.
    """
    content = read_scores_file(path, run)
    return {
        name: {"versions": content.get("versions")} | score
        for name, score in content["scores"].items()
    }


def read_scores_file(path: Path, run: Path) -> dict[str, Any]:
    """All that a file ``scores.json`` of a run says; its ``scores`` are checked.

    Raises:
        UserError: it cannot be read, or is no such file.
    """
    again = f"make it anew with: ganzoo eval {RunFolder(run).typed}"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read ({error}): {again}") from error
    content: dict[str, Any] = document if isinstance(document, dict) else {}
    layout = content.get("schema")
    if layout != SCHEMA:
        raise UserError(f"{path} has layout {layout}, this ganzoo reads {SCHEMA}: {again}")
    scores = content.get("scores")
    if not isinstance(scores, dict) or not all(map(_is_score, scores.values())):
        raise UserError(f"{path} holds something that is no score: {again}")
    return content


def _is_score(score: object) -> bool:
    if not isinstance(score, dict) or not isinstance(score.get("step", 0), int):
        return False
    named = score.get("conditions", [])
    if not isinstance(named, list) or not all(isinstance(key, str) for key in named):
        return False
    value = score.get("value")
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    return whole or (isinstance(value, float) and math.isfinite(value))
