"""The page: a picture, its controls, and what happens. Imported where gradio is installed."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from ganzoo.data.convert import SUFFIXES
from ganzoo.errors import UserError
from ganzoo.files import plain_name
from ganzoo_workbench.explore.controls import Continuous
from ganzoo_workbench.explore.figure import figure, thumbnail
from ganzoo_workbench.explore.panel import GRID, SAMPLES, build_panel, remark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo_workbench.explore.explorer import Explorer, Reading, View

_SWEPT = 60
"""Seconds between two looks for uploaded files to remove, and their age then."""


def build_page(explorer: Explorer, *, name: str) -> gr.Blocks:
    """The page of one model; ``name`` is what the model was found under."""
    title = f"{name} - ganzoo explore"
    with gr.Blocks(title=title, analytics_enabled=False, delete_cache=(_SWEPT, _SWEPT)) as blocks:
        _Page(explorer, name)
    blocks.queue(default_concurrency_limit=1)
    return blocks


class _Page:
    def __init__(self, explorer: Explorer, name: str) -> None:
        self.explorer = explorer
        # What comes from the controls is checked by the explorer, whose errors are for people.
        own: dict[str, Any] = {"api_visibility": "private", "preprocess": False}
        self.quick = {**own, "show_progress": "hidden", "queue": False}
        # All that runs a network waits in one line: two at once are no quicker.
        progress = "full" if explorer.slow else "hidden"
        self.model = {**own, "show_progress": progress, "concurrency_id": "model"}
        gr.HTML(_heading(explorer, name), elem_classes="heading", padding=False)
        with gr.Row(elem_classes="sides"):
            with gr.Column(scale=3, min_width=320, elem_classes="shown"):
                self.shown = gr.HTML(self.figure(explorer.start()), elem_id="figure", padding=False)
            with gr.Column(scale=2, min_width=320, elem_classes="controls"):
                self.panel = build_panel(explorer)
                self.place_upload()
        self.connect()

    def place_upload(self) -> None:
        """Place the upload of an image to be read, or say why there is none."""
        if self.explorer.why_unread is not None:
            remark(self.explorer.why_unread)
            return
        read = gr.State()
        file = gr.File(
            label="Read the codes of an image",
            type="binary",
            file_types=sorted(SUFFIXES),
            height=150,
            elem_id="upload",
        )
        said = gr.HTML(visible=False, elem_id="reading")
        adopt = gr.Button("Set these codes", visible=False)
        file.upload(self.read, file, [read, said, adopt], **{**self.model, "preprocess": True})
        nothing = (None, gr.update(visible=False), gr.update(visible=False))
        file.clear(lambda: nothing, None, [read, said, adopt], **self.quick)
        codes = [self.panel.beyond, *self.panel.codes.values()]
        adopt.click(self.adopt, [read, self.panel.beyond], codes, **self.quick)

    def connect(self) -> None:
        """Say what happens when a control is moved, by hand or by another one."""
        panel, codes = self.panel, list(self.panel.codes.values())
        changes = [source.change for source in panel.sources]
        # Of many changes at once the last one counts.
        gr.on(
            changes, self.draw, panel.sources, self.shown, trigger_mode="always_last", **self.model
        )
        panel.layout.input(self.lay_out, panel.layout, [panel.axes, panel.count], **self.quick)
        panel.across.input(self.part, [panel.across, panel.down], panel.down, **self.quick)
        panel.down.input(self.part, [panel.down, panel.across], panel.across, **self.quick)
        panel.redraw.click(self.explorer.another_seed, None, panel.seed, **self.quick)
        if codes:
            panel.beyond.input(self.widen, [panel.beyond, *codes], codes, **self.quick)
            panel.shuffle.click(self.shuffle, panel.beyond, codes, **self.quick)

    def draw(self, *given: Any) -> object:
        try:
            return self.figure(self.panel.view(given))
        except UserError as error:
            gr.Warning(escape(str(error)))
            return gr.skip()

    def figure(self, view: View) -> str:
        picture = self.explorer.picture(view)
        about = self.explorer.describe(view)
        return figure(picture, about=about, file_name=f"{plain_name(about)}.png")

    def lay_out(self, layout: str) -> tuple[object, object]:
        samples = layout == SAMPLES and self.explorer.has_noise
        return gr.update(visible=layout == GRID), gr.update(visible=samples)

    def part(self, moved: str, other: str) -> str:
        """What ``other`` becomes, since one code cannot go both across and down."""
        return (
            other if other != moved else next(each for each in self.explorer.axes if each != moved)
        )

    def widen(self, beyond: bool, *values: object) -> object:  # noqa: FBT001 - as gradio calls it
        given = zip(self.panel.codes, values, strict=True)
        numbers = {name: value for name, value in given if isinstance(value, int | float)}
        return self.codes(numbers, beyond=beyond)

    def shuffle(self, beyond: bool) -> object:  # noqa: FBT001 - as gradio calls it
        return self.codes(self.explorer.draw_codes(), beyond=beyond)

    def codes(self, values: Mapping[str, float], *, beyond: bool) -> object:
        """What gradio takes for the controls of all codes, of which there is at least one."""
        updates = self.updates(values, beyond=beyond)
        return updates if len(updates) > 1 else updates[0]

    def updates(self, values: Mapping[str, float], *, beyond: bool) -> list[object]:
        """Updates of the controls of all codes; those without a value stay."""
        return [
            self.update(name, values.get(name), beyond=beyond) for name in self.explorer.controls
        ]

    def update(self, name: str, value: float | None, *, beyond: bool) -> object:
        control = self.explorer.controls[name]
        changes: dict[str, Any] = {}
        if isinstance(control, Continuous):
            changes["minimum"], changes["maximum"] = control.range(beyond=beyond)
        if value is not None:
            changes["value"] = control.place(value, beyond=beyond)
        return gr.update(**changes)

    def read(self, content: bytes) -> tuple[dict[str, float] | None, object, object]:
        try:
            reading = self.explorer.read(content)
        except UserError as error:
            said = f"<p role='alert'>{escape(str(error))}</p>"
            return None, gr.update(value=said, visible=True), gr.update(visible=False)
        said = _report(self.explorer, reading)
        found = bool(reading.codes)
        return reading.codes, gr.update(value=said, visible=True), gr.update(visible=found)

    def adopt(self, codes: dict[str, float] | None, beyond: bool) -> object:  # noqa: FBT001 - as above
        if codes is None:
            return gr.skip()
        beyond = beyond or self.explorer.leaves_training(codes)
        return [beyond, *self.updates(codes, beyond=beyond)]


def _heading(explorer: Explorer, name: str) -> str:
    loaded = explorer.loaded
    facts = (
        f"{loaded.settings.model.name}, preset {loaded.settings.preset}, "
        f"{loaded.step:,} turns on {loaded.data_name}"
    )
    return f"<h1>{escape(name)}</h1><p>{escape(facts)}</p>"


def _report(explorer: Explorer, reading: Reading) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{escape(name)}</th>"
        f"<td>{escape(explorer.controls[name].text(value))}</td></tr>"
        for name, value in reading.codes.items()
    )
    seen = thumbnail(reading.image, about="the image as the model sees it")
    table = f"<table>{rows}</table>" if rows else "<p>None of its codes is a number.</p>"
    return f"<div class='reading'>{seen}{table}</div>"
