"""What this plugin promises."""

import torch

from ganzoo import Context, DataInfo, Draw, Pass
from ganzoo_dcgan.priors import Noise
from ganzoo_seedling.losses import Seedling as Loss
from ganzoo_seedling.model import Seedling as Model

CPU = torch.device("cpu")
DATA = Context(DataInfo("test", (1, 16, 16)))


def roughness(image: torch.Tensor) -> float:
    loss = Loss("seedling", Loss.Config(), DATA)
    draw = Draw(0, 0, 0, 1, len(image), CPU)
    return loss.terms()["generator"](Pass({}, draw, {}, fake={"image": image})).item()


def test_a_flat_image_costs_nothing_and_noise_costs_most():
    assert roughness(torch.zeros(2, 1, 8, 8)) == 0
    assert roughness(torch.rand(2, 1, 8, 8)) > roughness(torch.rand(2, 1, 8, 8) * 0.1) > 0


def test_images_equal_their_mirror_images():
    prior = Noise(Noise.Config(size=4), DATA)
    model = Model(Model.Config(), Context(DATA.data, prior=prior))
    nets = model.networks()
    image = model.generate(nets, prior.sample(3, generator=None, device=CPU))["image"]
    assert torch.allclose(image, image.flip(-1), atol=1e-6)
