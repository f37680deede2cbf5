"""Rules of what a model makes and reads once it is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganzoo.draw import generator_for
from ganzoo.testing.bench import BATCH, CPU, Bench
from ganzoo.testing.verdicts import NotChecked, listed, require

if TYPE_CHECKING:
    from ganzoo.latents import Latents
    from ganzoo.testing.cases import ModelCase

_SLACK = 1e-3


def check_generate(case: ModelCase) -> None:
    """``generate`` gives finite images of the data's shape and range that depend on the latents."""
    bench = _ready(case)
    latents = _drawn(bench, seed=0)
    made = bench.assembly.model.generate(bench.nets, latents, generator_for(CPU, 0))
    require("image" in made, f"generate() gives {listed(list(made))}, but no `image`")
    _check_images(bench, made["image"], "generate()")
    shape = (BATCH, *bench.assembly.data.image_shape)
    require(
        made["image"].shape == shape,
        f"generate() gives images {tuple(made['image'].shape)} for latents of {BATCH} images; "
        f"the data's are {shape}",
    )
    other = bench.assembly.model.generate(bench.nets, _drawn(bench, seed=1), generator_for(CPU, 0))
    require(
        not torch.equal(made["image"], other["image"]),
        "generate() gives the same images for other latents: it does not read latents.flat",
    )


def check_same_seed_same_samples(case: ModelCase) -> None:
    """The same latents and generator give the same images, however torch's generator stands."""
    bench = _ready(case)
    latents = _drawn(bench, seed=0)
    images = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        made = bench.assembly.model.generate(bench.nets, latents, generator_for(CPU, 0))
        images.append(made["image"])
    require(
        torch.equal(*images),
        "generate() gives other images for the same latents and seed: pass `generator` to all "
        "that it draws, and let networks draw nothing in eval mode",
    )


def check_preview(case: ModelCase) -> None:
    """``preview`` gives finite images in range."""
    bench = _ready(case)
    latents = None if bench.assembly.prior is None else _drawn(bench, seed=0)
    images = bench.assembly.model.preview(bench.nets, latents, bench.batch(), generator_for(CPU, 0))
    _check_images(bench, images, "preview()")


def check_encode(case: ModelCase) -> None:
    """``encode`` gives codes of the prior, one value an image: integers for categories."""
    bench = _ready(case)
    codes = bench.assembly.model.encode(bench.nets, {"image": bench.batch()["image"]})
    if codes is None:
        raise NotChecked("the model reads no codes")
    known = bench.assembly.prior.codes if bench.assembly.prior is not None else {}
    strange = [name for name in codes if name not in known]
    require(
        not strange,
        f"encode() gives {listed(strange)}; the prior's codes are {listed(list(known))}",
    )
    for name, values in codes.items():
        require(
            values.shape == (BATCH,),
            f"encode() gives {name} as {tuple(values.shape)} for {BATCH} images; wanted is (n,)",
        )
        categorical = known[name].trained is None
        require(
            values.is_floating_point() != categorical,
            f"encode() gives {name} as {values.dtype}; wanted are "
            f"{'integers, since it is a category' if categorical else 'floats'}",
        )


def _ready(case: ModelCase) -> Bench:
    bench = case.bench()
    for net in bench.nets.values():
        net.eval().requires_grad_(False)  # noqa: FBT003  torch's own signature
    return bench


def _drawn(bench: Bench, seed: int) -> Latents:
    prior = bench.assembly.prior
    if prior is None:
        raise NotChecked("the model has no prior")
    return prior.sample(BATCH, generator=generator_for(CPU, seed), device=CPU)


def _check_images(bench: Bench, images: Tensor, where: str) -> None:
    require(images.dim() == 4, f"{where} gives {tuple(images.shape)}, not (n, C, H, W)")
    require(bool(images.isfinite().all()), f"{where} gives values that are not finite")
    low, high = bench.assembly.model.image_range
    least, most = images.min().item(), images.max().item()
    require(
        low - _SLACK <= least and most <= high + _SLACK,
        f"{where} gives values from {least:.3g} to {most:.3g}, beyond image_range "
        f"({low:g}, {high:g}): end the network in a sigmoid or tanh, or set image_range",
    )


CHECKS = (check_generate, check_same_seed_same_samples, check_preview, check_encode)
