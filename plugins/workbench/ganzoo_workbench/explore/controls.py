"""What can be set of each code of a model: a number in its range, or one of some categories."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganzoo.errors import UserError
from ganzoo.pictures import value_text

if TYPE_CHECKING:
    from ganzoo.loaded import Loaded

Range = tuple[float, float]

LABEL = "label"
"""Name of the code, and of the labels in a batch, whose categories are the classes of the data."""

_STEPS = 100
"""Places of a slider over the range of training."""


@dataclass(frozen=True)
class Continuous:
    """A code that is a number."""

    name: str
    trained: Range
    """The range that it was drawn from in training."""

    @property
    def start(self) -> float:
        """The middle of the range."""
        return self._rounded(sum(self.trained) / 2)

    @property
    def step(self) -> float:
        """Between two places of a slider; the middle and both ends of the range are places."""
        return (self.trained[1] - self.trained[0]) / _STEPS

    def range(self, *, beyond: bool) -> Range:
        """The range of training, or the one twice as wide about the same middle."""
        low, high = self.trained
        reach = (high - low) / 2 if beyond else 0.0
        return low - reach, high + reach

    def place(self, value: float, *, beyond: bool) -> float:
        """The place of the slider that is nearest to ``value``."""
        low, high = self.range(beyond=beyond)
        places = round((min(max(value, low), high) - low) / self.step)
        return self._rounded(low + places * self.step)

    def check(self, value: object) -> float:
        """``value`` as a number. Raises UserError if it is none."""
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
        raise UserError(f"{self.name} should be a number, not {value!r}")

    def text(self, value: float) -> str:
        """A value for people to read."""
        return value_text(value)

    def _rounded(self, value: float) -> float:
        digits = 4 - math.floor(math.log10(self.step))
        return round(value, digits) + 0.0  # no minus before a zero


@dataclass(frozen=True)
class Categories:
    """A code that is one of some categories, numbered from 0 on."""

    name: str
    labels: tuple[str, ...]
    """What each category is called."""

    @property
    def start(self) -> int:
        """The first category."""
        return 0

    def place(self, value: float, *, beyond: bool) -> int:
        """The category of this number: there is nothing beyond."""
        return int(self.check(value))

    def check(self, value: object) -> float:
        """``value`` as the number of a category. Raises UserError if there is no such category."""
        if isinstance(value, int | float) and value in range(len(self.labels)):
            return float(value)
        raise UserError(
            f"{self.name} should be a category from 0 to {len(self.labels) - 1}, not {value!r}"
        )

    def text(self, value: float) -> str:
        """What a category is called."""
        return self.labels[int(value)]


Control = Continuous | Categories


def controls_of(loaded: Loaded) -> dict[str, Control]:
    """A control for each code, by its name, in the order of the codes."""
    controls: dict[str, Control] = {}
    for name, code in ({} if loaded.prior is None else loaded.prior.codes).items():
        if code.trained is not None:
            controls[name] = Continuous(name, code.trained)
            continue
        classes = loaded.data.classes
        named = classes is not None and name == LABEL and len(classes) == code.categories
        numbers = [str(int(value)) for value in code.walk(1)]
        labels = classes if classes is not None and named else numbers
        controls[name] = Categories(name, tuple(labels))
    return controls
