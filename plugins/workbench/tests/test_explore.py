"""From a view to a picture and from an image to codes, without a page; and what serves the page."""

from __future__ import annotations

import asyncio
import io
import os
import socket
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from builders import part, settings_of
from click.testing import CliRunner
from PIL import Image
from torch import Tensor, nn

from ganzoo.cli import cli
from ganzoo.errors import UserError
from ganzoo.loaded import Loaded
from ganzoo.model import Context, DataInfo, Model
from ganzoo_infogan.priors import StructuredPrior
from ganzoo_workbench.explore import serving
from ganzoo_workbench.explore.controls import Categories, Continuous
from ganzoo_workbench.explore.explorer import COUNTS, MOST_PIXELS, Explorer, View
from ganzoo_workbench.explore.figure import figure
from ganzoo_workbench.explore.pictures import Axis, Picture, bare, labelled

if TYPE_CHECKING:
    from collections.abc import Mapping

CODES = {"kind": "categorical(3)", "tilt": "uniform(-1, 1)", "size": "uniform(0, 4)"}


class Plain(Model):
    """Shows its latents: noise in row 0, then a row for each code. Reads codes from there."""

    def networks(self) -> dict[str, nn.Module]:
        return {}

    def generate(self, nets: Any, latents: Any, generator: Any = None) -> dict[str, Tensor]:
        image = torch.zeros(len(latents.flat), *self.context.data.image_shape)
        noise = latents.parts["noise"]
        image[:, 0, 0, : noise.shape[1]] = noise
        for row, name in enumerate(self.context.prior.codes, start=1):
            image[:, 0, row] = latents.parts[name][:, None] / 10
        return {"image": image}

    def encode(self, nets: Any, batch: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
        read = batch["image"].mean(dim=(1, 2, 3)) * 10
        return {"kind": read.abs().round().long() % 3, "tilt": read, "size": read / 0}


class Blind(Plain):
    def encode(self, nets: Any, batch: Mapping[str, Tensor]) -> None:
        return None


def load(
    model: type[Model] = Plain,
    codes: Mapping[str, str] = CODES,
    *,
    noise: int = 2,
    shape: tuple[int, int, int] = (1, 8, 8),
    classes: tuple[str, ...] | None = None,
) -> Loaded:
    data = DataInfo("squares", shape, classes, 10)
    given = part(StructuredPrior, size=noise, codes=dict(codes))
    prior = StructuredPrior(given.config, Context(data))
    settings = settings_of(part(model), {}, prior=given)
    made = model(settings.model.config, Context(data, prior))
    return Loaded(
        made, {}, prior, settings, None, step=7, ema=False, data=data, device=torch.device("cpu")
    )


@pytest.fixture(scope="module")
def explorer() -> Explorer:
    return Explorer(load())


def values(explorer: Explorer, **changed: object) -> dict[str, object]:
    return {**explorer.start().values, **changed}


def shown(picture: Picture, row: int, column: int, code: str) -> float:
    place = ["noise", *CODES].index(code)
    return round(picture.images[row, column, 0, place, 0].item() * 10, 3)


def test_it_starts_in_the_middle_of_every_range(explorer: Explorer) -> None:
    start = explorer.start()
    assert start.values == {"kind": 0, "tilt": 0.0, "size": 2.0}
    assert explorer.picture(start).images.shape == (4, 4, 1, 8, 8)


def test_samples_have_the_codes_that_are_set_and_noises_of_their_own(explorer: Explorer) -> None:
    view = View(3, values(explorer, kind=2, tilt=0.5), count=4)
    picture = explorer.picture(view)
    assert {shown(picture, row, column, "kind") for row in (0, 1) for column in (0, 1)} == {2.0}
    assert {shown(picture, row, column, "tilt") for row in (0, 1) for column in (0, 1)} == {0.5}
    assert len({shown(picture, row, column, "noise") for row in (0, 1) for column in (0, 1)}) == 4


def test_one_sample_is_the_first_of_many_and_another_seed_gives_another(explorer: Explorer) -> None:
    one, many = (explorer.picture(replace(explorer.start(), count=n)).images for n in (1, 64))
    assert torch.equal(one[0, 0], many[0, 0])
    other = explorer.picture(replace(explorer.start(), count=1, seed=1)).images
    assert not torch.equal(one, other)


def test_two_codes_span_a_grid_and_all_else_stays(explorer: Explorer) -> None:
    view = View(0, values(explorer, size=3), axes=("kind", "tilt"))
    picture = explorer.picture(view)
    assert picture.columns == Axis("kind", ("0", "1", "2"))
    assert picture.rows is not None
    assert ",".join(picture.rows.labels) == "-1,-0.75,-0.5,-0.25,0,0.25,0.5,0.75,1"
    assert [shown(picture, 4, column, "kind") for column in range(3)] == [0, 1, 2]
    assert [shown(picture, row, 1, "tilt") for row in (0, 4, 8)] == [-1, 0, 1]
    assert {shown(picture, row, column, "size") for row in range(9) for column in range(3)} == {3}
    assert (
        len({shown(picture, row, column, "noise") for row in range(9) for column in range(3)}) == 1
    )


def test_noise_may_go_along_an_axis(explorer: Explorer) -> None:
    picture = explorer.picture(View(0, values(explorer), axes=("noise", "kind")))
    noises = [shown(picture, 0, column, "noise") for column in range(8)]
    assert len(set(noises)) == 8
    assert noises == [shown(picture, 2, column, "noise") for column in range(8)]
    samples = explorer.picture(View(0, values(explorer), count=9))
    assert noises[:3] == [shown(samples, 0, column, "noise") for column in range(3)]


def test_a_grid_goes_twice_as_far_on_request(explorer: Explorer) -> None:
    view = View(0, values(explorer), axes=("size", "tilt"), beyond=True)
    picture = explorer.picture(view)
    assert picture.columns is not None
    assert (picture.columns.labels[0], picture.columns.labels[-1]) == ("-2", "6")
    assert shown(picture, 0, 8, "tilt") == -2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"seed": None}, "the seed should be a whole number from 0 on, not None"),
        ({"seed": -1}, "not -1"),
        ({"count": 10**9}, "1000000000 samples cannot be shown"),
        ({"axes": ("kind", "kind")}, "kind cannot go both across and down"),
        ({"axes": ("kind", "colour")}, "there is no code 'colour'"),
        ({"values": {"kind": 3, "tilt": 0, "size": 0}}, "kind should be a category from 0 to 2"),
        ({"values": {"kind": 0.5, "tilt": 0, "size": 0}}, "not 0.5"),
        ({"values": {"kind": 0, "tilt": float("nan"), "size": 0}}, "tilt should be a number"),
        ({"values": {"kind": 0, "tilt": 0}}, "size should be a number, not None"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(
    explorer: Explorer, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        explorer.picture(replace(explorer.start(), **changed))


def test_a_model_without_codes_has_noise_alone() -> None:
    explorer = Explorer(load(Blind, {}))
    assert (explorer.controls, explorer.axes, explorer.has_noise) == ({}, (), True)
    assert explorer.describe(explorer.start()) == "16 samples, seed 0"


def test_a_model_whose_codes_are_all_there_is_has_no_noise() -> None:
    explorer = Explorer(load(noise=0))
    assert not explorer.has_noise
    assert explorer.axes == tuple(CODES)
    assert explorer.start().count == 1
    assert explorer.describe(explorer.start()) == "1 sample, kind 0, tilt 0, size 2"


def test_a_grid_says_when_it_shows_some_of_many_categories() -> None:
    explorer = Explorer(load(codes={"kind": "categorical(30)", "tilt": "uniform(-1, 1)"}))
    view = replace(explorer.start(), axes=("kind", "tilt"))
    assert explorer.picture(view).images.shape[:2] == (9, 20)
    assert explorer.describe(view) == "kind (the first 20 of 30) by tilt, seed 0"


def test_a_label_has_the_names_of_the_classes() -> None:
    codes = {"label": "categorical(2)", "kind": "categorical(2)"}
    explorer = Explorer(load(Blind, codes, classes=("cat", "dog")))
    assert explorer.controls["label"] == Categories("label", ("cat", "dog"))
    assert explorer.controls["kind"] == Categories("kind", ("0", "1"))


def test_why_no_image_can_be_read_is_said() -> None:
    assert Explorer(load()).why_unread is None
    assert "reads no codes" in str(Explorer(load(Blind)).why_unread)
    assert "not square" in str(Explorer(load(shape=(1, 8, 10))).why_unread)


def test_a_model_that_cannot_be_explored_says_why() -> None:
    without = load()
    without.prior = None
    with pytest.raises(UserError, match="plain draws images from no prior"):
        Explorer(without)
    with pytest.raises(UserError, match="images of 2 channels"):
        Explorer(load(shape=(2, 8, 8)))


def file_of(pixels: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, format="PNG", **options)
    return file.getvalue()


def test_an_uploaded_image_is_converted_as_data_are_and_read(explorer: Explorer) -> None:
    red = np.full((8, 8, 3), (255, 0, 0))  # its luma is 76
    reading = explorer.read(file_of(red))
    assert reading.image.images.unique().tolist() == [76]
    assert reading.codes.keys() == {"kind", "tilt"}, "a code that is no number is left out"
    assert reading.codes["tilt"] == pytest.approx((76 / 127.5 - 1) * 10, abs=1e-4)


def test_an_uploaded_file_that_is_no_image_is_told(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="not an image of a known format"):
        explorer.read(b"%!PS-Adobe-3.0 EPSF-3.0")
    whole = file_of(np.random.default_rng(0).integers(0, 255, (64, 64)))
    with pytest.raises(UserError, match="the image cannot be read"):
        explorer.read(whole[: len(whole) // 2])
    monkeypatch.setattr("ganzoo_workbench.explore.explorer.MOST_PIXELS", 4095)
    with pytest.raises(UserError, match="more than 4,095 pixels"):
        explorer.read(whole)
    assert MOST_PIXELS < Image.MAX_IMAGE_PIXELS


def test_drawn_codes_can_be_set(explorer: Explorer) -> None:
    drawn = explorer.draw_codes()
    placed = {
        name: control.place(drawn[name], beyond=False)
        for name, control in explorer.controls.items()
    }
    assert explorer.picture(View(0, placed)).images.shape == (1, 1, 1, 8, 8)
    assert not explorer.leaves_training(placed)
    assert explorer.leaves_training({**placed, "tilt": 1.5})


def test_a_slider_has_a_place_for_the_middle_and_both_ends() -> None:
    control = Continuous("angle", (-np.pi, np.pi))
    assert control.place(0.0001, beyond=False) == 0
    assert control.place(99, beyond=False) == pytest.approx(np.pi, abs=1e-4)
    assert control.place(-99, beyond=True) == pytest.approx(-2 * np.pi, abs=1e-4)
    assert Continuous("size", (0, 4)).range(beyond=True) == (-2, 6)


def test_tiles_are_enlarged_by_a_whole_factor_with_nothing_between() -> None:
    images = torch.randint(0, 256, (2, 3, 1, 8, 8), dtype=torch.uint8)
    sheet = np.asarray(bare(Picture(images, (0, 1))))
    assert sheet.shape == (2 * 240 + 2, 3 * 240 + 2 * 2, 4)
    assert (sheet[:240:30, :240:30, 0] == images[0, 0, 0].numpy()).all()
    assert (sheet[240:242, :, 3] == 0).all()
    last = sheet[-240:, -240:]
    assert (last[::30, ::30, 1] == images[1, 2, 0].numpy()).all()
    assert (last.reshape(8, 30, 8, 30, 4) == last[::30, None, ::30, None]).all()


def test_a_kept_picture_says_what_its_axes_are(explorer: Explorer) -> None:
    picture = explorer.picture(View(0, values(explorer), axes=("kind", "tilt")))
    kept, tiles = labelled(picture), bare(picture)
    assert kept.mode == "RGB"
    margin = np.asarray(kept)[:, : kept.width - tiles.width]
    assert kept.width > tiles.width
    assert kept.height > tiles.height
    assert (margin < 128).any(), "there is ink in the margin"


def test_names_from_a_run_are_no_markup() -> None:
    axis = Axis("<b onload=x>", ("<script>", "'"))
    picture = Picture(torch.zeros(2, 2, 1, 2, 2), (0, 1), axis, axis)
    html = figure(picture, about="' onerror='x", file_name="a.png")
    assert "<script>" not in html
    assert "<b " not in html
    assert "alt='&#x27; onerror=&#x27;x'" in html


def test_a_taken_port_is_told_and_the_next_free_one_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} of 127.0.0.1 is taken"):
            serving.bind("127.0.0.1", port)
    with serving.bind("127.0.0.1", None) as first, serving.bind("127.0.0.1", None) as second:
        ports = [each.getsockname()[1] for each in (first, second)]
    assert serving.FIRST_PORT <= ports[0] < ports[1]


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1", "a" * 70 + ".x"])
def test_an_address_that_is_not_of_this_machine_is_told(host: str) -> None:
    with pytest.raises(UserError, match=f"(--host|cannot listen on) {host}"):
        serving.bind(host, None)


def test_gradio_is_given_a_folder_that_goes_and_no_settings_from_outside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "find_spec", lambda name: name)
    monkeypatch.setenv("GRADIO_SHARE", "True")
    with serving.sheltered():
        assert "GRADIO_SHARE" not in os.environ
        assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
        folder = Path(os.environ["GRADIO_TEMP_DIR"])
        (folder / "upload.png").write_bytes(b"x")
    assert not folder.exists()
    assert os.environ["GRADIO_SHARE"] == "True"
    assert "GRADIO_TEMP_DIR" not in os.environ


def test_without_gradio_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "find_spec", lambda name: None)
    result = CliRunner().invoke(cli, ["explore", "x"])
    assert result.exit_code == 2
    assert result.stderr == "error: explore needs gradio: pip install 'gradio>=6.0'\n"


def test_the_command_is_described_without_torch_or_gradio(tmp_path: Path) -> None:
    probe = """
import sys
from ganzoo.cli import main
sys.argv = ["ganzoo", "explore", "--help"]
try:
    main()
finally:
    print(*{"torch", "numpy", "gradio", "PIL", "fastapi"} & set(sys.modules), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr.strip() == ""
    assert "--no-browser" in done.stdout


@dataclass
class Sent:
    status: int
    headers: dict[bytes, bytes]


def asked(host: str, *, only_here: bool) -> Sent:
    """What the guard answers a request for a page under the name ``host``."""
    sent: list[dict[str, Any]] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {}

    scope = {"type": "http", "headers": [(b"host", host.encode())]}
    asyncio.run(serving.Guard(page, only_here=only_here)(scope, receive, send))
    return Sent(sent[0]["status"], dict(sent[0]["headers"]))


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost", "[::1]:80"])
def test_the_page_is_served_under_the_names_of_this_machine(host: str) -> None:
    answer = asked(host, only_here=True)
    assert answer.status == 200
    assert b"default-src 'self'" in answer.headers[b"content-security-policy"]


@pytest.mark.parametrize("host", ["evil.example:7860", "127.0.0.1.evil.example", "[", ""])
def test_under_another_name_nothing_is_served(host: str) -> None:
    assert asked(host, only_here=True).status == 421
    assert asked("evil.example", only_here=False).status == 200


def test_every_count_of_samples_is_a_square() -> None:
    assert all(int(count**0.5) ** 2 == count for count in COUNTS)
