"""How much of each code a network that never met Q can read from generated images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from ganzoo.data import to_uint8
from ganzoo.draw import generator_for
from ganzoo.metrics import NotApplicable, Score
from ganzoo.metrics import codes as measure
from ganzoo_evaluation.codes import generated
from ganzoo_evaluation.network import fit, make_network

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ganzoo.latents import Code
    from ganzoo.loaded import Loaded
    from ganzoo_evaluation.network import SmallNetwork

SEED = 0
EPOCHS = 3
TRAINED, CALIBRATED = 2.0, 0.2
"""Images that a probe is trained and calibrated on, over those that it is scored on."""

CHUNK = 500
"""Images that a probe is given at a time."""

NOISE = 2 / 255
"""Half the width of the uniform noise on 8-bit images."""

_TEMPERATURES = torch.logspace(-1.5, 1.5, 301, base=10, dtype=torch.double)
_LEAST_STD = 1e-4

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Information:
    """What one probe reads of one code."""

    nats: float
    """L_I = H(c) + E[log q(c | image)], a lower bound of their mutual information."""
    standard_error: float
    n: int
    """Images that it was measured on."""
    r2: float | None
    """Coefficient of determination of the reading; None for a categorical code."""


def probes(loaded: Loaded, budget: int) -> dict[str, Score]:
    """Measure L_I of each code by fresh networks, which work for models without Q as well.

    ``mi_probe_nats`` is of the images as they are generated, and catches a Q that overfits;
    ``mi_probe_8bit_nats`` of images rounded to 8 bits under noise of two levels, and catches codes
    that hide in what nobody can see. Each is measured on ``budget`` images; the probe is trained
    and calibrated on others, 2.2 times as many.

    Raises:
        NotApplicable: the latents hold no codes.
    """
    if loaded.prior is None or not loaded.prior.codes:
        raise NotApplicable("this model's latents hold no codes")
    codes = loaded.prior.codes
    drawn = _draw(loaded, codes, round((TRAINED + CALIBRATED + 1) * budget))
    result = {}
    for name, given, of in (
        ("mi_probe_nats", drawn.images, "as generated"),
        ("mi_probe_8bit_nats", drawn.rounded, "in 8 bits, under noise of two levels"),
    ):
        for code, found in probe(given, drawn.values, codes, loaded.device).items():
            result[f"{name}/{code}"] = _score(found, codes[code], name, of)
    return {name: result[name] for name in sorted(result, key=lambda name: name.split("/")[1])}


@dataclass(frozen=True)
class _Drawn:
    """Generated images with the codes that they were made from, row by row."""

    images: Tensor
    """(n, C, H, W), floats in [0, 1]."""
    rounded: Tensor
    """(n, C, H, W), the same as bytes."""
    values: dict[str, Tensor]
    """(n,) of each code."""


def _draw(loaded: Loaded, codes: Iterable[str], count: int) -> _Drawn:
    # All are needed at once and may take gigabytes: no part is held twice.
    shape = count, *loaded.data.image_shape
    images, rounded = torch.empty(shape), torch.empty(shape, dtype=torch.uint8)
    low, high = loaded.model.image_range
    values: dict[str, list[Tensor]] = {name: [] for name in codes}
    start = 0
    for latents, drawn in generated(loaded, count):
        rows = slice(start, start := start + len(drawn))
        images[rows] = (drawn.float() - low) / (high - low)
        rounded[rows] = to_uint8(drawn, loaded.model.image_range)
        for name, parts in values.items():
            parts.append(latents.parts[name].cpu())
    return _Drawn(images, rounded, {name: torch.cat(parts) for name, parts in values.items()})


def _score(found: Information, code: Code, name: str, of: str) -> Score:
    extra = {"entropy": code.entropy, "standard_error": found.standard_error}
    note = f"by a fresh network on images {of}"
    if found.r2 is None:
        extra["ceiling"] = code.entropy
    else:
        extra["r2"] = found.r2
        note += f"; R² {found.r2:.3f}"
    label = "L_I, probe" if name == "mi_probe_nats" else "L_I, probe, 8 bit"
    return Score(found.nats, None, found.n, label, "nats", note, extra)


def probe(
    images: Tensor,
    values: Mapping[str, Tensor],
    codes: Mapping[str, Code],
    device: torch.device = _CPU,
) -> dict[str, Information]:
    """Train one network to read all codes from images, and measure it on images that are held out.

    A control needs no model with codes: values that were drawn apart from the images must give
    about 0 nats for a categorical code, or less where the probe overfits. A continuous code has
    another floor, for its bound is that of a Gaussian: one that knows nothing has the code's own
    variance, and of uniform(-1, 1) it gets ln 2 - ln(2 pi e / 3) / 2 = -0.176 nats.

    A categorical code's probabilities are sharpened or softened by one temperature, a continuous
    code is a Gaussian around the reading with the variance of what is left over; both are chosen on
    further images that are held out.

    Args:
        images: (n, C, H, W), floats in [0, 1], or uint8: these are read under uniform noise of
            plus or minus :data:`NOISE`, drawn anew each time.
        values: (n,) of each code: integers below ``categories``, or floats of a continuous code.
        codes: for their ``entropy`` and ``categories``.
        device: where the network is trained.
    """
    total = len(images)
    trained = round(total * TRAINED / (TRAINED + CALIBRATED + 1))
    scored = total - trained - round(total * CALIBRATED / (TRAINED + CALIBRATED + 1))
    noise = generator_for(_CPU, SEED, "noise")
    heads = {name: code.categories or 1 for name, code in codes.items()}
    channels, height, width = images.shape[1:]
    network = make_network((channels, height, width), sum(heads.values()), seed=SEED, device=device)
    scales = {
        name: (float(values[name].mean()), float(values[name].std()))
        for name in codes
        if values[name].is_floating_point()
    }

    def loss(places: Tensor) -> Tensor:
        outputs = _split(network(_noisy(images[places], noise).to(device)), heads)
        terms = []
        for name, output in outputs.items():
            target = values[name][places].to(device)
            if name in scales:
                middle, spread = scales[name]
                terms.append(mse_loss(output[:, 0], (target - middle) / spread))
            else:
                terms.append(cross_entropy(output, target))
        return torch.stack(terms).sum()

    generator = generator_for(_CPU, SEED, "probe")
    fit(network, loss, trained, epochs=EPOCHS, generator=generator, what="training a probe")
    outputs = _split(_read(network, images[trained:], noise, device), heads)
    found = {}
    for name, output in outputs.items():
        target = values[name][trained:]
        if name in scales:
            middle, spread = scales[name]
            reading = output[:, 0] * spread + middle
            found[name] = _continuous(reading, target.double(), scored, codes[name].entropy)
        else:
            found[name] = _categorical(output, target, scored, codes[name].entropy)
    return found


def _categorical(logits: Tensor, target: Tensor, scored: int, entropy: float) -> Information:
    held = logits[:-scored], target[:-scored]
    losses = [float(cross_entropy(held[0] / float(t), held[1])) for t in _TEMPERATURES]
    best = float(_TEMPERATURES[int(torch.tensor(losses).argmin())])
    nll = cross_entropy(logits[-scored:] / best, target[-scored:], reduction="none")
    return _information(nll, entropy, None)


def _continuous(reading: Tensor, target: Tensor, scored: int, entropy: float) -> Information:
    left = (target - reading)[:-scored]
    variance = max(float(left.square().mean()), _LEAST_STD**2)
    wrong = (target - reading)[-scored:]
    nll = 0.5 * (math.log(2 * math.pi * variance) + wrong.square() / variance)
    r2 = measure.r2(reading[-scored:].numpy(), target[-scored:].numpy())
    return _information(nll, entropy, r2)


def _information(nll: Tensor, entropy: float, r2: float | None) -> Information:
    error = float(nll.std(correction=0)) / len(nll) ** 0.5
    return Information(entropy - float(nll.mean()), error, len(nll), r2)


def _split(outputs: Tensor, heads: Mapping[str, int]) -> dict[str, Tensor]:
    return dict(zip(heads, torch.split(outputs, list(heads.values()), dim=1), strict=True))


def _noisy(images: Tensor, generator: torch.Generator) -> Tensor:
    """Bytes as floats under noise; floats are passed on."""
    if images.dtype != torch.uint8:
        return images
    noise = torch.rand(images.shape, generator=generator).mul_(2).sub_(1)
    return images.float().div_(255).add_(noise, alpha=NOISE)


@torch.inference_mode()
def _read(
    network: SmallNetwork, images: Tensor, noise: torch.Generator, device: torch.device
) -> Tensor:
    parts = [network(_noisy(rows, noise).to(device)).cpu() for rows in torch.split(images, CHUNK)]
    return torch.cat(parts).double()
