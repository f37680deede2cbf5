"""Trainings on a GPU that is not there: whatever would be left on the CPU is told.

Tensors without content stand for those on the GPU. An operation on tensors of two devices raises
as it would there, and so does asking for a number. Gradients are taken as given: torch's engine
would ask the GPU for its streams.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pytest
import torch
from small_runs import SMALL
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    FakeTensor,
    FakeTensorMode,
    unset_fake_temporarily,
)
from torch.overrides import TorchFunctionMode

from ganzoo import pictures, training
from ganzoo.assembly import assemble
from ganzoo.collapse import Collapse
from ganzoo.discovery import discover
from ganzoo.loaded import Loaded
from ganzoo.previews import at_rest, make_pictures
from ganzoo.registry import Registry
from ganzoo.settings import Assignment, resolve
from ganzoo.testing.bench import LocalAccelerator, data_for
from ganzoo.testing.tiny import tiny_images
from ganzoo.training import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

GPU = torch.device("cuda", 0)
ANSWERS = {Tensor.__bool__: True, Tensor.__float__: 1.0, Tensor.item: 1.0}
"""What the host gets where it asks a tensor without content, as it may between turns."""


class PlacedGenerator(torch.Generator):
    """Says that it is on a device, as no other than the CPU's can be had."""

    place: torch.device

    def __new__(cls, device: torch.device | str = "cpu") -> Self:
        made = super().__new__(cls)
        made.place = torch.device(device)
        return made

    def __init__(self, device: torch.device | str = "cpu") -> None:
        """Nothing is left to do."""


class Gpu(TorchFunctionMode):
    """What a GPU does and tensors without content do not."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = True
        """Whether the host may ask; else it is an error."""
        self.trained: list[nn.Parameter] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is Tensor.backward:
            assert args[0].device == GPU
            for parameter in self.trained:
                if parameter.requires_grad:
                    parameter.grad = torch.zeros_like(parameter)
            return None
        if func is torch.autograd.grad:
            return tuple(torch.zeros_like(each).requires_grad_() for each in args[1])
        if func is Tensor.pin_memory:
            assert args[0].device.type == "cpu"
            return args[0]
        if func in (torch.pdist, torch.bincount):
            # Apple's GPUs have no pdist; the shape of a bincount is for the host to find out.
            assert args[0].device.type == "cpu"
            return torch.ones(kwargs.get("minlength", 1))
        if self.answers and func in ANSWERS and isinstance(args[0], FakeTensor):
            return ANSWERS[func]
        made = func(*args, **kwargs)
        for given in (*args, *kwargs.values()):
            if isinstance(given, PlacedGenerator):
                assert given.place == made.device, f"{func}: {given.place} for {made.device}"
        return made


def move(network: nn.Module, device: torch.device) -> nn.Module:
    """``Module.to``, which cannot exchange what a tensor without content is made of."""
    for part in network.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None:
                moved = torch.empty_like(parameter, device=device)
                part._parameters[name] = nn.Parameter(moved, parameter.requires_grad)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = torch.empty_like(buffer, device=device)
    return network


def copy_with_content(network: nn.Module) -> nn.Module:
    with unset_fake_temporarily():
        return deepcopy(network)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gpu]:
    """A test that is on a machine with a GPU, as far as it can tell."""
    monkeypatch.setattr(torch, "Generator", PlacedGenerator)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (2**40, 2**40))
    monkeypatch.setattr(nn.Module, "to", move)
    monkeypatch.setattr(training, "deepcopy", copy_with_content)
    with FakeTensorMode(allow_non_fake_inputs=True), Gpu() as mode:
        yield mode


class OneGpu(LocalAccelerator):
    """What a trainer asks of accelerate."""

    device = GPU

    def prepare(self, thing: Any) -> Any:
        """Move a network."""
        return thing.to(GPU)


def trainer_of(gpu: Gpu, model: str, *given: str, preset: str | None = None) -> Trainer:
    """A trainer of a small model, in the midst of its training."""
    assignments = [Assignment.parse(text) for text in given]
    with unset_fake_temporarily():
        settings = resolve(Registry(discover()), model, preset=preset, assignments=assignments)
        data = data_for(settings)
        assembly, images = assemble(settings, data), tiny_images(data)
    trainer = Trainer(assembly, images, settings.train, OneGpu())  # type: ignore[arg-type]
    trainer.step = 800
    gpu.trained = [
        parameter for net in trainer.networks().values() for parameter in net.parameters()
    ]
    gpu.answers = False
    return trainer


WGAN = ["loss.adversarial.weight=0", "loss.wasserstein.weight=1", "loss.gradient_penalty.weight=10"]


@pytest.mark.parametrize(
    ("model", "preset", "given"),
    [
        ("dcgan", "mnist", SMALL),
        ("dcgan", "images", ["train.batch_size=4", "loss.hinge.weight=1"]),
        ("dcgan", "chairs", ["train.batch_size=4"]),
        ("infogan", "mnist", [*SMALL, "prior.std=learned", "prior.distribution=normal"]),
        ("infogan", "mnist", [*SMALL, "model.routing=generator", "model.critic_repeats=2"]),
        ("infogan", "mnist", [*SMALL, "model.routing=joint", "model.init=openai"]),
        ("infogan", "mnist", [*SMALL, "train.share_fakes=true", "train.ema_decay=0.9"]),
        ("infogan", "mnist", [*SMALL, *WGAN, "model.discriminator_norm=none"]),
        ("infogan", "mnist-augment", SMALL),
        ("infogan", "svhn", ["train.batch_size=4"]),
    ],
)
def test_a_turn_is_taken_on_the_gpu(gpu: Gpu, model: str, preset: str, given: list[str]) -> None:
    trainer = trainer_of(gpu, model, *given, preset=preset)
    for _ in range(2):
        trainer.turn()
    found = trainer.tensors()
    assert any(name.startswith("loss/") for name in found)
    assert any(name.startswith("exp_avg_sq of ") for name in found)
    assert {name for name, tensor in found.items() if tensor.device != GPU} == set()


def test_images_that_do_not_fit_the_gpu_are_sent_batch_by_batch(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (0, 2**40))
    trainer = trainer_of(gpu, "infogan", *SMALL)
    trainer.turn()
    batch = trainer.first_batch()
    assert {tensor.device for tensor in batch.values()} == {GPU}
    assert batch["image"].dtype == torch.float32


def test_pictures_are_made_on_the_gpu_and_looked_at_on_the_cpu(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    def to_bytes(images: Tensor, span: object) -> Any:
        assert images.device == GPU
        return np.zeros((*images.shape[:-3], *images.shape[-2:], 3), np.uint8)

    monkeypatch.setattr(pictures, "to_bytes", to_bytes)
    trainer = trainer_of(gpu, "infogan", *SMALL, "train.ema_decay=0.9")
    gpu.answers = True
    with at_rest(trainer) as nets:
        samples, made = make_pictures(trainer, nets)
        seen = Collapse(trainer).look(nets, samples)
    assert samples.device == GPU
    assert set(made) == {"samples", "traversal"}
    assert set(seen.figures) == {"diversity", "categories/digit"}


def test_a_trained_model_generates_and_reads_on_the_gpu(gpu: Gpu, tmp_path: Path) -> None:
    trainer = trainer_of(gpu, "infogan", *SMALL)
    assembly = trainer.assembly
    with unset_fake_temporarily():
        registry = Registry(discover())
        settings = resolve(registry, "infogan")
    model = Loaded(
        assembly.model,
        trainer.networks(),
        assembly.prior,
        settings,
        registry,
        step=1,
        ema=False,
        data=assembly.data,
        device=GPU,
        folder=tmp_path,
    )
    images = model.sample(4, codes={"digit": 7, "slant": 0.5})
    codes = model.encode(images.to("cpu"))
    assert codes is not None
    assert {tensor.device for tensor in (images, *codes.values())} == {GPU}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (lambda there: there + torch.ones(3), RuntimeError),
        (lambda there: torch.stack([there, torch.ones(3)]), RuntimeError),
        (lambda there: nn.functional.linear(there, torch.ones(2, 3)), RuntimeError),
        (lambda there: there.uniform_(generator=torch.Generator()), AssertionError),
        (lambda _: torch.rand(3, generator=torch.Generator(GPU)), AssertionError),
        (lambda there: there.pin_memory(), AssertionError),
        (lambda there: there.sum().item(), DataDependentOutputException),
        (lambda there: bool(there.sum() > 0), DataDependentOutputException),
        (lambda there: there.tolist(), DataDependentOutputException),
    ],
)
def test_what_would_fail_on_a_gpu_or_wait_for_it_is_seen(
    gpu: Gpu, fault: Callable[[Tensor], object], error: type[Exception]
) -> None:
    gpu.answers = False
    with pytest.raises(error):
        fault(torch.empty(3, device=GPU))
