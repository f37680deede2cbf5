"""Reports in a browser that has no network: nothing is asked for, and everything can be used."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ganzoo.cli import cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here"),
]

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
QUIET += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
STEPS = (100, 500, 1000, 1500)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report of one run with long words in it, and one of three runs."""
    folder = tmp_path_factory.mktemp("pages")
    runs = [folder / f"a-run-of-a-very-long-name-that-nobody-would-give-{n}" for n in range(3)]
    for seed, run in enumerate(runs):
        write_run(run, seed)
    alone, together = folder / "alone.html", folder / "together.html"
    for words in ([runs[0], "-o", alone], [*runs, "-o", together]):
        result = CliRunner().invoke(cli, ["report", *map(str, words)])
        assert result.exit_code == 0, result.output
    return {"alone": alone, "together": together}


def write_run(run: Path, seed: int) -> None:
    """A run with pictures whose brightness is their step, and with everything that takes room."""
    for inner in ("images", "traversals", "model"):
        (run / inner).mkdir(parents=True)
    for place, step in enumerate(STEPS):
        pixels = np.full((310, 310), 60 * place, np.uint8)
        Image.fromarray(pixels).save(run / f"images/step-{step:06d}.png")
        if place % 2 == 0:
            Image.fromarray(pixels[:, :200]).save(run / f"traversals/step-{step:06d}.png")
    long = "x" * 90
    settings = f'preset = "mnist"\n[model]\nname = "infogan"\n[data]\nname = "./{long}"\n'
    settings += f'[prior.codes]\ndigit = "categorical(10)"\n[train]\nsteps = 1500\nseed = {seed}\n'
    (run / "settings.toml").write_text(settings)
    (run / "model/config.json").write_text('{"step": 1500}')
    reports = [
        {"step": step, "mi_nats/digit": step / 1000 + seed, f"loss/critic/{long}": -step}
        for step in range(30, 1501, 30)
    ]
    (run / "metrics.jsonl").write_text("\n".join(map(json.dumps, reports)))
    events = [{"step": 5, "event": "warning", "message": f"{long} went wrong"}]
    (run / "events.jsonl").write_text("\n".join(map(json.dumps, events)))
    score = {"value": 0.5 + seed, "split": "test", "n": 10000, "note": "how to read it " * 9}
    scores = {f"score{number}/digit": {**score, "step": 1500} for number in range(8)}
    scores["mi_nats/digit"] = {**score, "entropy": 2.302585, "ceiling": 2.302585, "unit": "nats"}
    (run / "scores.json").write_text(json.dumps({"schema": 1, "scores": scores}))
    environment = {"device_name": long, "versions": {long: long}}
    (run / "environment.json").write_text(json.dumps(environment))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield started
        started.close()


class Visitor:
    """Opens pages without a network, and keeps what they asked for and complained of."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser
        self.contexts: list[Any] = []
        self.asked: list[str] = []
        self.complaints: list[str] = []

    def __call__(self, path: Path, viewport: dict[str, int] = DESK, **options: Any) -> Any:
        context = self.browser.new_context(viewport=viewport, offline=True, **options)
        self.contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(path.as_uri())
        return page


@pytest.fixture
def visit(browser: Any) -> Iterator[Visitor]:
    """When the test ends, nothing but the files was asked for, and nothing went wrong."""
    visitor = Visitor(browser)
    yield visitor
    for context in visitor.contexts:
        context.close()
    beyond = [url for url in visitor.asked if not url.startswith("data:")]
    assert all(url.startswith("file:") for url in beyond), beyond
    assert len(beyond) == len(visitor.contexts)
    assert visitor.complaints == []


@pytest.mark.parametrize("name", ["alone", "together"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_a_page_fits_its_window_in_light_and_dark(
    pages: dict[str, Path], visit: Visitor, name: str, scheme: str, viewport: dict[str, int]
) -> None:
    page = visit(pages[name], viewport, color_scheme=scheme)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, paper.removeprefix("rgb(").removesuffix(")").split(",")))
    assert brightness > 700 if scheme == "light" else brightness < 100
    assert page.screenshot(full_page=True)


def test_settings_of_many_runs_can_be_read_on_a_phone(tmp_path: Path, visit: Visitor) -> None:
    runs = [tmp_path / f"run-{n}" for n in range(6)]
    for seed, run in enumerate(runs):
        write_run(run, seed)
    path = tmp_path / "together.html"
    result = CliRunner().invoke(cli, ["report", *map(str, runs), "-o", str(path)])
    assert result.exit_code == 0, result.output
    key = visit(path, PHONE).locator(".settings tbody th").first
    assert key.inner_text() == "train.seed"
    assert key.bounding_box()["height"] < 60, "on a line or two, not a letter a line"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_the_paper(
    pages: dict[str, Path], visit: Visitor, scheme: str
) -> None:
    """At least 4.5 to 1, as WCAG asks for."""
    page = visit(pages["together"], color_scheme=scheme)
    colours = page.evaluate(
        """() => [...document.querySelectorAll("h1, a, p, th, td, dt, .mark, .note, summary, text")]
        .map((each) => getComputedStyle(each))
        .map((style) => style.fill !== "rgb(0, 0, 0)" ? style.fill : style.color)"""
    )
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert len(colours) > 50
    assert min(contrast(colour, paper) for colour in set(colours)) >= 4.5


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Of ``rgb(r, g, b)``, as WCAG 2 has it."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_slider_moves_the_pictures_by_keys(pages: dict[str, Path], visit: Visitor) -> None:
    page = visit(pages["alone"])
    slider = page.locator("#turn")

    def shown(kind: str) -> list[str]:
        return page.locator(f"figure.{kind} img:visible").evaluate_all(
            "all => all.map((each) => each.alt)"
        )

    assert page.locator(".timeline output").inner_text() == "1,500"
    assert [alt.split(",")[0] for alt in shown("samples")] == [
        "Images that the model generated after turn 1"
    ]
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator(".timeline output").inner_text() == "1,000"
    assert "turn 1,000" in shown("samples")[0]
    page.keyboard.press("ArrowLeft")
    assert "turn 500" in shown("samples")[0]
    assert "turn 100" in shown("traversal")[0], "the latest before that turn"
    assert slider.get_attribute("aria-valuetext") == "turn 500"
    page.keyboard.press("Home")
    assert len(shown("samples")) == len(shown("traversal")) == 1
    assert "turn 100" in shown("samples")[0]


def test_a_value_is_told_under_the_pointer(pages: dict[str, Path], visit: Visitor) -> None:
    page = visit(pages["alone"])
    chart = page.locator("figure.chart").first
    assert chart.locator(".readout").inner_text().strip() == "1.500"
    svg = chart.locator("svg")
    box = svg.bounding_box()
    svg.hover(position={"x": box["width"] * 168 / 300, "y": box["height"] / 2})
    assert chart.locator(".readout").inner_text().split() == ["turn", "750", "0.750"]
    assert chart.locator(".cursor").get_attribute("hidden") is None
    page.mouse.move(0, 0)
    assert chart.locator(".readout").inner_text().strip() == "1.500"
    together = visit(pages["together"]).locator("figure.chart").first
    told = together.locator(".readout").inner_text()
    assert " ".join(told.split()) == "A 1.500 B 2.500 C 3.500"


def test_a_command_is_copied(pages: dict[str, Path], visit: Visitor) -> None:
    page = visit(pages["alone"], permissions=["clipboard-read", "clipboard-write"])
    button = page.locator("#next .copy").first
    button.click()
    button.filter(has_text="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    name = "a-run-of-a-very-long-name-that-nobody-would-give-0"
    assert copied == f"ganzoo run --resume {name} --steps 3000"


def test_without_scripts_the_latest_pictures_and_all_values_are_there(
    pages: dict[str, Path], visit: Visitor
) -> None:
    page = visit(pages["alone"], java_script_enabled=False)
    assert page.locator("figure.samples img:visible").count() == 1
    assert not page.locator(".timeline").is_visible()
    assert page.locator(".copy:visible").count() == 0
    page.locator("figure.chart summary").first.click()
    assert page.locator("figure.chart").first.locator("td:visible").count() == 50


def test_what_a_stranger_wrote_does_not_run(tmp_path: Path, visit: Visitor) -> None:
    hostile = (
        "<img src=x onerror=\"document.title='caught'\"><script>document.title='caught'</script>"
    )
    run = tmp_path / "run"
    write_run(run, 0)
    with (run / "events.jsonl").open("a") as file:
        file.write("\n" + json.dumps({"step": 6, "event": hostile, "message": hostile}))
    result = CliRunner().invoke(cli, ["report", str(run)])
    assert result.exit_code == 0
    page = visit(run / "report.html")
    assert page.title() == "run · ganzoo"
    assert hostile in page.locator("#events").inner_text()
    # Even an element that got in is stopped by the page's own policy.
    assert (
        page.evaluate(
            """() => new Promise((done) => {
          document.addEventListener("securitypolicyviolation", () => done(document.title));
          const script = document.createElement("script");
          script.textContent = "document.title = 'caught'";
          document.body.append(script);
        })"""
        )
        == "run · ganzoo"
    )
    [complaint] = visit.complaints
    assert "Content Security Policy" in complaint
    visit.complaints.clear()
