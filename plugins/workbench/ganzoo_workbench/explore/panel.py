"""The controls of the page, and what they say together. Imported where gradio is installed."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from ganzoo_workbench.explore.controls import Continuous
from ganzoo_workbench.explore.explorer import COUNTS, MOST_SEEDS, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo_workbench.explore.controls import Control
    from ganzoo_workbench.explore.explorer import Explorer

SAMPLES, GRID = "Samples", "Grid"
"""What may be shown."""

_MOST_BUTTONS = 24
"""Categories that have a button each; more are a list to choose from."""


@dataclass(frozen=True)
class Panel:
    """The components of the controls."""

    layout: gr.Radio
    count: gr.Radio
    axes: gr.Row
    across: gr.Dropdown
    down: gr.Dropdown
    seed: gr.Number
    redraw: gr.Button
    beyond: gr.Checkbox
    shuffle: gr.Button
    codes: dict[str, gr.components.Component]

    @property
    def sources(self) -> list[gr.components.Component]:
        """What a view is made of, in the order in which :meth:`view` takes it."""
        fixed = [self.layout, self.count, self.across, self.down, self.seed, self.beyond]
        return [*fixed, *self.codes.values()]

    def view(self, given: Sequence[Any]) -> View:
        """The view that the values of the :attr:`sources` say."""
        layout, count, across, down, seed, beyond, *values = given
        axes = (across, down) if layout == GRID else None
        return View(seed, dict(zip(self.codes, values, strict=True)), count, axes, bool(beyond))


def build_panel(explorer: Explorer) -> Panel:
    """Place the controls that a model has any use for; the others are there, but not to be seen."""
    start, axes = explorer.start(), explorer.axes
    grid = len(axes) > 1
    if not explorer.controls:
        remark("This model has no codes: its noise is all that can be changed.")
    elif not explorer.has_noise:
        remark("This model has no noise: its codes alone make the picture.")
    codes = {name: _component(control) for name, control in explorer.controls.items()}
    beyond = gr.Checkbox(label="Twice the range of training", visible=bool(explorer.continuous))
    with gr.Row():
        shuffle = gr.Button("Random codes", visible=bool(codes), min_width=120)
        redraw = gr.Button("New noise", visible=explorer.has_noise, min_width=120)
    seed = gr.Number(
        start.seed,
        label="Seed of the noise",
        precision=0,
        minimum=0,
        maximum=MOST_SEEDS - 1,
        visible=explorer.has_noise,
    )
    layout = gr.Radio(
        [SAMPLES, GRID], value=SAMPLES, label="Show", visible=grid, elem_classes="buttons"
    )
    count = gr.Radio(
        COUNTS,
        value=start.count,
        label="Samples, each with another noise",
        visible=explorer.has_noise,
        elem_classes="buttons",
    )
    with gr.Row(visible=False) as chosen_axes:
        across = gr.Dropdown(axes, value=axes[0] if grid else None, label="Across", min_width=140)
        down = gr.Dropdown(axes, value=axes[1] if grid else None, label="Down", min_width=140)
    return Panel(layout, count, chosen_axes, across, down, seed, redraw, beyond, shuffle, codes)


def remark(text: str) -> None:
    """Place a sentence."""
    gr.HTML(f"<p>{escape(text)}</p>", elem_classes="remark")


def _component(control: Control) -> gr.components.Component:
    if isinstance(control, Continuous):
        low, high = control.trained
        return gr.Slider(
            low,
            high,
            value=control.start,
            step=control.step,
            label=control.name,
            info=f"trained from {control.text(low)} to {control.text(high)}",
        )
    choices = [(label, number) for number, label in enumerate(control.labels)]
    if len(choices) > _MOST_BUTTONS:
        return gr.Dropdown(choices, value=control.start, label=control.name)
    return gr.Radio(choices, value=control.start, label=control.name, elem_classes="buttons")
