"""Kinds of code, and how a user writes one: ``categorical(10)``, ``uniform(-1, 1)``."""

import math
import re
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ganzoo.errors import near_miss
from ganzoo.latents import Code, as_float32

Std = Literal["learned", "fixed"]


class _KeptWithin(torch.autograd.Function):
    """A clamp from beyond whose bounds a gradient may lead back.

    torch's own has none there: once below the floor, a reading that turns wrong could not state a
    larger deviation, and its error would weigh a hundred times as much for good.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(values)
        ctx.bounds = low, high
        return values.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (values,), (low, high), (gradient,) = ctx.saved_tensors, ctx.bounds, gradients
        # Values move against their gradient.
        outwards = ((values < low) & (gradient > 0)) | ((values > high) & (gradient < 0))
        return gradient.masked_fill(outwards, 0), None, None


def _kept_within(values: Tensor, low: float, high: float) -> Tensor:
    kept: Tensor = _KeptWithin.apply(values, low, high)
    return kept


class Categorical(Code):
    """One of ``k`` categories, all alike; read as a softmax over ``k`` logits."""

    def __init__(self, k: int) -> None:
        if k < 2:
            raise ValueError(f"a categorical code needs at least 2 categories, not {k}")
        self.k = self.width = self.outputs = k
        self.entropy = math.log(k)

    def sample(self, n: int, *, generator: torch.Generator | None, device: torch.device) -> Tensor:
        """(n,) integers from 0 to k - 1."""
        return torch.randint(self.k, (n,), generator=generator, device=device)

    def encode(self, values: Tensor) -> Tensor:
        """One-hot, (n, k)."""
        # torch's one_hot looks at the values first, and the host would wait for them.
        return (values.unsqueeze(1) == torch.arange(self.k, device=values.device)).float()

    def nll(self, outputs: Tensor, values: Tensor) -> Tensor:
        """Cross-entropy in nats, (n,)."""
        return cross_entropy(outputs, values, reduction="none")

    def read(self, outputs: Tensor) -> Tensor:
        """The likeliest category, (n,)."""
        return outputs.argmax(1)

    def walk(self, count: int, span: tuple[float, float] | None = None) -> list[float]:
        """Every category."""
        return [float(category) for category in range(self.k)]

    def parse(self, text: str) -> float:
        """A category by number."""
        if not text.isdecimal() or int(text) >= self.k:
            raise ValueError(f"should be a category from 0 to {self.k - 1}, not {text!r}")
        return float(text)


class Uniform(Code):
    """A number from U(low, high); read as a Gaussian's mean and log-variance.

    With a ``fixed`` std of 1 the log-variance is ignored, as in the authors' released MNIST code;
    then L_I can never show positive information (at best ln 2 - 0.919 = -0.226 nats on [-1, 1]). A
    ``learned`` std is kept in ``std_range``: without a floor the likelihood of a deterministic
    generator has no bound. Beyond it a gradient may lead back, but not further out.
    """

    width = 1
    outputs = 2

    def __init__(
        self,
        low: float = -1.0,
        high: float = 1.0,
        *,
        std: Std = "learned",
        std_range: tuple[float, float] = (0.1, 2.0),
    ) -> None:
        span = as_float32(high) - as_float32(low)
        if not 0 < as_float32(span) < math.inf:
            raise ValueError(
                f"a uniform code needs low < high, not {low:g}, {high:g} (numbers of 32 bits)"
            )
        self.low, self.high, self.std, self.std_range = low, high, std, std_range
        self.trained = (low, high)
        self.entropy = math.log(high - low)

    def sample(self, n: int, *, generator: torch.Generator | None, device: torch.device) -> Tensor:
        """(n,) floats in [low, high)."""
        return torch.empty(n, device=device).uniform_(self.low, self.high, generator=generator)

    def encode(self, values: Tensor) -> Tensor:
        """As it is, (n, 1)."""
        return values.unsqueeze(1)

    def nll(self, outputs: Tensor, values: Tensor) -> Tensor:
        """-log N(values; mean, std) in nats, (n,)."""
        mean, log_variance = outputs.unbind(1)
        if self.std == "fixed":
            log_std = torch.zeros_like(mean)
        else:
            floor, ceiling = self.std_range
            log_std = _kept_within(log_variance / 2, math.log(floor), math.log(ceiling))
        return log_std + 0.5 * math.log(2 * math.pi) + 0.5 * ((values - mean) / log_std.exp()) ** 2

    def read(self, outputs: Tensor) -> Tensor:
        """The mean, (n,)."""
        return outputs[:, 0]

    def walk(self, count: int, span: tuple[float, float] | None = None) -> list[float]:
        """``count`` even steps over ``span``, or over [low, high]."""
        low, high = span or (self.low, self.high)
        return torch.linspace(low, high, count, dtype=torch.float64).tolist()

    def parse(self, text: str) -> float:
        """Any finite number of 32 bits: values beyond [low, high] extrapolate."""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(as_float32(value)):
            raise ValueError(
                f"should be a number of 32 bits, from {self.low:g} to {self.high:g} in training, "
                f"not {text!r}"
            )
        return value


_KINDS = {"categorical": "categorical(10)", "uniform": "uniform(-1, 1)", "none": "none"}
_FORM = re.compile(r"\s*(?P<kind>[A-Za-z_]+)\s*(?:\((?P<arguments>[^()]*)\))?\s*")


def parse_code(
    text: str, *, std: Std = "learned", std_range: tuple[float, float] = (0.1, 2.0)
) -> Code:
    """The code that ``text`` describes. Raises ValueError that says what may be written."""
    allowed = f"should be like categorical(10), uniform(-1, 1) or none, not {text!r}"
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError(allowed)
    try:
        arguments = [float(part) for part in (form["arguments"] or "").split(",") if part.strip()]
    except ValueError:
        raise ValueError(allowed) from None
    match form["kind"], arguments:
        case "categorical", [k] if k.is_integer():
            return Categorical(int(k))
        case "uniform", []:
            return Uniform(std=std, std_range=std_range)
        case "uniform", [low, high]:
            return Uniform(low, high, std=std, std_range=std_range)
    meant = None if form["kind"] in _KINDS else near_miss(form["kind"].lower(), _KINDS)
    raise ValueError(f"{allowed}; did you mean {_KINDS[meant]}?" if meant else allowed)
