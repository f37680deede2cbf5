"""`report.html` shows a run whole, loads nothing, and takes nobody's file for what it says."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tomli_w
from click.testing import CliRunner
from parsed_pages import Element, parse
from PIL import Image, PngImagePlugin
from small_runs import SMALL, given

from ganzoo.cli import cli
from ganzoo_workbench.report import recorded
from ganzoo_workbench.report.pictures import MOST_BYTES, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

MINUS = "\N{MINUS SIGN}"
QUICK = [*SMALL, "train.report_every=1", "train.images_every=2"]


def ganzoo(*arguments: str) -> Result:
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Runs that a training left: ``infogan`` and ``dcgan``; ``other`` is one of another seed."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANZOO_CACHE", str(cache))
        patch.chdir(folder)
        for model, steps in (("infogan", "4"), ("dcgan", "2")):
            result = ganzoo("run", model, "--out", model, "--steps", steps, *given(QUICK))
            assert result.exit_code == 0, result.output
        shutil.copytree("infogan", "other")
        settings = Path("other/settings.toml")
        settings.write_text(settings.read_text().replace("seed = 0", "seed = 1"))
        for name, value in (("infogan", 0.5), ("other", 0.7)):
            rewrite(f"{name}/scores.json", partial(rescore, value=value))
    return folder


def rescore(document: dict[str, Any], value: float) -> None:
    document["scores"]["r2/slant"]["value"] = value


@pytest.fixture(autouse=True)
def _here(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(trained, tmp_path / "here", symlinks=True)
    monkeypatch.chdir(tmp_path / "here")


def report(*runs: str) -> tuple[Element, str]:
    """The page that `ganzoo report` makes, and what it notes."""
    result = ganzoo("report", *runs)
    assert result.exit_code == 0, result.output
    return parse(Path(result.stdout.strip())), result.stderr


def picture_of(image: Element) -> bytes:
    """The bytes of an embedded picture."""
    kind, _, content = image["src"].partition(",")
    assert kind in ("data:image/png;base64", "data:image/webp;base64")
    return base64.b64decode(content, validate=True)


def section(page: Element, name: str) -> Element:
    return page.one("section", id=name)


def rewrite(path: str, change: Callable[[Any], None]) -> None:
    document = json.loads(Path(path).read_text())
    change(document)
    Path(path).write_text(json.dumps(document))


# What there is to see


def test_a_training_leaves_a_report_without_being_asked() -> None:
    page = parse(Path("infogan/report.html"))
    assert page.one("h1").text == "infogan"
    assert page.one(_class="state").text == "finished after 4 turns"
    assert len(page.one("figure", _class="samples").all("img")) == 2
    assert len(page.one("figure", _class="traversal").all("img")) == 2
    assert "digit categorical(10)" in page.one("figure", _class="traversal").text
    scores = json.loads(Path("infogan/scores.json").read_text())["scores"]
    assert len(section(page, "scores").one(_class="cards").all("tr")) == len(scores)
    assert "step 4, mnist, weights as trained" in section(page, "scores").text
    assert "10,000 test images" in section(page, "scores").text
    facts = section(page, "run").text
    for fact in ("mnist train", "200, grey, 28x28", "fp32", "Parameters", "generator", "torch 2."):
        assert fact in facts
    assert section(page, "environment").all("h3")[0].text == "From the beginning"
    assert "begun" in section(page, "events").text


def test_curves_have_their_values_and_the_entropy_of_the_code() -> None:
    page = parse(Path("infogan/report.html"))
    charts = {each.one(_class="name").text: each for each in page.all("figure", _class="chart")}
    assert {"digit", "slant", "critic: adversarial", "generator: mutual_information"} <= set(charts)
    reports = [json.loads(line) for line in Path("infogan/metrics.jsonl").read_text().splitlines()]
    digit = charts["digit"]
    assert digit.one("text", _class="level").text == "H(c) = 2.303"
    shown = [row.one("td").text for row in digit.one("tbody").all("tr")]
    told = [float(each.replace(MINUS, "-")) for each in shown]
    assert told == pytest.approx([line["mi_nats/digit"] for line in reports], rel=0.01)
    assert len(digit.all("path", _class="curve")) == 1
    assert "at turn 4" in digit.one("svg")["aria-label"]
    assert not charts["critic: adversarial"].all("text", _class="level")


def test_commands_go_on_with_the_run_and_share_it() -> None:
    page, _ = report("infogan")
    commands = [each.text for each in section(page, "next").all("code")]
    assert commands == [
        "ganzoo run --resume infogan --steps 8",
        "ganzoo sample infogan -n 64",
        "ganzoo traverse infogan",
        "ganzoo eval infogan",
        "ganzoo push infogan NAME/infogan",
        "ganzoo report infogan",
    ]
    assert len(section(page, "next").all("button", _class="copy")) == len(commands)


def test_the_command_that_begins_it_again_has_all_its_settings() -> None:
    odd = ["prior.codes.slant=none", "loss.adversarial.weight={critic=0.5,generator=2}"]
    odd += ["prior.codes.new='uniform(0, 2)'", "train.keep_best=-loss/critic/adversarial"]
    odd += ["data.\"more of it\".name='mnist'"]
    words = ["--seed", "3", "--steps", "1", "--data", "housenumbers", *given([*QUICK, *odd])]
    wanted = planned("run", "infogan", *words)
    Path("odd").mkdir()
    Path("odd/settings.toml").write_text(tomli_w.dumps(wanted))
    page, _ = report("odd")
    command = shlex.split(section(page, "run").one("code").text)
    assert planned(*command[1:]) == wanted


def planned(*arguments: str) -> dict[str, Any]:
    """The settings that a command would train with."""
    result = ganzoo(*arguments, "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    settings: dict[str, Any] = json.loads(result.stdout)["settings"]
    return settings


def test_settings_are_held_against_the_preset() -> None:
    page, _ = report("infogan")
    table = section(page, "settings").one("table", _class="settings").one("tbody")
    rows = {row.one("th").text: [cell.text for cell in row.all("td")] for row in table.all("tr")}
    assert rows["train.steps"] == ["5000", "4"]
    assert rows["model.generator_channels"] == ["[128, 64]", "[8, 4]"]
    assert "train.seed" not in rows
    assert "optim.critic.lr" in section(page, "settings").one("details").text


def test_a_model_without_codes_has_neither_traversals_nor_information() -> None:
    page, _ = report("dcgan")
    assert not page.all("figure", _class="traversal")
    assert "Information" not in section(page, "curves").text
    assert "ganzoo traverse" not in section(page, "next").text
    assert "ganzoo sample dcgan" in section(page, "next").text


def test_an_unfinished_run_has_what_there_is() -> None:
    for name in ("model", "checkpoints"):
        shutil.rmtree(f"infogan/{name}")
    Path("infogan/scores.json").unlink()
    settings = Path("infogan/settings.toml")
    settings.write_text(settings.read_text().replace("steps = 4", "steps = 40"))
    page, notes = report("infogan")
    assert page.one(_class="state").text == "at turn 4 of 40"
    assert not page.all(id="scores")
    commands = [each.text for each in section(page, "next").all("code")]
    assert commands == ["ganzoo run --resume infogan", "ganzoo report infogan"]
    assert not notes


def test_a_run_of_a_model_that_is_not_installed_is_shown_all_the_same() -> None:
    Path("vae").mkdir()
    Path("vae/settings.toml").write_text('preset = "p"\n[model]\nname = "nobodys"\n')
    Path("vae/metrics.jsonl").write_text('{"step": 1, "loss/elbo/elbo": 3.5}\n')
    page, notes = report("vae")
    assert "Preset p of nobodys is not to be had" in section(page, "settings").text
    assert "elbo: elbo" in section(page, "curves").text
    assert section(page, "run").one("code").text == "ganzoo run --config vae/settings.toml"
    assert not notes


def test_a_training_knows_the_plugin_file_that_its_model_came_from() -> None:
    Path("mine.py").write_text(
        "from ganzoo import ModelSpec, hookimpl\n\n@hookimpl\ndef ganzoo_models():\n"
        "    yield ModelSpec('mine', 'ganzoo_dcgan.model:DCGAN', 'another DCGAN',\n"
        "                    presets='ganzoo_dcgan.presets', default_preset='mnist')\n"
    )
    command = ["--plugin", "mine.py", "run", "mine", "--out", "x", "--steps", "1", *given(QUICK)]
    assert ganzoo(*command).exit_code == 0
    page = parse(Path("x/report.html"))
    assert "differs from the preset" in section(page, "settings").text
    assert section(page, "run").one("code").text.startswith("ganzoo run mine --preset mnist")


@pytest.mark.parametrize(
    ("events", "time"),
    [
        ([(0, "begun"), (20, "continued")], "3:40"),
        ([], "2:00"),  # nobody knows of the second process
        ([(0, "begun"), (30, "continued"), (20, "continued")], "3:40"),
        ([(0, "begun"), (20, "continued"), (30, "rolled back")], "3:40"),
        ([(0, "begun"), (30, "continued"), (20, "rolled back")], "3:40"),
    ],
)
def test_the_time_of_a_run_is_that_of_all_its_processes(
    events: list[tuple[int, str]], time: str
) -> None:
    Path("x").mkdir()
    Path("x/settings.toml").write_text("")
    lines = [json.dumps({"step": step, "event": kind}) for step, kind in events]
    Path("x/events.jsonl").write_text("\n".join(lines))
    # the second process took longer for its first report than the first one for all of its own
    reports = [(10, 50), (20, 100), (30, 110), (40, 120)]
    lines = [json.dumps({"step": step, "seconds": seconds}) for step, seconds in reports]
    Path("x/metrics.jsonl").write_text("\n".join(lines))
    page, _ = report("x")
    [fact] = [each for each in page.all("div") if each.text.startswith("Time")]
    assert fact.text.removeprefix("Time") == time


def test_stretches_of_a_continued_run_show_what_changed() -> None:
    def continued(document: dict[str, Any]) -> None:
        later = {**document["history"][0], "from_step": 3, "precision": "bf16"}
        document["history"].append(later)

    rewrite("infogan/environment.json", continued)
    page, _ = report("infogan")
    environment = section(page, "environment")
    assert [each.text for each in environment.all("h3")] == ["From the beginning", "From turn 3"]
    assert [each.text for each in environment.all("mark")] == ["bf16"]


# A page for everybody


def test_a_page_loads_nothing_and_runs_its_own_script_alone() -> None:
    for page in (report("infogan")[0], report("infogan", "dcgan")[0]):
        policy = page.one("meta", **{"http-equiv": "Content-Security-Policy"})["content"]
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'none'"
        assert rules["img-src"] == "data:"
        for kind in ("style", "script"):
            source = "".join(page.one(kind).words)
            digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
            assert rules[f"{kind}-src"] == f"'sha256-{digest}'"
        for element in page.all():
            for name, value in element.attributes.items():
                assert not name.startswith("on"), (element.tag, name)
                assert name not in ("style", "srcset", "action", "formaction"), element.tag
                if name in ("src", "href"):
                    assert (value or "").startswith(("data:", "#")), value


def test_a_page_can_be_read_by_everybody() -> None:
    for page in (report("infogan")[0], report("infogan", "dcgan")[0]):
        assert page.one("html")["lang"] == "en"
        assert "width=device-width" in page.one("meta", name="viewport")["content"]
        assert page.all("img")
        assert all(each["alt"] for each in page.all("img"))
        assert all(each["aria-label"] for each in page.all("svg", role="img"))
        levels = [int(e.tag[1]) for e in page.all() if e.tag in ("h1", "h2", "h3", "h4")]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        ids = [each["id"] for each in page.all() if "id" in each.attributes]
        assert len(ids) == len(set(ids))
        for link in page.one("nav").all("a"):
            assert link["href"].removeprefix("#") in ids


def test_a_report_tells_nothing_of_where_it_was_made(tmp_path: Path) -> None:
    report("infogan")
    moved = tmp_path / "here" / "infogan"
    os.chdir(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.chdir(elsewhere)
    ganzoo("report", str(moved), "-o", "x.html")
    text = (moved / "report.html").read_text() + Path("x.html").read_text()
    assert str(tmp_path) not in text
    assert "ganzoo eval infogan" in parse(Path("x.html")).text


def test_24_steps_of_any_pictures_stay_below_10_megabytes() -> None:
    noise = np.random.default_rng(0)
    for step in range(1, 49):
        for folder in ("images", "traversals"):
            pixels = (
                noise.integers(0, 255, (500, 500, 3), dtype=np.uint8)
                if step % 16 == 0
                else (np.full((500, 500, 3), step, np.uint8))
            )
            Image.fromarray(pixels).save(f"infogan/{folder}/step-{step:06d}.png", compress_level=0)
    page, _ = report("infogan")
    assert Path("infogan/report.html").stat().st_size < 10_000_000
    [slider] = page.all("input", type="range")
    steps = [int(step) for step in slider["data-steps"].split()]
    assert len(steps) == 24
    assert (steps[0], steps[-1]) == (1, 48)
    assert {after - before for before, after in pairwise(steps)} <= {2, 3}
    assert all(len(picture_of(image)) <= MOST_BYTES for image in page.all("img"))


def test_a_tall_sheet_of_many_codes_stays_sharp_and_takes_the_room_of_several() -> None:
    noise = np.random.default_rng(0)
    for step in range(1, 13):
        for folder, shape in (("images", (300, 300, 3)), ("traversals", (5000, 200, 3))):
            pixels = np.full(shape, step, np.uint8)
            if step in (1, 12) and folder == "traversals":
                tiles = noise.integers(0, 255, (50, 2, 3), dtype=np.uint8)
                pixels[1:] = tiles.repeat(100, axis=0).repeat(100, axis=1)[1:]
            Image.fromarray(pixels).save(f"infogan/{folder}/step-{step:06d}.png", compress_level=1)
    page, _ = report("infogan")
    shown = page.one("figure", _class="traversal").all("img")
    assert len(shown) == 24 * 2 // (1 + 4)
    embedded = Image.open(io.BytesIO(picture_of(shown[-1]))).convert("RGB")
    assert np.array_equal(np.asarray(embedded), pixels)
    assert Path("infogan/report.html").stat().st_size < 10_000_000


def test_an_older_picture_is_no_taller_than_the_newest() -> None:
    for step, height in ((2, 6000), (4, 1000)):
        Image.new("RGB", (100, height)).save(f"infogan/traversals/step-{step:06d}.png")
    page, _ = report("infogan")
    heights = [each["height"] for each in page.one("figure", _class="traversal").all("img")]
    assert heights == ["1600", "1000"]


def test_an_enlarged_picture_is_embedded_as_it_was_before() -> None:
    small = np.random.default_rng(0).integers(0, 255, (29, 31, 3), dtype=np.uint8)
    picture = encode(Image.fromarray(small.repeat(5, axis=0).repeat(5, axis=1)))
    assert (picture.width, picture.height, picture.magnified) == (155, 145, True)
    embedded = Image.open(io.BytesIO(base64.b64decode(picture.uri.partition(",")[2])))
    assert np.array_equal(np.asarray(embedded), small)


# Whatever state the files are in


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("settings.toml", b"[model"),
        ("settings.toml", b"x = " + b"[" * 30 + b"]" * 30),
        ("environment.json", b"[1]"),
        ("metrics.jsonl", b'{"step": 1, "loss/a/b": 1e999}\n{"step": "x"}\n\xff\n{"st'),
        ("events.jsonl", b"null\n{}\n"),
        ("scores.json", b'{"schema": 1, "scores": {"a": {}}}'),
        ("model/config.json", b"\x00"),
        ("images/step-000002.png", b"\x89PNG\r\n\x1a\n and no more"),
    ],
)
def test_a_damaged_file_is_left_out_and_named(name: str, content: bytes) -> None:
    Path("infogan", name).write_bytes(content)
    page, notes = report("infogan")
    assert name in page.one(_class="remarks").text
    assert name in notes
    assert page.all("img"), "the rest is there"


@pytest.mark.parametrize(
    "odd",
    [
        {"history": [3, {}, {"from_step": "x", "versions": [1]}]},
        {"versions": {"a": {"b": 1}}, "world_size": -1, "device": ["x"]},
        {"history": {"from_step": 0}},
    ],
)
def test_values_of_another_kind_are_left_out(odd: dict[str, Any]) -> None:
    rewrite("infogan/environment.json", lambda document: document.update(odd))
    rewrite("infogan/model/config.json", lambda document: document.update(data=7, step=-3))
    rewrite("infogan/scores.json", lambda document: document.update(absent=3, versions="x"))
    events = [{"step": 1, "event": [1], "message": {}}, {"step": 2, "event": "pictured", "d": "x"}]
    Path("infogan/events.jsonl").write_text("\n".join(map(json.dumps, events)))
    reports = [{"step": 1, "loss/a/b": 10**400, "seconds": "x"}, {"step": 2, "loss/a/b": True}]
    Path("infogan/metrics.jsonl").write_text("\n".join(map(json.dumps, reports)))
    page, _ = report("infogan")
    assert page.one(_class="state").text == "at turn 2 of 4"


def test_figures_without_end_are_drawn_up_to_a_number() -> None:
    line = {"step": 1, **{f"figure{number}": number for number in range(3000)}}
    Path("infogan/metrics.jsonl").write_text(json.dumps(line))
    page, _ = report("infogan")
    assert len(page.all("figure", _class="chart")) == 40
    assert "further figures are in metrics.jsonl" in section(page, "curves").text


# Whoever wrote the files

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'javascript:alert(3)&lt;{{7*7}}"


def spoil(text: str) -> None:
    """Put a text wherever a run can hold one."""
    settings = Path("infogan/settings.toml")
    table = tomllib.loads(settings.read_text())
    quoted = json.dumps(text)
    settings.write_text(
        settings.read_text()
        .replace('name = "mnist"', f"name = {quoted}")
        .replace('digit = "categorical(10)"', f"{quoted} = {quoted}")
    )
    assert tomllib.loads(settings.read_text()) != table
    rewrite(
        "infogan/environment.json",
        lambda document: (
            document["history"][0].update(device_name=text, precision=text, versions={text: text})
            or document.update(device_name=text, precision=text, versions={text: text})
        ),
    )
    words = dict.fromkeys(("split", "label", "unit", "note", "data", "protocol", "extractor"), text)
    score = {"value": 0.5, "n": 3, "ceiling": 1.0, "entropy": 1.0, **words}
    scores = {f"mi_nats/{text}": score, text: score}
    document = {"schema": 1, "scores": scores, "absent": {text: text}, "failed": {text: text}}
    Path("infogan/scores.json").write_text(json.dumps({**document, "versions": {text: text}}))
    event = {"step": 1, "event": text, "message": text}
    pictured = {"step": 2, "event": "pictured", "message": "", text: 1}
    Path("infogan/events.jsonl").write_text(json.dumps(event) + "\n" + json.dumps(pictured))
    figures = {f"mi_nats/{text}": 1.0, f"loss/{text}/{text}": 2.0, text: 3.0}
    lines = [{"step": step, **figures} for step in (1, 2)]
    Path("infogan/metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    Path("infogan").rename(text.replace("/", "|"))


@pytest.mark.parametrize("runs", [[], ["dcgan"]], ids=["alone", "compared"])
def test_whatever_a_run_says_is_shown_as_text(runs: list[str], tmp_path: Path) -> None:
    skeletons = []
    for text in ("plain", HOSTILE):
        shutil.copytree(tmp_path / "here" / "infogan", tmp_path / text[:5].strip("<") / "infogan")
        shutil.copytree(tmp_path / "here" / "dcgan", tmp_path / text[:5].strip("<") / "dcgan")
        os.chdir(tmp_path / text[:5].strip("<"))
        spoil(text)
        page, _ = report(text.replace("/", "|"), *runs)
        skeletons.append(without_words(page))
        assert text[:40] in page.text
        assert "49" not in page.one("h1").text
        assert len(page.all("script")) == 1
    assert skeletons[0] == skeletons[1]


def without_words(page: Element) -> list[tuple[str, tuple[str, ...]]]:
    """The markup, but that of the words of a command, which are as many as its text has."""
    for code in page.all("code"):
        code.children.clear()
    for cell in page.one("main").all("div", _class="wide"):
        del cell.attributes["class"]
    return page.skeleton()


def test_a_command_brings_no_control_character_to_a_terminal() -> None:
    Path("infogan").rename("a\x1b]0;x\x07\n$(reboot);'b")
    page, _ = report("a\x1b]0;x\x07\n$(reboot);'b")
    for code in section(page, "next").all("code"):
        assert "".join(code.words).isprintable()
        assert all(word[0] != ";" for word in shlex.split(code.text))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A picture of somebody else, and what is found of it in a page."""
    path = tmp_path / "private" / "step-000002.png"
    path.parent.mkdir()
    Image.new("RGB", (40, 40), (12, 34, 56)).save(path)
    return path


def shows(page: Element, colour: tuple[int, int, int]) -> bool:
    """Whether a picture of the page has a pixel of the colour."""
    for image in page.all("img"):
        pixels = np.asarray(Image.open(io.BytesIO(picture_of(image))).convert("RGB"))
        if (pixels == colour).all(axis=-1).any():
            return True
    return False


def test_a_picture_that_leads_out_of_the_run_is_left_out(secret: Path) -> None:
    Path("infogan/images/step-000002.png").unlink()
    Path("infogan/images/step-000002.png").symlink_to(secret)
    page, notes = report("infogan")
    assert "images/step-000002.png is left out: it is a link" in notes
    assert not shows(page, (12, 34, 56))
    shutil.rmtree("infogan/images")
    Path("infogan/images").symlink_to(secret.parent)
    page, _ = report("infogan")
    assert not shows(page, (12, 34, 56))
    Path("infogan/images").unlink()
    shutil.copytree(secret.parent, "infogan/images")
    assert shows(report("infogan")[0], (12, 34, 56)), "the search finds it"


@pytest.mark.parametrize(
    "name", ["settings.toml", "environment.json", "metrics.jsonl", "events.jsonl", "scores.json"]
)
def test_a_file_that_leads_out_of_the_run_is_left_out(name: str, tmp_path: Path) -> None:
    target = tmp_path / "private"
    Path("infogan", name).rename(target)
    Path("infogan", name).symlink_to(target)
    _, notes = report("infogan")
    assert f"{name} is left out: it is a link" in notes


def test_a_model_folder_that_is_a_link_is_left_out(tmp_path: Path) -> None:
    Path("infogan/model").rename(tmp_path / "elsewhere")
    Path("infogan/model").symlink_to(tmp_path / "elsewhere")
    _, notes = report("infogan")
    assert "model/config.json is left out: model is a link" in notes


def test_a_pipe_and_a_file_without_end_do_not_keep_the_report_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("infogan/scores.json").unlink()
    os.mkfifo("infogan/scores.json")
    monkeypatch.setattr(recorded, "_LONG", 100)
    _, notes = report("infogan")
    assert "scores.json is left out: it is no plain file" in notes
    assert "metrics.jsonl is left out: it has more than 100 bytes" in notes


def test_pictures_are_made_anew_from_their_pixels() -> None:
    path = Path("infogan/images/step-000002.png")
    told = PngImagePlugin.PngInfo()
    told.add_text("Comment", "canary in a chunk")
    Image.new("RGB", (30, 30), (1, 2, 3)).save(path, pnginfo=told)
    path.write_bytes(path.read_bytes() + b"canary behind the end")
    page, _ = report("infogan")
    assert shows(page, (1, 2, 3))
    assert not any(b"canary" in picture_of(image) for image in page.all("img"))


def test_a_picture_that_would_fill_the_memory_is_left_out() -> None:
    Image.new("1", (8000, 8000)).save("infogan/images/step-000002.png")
    page, notes = report("infogan")
    assert "images/step-000002.png is left out: it has too many pixels" in notes
    assert page.all("img")


def test_a_picture_of_another_kind_is_left_out() -> None:
    Image.new("RGB", (30, 30)).save("infogan/images/step-000002.png", "TIFF")
    _, notes = report("infogan")
    assert "images/step-000002.png is left out: it is no whole PNG" in notes


def test_a_report_takes_the_place_of_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("dear")
    Path("infogan/report.html").unlink()
    Path("infogan/report.html").symlink_to(tmp_path / "target")
    report("infogan")
    assert (tmp_path / "target").read_text() == "dear"


# Several runs


def test_runs_that_differ_in_the_seed_have_mean_and_deviation() -> None:
    page, _ = report("infogan", "other", "dcgan")
    assert Path("comparison.html").exists()
    assert [each.text for each in page.all("h3")[:3]] == ["A infogan", "B other", "C dcgan"]
    table = section(page, "scores").one("table")
    heads = [each.text for each in table.one("thead").all("th")]
    assert heads[:4] == ["score", "A", "B", "ABmean ± sd"]
    [row] = [each for each in table.one("tbody").all("tr") if each.one("th").text == "r2/slant"]
    assert [each.text for each in row.all("td")] == ["0.500", "0.700", "0.600 ± 0.141"]


def test_curves_of_all_runs_are_in_one_chart() -> None:
    page, _ = report("infogan", "other", "dcgan")
    charts = {each.one(_class="name").text: each for each in page.all("figure", _class="chart")}
    assert len(charts["critic: adversarial"].all("path", _class="curve")) == 3
    assert len(charts["digit"].all("path", _class="curve")) == 2
    heads = [each.text for each in charts["critic: adversarial"].one("thead").all("th")]
    assert heads == ["turn", "A", "B", "C"]
    last = charts["critic: adversarial"].one("tbody").all("tr")[-1]
    assert last.all("td")[2].text == "\N{EN DASH}", "dcgan ended at turn 2"


def test_settings_that_differ_among_runs_are_listed() -> None:
    page, _ = report("infogan", "other")
    table = section(page, "settings").one("tbody")
    rows = {row.one("th").text: [cell.text for cell in row.all("td")] for row in table.all("tr")}
    assert rows == {"train.seed": ["0", "1"]}


def test_scores_of_other_conditions_are_refused_and_said() -> None:
    def fewer(document: dict[str, Any]) -> None:
        document["scores"]["r2/slant"]["n"] = 500

    rewrite("other/scores.json", fewer)
    page, _ = report("infogan", "other")
    told = section(page, "scores").one("dl")
    assert [each.text for each in told.all("dt")] == ["r2/slant"]
    assert told.one("dd").text == "n is 10000 in A, 500 in B"
    assert "r2/slant" not in section(page, "scores").one("table").text


def test_a_run_without_scores_stands_among_others() -> None:
    Path("other/scores.json").write_text("{")
    page, notes = report("infogan", "other")
    assert "Without scores: B" in section(page, "scores").text
    assert "B: scores.json is left out" in notes


def test_a_run_that_is_named_twice_is_one_run() -> None:
    page, _ = report("infogan", "./infogan")
    assert page.one("h1").text == "infogan"


# The command


def test_without_a_name_it_is_the_newest_run() -> None:
    Path("runs").mkdir()
    Path("dcgan").rename("runs/dcgan")
    result = ganzoo("report", "-o", "page.html")
    assert result.stdout == "page.html\n"
    assert parse(Path("page.html")).one("h1").text == "dcgan"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["infogan/model"], "infogan/model is no run: it has no settings.toml"),
        (["infogan", "nowhere"], "nowhere does not exist"),
        (["infogan", "-o", "infogan/images"], "cannot write infogan/images"),
        (["infogan", "-o", "x" * 300], "File name too long"),
    ],
)
def test_what_cannot_be_reported_is_one_line(arguments: list[str], said: str) -> None:
    result = ganzoo("report", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not result.stdout


def test_more_runs_than_can_be_told_apart_are_refused() -> None:
    names = [f"run{number}" for number in range(13)]
    for name in names:
        shutil.copytree("dcgan", name)
    result = ganzoo("report", *names)
    assert result.exit_code == 2
    assert "13 runs are too many" in result.stderr
    assert not Path("comparison.html").exists()


def test_its_help_imports_neither_torch_nor_templates() -> None:
    probe = (
        "import sys\nfrom ganzoo.cli import main\nsys.argv = ['ganzoo', 'report', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'numpy', 'PIL', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
