"""A report takes nobody's file for what it says, and follows no link out of the run."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from report_pages import picture_of, report, rewrite, section

from ganzoo_workbench.report import recorded

if TYPE_CHECKING:
    from parsed_pages import Element

pytestmark = pytest.mark.usefixtures("runs_here")

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
