"""Inception scores: what torch-fidelity is given, and what is said where it cannot be used."""

import sys
from types import ModuleType, SimpleNamespace
from urllib.error import URLError

import pytest
import torch

from ganzoo.data import Images
from ganzoo.latents import Latents
from ganzoo.loaded import Split
from ganzoo.metrics import NotApplicable
from ganzoo_evaluation import inception as module
from ganzoo_evaluation.inception import inception


class Loaded:
    prior = object()
    model = SimpleNamespace(image_range=(-1, 1))
    device = torch.device("cpu")

    def draw(self, n, seed):
        return Latents(torch.zeros(n, 1), {})

    def generate(self, latents, seed=0):
        return torch.ones(len(latents.flat), 1, 4, 4)

    def split(self, name):
        images = torch.full((30, 1, 4, 4), 7, dtype=torch.uint8)
        return Split(name, Images(images, None, None, name)) if name == "test" else None


@pytest.fixture
def fidelity(monkeypatch):
    fake = ModuleType("torch_fidelity")
    monkeypatch.setitem(sys.modules, "torch_fidelity", fake)
    monkeypatch.setattr(module, "version", lambda name: "0.4.0")
    return fake


def test_as_many_generated_as_real_images_are_given_as_colour_bytes(fidelity):
    given = {}

    def calculate_metrics(**options):
        given.update(options)
        return {
            "frechet_inception_distance": 5.0,
            "kernel_inception_distance_mean": 0.25,
            "kernel_inception_distance_std": 0.01,
        }

    fidelity.calculate_metrics = calculate_metrics
    scores = inception(Loaded(), 20)
    generated, real = given["input1"], given["input2"]
    assert len(generated) == len(real) == 20
    assert (generated[0].shape, generated[0].dtype) == ((3, 4, 4), torch.uint8)
    assert (int(generated[3].min()), int(real[3].max())) == (255, 7)
    assert (scores["fid"].value, scores["kid"].value) == (5.0, 0.25)
    assert (scores["fid"].n, scores["fid"].extra["real"]) == (20, "test")
    assert scores["fid"].extra["images"].startswith("30:")
    assert set(scores["kid"].conditions) == {"real", "images"}


def test_without_the_package_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(NotApplicable, match=r"pip install torch-fidelity==0\.4\.0"):
        inception(Loaded(), 20)


def test_without_network_the_missing_weights_are_named(fidelity):
    def calculate_metrics(**options):
        raise URLError("no route")

    fidelity.calculate_metrics = calculate_metrics
    with pytest.raises(NotApplicable, match=r"weights of Inception-v3 cannot be had.*no route"):
        inception(Loaded(), 20)
