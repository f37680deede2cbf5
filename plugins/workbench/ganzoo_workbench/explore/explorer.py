"""From what is set on the page to a picture, and from an image back to codes; knows no page."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganzoo.counting import counted
from ganzoo.data.convert import Target, UnreadableError, read_header, to_array
from ganzoo.errors import UserError
from ganzoo_workbench.explore.controls import Categories, Continuous, controls_of
from ganzoo_workbench.explore.pictures import Axis, Picture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.latents import Latents
    from ganzoo.loaded import Loaded

NOISE = "noise"
"""The axis of a grid along which another noise is drawn for each picture."""

COUNTS = (1, 4, 9, 16, 36, 64)
"""How many samples may be shown side by side; each is a square."""

MOST_SEEDS = 2**31
MOST_PIXELS = 50_000_000
"""Pixels of an image that is read: those of the largest cameras in use."""

_PATIENCE = 0.5
"""Seconds."""
_STEPS = 9
"""Values of a continuous code along an axis; the middle and both ends are among them."""
_NOISES = 8
_MOST_CATEGORIES = 20


@dataclass(frozen=True)
class View:
    """What is set on the page."""

    seed: int
    values: Mapping[str, object]
    """The value of each code by its name: a number, or the number of a category."""
    count: int = 1
    """Samples to show; one of :data:`COUNTS`."""
    axes: tuple[str, str] | None = None
    """The codes (or :data:`NOISE`) that go across and down a grid, which is then shown instead."""
    beyond: bool = False
    """Whether continuous codes may go twice as far as in training."""


@dataclass(frozen=True)
class Reading:
    """What a model reads from an image."""

    image: Picture
    """The image as the model sees it."""
    codes: dict[str, float]
    """The codes that it read; one that is no number is left out."""


class Explorer:
    """A trained model, asked for pictures. Keeps nothing between two questions."""

    def __init__(self, loaded: Loaded) -> None:
        """Look at what the model can do.

        Raises:
            UserError: it draws from no prior, or its images are no pictures.
        """
        name, channels = loaded.settings.model.name, loaded.data.image_shape[0]
        if loaded.prior is None:
            raise UserError(
                f"{name} draws images from no prior, so there is nothing to set",
                hint="Its pictures are in the folder of the run.",
            )
        if channels not in (1, 3):
            raise UserError(f"{name} makes images of {channels} channels; pictures have 1 or 3")
        self.loaded = loaded
        self.prior = loaded.prior
        self.controls = controls_of(loaded)
        first = self._one(0)  # which also waits for the device to get ready
        begun = perf_counter()
        other = self._one(1)
        self.slow = perf_counter() - begun > _PATIENCE
        """Whether a single picture takes so long that one wonders whether it is coming."""
        self.has_noise = not self.controls or not torch.equal(first.images, other.images)
        """Whether anything but codes makes a difference to a picture."""
        self.why_unread = self._why_unread()
        """Why no image can be read; None if one can."""

    @property
    def continuous(self) -> tuple[str, ...]:
        """The codes that are numbers."""
        return tuple(
            name for name, control in self.controls.items() if isinstance(control, Continuous)
        )

    @property
    def axes(self) -> tuple[str, ...]:
        """What may go across or down a grid; fewer than two make none."""
        noise = (NOISE,) if self.has_noise and NOISE not in self.controls else ()
        return (*self.controls, *noise) if self.controls else ()

    def start(self) -> View:
        """What is set at first: codes in the middle of their range, or their first category."""
        values = {name: control.start for name, control in self.controls.items()}
        return View(0, values, 16 if self.has_noise and not self.slow else 1)

    def another_seed(self) -> int:
        """A seed to draw other noise with."""
        return random.randrange(MOST_SEEDS)  # noqa: S311 - no secret

    def draw_codes(self) -> dict[str, float]:
        """A value of each code, drawn as in training."""
        parts = self.loaded.draw(1, self.another_seed()).parts
        return {name: parts[name].item() for name in self.controls}

    def leaves_training(self, values: Mapping[str, float]) -> bool:
        """Whether some of ``values`` are beyond the range of training."""
        return any(
            not control.trained[0] <= values[name] <= control.trained[1]
            for name, control in self.controls.items()
            if isinstance(control, Continuous) and name in values
        )

    def picture(self, view: View) -> Picture:
        """The pictures that a view asks for.

        The noise of a picture depends on ``view.seed`` and its place alone: one sample is the
        first of many.

        Raises:
            UserError: something in ``view`` cannot be had; nothing of it need be checked before.
        """
        values = {name: each.check(view.values.get(name)) for name, each in self.controls.items()}
        if not (isinstance(view.seed, int) and 0 <= view.seed < MOST_SEEDS):
            raise UserError(f"the seed should be a whole number from 0 on, not {view.seed!r}")
        if view.axes is not None:
            return self._grid(view.seed, values, view.axes, beyond=view.beyond)
        if view.count not in COUNTS:
            raise UserError(f"{view.count!r} samples cannot be shown: take one of {COUNTS}")
        side = math.isqrt(view.count)
        images = self._generate(view.seed, torch.arange(view.count), values)
        return Picture(images.reshape(side, side, *images.shape[1:]), self.loaded.model.image_range)

    def describe(self, view: View) -> str:
        """What a picture shows, in a few words: codes along its axes, then all that is fixed."""
        if view.axes is not None:
            shown = " by ".join(map(self._along, view.axes))
        else:
            shown = counted(view.count, "sample")
        fixed = [
            f"{name} {control.text(control.check(view.values.get(name)))}"
            for name, control in self.controls.items()
            if name not in (view.axes or ())
        ]
        return ", ".join([shown, *fixed, *([f"seed {view.seed}"] if self.has_noise else [])])

    def read(self, content: bytes) -> Reading:
        """The codes of the image file ``content``, converted by the rules of training data.

        Raises:
            UserError: it is no image, or a larger one than :data:`MOST_PIXELS`.
        """
        channels, side, _ = self.loaded.data.image_shape
        target = Target(side, channels, self.loaded.settings.data.crop)
        try:
            header = read_header(content)
            if header.height * header.width > MOST_PIXELS:
                raise UserError(f"the image has more than {MOST_PIXELS:,} pixels")
            pixels, _ = to_array(content, target)
        except UnreadableError as error:
            raise UserError(f"the image cannot be read: {error}") from error
        image = torch.from_numpy(pixels)[None]
        codes = self.loaded.encode(self.loaded.normalise(image)) or {}
        found = {name: codes[name].item() for name in self.controls if name in codes}
        return Reading(
            Picture(image[None], self.loaded.model.image_range),
            {name: value for name, value in found.items() if math.isfinite(value)},
        )

    def _why_unread(self) -> str | None:
        channels, height, width = self.loaded.data.image_shape
        if height != width:
            return "The images of this model are not square, so none can be uploaded."
        blank = torch.zeros(1, channels, height, width, dtype=torch.uint8)
        if self.loaded.encode(self.loaded.normalise(blank)) is None:
            return "This model reads no codes from images, so none can be uploaded."
        return None

    def _grid(
        self, seed: int, values: Mapping[str, float], axes: tuple[str, str], *, beyond: bool
    ) -> Picture:
        for name in axes:
            if name not in self.axes:
                raise UserError(f"there is no code {name!r} to lay along an axis")
        if axes[0] == axes[1]:
            raise UserError(f"{axes[0]} cannot go both across and down")
        across, down = (self._steps(name, beyond=beyond) for name in axes)
        noises = torch.zeros(len(down), len(across), dtype=torch.int64)
        moved: dict[str, float | Tensor] = dict(values)
        steps = torch.meshgrid(torch.tensor(across), torch.tensor(down), indexing="xy")
        for name, along in zip(axes, steps, strict=True):
            if name == NOISE:
                noises = along.long()
            else:
                moved[name] = along.flatten()
        images = self._generate(seed, noises.flatten(), moved)
        columns, rows = (
            Axis(name, tuple(self._text(name, value) for value in along))
            for name, along in zip(axes, (across, down), strict=True)
        )
        tiles = images.reshape(len(down), len(across), *images.shape[1:])
        return Picture(tiles, self.loaded.model.image_range, columns, rows)

    def _steps(self, name: str, *, beyond: bool) -> list[float]:
        control = self.controls.get(name)
        if control is None:
            return [float(number) for number in range(_NOISES)]
        if isinstance(control, Categories):
            return [float(number) for number in range(min(len(control.labels), _MOST_CATEGORIES))]
        return self.prior.codes[name].walk(_STEPS, control.range(beyond=beyond))

    def _along(self, name: str) -> str:
        """What goes along an axis."""
        control = self.controls.get(name)
        if isinstance(control, Categories) and len(control.labels) > _MOST_CATEGORIES:
            return f"{name} (the first {_MOST_CATEGORIES} of {len(control.labels)})"
        return name

    def _text(self, name: str, value: float) -> str:
        return self.controls[name].text(value) if name in self.controls else f"{value + 1:.0f}"

    def _generate(self, seed: int, noises: Tensor, values: Mapping[str, float | Tensor]) -> Tensor:
        """Images (n, C, H, W), each with one of the numbered ``noises`` (n,) of a seed."""
        # Always as many, since what is drawn first may depend on how much is drawn.
        drawn = self.loaded.draw(max(COUNTS), seed)
        places = noises.to(self.loaded.device)
        latents: Latents = drawn._replace(
            flat=drawn.flat[places],
            parts={name: part[places] for name, part in drawn.parts.items()},
        )
        for name, value in values.items():
            filled = torch.as_tensor(value, dtype=torch.float32, device=self.loaded.device)
            latents = self.prior.replace(latents, name, filled.expand(len(places)))
        return self.loaded.generate(latents, seed)

    def _one(self, seed: int) -> Picture:
        return self.picture(View(seed, {name: each.start for name, each in self.controls.items()}))
