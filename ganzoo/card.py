"""The model card: what was trained, how it scores, how to use it.

It is the ``README.md`` of an exported model, with the metadata that the Hugging Face Hub reads
(https://huggingface.co/docs/hub/model-cards). Names in it may be anybody's: none of them is read as
Markdown or HTML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganzoo.comparison import read_scores
from ganzoo.environment import trained_in
from ganzoo.errors import UserError, in_one_line
from ganzoo.export import CARD, PICTURES
from ganzoo.files import plain_name, told_unwritable, whole_file
from ganzoo.metrics import Score
from ganzoo.metrics.scorecard import row_of
from ganzoo.places import local
from ganzoo.requirements import installable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from huggingface_hub import EvalResult

    from ganzoo.folder import RunFolder
    from ganzoo.loaded import Loaded
    from ganzoo.model import DataInfo

_CAPTIONS = ("Images that it draws.", "Its codes: one moves, all else stays.")
_TASK = "unconditional-image-generation"
_LONGEST = 120
_LONGEST_NOTE = 300
_HUB_ID = re.compile(r"[\w-]+/[\w.-]+", re.ASCII)
_MARKUP = re.compile(r"[\\`*_\[\]<>#!|~&$:@]|(?<=www)\.")


@dataclass(frozen=True, kw_only=True)
class Publication:
    """Where a model is published, as far as its card says so."""

    repository: str
    """``OWNER/NAME``."""
    licence: str | None = None
    """The Hub's identifier of the licence of the weights; not stated if None."""


@dataclass(frozen=True, kw_only=True)
class _Scored:
    """A score as ``scores.json`` has it."""

    value: float
    split: str | None
    n: int
    label: str = ""
    unit: str = ""
    note: str = ""
    ema: bool = False
    step: int = 0
    standard_error: float | None = None
    ceiling: float | None = None

    def score(self) -> Score:
        beside = {"standard_error": self.standard_error, "ceiling": self.ceiling}
        return Score(
            self.value,
            None if self.split is None else in_one_line(self.split, _LONGEST),
            self.n,
            in_one_line(self.label, _LONGEST),
            in_one_line(self.unit, _LONGEST),
            in_one_line(self.note, _LONGEST_NOTE),
            {name: value for name, value in beside.items() if value is not None},
        )


def model_card(
    run: RunFolder,
    loaded: Loaded,
    pictures: Mapping[str, str],
    publication: Publication | None = None,
) -> str:
    """The card of the model that was ``loaded`` from ``run``, with the scores of its weights there.

    ``pictures`` are names of :data:`ganzoo.export.PICTURES`, each with the link under which the
    card shows it. Raises UserError if ``scores.json`` is damaged.
    """
    from huggingface_hub import ModelCard, ModelCardData

    scores = _scores(run, loaded)
    metadata = ModelCardData(
        license=publication.licence if publication else None,
        library_name="ganzoo",
        tags=list(dict.fromkeys(["ganzoo", plain_name(loaded.settings.model.name), _TASK])),
        pipeline_tag=_TASK,
        datasets=_datasets(loaded) or None,
        model_name=_title(loaded),
        eval_results=[_result(name, score, loaded) for name, score in scores.items()] or None,
    )
    body = "\n".join(_body(run, loaded, scores, pictures, publication))
    return str(ModelCard(f"---\n{metadata.to_yaml()}\n---\n\n{body}"))


def write_card(run: RunFolder, loaded: Loaded) -> None:
    """Write the card of a run's exported model, which shows the run's pictures.

    Raises UserError if it cannot be written.
    """
    pictures = {name: f"../{name}" for name in PICTURES if (run.path / name).is_file()}
    content, path = model_card(run, loaded, pictures).encode(), run.model / CARD
    with told_unwritable(path), whole_file(path) as file:
        file.write(content)


def _scores(run: RunFolder, loaded: Loaded) -> dict[str, Score]:
    """The scores of these very weights, by name."""
    from pydantic import TypeAdapter, ValidationError

    if not run.scores.is_file():
        return {}
    found = read_scores(run.scores, run.path)
    try:
        known = TypeAdapter(dict[str, _Scored]).validate_python(found)
    except ValidationError as error:
        raise UserError(
            f"{run.scores} holds something that is no score",
            hint=f"Make it anew with: ganzoo eval {run.typed}",
        ) from error
    return {
        in_one_line(name, _LONGEST): each.score()
        for name, each in known.items()
        if (each.step, each.ema) == (loaded.step, loaded.ema)
    }


def _result(name: str, score: Score, loaded: Loaded) -> EvalResult:
    from huggingface_hub import EvalResult

    row = row_of(name, score)
    return EvalResult(
        task_type=_TASK,
        dataset_type=plain_name(loaded.data_name),
        dataset_name=in_one_line(loaded.data_name, _LONGEST),
        dataset_split=score.split,
        metric_type=plain_name(name.partition("/")[0]),
        metric_name=f"{row.label} of {row.subject}",
        metric_value=score.value,
    )


def _datasets(loaded: Loaded) -> list[str]:
    """Names of data sets that mean the same to everybody: plugins' and the Hub's."""
    settings = loaded.settings
    named = [settings.data.name, *(each.name for each in settings.further.values())]
    return [
        name
        for name in dict.fromkeys(named)
        if (_HUB_ID.fullmatch(name) and not local(name).exists())
        or (loaded.registry.matching("dataset", name) and ":" not in name)
    ]


def _title(loaded: Loaded) -> str:
    return in_one_line(f"{loaded.settings.model.name}, {loaded.settings.preset}", _LONGEST)


def _body(
    run: RunFolder,
    loaded: Loaded,
    scores: Mapping[str, Score],
    pictures: Mapping[str, str],
    publication: Publication | None,
) -> Iterator[str]:
    settings = loaded.settings
    yield f"# {_prose(_title(loaded))}"
    yield ""
    yield (
        f"A generative model of {_images(loaded.data)} like those of {_code(loaded.data_name)}, "
        f"trained with [ganzoo](https://pypi.org/project/torch-ganzoo/) for {loaded.step:,} turns "
        f"of {settings.train.batch_size} images."
    )
    for name, what in zip(PICTURES, _CAPTIONS, strict=True):
        if name in pictures:
            yield f"\n![{name}]({pictures[name]})\n\n*{what}*"
    yield from _use(loaded, publication)
    yield from _training(run, loaded)
    yield from _table_of_scores(scores, loaded)
    yield from _limits(loaded, publication)


def _use(loaded: Loaded, publication: Publication | None) -> Iterator[str]:
    place = "FOLDER" if publication is None else publication.repository
    needed, others = installable(loaded.settings.packages())
    arguments = "16"
    codes = {} if loaded.prior is None else loaded.prior.codes
    for name, code in codes.items():
        if code.categories and name.isidentifier() and name.isascii():
            arguments += f', codes={{"{name}": {code.categories - 1}}}'
            break
    low, high = loaded.model.image_range
    shape = ", ".join(map(str, (16, *loaded.data.image_shape)))
    yield "\n## Use\n"
    yield f"```\npip install {' '.join(['torch-ganzoo', *needed])}\n```\n"
    yield "```python\nimport ganzoo\n"
    yield f'model = ganzoo.load("{place}")'
    yield f"images = model.sample({arguments})  # ({shape}), from {low:g} to {high:g}\n```\n"
    yield f"```\nganzoo sample {place} -n 64"
    if codes:
        yield f"ganzoo traverse {place}"
    everywhere = loaded.settings.data.name in _datasets(loaded)
    yield f"ganzoo eval {place}\n```" if everywhere else "```"
    if publication is None:
        yield "\n`FOLDER` is the folder in which this card lies."
    if others:
        names = ", ".join(map(_code, others))
        yield (
            f"\nIt needs what no package has: {names}. A plugin that is one file is given with "
            "`ganzoo --plugin FILE.py`; ask whoever trained the model."
        )
    if codes:
        yield "\n| Code | Values |\n| --- | --- |"
        for name, code in codes.items():
            if code.trained is None:
                values = f"{code.categories} categories, from 0 on"
            else:
                values = f"from {code.trained[0]:g} to {code.trained[1]:g}"
            yield f"| {_code(name)} | {values} |"


def _training(run: RunFolder, loaded: Loaded) -> Iterator[str]:
    settings, data = loaded.settings, loaded.data
    train = settings.train
    sizes = {
        name: sum(each.numel() for each in net.parameters()) for name, net in loaded.nets.items()
    }
    facts = {
        "Model": f"{_code(settings.model.name)}, preset {_code(settings.preset)}",
        "Losses": ", ".join(map(_code, settings.losses)),
        "Data": f"{_code(data.name)}, {_code(settings.data.split)}: {data.amount} images",
        "Turns": f"{loaded.step:,} of {train.batch_size} images, seed {train.seed}",
        "Parameters": ", ".join(f"{_code(name)} {size:,}" for name, size in sizes.items()),
        "Weights": "averaged over the turns" if loaded.ema else "as trained",
    }
    licences = {
        offer.spec.licence for offer in loaded.registry.matching("dataset", settings.data.name)
    } - {""}
    if licences:
        facts["Data"] += f" ({_prose(', '.join(sorted(licences)))})"
    for about in trained_in(run.environment, 0, loaded.step)[-1:]:
        versions = {**about["versions"], "python": about.get("python", "unknown")}
        facts["Precision"] = _code(about.get("precision", "unknown"))
        facts["Device"] = _code(about.get("device_name", "unknown"))
        facts["Versions"] = ", ".join(
            f"{_prose(name)} {_prose(version)}" for name, version in versions.items()
        )
    yield "\n## Training\n\n| | |\n| --- | --- |"
    yield from (f"| {name} | {fact} |" for name, fact in facts.items())
    yield "\nEvery setting is in `config.json`."


def _table_of_scores(scores: Mapping[str, Score], loaded: Loaded) -> Iterator[str]:
    yield "\n## Scores\n"
    if not scores:
        yield "These weights have not been scored."
        return
    yield f"Of these weights, on {_code(loaded.data_name)}; one training with one seed.\n"
    yield "| Of | Score | Value | Images | Note |\n| --- | --- | --- | --- | --- |"
    rows = [row_of(name, score) for name, score in scores.items()]
    for subject in dict.fromkeys(row.subject for row in rows):
        for row in rows:
            if row.subject == subject:
                cells = (row.subject, row.label, row.value, row.source, row.note)
                yield f"| {' | '.join(map(_prose, cells))} |"


def _limits(loaded: Loaded, publication: Publication | None) -> Iterator[str]:
    steps = loaded.settings.train.steps
    yield "\n## Limits\n"
    yield (
        f"- It draws {_images(loaded.data)} like those of {_code(loaded.data_name)}, with their "
        "gaps and biases, and no others; it may repeat some that it was trained on."
    )
    if loaded.prior is not None and loaded.prior.codes:
        yield "- What a code means was found in training, not given; another seed orders it anew."
    if loaded.step < steps:
        yield f"- The training is unfinished: {loaded.step:,} of {steps:,} turns."
    if publication is None or publication.licence is None:
        yield "- No licence of the weights is stated here. That of the data holds in any case."


def _images(data: DataInfo) -> str:
    channels, height, width = data.image_shape
    return f"{height}x{width} {'grey' if channels == 1 else 'colour'} images"


def _code(text: object) -> str:
    """A name as a code span, in a table or elsewhere: nothing in it is Markdown or HTML."""
    plain = in_one_line(str(text), _LONGEST).replace("|", "¦")
    fence = "`" * (1 + max(map(len, re.findall("`+", plain)), default=0))
    pad = " " if "`" in plain or not plain.strip() else ""
    return f"{fence}{pad}{plain or ' '}{pad}{fence}"


def _prose(text: object) -> str:
    """Words of others among our own: every sign that could be Markdown or HTML is escaped."""
    return _MARKUP.sub(r"\\\g<0>", in_one_line(str(text), _LONGEST_NOTE))
