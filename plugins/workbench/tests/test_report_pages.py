"""The page of a report loads nothing, is small, and can be read by everybody."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from commands import ganzoo
from parsed_pages import parse
from PIL import Image
from report_pages import picture_of, report

from ganzoo_workbench.report.pictures import MOST_BYTES, encode

pytestmark = pytest.mark.usefixtures("runs_here")


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
