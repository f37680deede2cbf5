"""The model card: what the Hub reads in it, what people read in it, and what names cannot do."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import huggingface_hub
import pytest

from ganzoo import UserError, load
from ganzoo.card import Publication, model_card
from ganzoo.folder import RunFolder
from ganzoo.scoring import score_run

if TYPE_CHECKING:
    from ganzoo.loaded import Loaded


@pytest.fixture(scope="module")
def trained(small_run: Path) -> Loaded:
    """The model of a run that is not to be changed."""
    return load(small_run)


@pytest.fixture
def run(trained: Loaded, tmp_path: Path) -> RunFolder:
    """A copy of its run."""
    assert trained.folder is not None
    return RunFolder(Path(shutil.copytree(trained.folder, tmp_path / "run")))


def entry(value: float, **about: Any) -> dict[str, Any]:
    return {"value": value, "split": "test", "n": 100, "ema": False, "step": 1} | about


def write_scores(run: RunFolder, scores: dict[str, Any]) -> None:
    run.scores.write_text(json.dumps({"schema": 1, "scores": scores}))


def card_of(run: RunFolder, loaded: Loaded, **about: Any) -> huggingface_hub.ModelCard:
    """The card as the Hub's own library reads it."""
    publication = Publication(repository="ada/x", **about)
    return huggingface_hub.ModelCard(model_card(run, loaded, {}, publication))


def test_scores_are_told_to_the_hub_and_to_people(run: RunFolder, trained: Loaded) -> None:
    accuracy = entry(0.91, unit="share", label="accuracy", note="by | hand")
    fid = entry(12.5, split=None, standard_error=0.5)
    write_scores(run, {"category_accuracy/digit": accuracy, "fid": fid})
    card = card_of(run, trained)
    [told] = [each for each in card.data.eval_results if each.metric_type != "fid"]
    assert (told.metric_type, told.metric_value) == ("category_accuracy", 0.91)
    assert (told.dataset_name, told.dataset_split) == ("mnist", "test")
    assert told.metric_name == "accuracy of digit"
    assert told.task_type == "unconditional-image-generation"
    assert "| digit | accuracy | 91.0 % | 100 test images | by \\| hand |" in card.text
    assert "| model | fid | 12.500 ± 0.5 | 100 generated |  |" in card.text


def test_scores_of_other_weights_are_left_out(run: RunFolder, trained: Loaded) -> None:
    write_scores(run, {"older": entry(1, step=0), "averaged": entry(2, ema=True), "fid": entry(3)})
    assert [each.metric_type for each in card_of(run, trained).data.eval_results] == ["fid"]


def test_a_model_that_was_not_scored_says_so(run: RunFolder, trained: Loaded) -> None:
    card = card_of(run, trained)
    assert card.data.eval_results is None
    assert "These weights have not been scored." in card.text


@pytest.mark.parametrize(
    "scores", [{"x": {"value": 1.0}}, {"x": entry(1, label={})}, {"x": entry(1, n="many")}]
)
def test_damaged_scores_are_an_error(run: RunFolder, trained: Loaded, scores: Any) -> None:
    write_scores(run, scores)
    with pytest.raises(UserError, match=r"scores\.json holds something that is no score"):
        card_of(run, trained)


def test_the_licence_is_whatever_the_user_says(run: RunFolder, trained: Loaded) -> None:
    assert card_of(run, trained, licence="mit").data.license == "mit"
    card = card_of(run, trained)
    assert card.data.license is None
    assert "No licence of the weights is stated here." in card.text
    assert "(CC BY-SA 3.0)" in card.text, "that of the data"


def test_it_says_what_was_trained_and_in_what(run: RunFolder, trained: Loaded) -> None:
    text = card_of(run, trained).text
    for line in (
        "| Model | `infogan`, preset `mnist` |",
        "| Turns | 1 of 16 images, seed 0 |",
        "| Precision | `fp32` |",
        "| `digit` | 10 categories, from 0 on |",
        "| `slant` | from -1 to 1 |",
    ):
        assert line in text
    assert f"torch {json.loads(run.environment.read_text())['versions']['torch']}" in text


def test_the_python_in_it_runs(
    run: RunFolder, trained: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = card_of(run, trained).text
    [lines] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len([line for line in lines.splitlines() if line]) == 3
    monkeypatch.setattr("ganzoo.load", lambda name: trained)
    names: dict[str, Any] = {}
    exec(lines, names)
    shape = re.search(r"# \((16, .*?)\)", lines)
    assert shape is not None
    assert tuple(map(int, shape[1].split(", "))) == names["images"].shape


@pytest.mark.parametrize(
    ("packages", "pip", "told"),
    [
        (["torch-ganzoo"], "pip install torch-ganzoo\n", None),
        (["torch-ganzoo", "ganzoo-vae"], "pip install torch-ganzoo ganzoo-vae\n", None),
        (["file"], "pip install torch-ganzoo\n", "It needs what no package has: `file`"),
        (["x; rm -r ~"], "pip install torch-ganzoo\n", "what no package has: `x; rm -r ~`"),
    ],
)
def test_the_plugins_it_needs_are_named(
    run: RunFolder,
    trained: Loaded,
    monkeypatch: pytest.MonkeyPatch,
    packages: list[str],
    pip: str,
    told: str | None,
) -> None:
    monkeypatch.setattr("ganzoo.resolved.Settings.packages", lambda _: packages)
    text = card_of(run, trained).text
    assert pip in text
    assert ("what no package has" in text) == (told is not None)
    assert told is None or told in text


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "a\n\n# Heading\n<script>alert(1)</script>",
    "`` ` ``` <b>x</b>",
    "[free](https://evil) ![x](https://evil/x.png)",
    "x | y | z\n---\nlicense: mit\n---",
    "https://evil www.evil.com *b* _i_ ~s~ &lt; $x$ @ada",
    "\x1b[31mred\u202e",
    "",
]


def left_of(markdown: str) -> str:
    """What of a card is neither in a code block or span nor escaped."""
    without = re.sub(r"^```.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    without = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", without)
    return re.sub(r"\\[!-/:-@\[-`{-~]", "", without)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_is_read_as_markup_or_metadata(
    run: RunFolder, trained: Loaded, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    settings = trained.settings
    hostile = replace(
        settings,
        preset=name,
        model=replace(settings.model, name=name),
        losses={name: next(iter(settings.losses.values()))},
        data=replace(settings.data, name=name, split=name),
    )
    monkeypatch.setattr(trained, "settings", hostile)
    monkeypatch.setattr(trained, "data", replace(trained.data, name=name))
    monkeypatch.setattr(trained.prior, "codes", {name: trained.prior.codes["digit"]})
    environment = json.loads(run.environment.read_text())
    for each in (environment, *environment["history"]):
        each.update(precision=name, device_name=name, python=name, versions={name: name})
    run.environment.write_text(json.dumps(environment))
    write_scores(run, {f"x/{name}": entry(1, label=name, note=name, unit=name, split=name)})

    card = card_of(run, trained)
    plain = left_of(card.text)
    links = "[ganzoo](https://pypi.org/project/torch-ganzoo/)"
    assert plain.count(links) == 1
    assert not re.search(r"[<&$@~]|\]\(|https?:|www\.", plain.replace(links, ""))
    assert card.text.count("\n# ") + card.text.startswith("# ") == 1
    assert all(line.isprintable() for line in str(card).splitlines())
    assert card.data.license is None
    assert card.data.tags[0] == "ganzoo"
    fields = {"library_name", "pipeline_tag", "tags", "model-index"}
    assert set(card.data.to_dict()) <= fields | {"datasets"}


def test_the_model_of_a_run_gets_its_card_when_it_is_scored(
    run: RunFolder, trained: Loaded
) -> None:
    card = run.model / "README.md"
    assert not card.exists()
    score_run(run.path, trained.registry, run.scores, [])
    text = card.read_text()
    assert "![samples.png](../samples.png)" in text
    assert 'ganzoo.load("FOLDER")' in text
    assert str(run.path) not in text


def test_an_exported_folder_of_anybodys_gets_none(run: RunFolder, trained: Loaded) -> None:
    score_run(run.model, trained.registry, run.scores, [])
    assert not (run.model / "README.md").exists()


def test_a_card_that_cannot_be_written_is_one_line(run: RunFolder, trained: Loaded) -> None:
    (run.model / "README.md").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*README\.md: Is a directory"):
        score_run(run.path, trained.registry, run.scores, [])
