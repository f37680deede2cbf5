"""`ganzoo explore` in a real browser: what a person does with it, and whom the page asks."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import load_file, save_file
from small_runs import SMALL, given

from ganzoo.cli import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserType, Locator, Page

playwright = pytest.importorskip("playwright.sync_api", reason="a browser needs the extra browser")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.slow,
    # Asked without importing it, which takes seconds.
    pytest.mark.skipif(not find_spec("gradio"), reason="the page needs the extra explore"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}"),
]
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@dataclass
class Server:
    """`ganzoo explore` as a program of its own, in a folder with the run ``x``."""

    process: subprocess.Popen[str]
    url: str
    first_line: str
    temporary: Path

    def call(self, function: str, data: list[Any]) -> dict[str, Any]:
        """What the page would get from the function of that name."""
        [found] = (
            each["id"]
            for each in json.loads(self.get("/config"))["dependencies"]
            if each["api_name"] == function
        )
        body = {"data": data, "fn_index": found, "session_hash": f"s{time.time_ns()}"}
        joined = urllib.request.Request(
            f"{self.url}/gradio_api/queue/join",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        urllib.request.urlopen(joined, timeout=30).close()
        events = f"{self.url}/gradio_api/queue/data?session_hash={body['session_hash']}"
        with urllib.request.urlopen(events, timeout=60) as lines:
            for line in lines:
                event = json.loads(line[5:]) if line.startswith(b"data:") else {}
                if event.get("msg") == "process_completed":
                    output: dict[str, Any] = event["output"]
                    return output
        raise AssertionError("the answer never came")

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            content: bytes = answer.read()
            return content.decode()


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Server]:
    temporary = Path(tempfile.mkdtemp(dir=folder))
    process = subprocess.Popen(
        [sys.executable, "-m", "ganzoo", "explore", "x", "--no-browser", *options],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = re.search(r"http://\S+", line)
        assert url, (line, process.communicate()[1])
        yield Server(process, url[0], line, temporary)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny run ``x`` of one turn: a category, and two continuous codes."""
    place = tmp_path_factory.mktemp("explore")
    run = ["run", "infogan", "--steps", "1", "--out", str(place / "x"), *given(SMALL)]
    result = CliRunner().invoke(cli, run)
    assert result.exit_code == 0, result.output
    # What has hardly been trained draws nothing but grey; larger weights make pictures differ.
    weights = place / "x/model/model.safetensors"
    louder = {
        name: tensor * 100 if name.startswith("generator.") and tensor.ndim > 1 else tensor
        for name, tensor in load_file(weights).items()
    }
    save_file(louder, weights)
    config = place / "x/model/config.json"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    config.write_text(json.dumps(json.loads(config.read_text()) | {"sha256": digest}))
    return place


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with serving(folder, "--port", str(free_port())) as started:
        yield started


@dataclass
class Visit:
    """The page in a browser, with all that went wrong and all that was asked for."""

    page: Page
    errors: list[str] = field(default_factory=list)
    hosts: set[str | None] = field(default_factory=set)

    @property
    def picture(self) -> Locator:
        return self.page.locator("figure.picture img")

    def expect(self, about: str) -> str:
        """Wait until the picture is of ``about``; its bytes."""
        playwright.expect(self.picture).to_have_attribute("alt", re.compile(about), timeout=30_000)
        source = self.picture.get_attribute("src")
        assert source is not None
        return source

    def code(self, name: str) -> Locator:
        return self.page.get_by_label(f"range slider for {name}")


@pytest.fixture(scope="module")
def chromium() -> Iterator[BrowserType]:
    with playwright.sync_playwright() as started:
        yield started.chromium


@pytest.fixture(scope="module")
def browser(chromium: BrowserType) -> Iterator[Browser]:
    running = chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
    yield running
    running.close()


@pytest.fixture
def visit(server: Server, browser: Browser) -> Iterator[Visit]:
    with browser.new_context(accept_downloads=True) as context:
        visit = Visit(context.new_page())
        page = visit.page
        page.on("pageerror", lambda error: visit.errors.append(str(error)))
        page.on(
            "console",
            lambda said: visit.errors.append(said.text) if said.type == "error" else None,
        )
        page.on("request", lambda asked: visit.hosts.add(urlsplit(asked.url).hostname))
        page.goto(server.url)
        visit.expect("16 samples, digit 0, slant 0, width 0, seed 0")
        yield visit
    assert visit.errors == []
    assert visit.hosts <= {"127.0.0.1", None}, "None is that of a data: address"


def test_a_slider_is_moved_by_keys_and_a_category_by_its_button(visit: Visit) -> None:
    before = visit.expect("slant 0,")
    visit.code("slant").focus()
    for _ in range(3):
        visit.page.keyboard.press("ArrowRight")
    slanted = visit.expect("digit 0, slant 0.06,")
    assert slanted != before
    visit.page.get_by_role("radio", name="7", exact=True).click()
    assert visit.expect("digit 7, slant 0.06,") not in (before, slanted)


def test_noise_is_drawn_anew_and_a_seed_brings_it_back(visit: Visit) -> None:
    before = visit.expect("seed 0$")
    visit.page.get_by_role("button", name="New noise").click()
    assert visit.expect("seed [1-9]") != before
    visit.page.get_by_label("Seed of the noise").fill("0")
    assert visit.expect("seed 0$") == before
    visit.page.get_by_label("Seed of the noise").fill("")
    toast = visit.page.get_by_text("the seed should be a whole number from 0 on, not None")
    playwright.expect(toast).to_be_visible(timeout=30_000)
    assert visit.expect("seed 0$") == before


def test_two_chosen_codes_span_a_grid_with_their_values_along_it(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("radio", name="Grid").click()
    visit.expect("^digit by slant, width 0, seed 0$")
    page.get_by_label("Across").click()
    page.get_by_role("option", name="slant").click()
    visit.expect("^slant by digit, width 0, seed 0$")
    across = page.locator("figure .across > div > span").all_inner_texts()
    assert across == ["-1", "-0.75", "-0.5", "-0.25", "0", "0.25", "0.5", "0.75", "1"]
    assert len(page.locator("figure .down > span").all()) == 10
    page.get_by_label("Twice the range of training").check()
    widest = page.locator("figure .across > div > span", has_text="-2")
    playwright.expect(widest).to_be_visible(timeout=30_000)


def test_an_image_is_read_and_its_codes_are_set_on_request(visit: Visit) -> None:
    page = visit.page
    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(file, format="PNG")
    chosen = {"name": "photo.png", "mimeType": "image/png", "buffer": file.getvalue()}
    page.locator("#upload input[type=file]").set_input_files(chosen)
    rows = page.locator("#reading tr")
    playwright.expect(rows).to_have_count(3, timeout=30_000)
    digit, slant, _ = (row.inner_text().split() for row in rows.all())
    assert (digit[0], slant[0]) == ("digit", "slant")
    another = (int(digit[1]) + 1) % 10
    page.get_by_role("radio", name=str(another), exact=True).click()
    visit.code("slant").fill("0.9")
    visit.expect(f"digit {another}, slant 0.9,")
    page.get_by_role("button", name="Set these codes").click()
    visit.expect(f"digit {digit[1]}, slant (?!0.9)")
    assert float(visit.code("slant").input_value()) == pytest.approx(float(slant[1]), abs=0.03)


def test_what_is_no_image_is_told_beside_the_upload(visit: Visit) -> None:
    chosen = {"name": "page.png", "mimeType": "image/png", "buffer": b"<html>"}
    visit.page.locator("#upload input[type=file]").set_input_files(chosen)
    alert = visit.page.get_by_role("alert").filter(has_text="not an image of a known format")
    playwright.expect(alert).to_be_visible(timeout=30_000)
    playwright.expect(visit.page.get_by_role("button", name="Set these codes")).to_be_hidden()


def test_the_picture_is_kept_as_a_png_with_a_name_that_says_what_it_is(visit: Visit) -> None:
    with visit.page.expect_download() as saved:
        visit.page.get_by_role("link", name="Save as PNG").click()
    assert saved.value.suggested_filename == "16-samples--digit-0--slant-0--width-0--seed-0.png"
    with Image.open(saved.value.path()) as picture:
        assert picture.format == "PNG"
        assert picture.size == (4 * 168 + 3 * 2, 4 * 168 + 3 * 2)


def test_the_tabulator_reaches_every_control(visit: Visit) -> None:
    reached = set()
    for _ in range(60):
        visit.page.keyboard.press("Tab")
        reached.add(
            visit.page.evaluate(
                "(() => { const it = document.activeElement; return it.ariaLabel"
                " || it.labels?.[0]?.innerText.trim() || it.innerText.trim(); })()"
            )
        )
    wanted = {"Save as PNG", *map(str, range(10)), "Samples", "Grid", "16", "64", "New noise"}
    wanted |= {"range slider for slant", "range slider for width", "Seed of the noise"}
    wanted |= {"Random codes", "Twice the range of training"}
    assert wanted <= reached
    assert any("Upload" in each for each in reached)


def test_nothing_is_asked_of_any_other_machine(
    server: Server, chromium: BrowserType, tmp_path: Path
) -> None:
    log, page_html = tmp_path / "net.json", server.get("/")
    with chromium.launch_persistent_context(
        tmp_path / "profile",
        executable_path=str(CHROMIUM),
        args=[*QUIET, f"--log-net-log={log}", "--net-log-capture-mode=Everything"],
    ) as context:
        page = context.new_page()
        page.goto(server.url)
        page.wait_for_selector("figure.picture img")
        page.get_by_role("button", name="Random codes").click()
        page.wait_for_timeout(2000)
    # The browser's own requests, for updates say, are of no page.
    asked = re.findall(
        rf'"initiator":"{server.url}".*"url":"(\w+:[^"]*)"', log.read_text("latin-1")
    )
    assert len(asked) > 10, "the log has what the page loaded"
    assert {urlsplit(url).netloc for url in asked if url.startswith("http")} == {
        urlsplit(server.url).netloc
    }
    links = re.findall(
        r"<(?:link|script|img|iframe)[^>]*(?:href|src)=.(?:https?:)?//[^>]*>", page_html
    )
    assert links == [], "nothing is connected to in advance"


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "x/settings.toml", "../x/settings.toml", "{folder}/x/settings.toml"]
)
def test_no_file_of_the_machine_can_be_fetched(server: Server, folder: Path, path: str) -> None:
    path = path.format(folder=folder)
    with pytest.raises(urllib.error.HTTPError, match=r"40[34]"):
        server.get(f"/gradio_api/file={path}")
    output = server.call("read", [{"path": path, "meta": {"_type": "gradio.FileData"}}])
    assert "was not uploaded by a user" in output["error"]


def test_no_address_is_fetched_in_place_of_an_upload(server: Server) -> None:
    elsewhere = {"path": "https://example.com/a.png", "meta": {"_type": "gradio.FileData"}}
    assert "nothing is fetched" in server.call("read", [elsewhere])["error"]


def test_an_upload_of_more_than_ten_megabytes_is_refused(server: Server) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    sent = urllib.request.Request(
        f"{server.url}/gradio_api/upload",
        head + bytes(11 * 2**20) + b"\r\n--b--\r\n",
        {"content-type": "multipart/form-data; boundary=b"},
    )
    with pytest.raises(urllib.error.HTTPError, match="413"):
        urllib.request.urlopen(sent, timeout=30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_quietly_and_nothing_is_left(folder: Path, number: signal.Signals) -> None:
    before = {path: path.stat().st_mtime_ns for path in (folder / "x").rglob("*")}
    others = set(folder.iterdir())
    with serving(folder, "--port", str(free_port())) as server:
        assert re.fullmatch(
            r"exploring x at http://127.0.0.1:\d+ until Ctrl-C\n", server.first_line
        )
        assert "<html" in server.get("/")
        assert list(server.temporary.glob("ganzoo-explore-*"))
        server.process.send_signal(number)
        out, err = server.process.communicate(timeout=30)
        assert (server.process.returncode, out, err) == (0, "", "")
        assert list(server.temporary.glob("ganzoo-explore-*")) == []
    assert {path: path.stat().st_mtime_ns for path in (folder / "x").rglob("*")} == before
    assert set(folder.iterdir()) - others == {server.temporary}


def test_a_page_for_the_network_says_so(folder: Path) -> None:
    with serving(folder, "--host", "0.0.0.0", "--port", str(free_port())) as server:
        assert server.process.stdout is not None
        note = server.process.stdout.readline()
        assert "everybody in the network can reach this page, on 0.0.0.0:" in note
        assert "<html" in server.get("/")
