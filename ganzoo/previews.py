"""What a model shows of itself: a grid of samples, and each code moving while all else stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor, nn

from ganzoo.draw import generator_for
from ganzoo.latents import Latents, Prior
from ganzoo.pictures import FRAMES_PER_SECOND, Traversal, grid, save_gif, traversal_sheet

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.training import Trainer

Generate = Callable[[Latents], Tensor]

STEPS = 9
"""Values of a continuous code in a sheet; over [-2, 2] the ends of [-1, 1] are among them."""

FRAMES = 33
"""Values of a continuous code in an animation."""

SAMPLES, ROWS = 100, 5
"""Images in the picture ``samples`` of a training, and noises in its ``traversal``."""


@contextmanager
def at_rest(trainer: Trainer) -> Iterator[dict[str, nn.Module]]:
    """The networks to look at: averages where kept, in eval mode, without gradients."""
    nets = trainer.networks() | trainer.averages
    # Of each part by itself: one may rest at all times, as a pretrained one does.
    modes = [(part, part.training) for net in nets.values() for part in net.modules()]
    for net in nets.values():
        net.eval()
    try:
        with torch.no_grad():
            yield nets
    finally:
        for part, training in modes:
            part.training = training


def make_pictures(
    trainer: Trainer, nets: Mapping[str, nn.Module]
) -> tuple[Tensor, dict[str, Image.Image]]:
    """Samples (n, C, H, W), and the pictures ``samples`` and, with codes, ``traversal``.

    ``nets`` are those of :func:`at_rest`.
    """
    device, seed = trainer.accelerator.device, trainer.train.seed
    model, prior = trainer.assembly.model, trainer.assembly.prior
    latents = None if prior is None else latents_for(prior, SAMPLES, seed, device)

    def own_generator() -> torch.Generator:
        return generator_for(device, seed, "pictures")

    samples = model.preview(nets, latents, trainer.first_batch(), own_generator())
    pictures = {"samples": grid(samples, span=model.image_range)}
    if prior is not None and prior.codes:

        def generate(latents: Latents) -> Tensor:
            return model.generate(nets, latents, own_generator())["image"]

        sheet = traversals(prior, generate, rows=ROWS, seed=seed, device=device)
        pictures["traversal"] = traversal_sheet(sheet, span=model.image_range)
    return samples, pictures


def latents_for(prior: Prior, n: int, seed: int, device: torch.device) -> Latents:
    """Latents for pictures, from a generator of their own: pictures never disturb a training."""
    return prior.sample(n, generator=generator_for(device, seed, "preview"), device=device)


def traversals(
    prior: Prior,
    generate: Generate,
    *,
    rows: int = 10,
    seed: int,
    device: torch.device,
    codes: Sequence[str] | None = None,
    span: tuple[float, float] | None = None,
    steps: int = STEPS,
) -> list[Traversal]:
    """One traversal for each code (or those named), ``rows`` noises down.

    Where the prior has categorical codes that do not move, each row shows another category. A
    continuous code moves over ``span``, by default twice its range in training, as in the figures
    of Chen et al. 2016.
    """
    start = latents_for(prior, rows, seed, device)
    for name, code in prior.codes.items():
        if code.trained is None:
            categories = torch.tensor(code.walk(rows), device=device)
            start = prior.replace(start, name, categories.repeat(rows)[:rows])
    sheet = []
    for name in codes if codes is not None else prior.codes:
        code = prior.codes[name]
        values = code.walk(steps, None if code.trained is None else span or _doubled(code.trained))
        columns = [
            generate(prior.replace(start, name, torch.full((rows,), value, device=device)))
            for value in values
        ]
        sheet.append(Traversal(name, tuple(values), torch.stack(columns, dim=1), code.trained))
    return sheet


def animate(pictures: Sequence[Path], path: Path) -> None:
    """A GIF of a training's pictures in their order, at half their size; the last one stays."""
    frames = []
    for picture in pictures:
        with Image.open(picture) as opened:
            frames.append(opened.convert("RGB").reduce(2))
    save_gif(frames + frames[-1:] * FRAMES_PER_SECOND, path)


def _doubled(span: tuple[float, float]) -> tuple[float, float]:
    middle, reach = (span[0] + span[1]) / 2, span[1] - span[0]
    return middle - reach, middle + reach
