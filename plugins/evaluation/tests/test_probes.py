"""Fresh probes on images whose information about the codes is known."""

import math
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import torch

from ganzoo.draw import generator_for
from ganzoo.latents import Prior
from ganzoo.metrics import NotApplicable
from ganzoo.model import Context, DataInfo
from ganzoo_evaluation.probes import NOISE, probe, probes
from ganzoo_infogan.codes import Categorical, Uniform
from ganzoo_infogan.priors import StructuredPrior

CONTEXT = Context(DataInfo("blocks", (1, 8, 8)))
CPU = torch.device("cpu")


def prior_of(**codes):
    return StructuredPrior(StructuredPrior.Config(size=2, codes=codes), CONTEXT)


@dataclass
class Loaded:
    """Shows the place code as a bright block, tone as the brightness of a row, hidden as nothing.

    ``whisper`` is what the place changes in the images' mean, in the range of [-1, 1].
    """

    prior: Prior | None = field(
        default_factory=lambda: prior_of(place="categorical(4)", tone="uniform(-1, 1)")
    )
    model: object = field(default_factory=lambda: SimpleNamespace(image_range=(-1, 1)))
    device: torch.device = CPU
    data: DataInfo = CONTEXT.data
    whisper: float = 1.0
    asked: int = 0
    largest: int = 0

    def draw(self, n, seed):
        self.asked += n
        return self.prior.sample(n, generator=generator_for(CPU, seed), device=CPU)

    def generate(self, latents, seed=0):
        n = len(latents.flat)
        self.largest = max(self.largest, n)
        images = torch.zeros(n, 1, 8, 8)
        place = latents.parts["place"]
        images[torch.arange(n), 0, :2, 2 * place] = self.whisper
        if "tone" in latents.parts:
            images[:, 0, 6:] = latents.parts["tone"][:, None, None]
        return images


def test_a_code_that_is_plain_to_see_is_read_to_its_entropy():
    loaded = Loaded()
    scores = probes(loaded, 2000)
    assert set(scores) == {
        f"{name}/{code}"
        for name in ("mi_probe_nats", "mi_probe_8bit_nats")
        for code in ("place", "tone")
    }
    for name in ("mi_probe_nats/place", "mi_probe_8bit_nats/place"):
        assert scores[name].value == pytest.approx(math.log(4), abs=0.03)
        assert scores[name].extra["ceiling"] == pytest.approx(math.log(4))
    tone = scores["mi_probe_nats/tone"]
    assert tone.extra["r2"] > 0.9
    assert tone.value > 0.5
    assert "ceiling" not in tone.extra
    assert all((score.n, score.split) == (2000, None) for score in scores.values())
    assert loaded.asked == 3.2 * 2000


def test_a_code_that_hides_below_what_bytes_show_is_found_in_floats_only():
    # a quarter of a level of 255, in a range of width 2
    loaded = Loaded(prior=prior_of(place="categorical(4)"), whisper=0.5 / 255)
    scores = probes(loaded, 2000)
    assert scores["mi_probe_8bit_nats/place"].value == pytest.approx(0, abs=0.02)
    assert scores["mi_probe_nats/place"].value > 0.3


def drawn(n, seed=0):
    loaded = Loaded(prior=prior_of(place="categorical(4)", tone="uniform(-1, 1)"))
    latents = loaded.draw(n, seed)
    return (loaded.generate(latents) + 1) / 2, latents.parts, loaded.prior.codes


def test_values_drawn_apart_from_the_images_hold_no_information():
    images, _, codes = drawn(3200)
    _, others, _ = drawn(3200, seed=1)
    found = probe(images, {name: others[name] for name in codes}, codes)
    assert abs(found["place"].nats) < 0.02
    assert found["tone"].r2 < 0.02
    # a Gaussian fitted to U(-1, 1): ln 2 - (ln(2 pi / 3) + 1) / 2
    assert found["tone"].nats == pytest.approx(
        math.log(2) - (math.log(2 * math.pi / 3) + 1) / 2, abs=0.03
    )


def test_images_that_lie_about_every_other_place_give_the_information_that_is_left():
    images, parts, codes = drawn(6400)
    generator = generator_for(CPU, "lies")
    lied = torch.rand(6400, generator=generator) < 0.5
    place = torch.where(lied, torch.randint(4, (6400,), generator=generator), parts["place"])
    found = probe(images, {"place": place}, {"place": codes["place"]})["place"]
    # right with probability 5/8, each other place with 1/8
    known = math.log(4) + 0.625 * math.log(0.625) + 0.375 * math.log(0.125)
    assert found.nats == pytest.approx(known, abs=4 * found.standard_error + 0.02)
    assert found.n == 2000


class Embedded(Categorical):
    """Four categories that the generator is told by two numbers."""

    def __init__(self):
        super().__init__(4)
        self.width = 2

    def encode(self, values):
        return torch.stack([values // 2, values % 2], dim=1).float()


def test_categories_are_counted_however_they_are_encoded():
    images, parts, _ = drawn(6400)
    codes = {"place": Embedded()}
    assert codes["place"].categories == 4
    found = probe(images, {"place": parts["place"]}, codes)["place"]
    assert found.nats == pytest.approx(math.log(4), abs=0.05)
    assert Uniform(-1, 1).categories is None


def test_bytes_are_read_under_noise_of_two_levels():
    from ganzoo_evaluation import probes as module

    flat = torch.full((50, 1, 8, 8), 100, dtype=torch.uint8)
    noisy = module._noisy(flat, generator_for(CPU, 0)) * 255 - 100
    assert NOISE == 2 / 255
    assert float(noisy.abs().max()) == pytest.approx(2, abs=0.01)
    assert float(noisy.std()) == pytest.approx(4 / math.sqrt(12), abs=0.05)


def test_images_are_made_a_chunk_at_a_time_and_rows_stay_with_their_codes(monkeypatch):
    whole = probes(Loaded(), 400)
    monkeypatch.setattr("ganzoo_evaluation.codes.CHUNK", 150)
    loaded = Loaded()
    assert probes(loaded, 400) == whole
    assert (loaded.asked, loaded.largest) == (1280, 150)


def test_equal_models_get_equal_scores():
    assert probes(Loaded(), 200) == probes(Loaded(), 200)


@pytest.mark.parametrize("prior", [None, Prior(None, CONTEXT)])
def test_latents_without_codes_say_so(prior):
    with pytest.raises(NotApplicable, match="hold no codes"):
        probes(Loaded(prior=prior), 100)
